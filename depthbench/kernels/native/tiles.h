// The three convolutions as register tiles. A plane is one channel of kLanes images,
// padded with a border of zeros: (height + 2) x (width + 2) vectors.

struct Plane {
  int64_t row;   // vectors from one row to the next
  int64_t size;  // vectors from one channel to the next
};

// Rows that will be wanted soon. They are asked for a few lines at a time between the
// multiply-adds, into the second-level cache: too short for the processor to see the
// pattern, and too many to ask for at once.
struct Ahead {
  const V* row[5];
  int count;
  int64_t plane;     // vectors from one channel to the next
  int64_t channels;  // fewest in any of the rows

  void add(const V* first) { row[count++] = first; }

  INLINE void ask(int64_t channel, int64_t pixel) const {
    for (int r = 0; r < count; ++r)
      for (int64_t c = channel; c < std::min<int64_t>(channel + kTileOut, channels); ++c)
        __builtin_prefetch(row[r] + c * plane + pixel, 0, 2);
  }
};

// kTileOut output channels at kPixels neighbouring pixels. `x` points to the corner of
// the 3x3 neighbourhood of the first pixel; weights lie [in][tap][kTileOut].
template <int kPixels>
INLINE void convolve_tile(const V* x, Plane plane, int num_in, const float* weights,
                          const float* bias, V* out, int64_t out_plane, int num_out,
                          const Ahead& ahead, int64_t channel, int64_t pixel) {
  const int pixels_asked = (kPixels + num_in - 1) / num_in;
  V sum[kTileOut][kPixels];
#pragma GCC unroll 8
  for (int o = 0; o < kTileOut; ++o)
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) sum[o][p] = splat(bias[o]);
  for (int i = 0; i < num_in; ++i) {
    for (int p = i * pixels_asked; p < std::min((i + 1) * pixels_asked, kPixels); ++p)
      ahead.ask(channel, pixel + p);
#pragma GCC unroll 3
    for (int ky = 0; ky < 3; ++ky) {
      const V* line = x + i * plane.size + ky * plane.row;
#pragma GCC unroll 3
      for (int kx = 0; kx < 3; ++kx) {
        const float* w = weights + ((i * 3 + ky) * 3 + kx) * kTileOut;
#pragma GCC unroll 8
        for (int o = 0; o < kTileOut; ++o) {
          const V factor = splat(w[o]);
#pragma GCC unroll 8
          for (int p = 0; p < kPixels; ++p) sum[o][p] += line[p + kx] * factor;
        }
      }
    }
  }
  for (int o = 0; o < kTileOut; ++o)
    if (o < num_out)
      for (int p = 0; p < kPixels; ++p) out[o * out_plane + p] = sum[o][p];
}

// One row of every output channel. `x` points to the padded row above it.
inline void convolve_row(const V* x, Plane plane, int num_in, int num_out, int width,
                         const float* weights, const float* bias, V* out,
                         int64_t out_plane, const Ahead& ahead) {
  for (int o = 0; o < num_out; o += kTileOut) {
    const float* w = weights + static_cast<int64_t>(o) * num_in * 9;
    const int left = num_out - o;
    V* to = out + o * out_plane;
    int p = 0;
    // One pixel left over has too few sums to keep the processor busy: two and two more
    // are better than three and one.
    for (; p + kTilePixels <= width && p + kTilePixels + 1 != width; p += kTilePixels)
      convolve_tile<kTilePixels>(x + p, plane, num_in, w, bias + o, to + p, out_plane,
                                 left, ahead, o, p);
    if constexpr (kTilePixels > 4)
      for (; p + 4 <= width; p += 4)
        convolve_tile<4>(x + p, plane, num_in, w, bias + o, to + p, out_plane, left,
                         ahead, o, p);
    for (; p + 2 <= width; p += 2)
      convolve_tile<2>(x + p, plane, num_in, w, bias + o, to + p, out_plane, left,
                       ahead, o, p);
    if (p < width)
      convolve_tile<1>(x + p, plane, num_in, w, bias + o, to + p, out_plane, left,
                       ahead, o, p);
  }
}

// Adds to sums[tap][out] the products of `dz` with `x` shifted by each tap's offset,
// over some rows.
INLINE void weight_gradient_tile(const V* dz, int64_t dz_plane, const V* x,
                                 const int64_t* offset, int num_rows, int width,
                                 int64_t row, V* sums, int64_t sums_row) {
  V sum[kGradTaps][kGradOut] = {};
  for (int h = 0; h < num_rows; ++h) {
    const V* z = dz + h * row;
    const V* s = x + h * row;
    for (int w = 0; w < width; ++w) {
      // The fewer of the two are held, the others pass by one at a time.
      constexpr bool kHoldsTaps = kGradTaps < kGradOut;
      V held[kHoldsTaps ? kGradTaps : kGradOut];
      if constexpr (kHoldsTaps) {
#pragma GCC unroll 8
        for (int t = 0; t < kGradTaps; ++t) held[t] = s[offset[t] + w];
#pragma GCC unroll 8
        for (int o = 0; o < kGradOut; ++o) {
          const V value = z[o * dz_plane + w];
#pragma GCC unroll 8
          for (int t = 0; t < kGradTaps; ++t) sum[t][o] += value * held[t];
        }
      } else {
#pragma GCC unroll 8
        for (int o = 0; o < kGradOut; ++o) held[o] = z[o * dz_plane + w];
#pragma GCC unroll 8
        for (int t = 0; t < kGradTaps; ++t) {
          const V value = s[offset[t] + w];
#pragma GCC unroll 8
          for (int o = 0; o < kGradOut; ++o) sum[t][o] += value * held[o];
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < kGradTaps; ++t)
#pragma GCC unroll 8
    for (int o = 0; o < kGradOut; ++o) sums[t * sums_row + o] += sum[t][o];
}
