// Forward: each block reads the previous one's convolution, normalises and activates
// it row by row into a padded copy that stays in the cache, and convolves that.

class Forward {
 public:
  explicit Forward(const Run& run)
      : run_(run), shape_(run), saved_(run, shape_, run.saved),
        scratch_(run, shape_, run.scratch), statistics_(shape_, scratch_) {}

  void operator()() {
    std::memset(scratch_.padded_input, 0,
                shape_.widest * shape_.plane.size * sizeof(V));
    float* packed = scratch_.packed;
    bool any_batch = false;
    for (int l = 0; l < run_.num_blocks; ++l) {
      const Block& b = run_.blocks[l];
      packed_.push_back({packed});
      packed += pack(b, packed);
      any_batch |= has_norm(b) && b.uses_batch;
      if (has_norm(b) && !b.uses_batch) use_running(l);
    }
    if (any_batch)
      by_block();
    else
      by_group();
  }

 private:
  // Not a bare pointer: a template of the library with a type of ours is ours, too, and
  // not shared with the kernels of another instruction set.
  struct Packed {
    float* weights;
  };

  // A batch's statistics need all its groups.
  void by_block() {
    for (int l = 0; l < run_.num_blocks; ++l) {
      const Block& b = run_.blocks[l];
      statistics_.begin(b);
      for (int64_t g = 0; g < shape_.num_groups; ++g) block(l, g);
      if (has_norm(b) && b.uses_batch) statistics_.end(b, saved_.blocks[l]);
    }
    for (int64_t g = 0; g < shape_.num_groups; ++g) finish(g);
  }

  // Otherwise a group can go through all blocks while it is in the cache.
  void by_group() {
    for (int64_t g = 0; g < shape_.num_groups; ++g) {
      for (int l = 0; l < run_.num_blocks; ++l) block(l, g);
      finish(g);
    }
  }

  int64_t pack(const Block& b, float* packed) const {
    const int64_t in = b.in_channels;
    const int64_t size = packed_floats(in, b.out_channels);
    std::memset(packed, 0, size * sizeof(float));
    for (int64_t o = 0; o < b.out_channels; ++o)
      for (int64_t t = 0; t < in * 9; ++t)
        packed[(o / kTileOut * in * 9 + t) * kTileOut + o % kTileOut] =
            b.weight[o * in * 9 + t];
    return size;
  }

  void use_running(int l) {
    const Block& b = run_.blocks[l];
    for (int c = 0; c < b.out_channels; ++c) {
      saved_.blocks[l].mean[c] = b.running_mean[c];
      saved_.blocks[l].inverse_deviation[c] =
          static_cast<float>(1.0 / std::sqrt(double{b.running_var[c]} + b.eps));
    }
  }

  void block(int l, int64_t group) {
    const Block& b = run_.blocks[l];
    const Lane lane = lanes_of(run_, group);
    for (int c = 0; c < round_up(b.out_channels, kTileOut); ++c)
      scratch_.bias[c] = c < b.out_channels ? b.bias[c] : 0.0f;
    if (l == 0)
      to_lanes(run_.signal + group * kLanes * b.in_channels * shape_.pixels,
               b.in_channels * shape_.pixels, lane.live, scratch_.images);
    V* inner = saved_.blocks[l].inner + group * b.out_channels * shape_.pixels;
    if (run_.circular) stage(l, group, shape_.height - 1, lane);
    stage(l, group, 0, lane);
    for (int64_t h = 0; h < shape_.height; ++h) {
      if (h + 1 < shape_.height) stage(l, group, h + 1, lane);
      convolve_row(scratch_.padded_input + h * shape_.plane.row, shape_.plane,
                   b.in_channels, b.out_channels, static_cast<int>(shape_.width),
                   packed_[l].weights, scratch_.bias, inner + h * shape_.width, shape_.pixels,
                   ahead(l, group, h + 3));
      if (!has_norm(b))
        activate_row(b, inner + h * shape_.width);
      else if (b.uses_batch)
        statistics_.observe(b, inner + h * shape_.width, h == 0);
    }
    if (has_norm(b) && b.uses_batch) statistics_.end_group(b, inner, lane.live);
  }

