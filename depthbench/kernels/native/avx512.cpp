// x86-64 with AVX-512: 32 registers of 16 floats.
#if defined(__AVX512F__)
#define DEPTHBENCH_NAMESPACE avx512
#define kLanes 16
#define kTileOut 2
#define kTilePixels 7
#define kGradOut 4
#define kGradTaps 6
#include "kernel.h"
extern const Kernel kAvx512 = {"avx512", avx512::saved_floats, avx512::scratch_floats,
                               avx512::forward, avx512::backward, avx512::multiply_add};
#endif
