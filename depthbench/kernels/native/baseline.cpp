// Any machine: what every x86-64 has, or every arm64 (NEON).
#if defined(__aarch64__)
#define kTileOut 4
#define kTilePixels 7
#else
#define kTileOut 1
#define kTilePixels 7
#endif
#define DEPTHBENCH_NAMESPACE baseline
#define kLanes 4
#include "kernel.h"
extern const Kernel kBaseline = {"baseline", baseline::saved_floats,
                                 baseline::scratch_floats, baseline::forward,
                                 baseline::backward, baseline::multiply_add};
