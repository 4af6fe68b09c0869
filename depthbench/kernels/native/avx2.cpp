// x86-64 with AVX2 and FMA: 16 registers of 8 floats.
#if defined(__AVX2__)
#define DEPTHBENCH_NAMESPACE avx2
#define kLanes 8
#define kTileOut 4
#define kTilePixels 3
#define kGradOut 4
#define kGradTaps 3
#include "kernel.h"
extern const Kernel kAvx2 = {"avx2", avx2::saved_floats, avx2::scratch_floats,
                             avx2::forward, avx2::backward, avx2::multiply_add};
#endif
