//! `running_median`, `running_quantile`, `quantile`: by a sketch of logarithmic buckets (DDSketch: Masson, Rim, Lee, 2019).
//!
//! Results are within 1 % of a value that has the rank; a key keeps at most [`BUCKETS_MAX`] buckets per sign.

use std::collections::BTreeMap;

use waterwheel_udf::math::{exp, ln};
use waterwheel_udf::{State, aggregate, stream};

/// Relative error of a quantile.
const ERROR: f64 = 0.01;
/// Buckets per sign. When there are more, those nearest to zero are put together.
const BUCKETS_MAX: usize = 512;
/// Nearer to zero than this is zero.
const SMALLEST: f64 = 1e-300;

/// The values of one key, counted in buckets.
#[derive(Debug, Clone, Default, State)]
pub struct Sketch {
    quantile: f64,
    negative: BTreeMap<i32, u64>,
    zeros: u64,
    positive: BTreeMap<i32, u64>,
}

/// How much larger each bucket is than the one before, as a logarithm.
fn width() -> f64 {
    ln((1.0 + ERROR) / (1.0 - ERROR))
}

fn bucket(x: f64) -> i32 {
    (ln(x) / width()).ceil() as i32
}

/// The value in the middle of a bucket.
fn value(bucket: i32) -> f64 {
    exp(f64::from(bucket) * width()) * (1.0 - ERROR)
}

fn add(buckets: &mut BTreeMap<i32, u64>, x: f64) {
    *buckets.entry(bucket(x)).or_default() += 1;
    shrink(buckets);
}

fn merge(into: &mut BTreeMap<i32, u64>, from: &BTreeMap<i32, u64>) {
    for (at, count) in from {
        *into.entry(*at).or_default() += count;
    }
    shrink(into);
}

fn shrink(buckets: &mut BTreeMap<i32, u64>) {
    while buckets.len() > BUCKETS_MAX
        && let Some((_, count)) = buckets.pop_first()
        && let Some(mut next) = buckets.first_entry()
    {
        *next.get_mut() += count;
    }
}

impl Sketch {
    fn new(quantile: f64) -> Result<Sketch, String> {
        if !(0.0..=1.0).contains(&quantile) {
            return Err(format!("quantile is {quantile}: it must be 0 to 1"));
        }
        Ok(Sketch {
            quantile,
            ..Sketch::default()
        })
    }

    fn add(&mut self, x: f64) -> Result<(), String> {
        if !x.is_finite() {
            return Err(format!("{x} has no place among the values"));
        }
        if x.abs() < SMALLEST {
            self.zeros += 1;
        } else if x > 0.0 {
            add(&mut self.positive, x);
        } else {
            add(&mut self.negative, -x);
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.negative.is_empty() && self.zeros == 0 && self.positive.is_empty()
    }

    fn at(&self, quantile: f64) -> f64 {
        let total = self.negative.values().sum::<u64>() + self.zeros + self.positive.values().sum::<u64>();
        let rank = (quantile * (total.saturating_sub(1)) as f64).floor() as u64;
        let negative = self.negative.iter().rev().map(|(at, count)| (-value(*at), *count));
        let positive = self.positive.iter().map(|(at, count)| (value(*at), *count));
        let mut before = 0;
        let mut last = 0.0;
        for (x, count) in negative.chain([(0.0, self.zeros)]).chain(positive) {
            if count == 0 {
                continue;
            }
            before += count;
            last = x;
            if before > rank {
                break;
            }
        }
        last
    }
}

/// the value below which the part `quantile` of the values lies, within 1 %
#[aggregate(name = "quantile", start = Sketch::new)]
impl Sketch {
    fn update(
        &mut self,
        x: f64,
        #[constant]
        #[default(0.5)]
        _quantile: f64,
    ) -> Result<(), String> {
        self.add(x)
    }

    fn merge(&mut self, other: &Self) {
        merge(&mut self.negative, &other.negative);
        merge(&mut self.positive, &other.positive);
        self.zeros += other.zeros;
    }

    fn finish(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.at(self.quantile))
    }
}

/// the value below which the part `quantile` of the key's values so far lies, within 1 %
#[stream(start = Sketch::new)]
pub fn running_quantile(sketch: &mut Sketch, x: f64, #[constant] quantile: f64) -> Result<f64, String> {
    sketch.add(x)?;
    Ok(sketch.at(quantile))
}

/// the median of the key's values so far, within 1 %
#[stream]
pub fn running_median(sketch: &mut Sketch, x: f64) -> Result<f64, String> {
    sketch.add(x)?;
    Ok(sketch.at(0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_within_its_error_of_the_true_value() {
        for quantile in [0.0, 0.1, 0.5, 0.9, 0.99, 1.0] {
            let mut sketch = Sketch::new(quantile).unwrap();
            let mut values: Vec<f64> = (0..2_000).map(|i| f64::from(i * 7_919 % 4_001 - 2_000)).collect();
            let mut got = 0.0;
            for x in &values {
                got = running_quantile(&mut sketch, *x, quantile).unwrap();
            }
            values.sort_unstable_by(f64::total_cmp);
            let exact = values[(quantile * 1_999.0).floor() as usize];
            assert!(
                (got - exact).abs() <= exact.abs() * 1.01 * ERROR,
                "{quantile}: {got}, not {exact}"
            );
        }
    }

    #[test]
    fn two_halves_merged_are_the_whole() {
        let mut halves = [Sketch::new(0.5).unwrap(), Sketch::new(0.5).unwrap()];
        let mut whole = Sketch::new(0.5).unwrap();
        assert_eq!(whole.finish(), None);
        for i in -500_i32..1_000 {
            whole.update(f64::from(i), 0.5).unwrap();
            halves[i.rem_euclid(2) as usize].update(f64::from(i), 0.5).unwrap();
        }
        let [mut half, other] = halves;
        half.merge(&other);
        assert_eq!(half.finish(), whole.finish());
    }

    #[test]
    fn keeps_only_so_many_buckets() {
        let mut sketch = Sketch::default();
        for i in -300..300 {
            running_median(&mut sketch, 10f64.powi(i)).unwrap();
        }
        assert!(sketch.positive.len() <= BUCKETS_MAX);
        assert_eq!(sketch.positive.values().sum::<u64>() + sketch.zeros, 600);
    }

    #[test]
    fn refuses_what_has_no_rank() {
        let mut sketch = Sketch::default();
        assert!(running_median(&mut sketch, f64::NAN).is_err());
        assert!(running_median(&mut sketch, f64::INFINITY).is_err());
        assert_eq!(running_median(&mut sketch, 0.0), Ok(0.0));
        assert!(Sketch::new(1.5).is_err());
    }
}
