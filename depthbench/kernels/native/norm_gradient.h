// The way of a gradient through a block's norm. It needs two sums a channel, of the
// gradient and of its product with the norm's input, which are gathered as the gradient
// is written.

class NormGradient {
 public:
  NormGradient(const Shape& shape, const Scratch& scratch)
      : shape_(shape), scratch_(scratch) {}

  void begin(const Block& b) const {
    std::memset(scratch_.totals, 0, 2 * b.out_channels * sizeof(double));
  }

  void begin_group(const Block& b) const {
    std::memset(scratch_.channel_sums, 0, 2 * b.out_channels * sizeof(V));
  }

  void end_group(const Block& b) const {
    for (int64_t i = 0; i < 2 * b.out_channels; ++i)
      scratch_.totals[i] += total(scratch_.channel_sums[i]);
  }

  // Gradients of gamma, beta and bias of a block from its two sums, and how the
  // gradient goes through its norm.
  void end(const Block& b, const Kept& kept, int64_t num_images) {
    const double count = static_cast<double>(shape_.pixels) * num_images;
    through_.resize(shape_.widest);
    for (int c = 0; c < b.out_channels; ++c) {
      const double sum = scratch_.totals[2 * c];
      const double product = scratch_.totals[2 * c + 1];
      if (!has_norm(b)) {
        b.grad_bias[c] = static_cast<float>(sum);
        continue;
      }
      const double inverse = kept.inverse_deviation[c];
      const double scale = b.gamma[c] * inverse;
      b.grad_gamma[c] = static_cast<float>(product * inverse);
      b.grad_beta[c] = static_cast<float>(sum);
      // A bias before a batch's mean is taken away has no effect: 0, or NaN if any.
      b.grad_bias[c] =
          static_cast<float>(b.uses_batch ? (sum - sum) * scale : sum * scale);
      through_[c] = {
          static_cast<float>(scale), kept.mean[c],
          static_cast<float>(-scale * product * inverse * inverse / count),
          static_cast<float>(-scale * sum / count)};
    }
  }

  // Row h of the gradient of a block's convolution, from that of its activation's
  // input: through the norm if there is one (Ioffe and Szegedy, 2015, section 3).
  void row(const Block& b, const Kept& kept, int64_t group, int64_t h, V* to) const {
    const V* gradient =
        scratch_.gradient + group * shape_.group + h * shape_.width;
    const V* inner =
        kept.inner + group * b.out_channels * shape_.pixels + h * shape_.width;
    for (int c = 0; c < b.out_channels; ++c) {
      const Through t = through_[c];
      if (!has_norm(b))
        for (int64_t w = 0; w < shape_.width; ++w) to[w] = gradient[w];
      else if (!b.uses_batch)
        for (int64_t w = 0; w < shape_.width; ++w) to[w] = gradient[w] * t.gradient;
      else
        for (int64_t w = 0; w < shape_.width; ++w)
          to[w] = gradient[w] * t.gradient + ((inner[w] - t.mean) * t.inner + t.shift);
      gradient += shape_.pixels;
      inner += shape_.pixels;
      to += shape_.plane.size;
    }
  }

 private:
  // Of one channel: gradient * g + (x - mean) * inner + shift.
  struct Through {
    float gradient, mean, inner, shift;
  };

  const Shape& shape_;
  const Scratch& scratch_;
  std::vector<Through> through_;
};
