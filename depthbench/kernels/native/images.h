// Images to and from groups of lanes, and what is done to a lane's channel.

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

// Nothing is left of absent images in a row of a padded copy.
INLINE void mask_row(V* row, int64_t channels, const Shape& shape, const Lane& lane) {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t w = 0; w < shape.width; ++w) {
      V& x = row[c * shape.plane.size + w];
      x = (V)((I)x & lane.mask);
    }
}

// Row h of a padded copy, which `row` points to, where the image's edges meet: what
// lies beyond its ends, and the row itself beyond the opposite edge if it is at one.
// The first and the last row are to be there before any other is convolved.
INLINE void wrap_row(V* row, int64_t channels, const Shape& shape, int64_t h) {
  const Plane& plane = shape.plane;
  for (int64_t c = 0; c < channels; ++c, row += plane.size) {
    row[-1] = row[shape.width - 1];
    row[shape.width] = row[0];
    const auto copy_to = [&](V* to) { std::memcpy(to, row - 1, plane.row * sizeof(V)); };
    if (h == 0) copy_to(row - 1 + shape.height * plane.row);
    if (h == shape.height - 1) copy_to(row - 1 - shape.height * plane.row);
  }
}

template <int kActivation>
void activated_row(const Block& b, const Kept& kept, const Shape& shape, int64_t group,
                   int64_t h, V* to, int64_t to_plane) {
  const V* inner = kept.inner + group * b.out_channels * shape.pixels + h * shape.width;
  for (int c = 0; c < b.out_channels; ++c, inner += shape.pixels, to += to_plane) {
    if (has_norm(b)) {
      const Affine norm = norm_of(b, kept.mean, kept.inverse_deviation, c);
      for (int64_t w = 0; w < shape.width; ++w)
        to[w] = activate<kActivation>(b, norm(inner[w]));
    } else {
      for (int64_t w = 0; w < shape.width; ++w) to[w] = inner[w];
    }
  }
}

// Row h of the activated values of a block, without what a skip adds.
inline void activated_row(const Block& b, const Kept& kept, const Shape& shape,
                          int64_t group, int64_t h, V* to, int64_t to_plane) {
  switch (has_norm(b) ? b.activation : kIdentity) {
    case kTanh: return activated_row<kTanh>(b, kept, shape, group, h, to, to_plane);
    case kElu: return activated_row<kElu>(b, kept, shape, group, h, to, to_plane);
    case kRelu: return activated_row<kRelu>(b, kept, shape, group, h, to, to_plane);
    case kSelu: return activated_row<kSelu>(b, kept, shape, group, h, to, to_plane);
    case kLeakyRelu:
      return activated_row<kLeakyRelu>(b, kept, shape, group, h, to, to_plane);
    default: return activated_row<kIdentity>(b, kept, shape, group, h, to, to_plane);
  }
}