  // What `stage` will read and the convolution write at row h, which may lie in the
  // next group. A line to be written is read first, too.
  Ahead ahead(int l, int64_t group, int64_t h) const {
    const Block& b = run_.blocks[l];
    group += h / shape_.height;
    Ahead rows{{}, 0, shape_.pixels, std::min(b.in_channels, b.out_channels)};
    if (group >= shape_.num_groups) return rows;
    const int64_t row = h % shape_.height * shape_.width;
    rows.add(saved_.blocks[l].inner + group * b.out_channels * shape_.pixels + row);
    if (l == 0) return rows;
    const int64_t at = group * b.in_channels * shape_.pixels + row;
    const Kept& below = saved_.blocks[l - 1];
    rows.add(below.inner + at);
    if (below.output && below.output != below.inner) rows.add(below.output + at);
    if (run_.blocks[l - 1].adds_input) rows.add(saved_.output(l - 2) + at);
    return rows;
  }

  // Row h of the input of block l, into the padded copy.
  void stage(int l, int64_t group, int64_t h, const Lane& lane) {
    const int64_t channels = run_.blocks[l].in_channels;
    V* to = scratch_.padded_input + (h + 1) * shape_.plane.row + 1;
    if (l > 0) {
      output_row(l - 1, group, h, to, shape_.plane.size);
    } else {
      V* kept = saved_.signal;
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t w = 0; w < shape_.width; ++w) {
          const int64_t at = c * shape_.pixels + h * shape_.width + w;
          const V x = scratch_.images[at];
          to[c * shape_.plane.size + w] = x;
          if (kept) kept[group * channels * shape_.pixels + at] = x;
        }
    }
    if (lane.live < kLanes) mask_row(to, channels, shape_, lane);
    if (run_.circular) wrap_row(to, channels, shape_, h);
  }

  // Row h of the output of block l, from what its convolution left.
  void output_row(int l, int64_t group, int64_t h, V* to, int64_t to_plane) {
    const Block& b = run_.blocks[l];
    const int64_t start = group * b.out_channels * shape_.pixels + h * shape_.width;
    const V* added = b.adds_input ? saved_.output(l - 1) + start : nullptr;
    V* kept = saved_.blocks[l].output;
    kept = kept && kept != saved_.blocks[l].inner ? kept + start : nullptr;
    activated_row(b, saved_.blocks[l], shape_, group, h, to, to_plane);
    const float factor = factor_of(b);
    for (int c = 0; c < b.out_channels; ++c) {
      const int64_t plane = c * shape_.pixels;
      V* row = to + c * to_plane;
      for (int64_t w = 0; w < shape_.width; ++w) {
        if (added) row[w] = row[w] * factor + added[plane + w];
        if (kept) kept[plane + w] = row[w];
      }
    }
  }

  void activate_row(const Block& b, V* row) const {
    switch (b.activation) {
      case kTanh: return activate_row<kTanh>(b, row);
      case kElu: return activate_row<kElu>(b, row);
      case kRelu: return activate_row<kRelu>(b, row);
      case kSelu: return activate_row<kSelu>(b, row);
      case kLeakyRelu: return activate_row<kLeakyRelu>(b, row);
    }
  }

  template <int kActivation>
  void activate_row(const Block& b, V* row) const {
    for (int c = 0; c < b.out_channels; ++c)
      for (int64_t w = 0; w < shape_.width; ++w)
        row[c * shape_.pixels + w] =
            activate<kActivation>(b, row[c * shape_.pixels + w]);
  }

  // The output of the last block, pooled if asked for, to NCHW.
  void finish(int64_t group) {
    const int last = run_.num_blocks - 1;
    const int64_t channels = run_.blocks[last].out_channels;
    const int64_t live = lanes_of(run_, group).live;
    const int64_t out_height = run_.pools ? shape_.height / 2 : shape_.height;
    const int64_t out_width = run_.pools ? shape_.width / 2 : shape_.width;
    const int64_t values = channels * out_height * out_width;
    V* rows[2] = {scratch_.row, scratch_.activated};
    for (int64_t h = 0; h < out_height; ++h) {
      for (int i = 0; i < (run_.pools ? 2 : 1); ++i)
        output_row(last, group, run_.pools ? 2 * h + i : h, rows[i], shape_.width);
      for (int64_t c = 0; c < channels; ++c) {
        V* to = scratch_.images + (c * out_height + h) * out_width;
        const V* top = rows[0] + c * shape_.width;
        const V* bottom = rows[1] + c * shape_.width;
        for (int64_t w = 0; w < out_width; ++w)
          to[w] = run_.pools ? (top[2 * w] + top[2 * w + 1] + bottom[2 * w] +
                                bottom[2 * w + 1]) * 0.25f
                             : top[w];
      }
    }
    from_lanes(scratch_.images, values, live, run_.out + group * kLanes * values);
  }

  const Run& run_;
  const Shape shape_;
  Saved saved_;
  Scratch scratch_;
  std::vector<Packed> packed_;
  Statistics statistics_;
};
