//! Random numbers by row number: the draw of row 1,000,000 costs no more than that of row 0, and none depends on what
//! was drawn before. So batches, partitions and restarts change nothing.
//!
//! The numbers are those of `splitmix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014),
//! whose state after any number of steps is one multiplication away. Not for secrets.

/// The step of the generator: the golden ratio in 64 bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of the generator.
#[inline]
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// The draws of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draws {
    base: u64,
}

impl Draws {
    /// The draws that belong to `name` under `seed`; other names are independent.
    pub(super) fn new(seed: u64, name: &str) -> Self {
        let base = name.bytes().fold(mix(seed.wrapping_add(STEP)), |hash, byte| {
            mix(hash ^ u64::from(byte)).wrapping_add(STEP)
        });
        Self { base }
    }

    /// The draw of `row`.
    #[inline]
    pub(super) fn at(self, row: i64) -> u64 {
        mix(self.base.wrapping_add(row.cast_unsigned().wrapping_mul(STEP)))
    }

    /// Further draws of `row`, as many as wanted.
    pub(super) fn more(self, row: i64) -> impl Iterator<Item = u64> {
        let base = self.at(row);
        (1_u64..).map(move |number| mix(base.wrapping_add(number.wrapping_mul(STEP))))
    }
}

/// A number in `0..count` out of `draw`; `count` 0 stands for 2^64.
#[inline]
pub(super) fn below(draw: u64, count: u64) -> u64 {
    if count == 0 {
        draw
    } else {
        ((u128::from(draw) * u128::from(count)) >> 64) as u64
    }
}

/// A number in `0.0..1.0` out of `draw`.
#[inline]
pub(super) fn unit(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1_u64 << 53) as f64
}

/// A number of mean 0 and deviation 1 out of `draw`, in the shape of a bell and between -3.5 and 3.5: the sum of four
/// even numbers, so that no function of the machine's maths library decides on the result.
#[inline]
pub(super) fn bell(draw: u64) -> f64 {
    let parts = (0..4).map(|part| (draw >> (16 * part)) & 0xffff).sum::<u64>();
    // Four numbers of 0..65536 have the mean 131,070 and the deviation 65,536 / sqrt(3).
    (parts as f64 - 131_070.0) / 37_837.227_215_6
}

/// Below which draw something of this chance happens.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, so 1.0 becomes the largest number"
)]
pub(super) fn threshold(chance: f64) -> u64 {
    (chance * 18_446_744_073_709_551_616.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_independent_of_each_other() {
        let (a, b) = (Draws::new(7, "A"), Draws::new(7, "B"));
        assert_ne!(a, b);
        assert_ne!(a, Draws::new(8, "A"));
        let rows = 100_000_i64;
        let mean = |draws: Draws| (0..rows).map(|row| unit(draws.at(row))).sum::<f64>() / rows as f64;
        assert!((mean(a) - 0.5).abs() < 0.01);
        let product = (0..rows)
            .map(|row| (unit(a.at(row)) - 0.5) * (unit(b.at(row)) - 0.5))
            .sum::<f64>();
        assert!((product / rows as f64).abs() < 0.002, "no correlation");
        for number in 0..10 {
            let count = (0..rows).filter(|row| below(a.at(*row), 10) == number).count();
            assert!((9_500..10_500).contains(&count), "{number}: {count}");
        }
    }

    #[test]
    fn bells_have_mean_0_and_deviation_1() {
        let draws = Draws::new(1, "X");
        let values: Vec<f64> = (0..100_000).map(|row| bell(draws.at(row))).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|value| value * value).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
        assert!(values.iter().all(|value| value.abs() < 3.5));
    }

    #[test]
    fn thresholds_cover_the_ends() {
        assert_eq!(threshold(0.0), 0);
        assert_eq!(threshold(1.0), u64::MAX);
        assert_eq!(below(u64::MAX, 3), 2);
        assert_eq!(below(u64::MAX, 0), u64::MAX);
    }
}
