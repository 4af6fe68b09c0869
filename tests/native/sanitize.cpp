// Runs every kernel on small shapes, in buffers of exactly the sizes it asks for. Built
// with AddressSanitizer and UndefinedBehaviorSanitizer by test_kernels_native.py.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "run.h"

extern "C" const Kernel* depthbench_kernel(int index);

namespace {

float next() {  // any numbers, the same each time
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
}

// 64-byte aligned, and not a float longer than asked for.
class Floats {
 public:
  explicit Floats(int64_t size) : base_(nullptr) {
    if (posix_memalign(&base_, 64, static_cast<size_t>(size) * sizeof(float) + 1))
      std::abort();
    for (int64_t i = 0; i < size; ++i) data()[i] = next();
  }
  Floats(const Floats&) = delete;
  ~Floats() { std::free(base_); }
  float* data() { return static_cast<float*>(base_); }

 private:
  void* base_;
};

struct Case {
  std::vector<int> channels;
  int num_images, height, width;
  bool norm, uses_batch, skip, pools;
  int32_t activation;
  bool circular;
};

void run(const Kernel& kernel, const Case& c) {
  std::vector<Floats*> owned;
  const auto floats = [&owned](int64_t size) {
    owned.push_back(new Floats(size));
    return owned.back()->data();
  };
  std::vector<Block> blocks;
  for (size_t l = 0; l + 1 < c.channels.size(); ++l) {
    const int in = c.channels[l], out = c.channels[l + 1];
    Block b{};
    b.weight = floats(int64_t{9} * in * out);
    b.grad_weight = floats(int64_t{9} * in * out);
    b.bias = floats(out);
    b.grad_bias = floats(out);
    if (c.norm) {
      b.gamma = floats(out);
      b.beta = floats(out);
      b.running_mean = floats(out);
      b.running_var = floats(out);
      b.grad_gamma = floats(out);
      b.grad_beta = floats(out);
      for (int i = 0; i < out; ++i) b.running_var[i] = 1.0f;
    }
    b.momentum = 0.1f;
    b.eps = 1e-5f;
    b.above = 1.3f;
    b.below = 0.4f;
    b.in_channels = in;
    b.out_channels = out;
    b.activation = c.activation;
    b.uses_batch = b.updates_running = c.uses_batch;
    b.adds_input = c.skip && in == out;
    if (b.adds_input && c.circular) {
      b.factor = floats(1);
      b.grad_factor = floats(1);
    }
    blocks.push_back(b);
  }
  const int64_t height = c.pools ? c.height / 2 : c.height;
  const int64_t width = c.pools ? c.width / 2 : c.width;
  const int64_t in = int64_t{c.num_images} * c.channels.front() * c.height * c.width;
  const int64_t out = c.num_images * c.channels.back() * height * width;
  Run r{};
  r.blocks = blocks.data();
  r.signal = floats(in);
  r.out = floats(out);
  r.grad_out = floats(out);
  r.num_images = c.num_images;
  r.height = c.height;
  r.width = c.width;
  r.num_blocks = static_cast<int32_t>(blocks.size());
  r.pools = c.pools;
  r.circular = c.circular;
  for (const int keeps : {0, 1}) {
    r.keeps = keeps;
    r.saved = floats(kernel.saved_floats(r));
    r.scratch = floats(kernel.scratch_floats(r));
    kernel.forward(r);
    if (!keeps) continue;
    for (float* grad_signal : {static_cast<float*>(nullptr), floats(in)}) {
      r.grad_signal = grad_signal;
      r.scratch = floats(kernel.scratch_floats(r));
      kernel.backward(r);
    }
  }
  for (Floats* f : owned) delete f;
}

}  // namespace

int main() {
  const std::vector<std::vector<int>> channels = {
      {1, 4, 4}, {4, 8, 8}, {8, 16}, {3, 3, 3}, {17, 5, 7}, {2, 1}};
  const int sizes[][3] = {{1, 3, 3}, {5, 1, 2}, {16, 7, 7}, {17, 4, 15}, {33, 2, 1}};
  int cases = 0;
  for (int k = 0; depthbench_kernel(k); ++k)
    for (const auto& c : channels)
      for (const auto& s : sizes)
        for (int flags = 0; flags < 16; ++flags, ++cases)
          run(*depthbench_kernel(k),
              {c, s[0], s[1], s[2], (flags & 1) != 0, (flags & 2) != 0,
               (flags & 4) != 0, (flags & 8) != 0, cases % 6, cases % 5 == 0});
  std::printf("%d cases\n", cases);
}
