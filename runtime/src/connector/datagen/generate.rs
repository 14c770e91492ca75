//! The kinds of columns whose value depends on nothing but the row number.

use std::fmt::{Debug, Write};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, StringArray, StringBuilder, UInt32Array,
};
use datafusion::arrow::compute::{nullif, take};

use super::super::draws::{Draws, below, unit};
use super::values::{ticks_array, wrap_tick};
use crate::types::schema::SqlType;

/// A column whose value in a row depends on the row number alone.
pub(super) trait Generate: Send + Sync + Debug {
    /// The values of `rows`, which may be any row numbers.
    fn generate(&self, rows: &[i64]) -> ArrayRef;

    /// About how many bytes a value takes.
    fn bytes_per_row(&self) -> usize {
        8
    }

    /// This as a choice among a fixed few values, null none of them, where it is one.
    fn as_choice(&self) -> Option<&Choice> {
        None
    }

    /// True when the column may be null.
    fn may_be_null(&self) -> bool {
        false
    }
}

/// Even ticks from `min` to `max`.
#[derive(Debug)]
pub(super) struct RandomTicks {
    pub(super) sql_type: SqlType,
    pub(super) draws: Draws,
    pub(super) min: i64,
    pub(super) max: i64,
}

impl Generate for RandomTicks {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        // 0 stands for 2^64, the one count that does not fit.
        let count = self.max.wrapping_sub(self.min).cast_unsigned().wrapping_add(1);
        let ticks = rows
            .iter()
            .map(|row| self.min.wrapping_add(below(self.draws.at(*row), count).cast_signed()));
        ticks_array(&self.sql_type, ticks.collect())
    }
}

/// Even DOUBLEs from `min` to `max`.
#[derive(Debug)]
pub(super) struct RandomDouble {
    pub(super) draws: Draws,
    pub(super) min: f64,
    pub(super) max: f64,
    /// 10 to the power of the wanted decimal digits.
    pub(super) rounding: Option<f64>,
}

impl Generate for RandomDouble {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let values = rows.iter().map(|row| {
            let share = unit(self.draws.at(*row));
            // Weighed rather than scaled: the span of two doubles may be infinite.
            round(self.min * (1.0 - share) + self.max * share, self.rounding)
        });
        Arc::new(Float64Array::from_iter_values(values))
    }
}

/// `value` to the decimal digits of which `rounding` is the power of ten.
#[inline]
pub(super) fn round(value: f64, rounding: Option<f64>) -> f64 {
    match rounding {
        Some(power) => (value * power).round() / power,
        None => value,
    }
}

/// True and false, half and half.
#[derive(Debug)]
pub(super) struct RandomBoolean {
    pub(super) draws: Draws,
}

impl Generate for RandomBoolean {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let values = rows.iter().map(|row| Some(self.draws.at(*row) >> 63 == 1));
        Arc::new(values.collect::<BooleanArray>())
    }
}

/// `start`, `start + step`, ... by row number; at the end of its range a type starts over.
#[derive(Debug)]
pub(super) struct TickSequence {
    pub(super) sql_type: SqlType,
    pub(super) start: i64,
    pub(super) step: i64,
}

impl Generate for TickSequence {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let ticks = rows.iter().map(|row| {
            wrap_tick(
                &self.sql_type,
                i128::from(self.start) + i128::from(*row) * i128::from(self.step),
            )
        });
        ticks_array(&self.sql_type, ticks.collect())
    }
}

/// The same of DOUBLEs.
#[derive(Debug)]
pub(super) struct DoubleSequence {
    pub(super) start: f64,
    pub(super) step: f64,
}

impl Generate for DoubleSequence {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let values = rows.iter().map(|row| self.start + *row as f64 * self.step);
        Arc::new(Float64Array::from_iter_values(values))
    }
}

/// The same as texts, with something before the number.
#[derive(Debug)]
pub(super) struct TextSequence {
    pub(super) prefix: String,
    pub(super) start: i64,
    pub(super) step: i64,
}

impl Generate for TextSequence {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let mut texts = StringBuilder::with_capacity(rows.len(), rows.len() * self.bytes_per_row());
        for row in rows {
            let number = i128::from(self.start) + i128::from(*row) * i128::from(self.step);
            write!(texts, "{}{number}", self.prefix).expect("writing to memory cannot fail");
            texts.append_value("");
        }
        Arc::new(texts.finish())
    }

    fn bytes_per_row(&self) -> usize {
        self.prefix.len() + 12
    }
}

/// One of a few values, each with its chance.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) draws: Draws,
    pub(super) values: ArrayRef,
    /// For each value the draw below which it or one before it is taken; empty where all have the same chance.
    pub(super) thresholds: Vec<u64>,
}

