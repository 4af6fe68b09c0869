// Vectors of kLanes images and the arithmetic on them. Included once per instruction
// set, inside a namespace of its own, with the constants that kernel.h asks for.

typedef float V __attribute__((vector_size(kLanes * 4), may_alias));
typedef int32_t I __attribute__((vector_size(kLanes * 4), may_alias));

#define INLINE inline __attribute__((always_inline))

// Not V{} + value, which would have to turn -0 into 0: this is one broadcast.
INLINE V splat(float value) { return value - V{}; }

// exp(x) - 1 for x <= 0, to 2 ulp; NaN stays NaN.
// Cody-Waite reduction x = n ln 2 + r, then expm1(r) = r + r^2 q(r) with a polynomial
// fitted for the least maximal relative error on |r| <= ln(2)/2: 1.4e-8.
INLINE V expm1_negative(V x) {
  const V least = splat(-20.0f);  // expm1(-20) rounds to -1
  x = least > x ? least : x;      // in this order NaN passes
  const V shifted = x * 1.44269504f + 12582912.0f;  // rounds x/ln 2 to a whole number
  const V n = shifted - 12582912.0f;
  const V r = x - n * 0.693147181f;
  V q = r * 1.394648919813335e-3f + 8.36661085486412e-3f;
  q = q * r + 4.166628047823906e-2f;
  q = q * r + 1.666654348373413e-1f;
  q = q * r + 0.5f;
  const V small = (r * r) * q + r;
  const V power = (V)(((I)shifted << 23) + 0x3f800000);  // 2^n
  return power * small + (power - 1.0f);
}

INLINE V magnitude(V x) { return (V)((I)x & 0x7fffffff); }

// SELU(x) is kSeluScale x above 0, kSeluLimit expm1(x) below.
constexpr float kSeluScale = 1.05070098f, kSeluLimit = 1.75809934f;

template <int kActivation>
INLINE V activate(const Block& b, V x) {
  if (kActivation == kTanh) {
    // tanh(|x|) = -t/(t + 2) with t = expm1(-2|x|)
    const V t = expm1_negative(magnitude(x) * -2.0f);
    const V positive = -t / (t + 2.0f);
    return (V)((I)positive | ((I)x & INT32_MIN));
  }
  if (kActivation == kElu) return x > 0.0f ? x : expm1_negative(x);
  if (kActivation == kRelu) return x <= 0.0f ? V{} : x;  // NaN passes
  if (kActivation == kSelu)
    return x > 0.0f ? x * kSeluScale : expm1_negative(x) * kSeluLimit;
  if (kActivation == kLeakyRelu) return x * (x > 0.0f ? splat(b.above) : splat(b.below));
  return x;
}

// The derivative, told from the activated value.
template <int kActivation>
INLINE V slope(const Block& b, V activated) {
  const V one = splat(1.0f);
  if (kActivation == kTanh) return one - activated * activated;
  if (kActivation == kElu) return activated > 0.0f ? one : activated + 1.0f;
  if (kActivation == kRelu) return activated <= 0.0f ? V{} : one;
  if (kActivation == kSelu)
    return activated > 0.0f ? splat(kSeluScale) : activated + kSeluLimit;
  if (kActivation == kLeakyRelu)
    return activated > 0.0f ? splat(b.above) : splat(b.below);
  return one;
}
