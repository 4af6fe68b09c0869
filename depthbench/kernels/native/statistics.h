// Mean and variance of a batch, per channel, gathered while a convolution is written.

class Statistics {
 public:
  Statistics(const Shape& shape, const Scratch& scratch)
      : shape_(shape), scratch_(scratch) {}

  void begin(const Block& b) {
    count_ = 0;
    std::memset(scratch_.totals, 0,
                2 * b.out_channels * sizeof(double));
  }

  // Sums of the deviations, and their squares, from the mean of the group's first row:
  // a shift near the mean, so that nothing cancels.
  void observe(const Block& b, const V* row, bool is_first) {
    for (int c = 0; c < b.out_channels; ++c, row += shape_.pixels) {
      V* sums = scratch_.channel_sums + 3 * c;
      if (is_first) {
        V sum{};
        for (int64_t w = 0; w < shape_.width; ++w) sum += row[w];
        sums[0] = sum / static_cast<float>(shape_.width);
        sums[1] = sums[2] = V{};
      }
      V sum{}, squares{};
      const V shift = sums[0];
      for (int64_t w = 0; w < shape_.width; ++w) {
        const V deviation = row[w] - shift;
        sum += deviation;
        squares += deviation * deviation;
      }
      sums[1] += sum;
      sums[2] += squares;
    }
  }

  // Chan, Golub and LeVeque, 1983: count, mean and sum of squared deviations of two
  // samples give those of both. First the images of a group, then group to group.
  void end_group(const Block& b, const V* inner, int64_t live) {
    const double pixels = static_cast<double>(shape_.pixels);
    const double count = pixels * static_cast<double>(live);
    for (int c = 0; c < b.out_channels; ++c) {
      const V* sums = scratch_.channel_sums + 3 * c;
      double means[kLanes], mean = 0, squares = 0;
      for (int64_t i = 0; i < live; ++i) {
        const double shifted = sums[1][i] / pixels;
        means[i] = sums[0][i] + shifted;
        mean += means[i];
        squares += sums[2][i] - sums[1][i] * shifted;
      }
      mean /= static_cast<double>(live);
      for (int64_t i = 0; i < live; ++i)
        squares += (means[i] - mean) * (means[i] - mean) * pixels;
      if (!std::isfinite(squares))
        observe_wide(inner + c * shape_.pixels, live, mean, squares);
      double* total = scratch_.totals + 2 * c;
      const double apart = mean - total[0];
      total[0] += apart * count / (count_ + count);
      total[1] += squares + apart * apart * count * count_ / (count_ + count);
    }
    count_ += count;
  }

  void end(const Block& b, const Kept& kept) const {
    for (int c = 0; c < b.out_channels; ++c) {
      const double mean = scratch_.totals[2 * c];
      const double squares = scratch_.totals[2 * c + 1];
      kept.mean[c] = static_cast<float>(mean);
      kept.inverse_deviation[c] =
          static_cast<float>(1.0 / std::sqrt(squares / count_ + b.eps));
      if (b.updates_running) {
        const double unbiased = squares / (count_ - 1.0);
        move(b.running_mean[c], mean, b.momentum);
        move(b.running_var[c], unbiased, b.momentum);
      }
    }
  }

 private:
  // For values whose squares overflow a float; NaN and infinity stay.
  void observe_wide(const V* plane, int64_t live, double& mean, double& squares) const {
    const double count = static_cast<double>(shape_.pixels * live);
    mean = squares = 0;
    for (int64_t p = 0; p < shape_.pixels; ++p)
      for (int64_t i = 0; i < live; ++i) mean += plane[p][i] / count;
    for (int64_t p = 0; p < shape_.pixels; ++p)
      for (int64_t i = 0; i < live; ++i)
        squares += (plane[p][i] - mean) * (plane[p][i] - mean);
  }

  static void move(float& running, double newest, double momentum) {
    running = static_cast<float>((1.0 - momentum) * running + momentum * newest);
  }

  const Shape& shape_;
  const Scratch& scratch_;
  double count_ = 0;
};
