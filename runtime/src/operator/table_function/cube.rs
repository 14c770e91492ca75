//! CUBE_EXPLODE: all combinations of an array's elements with NULL, as GROUP BY CUBE groups.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef, ListArray, UInt32Array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::scalar::ScalarValue;

use super::explode::one_array;
use super::{TableFunction, TableInstance};
use crate::operator::{Error, RowErrorPolicy, RowErrors};
use crate::types::limits::CUBE_ELEMENTS_MAX;

/// `CUBE_EXPLODE(array)`: for each way to replace elements by NULL one array, from all NULL to the array itself; the last element
/// changes fastest. An element that is NULL stays so and doubles nothing (ksqlDB: `Cube`).
#[derive(Debug, Clone, Copy)]
pub struct CubeExplode;

impl TableFunction for CubeExplode {
    fn name(&self) -> &'static str {
        "cube_explode"
    }

    fn coerce(&self, args: &[DataType]) -> Result<Vec<DataType>, String> {
        Ok(vec![DataType::List(nullable(&one_array("CUBE_EXPLODE", args)?))])
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType, String> {
        Ok(DataType::List(nullable(&one_array("CUBE_EXPLODE", args)?)))
    }

    fn instance(
        &self,
        _args: &[DataType],
        _constants: &[Option<ScalarValue>],
    ) -> Result<Box<dyn TableInstance>, Error> {
        Ok(Box::new(*self))
    }
}

/// Elements become NULL whatever the argument's could be.
fn nullable(element: &FieldRef) -> FieldRef {
    Arc::new(Field::new(element.name(), element.data_type().clone(), true))
}

impl TableInstance for CubeExplode {
    fn lists(&mut self, args: &[ArrayRef], num_rows: usize, errors: &RowErrors) -> Result<ListArray, Error> {
        let arrays = args[0].as_list::<i32>();
        let mut combinations = Combinations::default();
        let mut failures = Vec::new();
        for row in 0..num_rows {
            if arrays.is_null(row) {
                combinations.end_row(false);
                continue;
            }
            let offsets = arrays.value_offsets();
            let position = |offset: i32| usize::try_from(offset).expect("arrow's offsets are not negative");
            let elements = position(offsets[row])..position(offsets[row + 1]);
            if elements.len() > CUBE_ELEMENTS_MAX {
                failures.push(Error::Expression {
                    expression: "CUBE_EXPLODE".into(),
                    reason: format!(
                        "the array has {} elements, at most {CUBE_ELEMENTS_MAX} can be combined",
                        elements.len()
                    ),
                });
                combinations.end_row(false);
                continue;
            }
            combinations.add(elements, arrays.values());
            combinations.end_row(true);
        }
        if errors.policy == RowErrorPolicy::Fail
            && let Some(first) = failures.drain(..).next()
        {
            return Err(first);
        }
        errors.report(&failures);
        combinations.finish(arrays)
    }
}

/// The arrays made so far, as positions of elements in the argument's values.
#[derive(Default)]
struct Combinations {
    elements: Vec<Option<u32>>,
    /// Length of each array.
    lengths: Vec<usize>,
    /// Number of arrays of each row.
    counts: Vec<usize>,
    given: usize,
    valid: Vec<bool>,
}

impl Combinations {
    fn add(&mut self, elements: std::ops::Range<usize>, values: &ArrayRef) {
        let length = elements.len();
        // Bit i stands for the i-th element from the end.
        let bits = elements
            .clone()
            .rev()
            .enumerate()
            .filter(|(_, element)| values.is_valid(*element))
            .fold(0_u32, |bits, (bit, _)| bits | 1 << bit);
        for mask in (0..1_u32 << length).filter(|mask| mask & !bits == 0) {
            for (at, element) in elements.clone().enumerate() {
                let kept = mask & 1 << (length - 1 - at) != 0;
                self.elements
                    .push(kept.then(|| u32::try_from(element).expect("an arrow list has fewer than 2^31 values")));
            }
            self.lengths.push(length);
        }
    }

    fn end_row(&mut self, valid: bool) {
        self.counts.push(self.lengths.len() - self.given);
        self.given = self.lengths.len();
        self.valid.push(valid);
    }

    fn finish(self, arrays: &ListArray) -> Result<ListArray, Error> {
        let DataType::List(element) = arrays.data_type() else {
            return Err(Error::Arrow(datafusion::arrow::error::ArrowError::SchemaError(
                "CUBE_EXPLODE got no array".into(),
            )));
        };
        let values = take(arrays.values(), &UInt32Array::from(self.elements), None)?;
        let element = nullable(element);
        let inner = ListArray::try_new(
            Arc::clone(&element),
            OffsetBuffer::from_lengths(self.lengths),
            values,
            None,
        )?;
        let field = Arc::new(Field::new_list_field(inner.data_type().clone(), true));
        let nulls = NullBuffer::from(self.valid);
        Ok(ListArray::try_new(
            field,
            OffsetBuffer::from_lengths(self.counts),
            Arc::new(inner),
            Some(nulls),
        )?)
    }
}
