// Forward: each block reads the previous one's convolution, normalises and activates
// it row by row into a padded copy that stays in the cache, and convolves that.

struct Lane {
  I mask;      // all ones where there is an image
  int64_t live;
};

INLINE Lane lanes_of(const Run& run, int64_t group) {
  const int64_t live = std::min<int64_t>(kLanes, run.num_images - group * kLanes);
  Lane lane{{}, live};
  for (int i = 0; i < kLanes; ++i) lane.mask[i] = i < live ? -1 : 0;
  return lane;
}

// Both transpositions go by squares, which fit in the first-level cache.
constexpr int64_t kSquare = 16;

// [image][value] to [value][image] for one group; absent images become 0.
inline void to_lanes(const float* images, int64_t num_values, int64_t live, V* out) {
  float* to = reinterpret_cast<float*>(out);
  if (live < kLanes) std::memset(to, 0, num_values * sizeof(V));
  for (int64_t first = 0; first < num_values; first += kSquare)
    for (int64_t i = 0; i < live; ++i)
      for (int64_t v = first; v < std::min(first + kSquare, num_values); ++v)
        to[v * kLanes + i] = images[i * num_values + v];
}

inline void from_lanes(const V* values, int64_t num_values, int64_t live, float* out) {
  const float* from = reinterpret_cast<const float*>(values);
  for (int64_t first = 0; first < num_values; first += kSquare)
    for (int64_t i = 0; i < live; ++i)
      for (int64_t v = first; v < std::min(first + kSquare, num_values); ++v)
        out[i * num_values + v] = from[v * kLanes + i];
}

// (x - mean) * scale + shift for one channel.
struct Affine {
  V mean, scale, shift;
  INLINE V operator()(V x) const { return (x - mean) * scale + shift; }
};

INLINE Affine norm_of(const Block& b, const float* mean, const float* inverse, int c) {
  return {splat(mean[c]), splat(b.gamma[c] * inverse[c]), splat(b.beta[c])};
}

class Forward {
 public:
  explicit Forward(const Run& run)
      : run_(run), shape_(run), saved_(run, shape_, run.saved),
        scratch_(run, shape_, run.scratch) {}

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
      begin_statistics(l);
      for (int64_t g = 0; g < shape_.num_groups; ++g) block(l, g);
      end_statistics(l);
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
        observe_row(b, inner + h * shape_.width, h == 0);
    }
    if (has_norm(b) && b.uses_batch) merge_statistics(b, inner, lane.live);
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
    rows.add(saved_.blocks[l - 1].inner + at);
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
    if (lane.live < kLanes)
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t w = 0; w < shape_.width; ++w) {
          V& x = to[c * shape_.plane.size + w];
          x = (V)((I)x & lane.mask);
        }
  }

  // Row h of the output of block l, from what its convolution left.
  void output_row(int l, int64_t group, int64_t h, V* to, int64_t to_plane) {
    switch (has_norm(run_.blocks[l]) ? run_.blocks[l].activation : kIdentity) {
      case kTanh: return output_row<kTanh>(l, group, h, to, to_plane);
      case kElu: return output_row<kElu>(l, group, h, to, to_plane);
      case kRelu: return output_row<kRelu>(l, group, h, to, to_plane);
      default: return output_row<kIdentity>(l, group, h, to, to_plane);
    }
  }

  template <int kActivation>
  void output_row(int l, int64_t group, int64_t h, V* to, int64_t to_plane) {
    const Block& b = run_.blocks[l];
    const int64_t start = group * b.out_channels * shape_.pixels + h * shape_.width;
    const V* inner = saved_.blocks[l].inner + start;
    const V* added = b.adds_input ? saved_.output(l - 1) + start : nullptr;
    V* kept = saved_.blocks[l].output;
    kept = kept && kept != saved_.blocks[l].inner ? kept + start : nullptr;
    for (int c = 0; c < b.out_channels; ++c) {
      const int64_t plane = c * shape_.pixels;
      V* row = to + c * to_plane;
      if (has_norm(b)) {
        const Affine norm = norm_of(b, saved_.blocks[l].mean, saved_.blocks[l].inverse_deviation, c);
        for (int64_t w = 0; w < shape_.width; ++w)
          row[w] = activate<kActivation>(norm(inner[plane + w]));
      } else {
        for (int64_t w = 0; w < shape_.width; ++w) row[w] = inner[plane + w];
      }
      if (added)
        for (int64_t w = 0; w < shape_.width; ++w) row[w] += added[plane + w];
      if (kept)
        for (int64_t w = 0; w < shape_.width; ++w) kept[plane + w] = row[w];
    }
  }

  void activate_row(const Block& b, V* row) const {
    switch (b.activation) {
      case kTanh: return activate_row<kTanh>(b, row);
      case kElu: return activate_row<kElu>(b, row);
      case kRelu: return activate_row<kRelu>(b, row);
    }
  }

  template <int kActivation>
  void activate_row(const Block& b, V* row) const {
    for (int c = 0; c < b.out_channels; ++c)
      for (int64_t w = 0; w < shape_.width; ++w)
        row[c * shape_.pixels + w] =
            activate<kActivation>(row[c * shape_.pixels + w]);
  }

  // Sums of the deviations, and their squares, from the mean of the group's first row:
  // a shift near the mean, so that nothing cancels.
  void observe_row(const Block& b, const V* row, bool is_first) {
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

  void begin_statistics(int l) {
    count_ = 0;
    std::memset(scratch_.totals, 0,
                2 * run_.blocks[l].out_channels * sizeof(double));
  }

  // Chan, Golub and LeVeque, 1983: count, mean and sum of squared deviations of two
  // samples give those of both. First the images of a group, then group to group.
  void merge_statistics(const Block& b, const V* inner, int64_t live) {
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

  void end_statistics(int l) {
    const Block& b = run_.blocks[l];
    if (!has_norm(b) || !b.uses_batch) return;
    for (int c = 0; c < b.out_channels; ++c) {
      const double mean = scratch_.totals[2 * c];
      const double squares = scratch_.totals[2 * c + 1];
      saved_.blocks[l].mean[c] = static_cast<float>(mean);
      saved_.blocks[l].inverse_deviation[c] =
          static_cast<float>(1.0 / std::sqrt(squares / count_ + b.eps));
      if (b.updates_running) {
        const double unbiased = squares / (count_ - 1.0);
        move(b.running_mean[c], mean, b.momentum);
        move(b.running_var[c], unbiased, b.momentum);
      }
    }
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
  double count_ = 0;
};
