// The gradient of a block's weights: sums over images and pixels, a vector for each
// until the last image.

INLINE double total(V lanes) {
  double sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += double{lanes[i]};
  return sum;
}

class WeightGradient {
 public:
  WeightGradient(const Shape& shape, const Scratch& scratch)
      : shape_(shape), scratch_(scratch) {}

  void begin(const Block& b) {
    tiled_ = round_up(b.out_channels, kGradOut);
    const int64_t taps = round_up(9 * b.in_channels, kGradTaps);
    std::memset(scratch_.sums, 0, taps * tiled_ * sizeof(V));
  }

  // Adds rows [first, first + num_rows) of the group in the padded copies.
  void add(const Block& b, int64_t first, int64_t num_rows) {
    const int64_t num_taps = 9 * b.in_channels;
    const V* x = scratch_.padded_input + first * shape_.plane.row;
    const V* dz = scratch_.padded_gradient + (first + 1) * shape_.plane.row + 1;
    for (int64_t o = 0; o < b.out_channels; o += kGradOut)
      for (int64_t t = 0; t < num_taps; t += kGradTaps) {
        int64_t offset[kGradTaps];
        for (int i = 0; i < kGradTaps; ++i) {
          const int64_t tap = std::min(t + i, num_taps - 1);
          offset[i] = tap / 9 * shape_.plane.size + tap % 9 / 3 * shape_.plane.row +
                      tap % 3;
        }
        weight_gradient_tile(dz + o * shape_.plane.size, shape_.plane.size, x, offset,
                             static_cast<int>(num_rows), static_cast<int>(shape_.width),
                             shape_.plane.row, scratch_.sums + t * tiled_ + o, tiled_);
      }
  }

  void end(const Block& b) const {
    for (int64_t o = 0; o < b.out_channels; ++o)
      for (int64_t t = 0; t < 9 * b.in_channels; ++t)
        b.grad_weight[o * 9 * b.in_channels + t] =
            static_cast<float>(total(scratch_.sums[t * tiled_ + o]));
  }

 private:
  const Shape& shape_;
  const Scratch& scratch_;
  int64_t tiled_ = 0;
};
