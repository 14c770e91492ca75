//! Logarithms and the exponential function that run at the speed of the columns: [`ln`], [`log2`], [`log10`], [`exp`].
//!
//! The ones of `std` (`x.ln()`) are calls inside of the sandbox, one per row. These have neither calls, branches nor tables,
//! so the loop around a function computes them for two rows at a time. Results are within 1 ulp of the true value, and
//! the same on every machine; `ln(1)` is 0, `log2` of a power of two is exact. NaN, zeros, infinities, negative and
//! subnormal numbers give what `std` gives.
//!
//! ```
//! use waterwheel_udf::math::ln;
//! assert_eq!(ln(1.0), 0.0);
//! assert!(ln(-1.0).is_nan());
//! ```
//!
//! How: `x = 2^k (1 + f)` with `1 + f` between √½ and √2, and `ln(1 + f) = 2 atanh(s)` with `s = f / (2 + f)`. The polynomials are
//! minimax approximations that Remez' algorithm gave in 60 digits.

// The names of the numbers are those of the formulas.
#![allow(clippy::many_single_char_names)]

#[cfg(test)]
mod tests;

/// Makes every subnormal number a normal one.
const TWO_54: f64 = 18_014_398_509_481_984.0;
const TWO_52: f64 = 4_503_599_627_370_496.0;
/// The bits of 2^52: with a whole number below 2^52 in its lower bits it is a double that is larger by that number.
const TWO_52_BITS: u64 = 0x4330_0000_0000_0000;
const EXPONENT_BIAS: f64 = 1_023.0;
const MANTISSA_BITS: u32 = 52;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;
const ONE_BITS: u64 = 0x3ff0_0000_0000_0000;
/// The bits of √½.
const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;

// Numbers in two parts; the upper ends in so many zero bits that its products below are exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN_2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
const PER_LN_2_HIGH: f64 = f64::from_bits(0x3ff7_1547_0000_0000);
const PER_LN_2_LOW: f64 = f64::from_bits(0x3e99_4ae0_bf85_ddf4);
const PER_LN_10_HIGH: f64 = f64::from_bits(0x3fdb_cb7b_0000_0000);
const PER_LN_10_LOW: f64 = f64::from_bits(0x3e55_26e5_0e32_a6ab);
const LOG10_2_HIGH: f64 = f64::from_bits(0x3fd3_4413_0000_0000);
const LOG10_2_LOW: f64 = f64::from_bits(0x3e74_27de_7fbc_c47c);
/// Zeroes the lower bits of such an upper part.
const UPPER_PART: u64 = 0xffff_ffff_0000_0000;

/// `(2 atanh(s) / s - 2) / s²` as a polynomial in s², good to 2^-59 of the logarithm.
const ATANH: [f64; 7] = [
    f64::from_bits(0x3fe5_5555_5555_5592),
    f64::from_bits(0x3fd9_9999_9997_fdb8),
    f64::from_bits(0x3fd2_4924_941f_121f),
    f64::from_bits(0x3fcc_71c5_2095_f030),
    f64::from_bits(0x3fc7_4663_ee81_c0a3),
    f64::from_bits(0x3fc3_9a1b_abe2_a084),
    f64::from_bits(0x3fc2_f056_34bd_c572),
];

/// `(exp(r) - 1 - r) / r²` as a polynomial in r for |r| up to ln(2) / 2, good to 2^-58 of the exponential.
const EXP: [f64; 10] = [
    f64::from_bits(0x3fe0_0000_0000_000c),
    f64::from_bits(0x3fc5_5555_5555_5561),
    f64::from_bits(0x3fa5_5555_5554_ffea),
    f64::from_bits(0x3f81_1111_1110_d60c),
    f64::from_bits(0x3f56_c16c_185b_711a),
    f64::from_bits(0x3f2a_01a0_1baf_1f40),
    f64::from_bits(0x3efa_0199_667d_5d45),
    f64::from_bits(0x3ec7_1ddd_fa81_ef62),
    f64::from_bits(0x3e92_8b07_2c4c_f40c),
    f64::from_bits(0x3e5a_f85c_1445_2b60),
];

/// From here on `exp` is infinite, with room to spare.
const EXP_MAX: f64 = 710.0;
/// From here on down `exp` is zero, with room to spare.
const EXP_MIN: f64 = -746.0;
/// Added to the exponent of a result, so that its half is one of a double: 2 * 1023.
const TWO_BIASES: f64 = 2_046.0;
/// Bits that the exponent of a result with both biases fits in.
const TWO_BIASES_MASK: u64 = 0xfff;

/// The natural logarithm, within 1 ulp.
#[inline(always)]
#[must_use]
pub fn ln(x: f64) -> f64 {
    let (k, f) = take_apart(x);
    let (half_square, rest) = log_parts(f);
    let logarithm = k * LN_2_HIGH - ((half_square - (rest + k * LN_2_LOW)) - f);
    in_domain(x, logarithm)
}

