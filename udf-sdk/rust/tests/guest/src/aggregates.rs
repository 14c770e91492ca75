//! Aggregate functions: one of several types, and two of one name in SQL.

use waterwheel_udf::{Date, State, aggregate};

/// The largest value of a group.
#[derive(Debug, Default, State)]
pub struct Largest<T>(Option<T>);

/// the largest value of a group; numbers that are none fail
#[aggregate(types(T: i64, f64, String))]
impl<T> Largest<T> {
    fn update(&mut self, x: T) -> Result<(), String> {
        if x.partial_cmp(&x).is_none() {
            return Err(format!("{x} is larger than nothing"));
        }
        if self.0.as_ref().is_none_or(|largest| x > *largest) {
            self.0 = Some(x);
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<(), String> {
        other.0.clone().map_or(Ok(()), |x| self.update(x))
    }

    fn finish(&self) -> Option<T> {
        self.0.clone()
    }
}

/// The least and the largest number of a group.
#[derive(Debug, Default, State)]
pub struct WidthOfNumbers(Option<(f64, f64)>);

/// how far apart the values of a group are
#[aggregate(name = "width")]
impl WidthOfNumbers {
    fn update(&mut self, x: f64) {
        let (least, largest) = self.0.unwrap_or((x, x));
        self.0 = Some((least.min(x), largest.max(x)));
    }

    fn merge(&mut self, other: &Self) {
        if let Some((least, largest)) = other.0 {
            self.update(least);
            self.update(largest);
        }
    }

    fn finish(&self) -> Option<f64> {
        self.0.map(|(least, largest)| largest - least)
    }
}

/// The first and the last day of a group.
#[derive(Debug, Default, State)]
pub struct WidthOfDates(Option<(i32, i32)>);

/// how many days apart the days of a group are
#[aggregate(name = "width")]
impl WidthOfDates {
    fn update(&mut self, day: Date) {
        let day = day.days();
        let (first, last) = self.0.unwrap_or((day, day));
        self.0 = Some((first.min(day), last.max(day)));
    }

    fn merge(&mut self, other: &Self) {
        if let Some((first, last)) = other.0 {
            self.0 = self.0.map_or(other.0, |own| Some((own.0.min(first), own.1.max(last))));
        }
    }

    fn finish(&self) -> Option<i32> {
        self.0.map(|(first, last)| last - first)
    }
}
