// The functions that Python calls, and the choice of an instruction set.
#include <cstring>

#include "run.h"

extern const Kernel kBaseline;
#if defined(__x86_64__)
extern const Kernel kAvx2;
extern const Kernel kAvx512;
#endif

namespace {

// Kernels this processor can run, the widest first.
const Kernel* supported(int index) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      index-- == 0)
    return &kAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && index-- == 0)
    return &kAvx2;
#endif
  return index == 0 ? &kBaseline : nullptr;
}

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

// What this was built from; see setup.py.
EXPORT const char* depthbench_sources() { return DEPTHBENCH_SOURCES; }
// The index-th kernel that works here, null past the last.
EXPORT const Kernel* depthbench_kernel(int index) { return supported(index); }
EXPORT const char* depthbench_name(const Kernel* kernel) { return kernel->name; }
EXPORT int64_t depthbench_saved_floats(const Kernel* kernel, const Run* run) {
  return kernel->saved_floats(*run);
}
EXPORT int64_t depthbench_scratch_floats(const Kernel* kernel, const Run* run) {
  return kernel->scratch_floats(*run);
}
EXPORT void depthbench_forward(const Kernel* kernel, const Run* run) {
  kernel->forward(*run);
}
EXPORT void depthbench_backward(const Kernel* kernel, const Run* run) {
  kernel->backward(*run);
}
EXPORT int64_t depthbench_multiply_add(const Kernel* kernel, int64_t rounds,
                                       float* sink) {
  return kernel->multiply_add(rounds, sink);
}