impl Choice {
    /// The position of the value that `row` has.
    #[inline]
    pub(super) fn pick(&self, row: i64) -> u32 {
        let draw = self.draws.at(row);
        let count = self.values.len() as u64;
        let picked = if self.thresholds.is_empty() {
            below(draw, count)
        } else {
            let behind = self.thresholds.partition_point(|threshold| *threshold <= draw) as u64;
            behind.min(count - 1)
        };
        u32::try_from(picked).expect("fewer values than fit in a statement")
    }
}

impl Generate for Choice {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let picks = UInt32Array::from_iter_values(rows.iter().map(|row| self.pick(*row)));
        take(&self.values, &picks, None).expect("every pick is a position of a value")
    }

    fn bytes_per_row(&self) -> usize {
        self.values.get_array_memory_size() / self.values.len() + 4
    }

    fn as_choice(&self) -> Option<&Choice> {
        Some(self)
    }
}

/// Lower-case letters.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) draws: Draws,
    pub(super) length: usize,
    pub(super) as_bytes: bool,
}

impl Generate for Text {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let mut letters = Vec::with_capacity(rows.len() * self.length);
        for row in rows {
            let end = letters.len() + self.length;
            for draw in self.draws.more(*row) {
                let wanted = (end - letters.len()).min(8);
                letters.extend(draw.to_le_bytes()[..wanted].iter().map(|byte| b'a' + letter(*byte)));
                if letters.len() == end {
                    break;
                }
            }
        }
        if self.as_bytes {
            let values = (0..rows.len()).map(|row| &letters[row * self.length..(row + 1) * self.length]);
            return Arc::new(BinaryArray::from_iter_values(values));
        }
        let letters = String::from_utf8(letters).expect("letters are UTF-8");
        let values = (0..rows.len()).map(|row| &letters[row * self.length..(row + 1) * self.length]);
        Arc::new(StringArray::from_iter_values(values))
    }

    fn bytes_per_row(&self) -> usize {
        self.length + 4
    }
}

/// One of 26 out of one of 256.
fn letter(byte: u8) -> u8 {
    ((u16::from(byte) * 26) >> 8) as u8
}

/// Random UUIDs, version 4.
#[derive(Debug)]
pub(super) struct Uuid {
    pub(super) draws: Draws,
}

impl Generate for Uuid {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let mut texts = StringBuilder::with_capacity(rows.len(), rows.len() * 36);
        for row in rows {
            let mut draws = self.draws.more(*row);
            let mut draw = || draws.next().unwrap_or_default();
            // Version and variant bits as RFC 9562 sets them.
            let high = draw() & !0xf000 | 0x4000;
            let low = draw() & !(0b11 << 62) | (0b10 << 62);
            let written = write!(
                texts,
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                high >> 32,
                (high >> 16) & 0xffff,
                high & 0xffff,
                low >> 48,
                low & 0xffff_ffff_ffff
            );
            written.expect("writing to memory cannot fail");
            texts.append_value("");
        }
        Arc::new(texts.finish())
    }

    fn bytes_per_row(&self) -> usize {
        40
    }
}

/// Event times: a steady step by row number and, on top, up to `jitter_ms` that puts rows out of order.
#[derive(Debug)]
pub(super) struct EventTime {
    pub(super) sql_type: SqlType,
    pub(super) draws: Draws,
    pub(super) start_ms: i64,
    pub(super) step_us: i64,
    pub(super) jitter_ms: u64,
}

impl Generate for EventTime {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        let ticks = rows.iter().map(|row| {
            let steady = i128::from(*row) * i128::from(self.step_us) / 1_000;
            let steady = i64::try_from(steady).unwrap_or(i64::MAX);
            let jitter = if self.jitter_ms == 0 {
                0
            } else {
                below(self.draws.at(*row), self.jitter_ms + 1).cast_signed()
            };
            self.start_ms.saturating_add(steady).saturating_add(jitter)
        });
        ticks_array(&self.sql_type, ticks.collect())
    }
}

/// Any column with nulls in it.
#[derive(Debug)]
pub(super) struct WithNulls {
    pub(super) inner: Box<dyn Generate>,
    pub(super) nulls: Nulls,
}

impl Generate for WithNulls {
    fn generate(&self, rows: &[i64]) -> ArrayRef {
        self.nulls.put(&self.inner.generate(rows), rows)
    }

    fn bytes_per_row(&self) -> usize {
        self.inner.bytes_per_row()
    }

    fn may_be_null(&self) -> bool {
        true
    }
}

/// Which rows are null.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nulls {
    pub(super) draws: Draws,
    /// Draws below this are nulls.
    pub(super) threshold: u64,
}

impl Nulls {
    /// `values` of `rows` with nulls.
    pub(super) fn put(self, values: &ArrayRef, rows: &[i64]) -> ArrayRef {
        let nulls: BooleanArray = rows
            .iter()
            .map(|row| Some(self.threshold == u64::MAX || self.draws.at(*row) < self.threshold))
            .collect();
        nullif(values, &nulls).expect("both have one value a row")
    }
}
