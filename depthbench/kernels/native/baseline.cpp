// Any machine: what every x86-64 has, or every arm64 (NEON).
#define DEPTHBENCH_NAMESPACE baseline
#define kLanes 4
#define kTilePixels 7
#define kGradTaps 6
#if defined(__aarch64__)  // 32 registers
#define kTileOut 4
#define kGradOut 4
#else  // 16, and a product needs one of its own before it is added
#define kTileOut 1
#define kGradOut 2
#endif
#include "kernel.h"
extern const Kernel kBaseline = {"baseline", baseline::saved_floats,
                                 baseline::scratch_floats, baseline::forward,
                                 baseline::backward, baseline::multiply_add};
