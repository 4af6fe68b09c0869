// Backward, from the last block to the first. The gradient of what a block's
// convolution left is formed row by row from the gradient of its activation, into a
// padded copy; two convolutions then give the gradients of the block's input and
// weights while both copies are in the cache. What the norm below needs of the input's
// gradient, two sums a channel, is gathered as it is written.

class Backward {
 public:
  explicit Backward(const Run& run)
      : run_(run), shape_(run), saved_(run, shape_, run.saved),
        scratch_(run, shape_, run.scratch), norm_(shape_, scratch_),
        weights_(shape_, scratch_) {}

  void operator()() {
    const int64_t tiled = round_up(shape_.widest, std::max(kTileOut, kGradOut));
    std::memset(scratch_.padded_input, 0,
                shape_.widest * shape_.plane.size * sizeof(V));
    std::memset(scratch_.padded_gradient, 0, tiled * shape_.plane.size * sizeof(V));
    std::memset(scratch_.bias, 0, tiled * sizeof(float));
    norm_.begin(run_.blocks[run_.num_blocks - 1]);
    for (int64_t g = 0; g < shape_.num_groups; ++g) start(g);
    for (int l = run_.num_blocks - 1; l >= 0; --l) block(l);
  }

 private:
  // The gradient of the last block's activation, from that of the run's output.
  void start(int64_t group) {
    const int last = run_.num_blocks - 1;
    const Block& b = run_.blocks[last];
    const int64_t channels = b.out_channels;
    const Lane lane = lanes_of(run_, group);
    const int64_t out_height = run_.pools ? shape_.height / 2 : shape_.height;
    const int64_t out_width = run_.pools ? shape_.width / 2 : shape_.width;
    const int64_t values = channels * out_height * out_width;
    to_lanes(run_.grad_out + group * kLanes * values, values, lane.live,
             scratch_.images);
    norm_.begin_group(b);
    for (int64_t h = 0; h < shape_.height; ++h) {
      for (int64_t c = 0; c < channels; ++c) {
        V* row = scratch_.row + c * shape_.width;
        const V* from = scratch_.images + (c * out_height + h / 2) * out_width;
        const V* same = scratch_.images + (c * out_height + h) * out_width;
        for (int64_t w = 0; w < shape_.width; ++w)
          if (!run_.pools)
            row[w] = same[w];
          else if (h / 2 < out_height && w / 2 < out_width)
            row[w] = from[w / 2] * 0.25f;
          else
            row[w] = V{};
      }
      activated_row(b, saved_.blocks[last], shape_, group, h, scratch_.activated,
                    shape_.width);
      differentiate_row(last, group, h, scratch_.activated, shape_.width, false, lane);
    }
    norm_.end_group(b);
  }

  void block(int l) {
    const Block& b = run_.blocks[l];
    norm_.end(b, saved_.blocks[l], run_.num_images);
    if (b.grad_factor) *b.grad_factor = static_cast<float>(factor_gradient_);
    factor_gradient_ = 0;
    const bool wants_input = l > 0 || run_.grad_signal;
    if (wants_input) pack(b);
    weights_.begin(b);
    if (l > 0) norm_.begin(run_.blocks[l - 1]);
    for (int64_t g = 0; g < shape_.num_groups; ++g) group(l, g, wants_input);
    weights_.end(b);
  }

  void group(int l, int64_t group, bool wants_input) {
    const Block& b = run_.blocks[l];
    const Lane lane = lanes_of(run_, group);
    if (l == 0)
      to_lanes(run_.signal + group * kLanes * b.in_channels * shape_.pixels,
               b.in_channels * shape_.pixels, lane.live, scratch_.images);
    if (l > 0) norm_.begin_group(run_.blocks[l - 1]);
    if (run_.circular) stage(l, group, shape_.height - 1, lane);
    stage(l, group, 0, lane);
    // Rows of one weight tile's sweep: long enough to pay for its sums, short enough
    // for the first-level cache.
    const int64_t strip = std::min(shape_.height, 1 + (48 + shape_.width) / shape_.width);
    int64_t begun = 0;
    for (int64_t h = 0; h < shape_.height; ++h) {
      if (h + 1 < shape_.height) stage(l, group, h + 1, lane);
      if (wants_input) input_gradient_row(l, group, h, lane);
      if (h + 1 - begun == strip || h + 1 == shape_.height) {
        weights_.add(b, begun, h + 1 - begun);
        begun = h + 1;
      }
    }
    if (l > 0) norm_.end_group(run_.blocks[l - 1]);
    if (l == 0 && wants_input)
      from_lanes(scratch_.activated, b.in_channels * shape_.pixels, lane.live,
                 run_.grad_signal + group * kLanes * b.in_channels * shape_.pixels);
  }

