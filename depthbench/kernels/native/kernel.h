// The kernel for one instruction set: define DEPTHBENCH_NAMESPACE and the constants below,
// include this, and compile with that set's flags.
//
// kLanes: images in a vector. A tile keeps its sums in registers, beside what it
// multiplies. Two multiply-adds that start in every cycle and take 4 need 8 sums or more:
// kTileOut x kTilePixels: of a convolution, output channels and neighbouring pixels.
// kGradOut x kGradTaps: of the weights' gradient, output channels and (input channel,
// ky, kx).
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "run.h"

namespace DEPTHBENCH_NAMESPACE {

#include "lanes.h"
#include "tiles.h"
#include "workspace.h"
#include "images.h"
#include "statistics.h"
#include "forward.h"
#include "weight_gradient.h"
#include "norm_gradient.h"
#include "backward.h"

int64_t saved_floats(const Run& run) {
  return Saved(run, Shape(run), run.saved).size * kLanes;
}

int64_t scratch_floats(const Run& run) {
  return Scratch(run, Shape(run), run.scratch).size * kLanes;
}

void forward(const Run& run) { Forward{run}(); }

void backward(const Run& run) { Backward{run}(); }

// Enough independent chains to hide the latency of a multiply-add.
int64_t multiply_add(int64_t rounds, float* sink) {
  constexpr int kChains = 12;
  V sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = splat(sink[i]);
  const V scale = splat(0.999f), shift = splat(sink[0] * 1e-3f);
  for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 16
    for (int i = 0; i < kChains; ++i) sum[i] = sum[i] * scale + shift;
  for (int i = 0; i < kChains; ++i) sink[i] = sum[i][0];
  return rounds * kChains * 2 * kLanes;
}

}  // namespace DEPTHBENCH_NAMESPACE
