//! Levels of a column made from any bytes, for [`fuzz`](crate::udf::wasm::fuzz): what a component might give.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;

use super::columns::to_array;
use super::types::{Level, Values};

/// Bytes as numbers; after their end come zeros.
struct Draws<'a>(&'a [u8]);

impl Draws<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    /// Seldom large.
    fn number(&mut self) -> u64 {
        match self.byte() {
            255 => (0..8).fold(0, |number, _| number << 8 | u64::from(self.byte())),
            small => u64::from(small),
        }
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.byte()).map(|_| one(self)).collect()
    }
}

/// The column that a component gives with these levels, if it is one.
pub(in crate::udf::wasm) fn read_levels(bytes: &[u8], data_type: &DataType, rows: usize) -> Option<ArrayRef> {
    let mut draws = Draws(bytes);
    let mut levels = Vec::new();
    while !draws.0.is_empty() {
        let kind = draws.byte();
        let nulls = if draws.byte() & 1 == 1 {
            draws.list(|draws| draws.byte() & 1 == 1)
        } else {
            Vec::new()
        };
        let values = match kind % 10 {
            0 => Values::Booleans(draws.list(|draws| draws.byte() & 1 == 1)),
            1 => Values::Integers(draws.list(|draws| draws.number() as i32)),
            2 => Values::Bigints(draws.list(|draws| draws.number() as i64)),
            3 => Values::Doubles(draws.list(|draws| f64::from_bits(draws.number()))),
            4 => Values::Decimals(draws.list(|draws| (draws.number(), -i64::from(draws.byte() & 1)))),
            5 => Values::Strings(draws.list(|draws| char::from(draws.byte()).to_string())),
            6 => Values::Bytes(draws.list(|draws| vec![draws.byte()])),
            7 => Values::Arrays(draws.list(|draws| draws.number() as u32)),
            8 => Values::Maps(draws.list(|draws| draws.number() as u32)),
            _ => Values::Structs,
        };
        levels.push(Level { nulls, values });
    }
    to_array(levels, data_type, rows).ok()
}