  // Row h of the input of block l and of the gradient of its convolution, padded.
  void stage(int l, int64_t group, int64_t h, const Lane& lane) {
    const Block& b = run_.blocks[l];
    const int64_t at = (h + 1) * shape_.plane.row + 1;
    V* input = scratch_.padded_input + at;
    if (l == 0)
      copy_row(scratch_.images + h * shape_.width, shape_.pixels, b.in_channels, input);
    else if (const V* kept = saved_.output(l - 1))
      copy_row(kept + group * b.in_channels * shape_.pixels + h * shape_.width,
               shape_.pixels, b.in_channels, input);
    else
      activated_row(run_.blocks[l - 1], saved_.blocks[l - 1], shape_, group, h, input,
                    shape_.plane.size);
    norm_.row(b, saved_.blocks[l], group, h, scratch_.padded_gradient + at);
    if (lane.live < kLanes) {
      mask_row(input, b.in_channels, shape_, lane);
      mask_row(scratch_.padded_gradient + at, b.out_channels, shape_, lane);
    }
    if (run_.circular) {
      wrap_row(input, b.in_channels, shape_, h);
      wrap_row(scratch_.padded_gradient + at, b.out_channels, shape_, h);
    }
  }

  // What `stage` will read at row h, which may lie in the next group.
  Ahead ahead(int l, int64_t group, int64_t h) const {
    const Block& b = run_.blocks[l];
    group += h / shape_.height;
    Ahead rows{{}, 0, shape_.pixels, std::min(b.in_channels, b.out_channels)};
    if (group >= shape_.num_groups) return rows;
    const int64_t row = h % shape_.height * shape_.width;
    const int64_t at = group * b.out_channels * shape_.pixels + row;
    const int64_t below = group * b.in_channels * shape_.pixels + row;
    rows.add(scratch_.gradient + group * shape_.group + row);
    if (has_norm(b)) rows.add(saved_.blocks[l].inner + at);
    if (b.adds_input) rows.add(scratch_.skipped + group * shape_.group + row);
    if (l > 0) rows.add(saved_.blocks[l - 1].inner + below);
    const V* input = saved_.output(l - 1);
    if (input && (l == 0 || input != saved_.blocks[l - 1].inner))
      rows.add(input + below);
    return rows;
  }