/// The logarithm to base 2, within 1 ulp; exact for powers of two.
#[inline(always)]
#[must_use]
pub fn log2(x: f64) -> f64 {
    let (k, f) = take_apart(x);
    let (high, low) = log_in_two(f);
    let product = high * PER_LN_2_HIGH;
    let product_low = (low + high) * PER_LN_2_LOW + low * PER_LN_2_HIGH;
    in_domain(x, add(k, product, product_low))
}

/// The logarithm to base 10, within 1 ulp.
#[inline(always)]
#[must_use]
pub fn log10(x: f64) -> f64 {
    let (k, f) = take_apart(x);
    let (high, low) = log_in_two(f);
    let product = high * PER_LN_10_HIGH;
    let product_low = k * LOG10_2_LOW + (low + high) * PER_LN_10_LOW + low * PER_LN_10_HIGH;
    in_domain(x, add(k * LOG10_2_HIGH, product, product_low))
}

/// e to the power of `x`, within 1 ulp.
#[inline(always)]
#[must_use]
pub fn exp(x: f64) -> f64 {
    // A NaN is neither above nor below, and so stays.
    let x = pick(x > EXP_MAX, EXP_MAX, pick(x < EXP_MIN, EXP_MIN, x));
    // At 1.5 * 2^52 doubles are one apart: the sum is rounded to a whole number, which stands in its lower bits.
    let magic = 1.5 * TWO_52 + TWO_BIASES;
    let shifted = x * core::f64::consts::LOG2_E + magic;
    let k = shifted - magic;
    let (high, low) = (x - k * LN_2_HIGH, k * LN_2_LOW);
    let r = high - low;
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let lower = (EXP[0] + r * EXP[1]) + r2 * (EXP[2] + r * EXP[3]);
    let upper = (EXP[4] + r * EXP[5]) + r2 * (EXP[6] + r * EXP[7]) + r4 * (EXP[8] + r * EXP[9]);
    let power = 1.0 + (high + (r2 * (lower + r4 * upper) - low));
    // 2^k in two steps, as it may be larger or smaller than a double can be where the result is not.
    let exponent = shifted.to_bits() & TWO_BIASES_MASK;
    let half = exponent >> 1;
    let scale = f64::from_bits(half << MANTISSA_BITS);
    power * scale * f64::from_bits((exponent - half) << MANTISSA_BITS)
}

/// An `if` that is no branch.
#[inline(always)]
fn pick(condition: bool, yes: f64, no: f64) -> f64 {
    if condition { yes } else { no }
}

/// k and f of `x = 2^k (1 + f)`, for an `x` that has a logarithm; anything for others.
#[inline(always)]
fn take_apart(x: f64) -> (f64, f64) {
    let subnormal = x < f64::MIN_POSITIVE;
    let normal = x * pick(subnormal, TWO_54, 1.0);
    let no_exponent = TWO_52 + EXPONENT_BIAS;
    // Moved so that the exponent changes at √½ and not at 1.
    let bits = normal.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS);
    let k = f64::from_bits((bits >> MANTISSA_BITS) | TWO_52_BITS) - no_exponent - pick(subnormal, 54.0, 0.0);
    let f = f64::from_bits((bits & MANTISSA) + SQRT_HALF_BITS) - 1.0;
    (k, f)
}

/// `ln(1 + f)` is `f` less the first number plus the second.
#[inline(always)]
fn log_parts(f: f64) -> (f64, f64) {
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    // Two chains that do not wait for each other.
    let odd = w * (ATANH[1] + w * (ATANH[3] + w * ATANH[5]));
    let even = z * (ATANH[0] + w * (ATANH[2] + w * (ATANH[4] + w * ATANH[6])));
    let half_square = 0.5 * f * f;
    (half_square, s * (half_square + (even + odd)))
}

/// `ln(1 + f)` as a number of few bits and one that is much smaller.
#[inline(always)]
fn log_in_two(f: f64) -> (f64, f64) {
    let (half_square, rest) = log_parts(f);
    let high = f64::from_bits((f - half_square).to_bits() & UPPER_PART);
    (high, (f - high) - half_square + rest)
}

/// The sum, largest number first; what is lost in the first addition is added to the small one.
#[inline(always)]
fn add(large: f64, middle: f64, small: f64) -> f64 {
    let sum = large + middle;
    sum + (small + ((large - sum) + middle))
}

/// `logarithm`, or what there is instead where `x` has none.
#[inline(always)]
fn in_domain(x: f64, logarithm: f64) -> f64 {
    // Infinity and NaN are their own logarithms: only of these is the difference not below any logarithm.
    let beyond = x - f64::MAX;
    let logarithm = if beyond < logarithm { logarithm } else { beyond };
    let logarithm = logarithm - pick(x == 0.0, f64::INFINITY, 0.0);
    // All bits set are a NaN.
    f64::from_bits(logarithm.to_bits() | u64::from(x < 0.0).wrapping_neg())
}
