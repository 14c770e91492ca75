//! The elements of an array column, or the entries of a map column, row by row.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ValueOrLambda};

use crate::function::java_hash::java_map_order;
use crate::function::udf::canonical;

/// Elements of every row, laid out one row after the other.
#[derive(Debug)]
pub(super) struct Collection {
    /// One column of elements, or keys and values.
    pub(super) columns: Vec<ArrayRef>,
    /// Positions of a row's elements in the columns; `None` where the row is NULL.
    pub(super) rows: Vec<Option<Vec<u32>>>,
}

impl Collection {
    pub(super) fn of<L>(argument: &ValueOrLambda<ColumnarValue, L>, number_rows: usize) -> Result<Self> {
        let ValueOrLambda::Value(value) = argument else {
            return exec_err!("the first argument is an array or a map");
        };
        let array = value.to_array(number_rows)?;
        let array = datafusion::arrow::compute::cast(&array, &canonical(array.data_type()))?;
        let to_position = |offset: i32| u32::try_from(offset).expect("offsets are not negative");
        match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                let offsets = list.value_offsets();
                Ok(Self {
                    columns: vec![Arc::clone(list.values())],
                    rows: (0..list.len())
                        .map(|row| {
                            let range = to_position(offsets[row])..to_position(offsets[row + 1]);
                            list.is_valid(row).then(|| range.collect())
                        })
                        .collect(),
                })
            }
            DataType::Map(..) => {
                let map = array.as_map();
                let offsets = map.value_offsets();
                let ordered = |row: usize| {
                    let (start, end) = (to_position(offsets[row]), to_position(offsets[row + 1]));
                    let keys = map.keys().slice(start as usize, (end - start) as usize);
                    java_map_order(&keys)
                        .into_iter()
                        .map(|at| start + position(at))
                        .collect()
                };
                Ok(Self {
                    columns: vec![Arc::clone(map.keys()), Arc::clone(map.values())],
                    rows: (0..map.len())
                        .map(|row| map.is_valid(row).then(|| ordered(row)))
                        .collect(),
                })
            }
            other => exec_err!("{other} is neither an array nor a map"),
        }
    }

    /// The elements of `rows`, and of each the row that it belongs to.
    pub(super) fn elements(&self, rows: impl IntoIterator<Item = usize>) -> Elements {
        let mut elements = Elements::default();
        for row in rows {
            for at in self.rows[row].iter().flatten() {
                elements.positions.push(*at);
                elements.rows.push(position(row));
            }
        }
        elements
    }

    /// The columns at some elements.
    pub(super) fn take(&self, positions: &[u32]) -> Result<Vec<ArrayRef>> {
        let positions = UInt32Array::from(positions.to_vec());
        (self.columns.iter())
            .map(|column| Ok(take(column, &positions, None)?))
            .collect()
    }
}

/// Some elements: where they stand and which rows they belong to.
#[derive(Debug, Default, Clone)]
pub(super) struct Elements {
    pub(super) positions: Vec<u32>,
    pub(super) rows: Vec<u32>,
}

/// A position in a batch.
pub(super) fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a batch has fewer rows and elements than 4 billion")
}
