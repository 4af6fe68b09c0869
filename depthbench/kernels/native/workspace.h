// Where the intermediate values of one call lie, in vectors of kLanes images.

INLINE int64_t round_up(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

struct Shape {
  int64_t height, width, pixels;
  int64_t num_groups;   // of kLanes images; the last may have fewer
  int64_t widest;       // most channels anywhere in the run
  int64_t group;        // vectors of one group at `widest` channels
  Plane plane;          // of a padded copy of one group

  explicit Shape(const Run& run)
      : height(run.height),
        width(run.width),
        pixels(height * width),
        num_groups((run.num_images + kLanes - 1) / kLanes),
        widest(0),
        plane{width + 2, (height + 2) * (width + 2)} {
    for (int l = 0; l < run.num_blocks; ++l)
      widest = std::max<int64_t>(
          {widest, run.blocks[l].in_channels, run.blocks[l].out_channels});
    group = widest * pixels;
  }
};

INLINE bool has_norm(const Block& b) { return b.gamma != nullptr; }

// Exact where there is none: x * 1 + y is x + y.
INLINE float factor_of(const Block& b) { return b.factor ? *b.factor : 1.0f; }

// Values are kept as the convolution left them, before the norm; without a norm they
// are kept after the activation. Skips also need the sum, the block's output.
INLINE bool keeps_output(const Run& run, int l) {
  const bool next_adds = l + 1 < run.num_blocks && run.blocks[l + 1].adds_input;
  return l < 0 ? run.blocks[0].adds_input
               : run.blocks[l].adds_input || (next_adds && has_norm(run.blocks[l]));
}

// What forward keeps of one block.
struct Kept {
  V* inner;    // see above, [group][channel][pixel]
  V* output;   // null if `inner` is enough to tell it
  float* mean;               // of the norm, per channel
  float* inverse_deviation;  // the same
};

struct Saved {
  std::vector<Kept> blocks;
  V* signal = nullptr;  // the run's input, kept if the first block adds it
  int64_t size = 0;     // in vectors

  Saved(const Run& run, const Shape& shape, float* base) : blocks(run.num_blocks) {
    V* at = reinterpret_cast<V*>(base);
    const auto take = [&at](int64_t vectors) {
      V* taken = at;
      at += vectors;
      return taken;
    };
    // Without a backward pass, few buffers are used in turn: a block reads the two
    // convolutions and the output before its own.
    const int64_t whole = shape.num_groups * shape.group;
    V* const turns = take(run.keeps ? 0 : 5 * whole);
    if (keeps_output(run, -1))
      signal = run.keeps ? take(whole) : turns + 3 * whole;
    for (int l = 0; l < run.num_blocks; ++l) {
      const Block& b = run.blocks[l];
      const int64_t size = shape.num_groups * b.out_channels * shape.pixels;
      Kept& kept = blocks[l];
      kept.inner = run.keeps ? take(size) : turns + l % 3 * whole;
      // What is kept without a norm and a skip is the output already.
      kept.output = has_norm(b) ? nullptr : kept.inner;
      if (keeps_output(run, l))
        kept.output = run.keeps ? take(size) : turns + (4 - l % 2) * whole;
      const int64_t vectors = round_up(b.out_channels, kLanes) / kLanes;
      kept.mean = reinterpret_cast<float*>(take(vectors));
      kept.inverse_deviation = reinterpret_cast<float*>(take(vectors));
    }
    size = at - reinterpret_cast<V*>(base);
  }

  // The output of block l; of none before the first, the run's input.
  const V* output(int l) const { return l < 0 ? signal : blocks[l].output; }
};

// Packed weights of a block: [out tile][in][tap][out within the tile], padded with 0.
INLINE int64_t packed_floats(int64_t in, int64_t out) {
  return round_up(round_up(out, kTileOut) * in * 9, kLanes);
}

struct Scratch {
  V* padded_input;      // [widest][height + 2][width + 2]
  V* padded_gradient;   // the same, with whole weight tiles of channels
  V* activated;         // [widest][pixels]
  V* images;            // [widest][pixels]: a group on its way from or to NCHW
  V* row;               // [widest, in whole tiles][width]
  V* sums;              // [taps in whole tiles][channels in whole tiles]
  V* gradient;          // [group][widest][pixels]: for what `Saved.inner` holds
  V* skipped;           // the same, for the block's output
  V* channel_sums;      // [3 * widest]
  double* totals;       // [2 * widest]
  float* packed;        // [blocks] of packed_floats
  float* bias;          // [widest in whole tiles]
  int64_t size = 0;     // in vectors

  Scratch(const Run& run, const Shape& shape, float* base) {
    V* at = reinterpret_cast<V*>(base);
    const auto take = [&at](int64_t vectors) {
      V* taken = at;
      at += vectors;
      return taken;
    };
    const int64_t tiled = round_up(shape.widest, std::max(kTileOut, kGradOut));
    const int64_t whole = shape.num_groups * shape.group;
    padded_input = take(shape.widest * shape.plane.size);
    padded_gradient = take(tiled * shape.plane.size);
    activated = take(shape.group);
    images = take(shape.group);
    row = take(tiled * shape.width);
    sums = take(round_up(9 * shape.widest, kGradTaps) * tiled);
    gradient = take(run.keeps ? whole : 0);
    skipped = take(run.keeps ? whole : 0);
    channel_sums = take(3 * shape.widest);
    totals = reinterpret_cast<double*>(take(round_up(4 * shape.widest, kLanes) / kLanes));
    int64_t floats = 0;
    for (int l = 0; l < run.num_blocks; ++l) {
      const Block& b = run.blocks[l];
      floats += std::max(packed_floats(b.in_channels, b.out_channels),
                         packed_floats(b.out_channels, b.in_channels));
    }
    packed = reinterpret_cast<float*>(take(floats / kLanes));
    bias = reinterpret_cast<float*>(take(round_up(tiled, kLanes) / kLanes));
    size = at - reinterpret_cast<V*>(base);
  }
};