  void copy_row(const V* from, int64_t from_plane, int64_t channels, V* to) const {
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t w = 0; w < shape_.width; ++w)
        to[c * shape_.plane.size + w] = from[c * from_plane + w];
  }

  void input_gradient_row(int l, int64_t group, int64_t h, const Lane& lane) {
    const Block& b = run_.blocks[l];
    convolve_row(scratch_.padded_gradient + h * shape_.plane.row, shape_.plane,
                 b.out_channels, b.in_channels, static_cast<int>(shape_.width),
                 scratch_.packed, scratch_.bias, scratch_.row, shape_.width,
                 ahead(l, group, h + 3));
    if (l > 0) {
      // The padded input holds the activated values unless a skip added to them.
      const Block& below = run_.blocks[l - 1];
      const V* activated = scratch_.padded_input + (h + 1) * shape_.plane.row + 1;
      int64_t plane = shape_.plane.size;
      if (below.adds_input) {
        activated_row(below, saved_.blocks[l - 1], shape_, group, h, scratch_.activated,
                      shape_.width);
        activated = scratch_.activated;
        plane = shape_.width;
      }
      differentiate_row(l - 1, group, h, activated, plane, b.adds_input, lane);
      return;
    }
    const V* skipped = scratch_.skipped + group * shape_.group + h * shape_.width;
    for (int c = 0; c < b.in_channels; ++c) {
      const int64_t plane = c * shape_.pixels;
      V* to = scratch_.activated + plane + h * shape_.width;
      for (int64_t w = 0; w < shape_.width; ++w) {
        to[w] = scratch_.row[c * shape_.width + w];
        if (b.adds_input) to[w] += skipped[plane + w];
      }
    }
  }

  // From row h of the gradient of block l's output, in scratch_.row, to that of its
  // activation's input, kept with its sums. `adds` what the block above passes by.
  void differentiate_row(int l, int64_t group, int64_t h, const V* activated,
                         int64_t plane, bool adds, const Lane& lane) {
    switch (run_.blocks[l].activation) {
      case kTanh: return differentiate_row<kTanh>(l, group, h, activated, plane, adds, lane);
      case kElu: return differentiate_row<kElu>(l, group, h, activated, plane, adds, lane);
      case kRelu: return differentiate_row<kRelu>(l, group, h, activated, plane, adds, lane);
      case kSelu: return differentiate_row<kSelu>(l, group, h, activated, plane, adds, lane);
      case kLeakyRelu:
        return differentiate_row<kLeakyRelu>(l, group, h, activated, plane, adds, lane);
      default: return differentiate_row<kIdentity>(l, group, h, activated, plane, adds, lane);
    }
  }

  template <int kActivation>
  void differentiate_row(int l, int64_t group, int64_t h, const V* activated,
                         int64_t plane, bool adds, const Lane& lane) {
    const Block& b = run_.blocks[l];
    const float factor = factor_of(b);
    V for_factor{};
    const int64_t start = group * shape_.group + h * shape_.width;
    const V* inner =
        saved_.blocks[l].inner + group * b.out_channels * shape_.pixels + h * shape_.width;
    for (int c = 0; c < b.out_channels; ++c) {
      V* row = scratch_.row + c * shape_.width;
      V* skipped = scratch_.skipped + start + c * shape_.pixels;
      V* gradient = scratch_.gradient + start + c * shape_.pixels;
      const V mean = has_norm(b) ? splat(saved_.blocks[l].mean[c]) : V{};
      V sum{}, product{};
      for (int64_t w = 0; w < shape_.width; ++w) {
        V value = row[w];
        if (adds) value += skipped[w];
        if (b.adds_input) skipped[w] = value;
        if (lane.live < kLanes) value = (V)((I)value & lane.mask);
        if (b.grad_factor) for_factor += value * activated[c * plane + w];
        value *= factor;
        value *= slope<kActivation>(b, activated[c * plane + w]);
        gradient[w] = value;
        sum += value;
        if (has_norm(b)) product += value * (inner[c * shape_.pixels + w] - mean);
      }
      scratch_.channel_sums[2 * c] += sum;
      scratch_.channel_sums[2 * c + 1] += product;
    }
    if (b.grad_factor) factor_gradient_ += total(for_factor);
  }

  // As a forward convolution: channels exchanged, taps reversed.
  void pack(const Block& b) {
    const int64_t in = b.in_channels, out = b.out_channels;
    std::memset(scratch_.packed, 0, packed_floats(out, in) * sizeof(float));
    for (int64_t i = 0; i < in; ++i)
      for (int64_t o = 0; o < out; ++o)
        for (int64_t t = 0; t < 9; ++t)
          scratch_.packed[((i / kTileOut * out + o) * 9 + t) * kTileOut + i % kTileOut] =
              b.weight[(o * in + i) * 9 + 8 - t];
  }

  const Run& run_;
  const Shape shape_;
  Saved saved_;
  Scratch scratch_;
  NormGradient norm_;
  WeightGradient weights_;
  double factor_gradient_ = 0;  // so far, of the block whose gradient is written
};
