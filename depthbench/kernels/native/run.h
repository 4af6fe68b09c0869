// What one call of the kernel works on; mirrored by ctypes structures in cpu.py.
#pragma once
#include <cstdint>

enum Activation : int32_t {
  kIdentity = 0, kTanh = 1, kElu = 2, kRelu = 3, kSelu = 4, kLeakyRelu = 5
};

// factor * activation(norm(conv(x))) + x; see depthbench/kernels/block.py.
struct Block {
  const float* weight;  // [out_channels, in_channels, 3, 3]
  const float* bias;    // [out_channels], like all below
  const float* gamma;   // null without a norm
  const float* beta;
  float* running_mean;
  float* running_var;
  float* grad_weight;
  float* grad_bias;
  float* grad_gamma;
  float* grad_beta;
  const float* factor;  // one number; null for 1
  float* grad_factor;   // null if it is not wanted
  float momentum;
  float eps;
  float above;          // slopes of a leaky ReLU on the two sides of 0
  float below;
  int32_t in_channels;
  int32_t out_channels;
  int32_t activation;
  int32_t uses_batch;
  int32_t updates_running;
  int32_t adds_input;
};

struct Run {
  const Block* blocks;
  const float* signal;     // [num_images, in_channels, height, width]
  float* out;              // [num_images, out_channels, out_height, out_width]
  const float* grad_out;   // the same shape
  float* grad_signal;      // the shape of signal; null if it is not wanted
  float* saved;            // saved_floats() of them, 64-byte aligned
  float* scratch;          // scratch_floats() of them, 64-byte aligned
  int32_t num_images;
  int32_t height;
  int32_t width;
  int32_t num_blocks;
  int32_t pools;           // 2x2 average pooling after the last block
  int32_t keeps;           // forward: save what backward needs
  int32_t circular;        // the image's edges meet; zeros around it otherwise
};

// One instruction set's build of the kernel.
struct Kernel {
  const char* name;
  int64_t (*saved_floats)(const Run&);
  int64_t (*scratch_floats)(const Run&);
  void (*forward)(const Run&);
  void (*backward)(const Run&);
  // Multiply-adds on registers; returns how many floating-point operations it did.
  int64_t (*multiply_add)(int64_t rounds, float* sink);
};
