//! `random_walk`: a number that wanders from row to row, as prices do. With `per` there is one walk for each distinct
//! value of another column.
//!
//! This is the one kind that must see every row of its walk in order; the reader cares for that.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::row::{RowConverter, SortField};
use hashbrown::HashMap;

use super::super::draws::{Draws, bell, unit};
use super::generate::{Nulls, round};
use super::values::ticks_array;
use crate::types::schema::SqlType;

/// How one row differs from the one before.
#[derive(Debug, Clone, Copy)]
pub(super) enum Move {
    /// Up to so much up or down, evenly.
    Step(f64),
    /// This deviation as a share of the value, in the shape of a bell.
    Volatility(f64),
}

/// What a walk is like.
#[derive(Debug, Clone)]
pub(super) struct WalkSettings {
    pub(super) sql_type: SqlType,
    pub(super) draws: Draws,
    pub(super) start: f64,
    pub(super) each: Move,
    pub(super) min: f64,
    pub(super) max: f64,
    /// 10 to the power of the wanted decimal digits.
    pub(super) rounding: Option<f64>,
    /// Position of the column whose values have a walk each.
    pub(super) per: Option<usize>,
    pub(super) nulls: Option<Nulls>,
}

/// One walk, or one for each value of `per`, on its way.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) settings: Arc<WalkSettings>,
    /// Where the only walk is; none before its first row.
    single: Option<f64>,
    by_value: HashMap<Box<[u8]>, f64, foldhash::fast::FixedState>,
    converter: Option<RowConverter>,
}

impl Walk {
    pub(super) fn new(settings: Arc<WalkSettings>) -> Self {
        Self {
            settings,
            single: None,
            by_value: HashMap::default(),
            converter: None,
        }
    }

    /// The values of `rows`, which must follow on those of the last call; `per` has their values of that column.
    pub(super) fn generate(&mut self, rows: &[i64], per: Option<&ArrayRef>) -> ArrayRef {
        let settings = Arc::clone(&self.settings);
        let values: Vec<f64> = match per {
            None => rows
                .iter()
                .map(|row| *self.single.insert(settings.next(self.single, *row)))
                .collect(),
            Some(per) => self.generate_per(&settings, rows, per),
        };
        let array = settings.to_array(&values);
        match settings.nulls {
            Some(nulls) => nulls.put(&array, rows),
            None => array,
        }
    }

    fn generate_per(&mut self, settings: &WalkSettings, rows: &[i64], per: &ArrayRef) -> Vec<f64> {
        let converter = self.converter.get_or_insert_with(|| {
            RowConverter::new(vec![SortField::new(per.data_type().clone())])
                .expect("every type of a column has a row form; this was tried at opening")
        });
        let keys = converter
            .convert_columns(std::slice::from_ref(per))
            .expect("the column has the type of the converter");
        keys.iter()
            .zip(rows)
            .map(|(key, row)| {
                if let Some(value) = self.by_value.get_mut(key.data()) {
                    *value = settings.next(Some(*value), *row);
                    return *value;
                }
                let value = settings.next(None, *row);
                self.by_value.insert(key.data().into(), value);
                value
            })
            .collect()
    }
}

impl WalkSettings {
    /// Where a walk that was at `before` is in `row`; it begins at its start.
    #[inline]
    fn next(&self, before: Option<f64>, row: i64) -> f64 {
        let Some(before) = before else { return self.start };
        let draw = self.draws.at(row);
        let after = match self.each {
            Move::Step(step) => before + step * (2.0 * unit(draw) - 1.0),
            Move::Volatility(share) => before * (1.0 + share * bell(draw)),
        };
        after.clamp(self.min, self.max)
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the walk is clamped to the range of its type, and the cast saturates"
    )]
    fn to_array(&self, values: &[f64]) -> ArrayRef {
        let scale = match self.sql_type {
            SqlType::Decimal(_, scale) => 10_f64.powi(i32::from(scale)),
            SqlType::Integer | SqlType::Bigint => 1.0,
            _ => {
                let values = values.iter().map(|value| round(*value, self.rounding));
                return Arc::new(Float64Array::from_iter_values(values));
            }
        };
        let (min, max) = super::values::tick_range(&self.sql_type);
        let ticks = values
            .iter()
            .map(|value| ((value * scale).round() as i64).clamp(min, max));
        ticks_array(&self.sql_type, ticks.collect())
    }
}
