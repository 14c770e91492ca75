//! The rows of one call by the engine, and how they become calls into the guest: nulls taken out where the function wants
//! none, large batches cut, results put together again.

use std::borrow::Cow;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array, new_empty_array, new_null_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{FilterBuilder, cast, concat, take};
use datafusion::arrow::datatypes::DataType;

use super::fault::Fault;
use crate::types::limits::PLUGIN_ROWS_PER_CALL_MAX;
use crate::types::schema::SqlType;
use crate::udf::limits::bytes_text;
use crate::udf::{FunctionInfo, Outcome};

/// Arguments of some rows.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    /// One slot per row, of a stream function; empty else.
    pub(super) slots: &'a [u32],
    /// The arguments, each of the declared type.
    pub(super) args: &'a [ArrayRef],
    /// Which arguments are one value that stands for all rows.
    pub(super) constant: &'a [bool],
    /// Number of rows.
    pub(super) rows: usize,
    /// Bytes that all results of the batch together may have.
    pub(super) result_bytes_max: usize,
}

/// The arguments when they are what `info` declares, cast where only details of their Arrow types differ.
pub(super) fn check<'a>(
    info: &FunctionInfo,
    args: &'a [ArrayRef],
    constant: &[bool],
    rows: usize,
) -> Result<Cow<'a, [ArrayRef]>, Fault> {
    let declared = &info.args;
    if args.len() != declared.len() || constant.len() != args.len() {
        return Err(Fault::Arguments(format!(
            "{} arguments, it takes {}",
            args.len(),
            declared.len()
        )));
    }
    let mut exact = true;
    for ((array, is_constant), (name, data_type)) in args.iter().zip(constant).zip(declared) {
        // The array itself: what the pointer to it passes on costs a call more for each question.
        let array = array.as_ref();
        let length = if *is_constant { 1 } else { rows };
        if array.len() != length {
            return Err(Fault::Arguments(format!(
                "argument {name} has {} rows where {length} are due",
                array.len()
            )));
        }
        exact &= array.data_type() == data_type;
    }
    if exact {
        return Ok(Cow::Borrowed(args));
    }
    args.iter()
        .zip(declared)
        .map(|(array, (name, data_type))| to_declared(array, name, data_type))
        .collect::<Result<Vec<_>, _>>()
        .map(Cow::Owned)
}

/// `array` as exactly `data_type`, where both are the same SQL type.
pub(super) fn to_declared(array: &ArrayRef, name: &str, data_type: &DataType) -> Result<ArrayRef, Fault> {
    if array.data_type() == data_type {
        return Ok(ArrayRef::clone(array));
    }
    if SqlType::from_arrow(array.data_type()) != SqlType::from_arrow(data_type) {
        return Err(Fault::Arguments(format!(
            "argument {name} is {}, it takes {data_type}",
            array.data_type()
        )));
    }
    cast(array, data_type).map_err(|e| Fault::Arguments(format!("argument {name}: {e}")))
}

impl Batch<'_> {
    /// Gives the rows to `call` in pieces that fit. With `strict`, rows with a null argument are null in the result and
    /// not given to `call`.
    #[inline]
    pub(super) fn run(
        &self,
        strict: bool,
        returns: &DataType,
        call: &mut dyn FnMut(&Batch<'_>) -> Result<Outcome, Fault>,
    ) -> Result<Outcome, Fault> {
        if self.rows == 0 {
            return Ok(new_empty_array(returns).into());
        }
        if strict && self.args.iter().any(|array| array.as_ref().null_count() > 0) {
            return self.run_valid(returns, call);
        }
        self.run_pieces(call)
    }

    /// Runs the rows without nulls.
    fn run_valid(
        &self,
        returns: &DataType,
        call: &mut dyn FnMut(&Batch<'_>) -> Result<Outcome, Fault>,
    ) -> Result<Outcome, Fault> {
        let nulls = self
            .args
            .iter()
            .zip(self.constant)
            .filter(|(_, is_constant)| !**is_constant)
            .fold(None, |nulls, (array, _)| {
                NullBuffer::union(nulls.as_ref(), array.nulls())
            });
        let constant_null = self
            .args
            .iter()
            .zip(self.constant)
            .any(|(array, c)| *c && array.null_count() > 0);
        let nulls = match nulls {
            Some(nulls) if !constant_null && nulls.null_count() < self.rows => nulls,
            _ => return Ok(new_null_array(returns, self.rows).into()),
        };
        let mask = BooleanArray::new(nulls.inner().clone(), None);
        let filter = FilterBuilder::new(&mask).optimize().build();
        let args = self
            .args
            .iter()
            .zip(self.constant)
            .map(|(array, is_constant)| {
                if *is_constant {
                    Ok(ArrayRef::clone(array))
                } else {
                    filter.filter(array)
                }
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| Fault::Arguments(e.to_string()))?;
        let kept: Vec<u32> = nulls.inner().set_indices_u32().collect();
        let slots: Vec<u32> = if self.slots.is_empty() {
            Vec::new()
        } else {
            kept.iter().map(|row| self.slots[*row as usize]).collect()
        };
        let valid = Batch {
            slots: &slots,
            args: &args,
            constant: self.constant,
            rows: kept.len(),
            result_bytes_max: self.result_bytes_max,
        };
        let mut outcome = valid
            .run_pieces(call)
            .map_err(|fault| fault.at_rows(|row| kept[row as usize]))?;
        for failure in &mut outcome.failed {
            failure.row = kept[failure.row as usize];
        }
        outcome.values = scatter(&outcome.values, &nulls)?;
        Ok(outcome)
    }

    #[inline]
    fn run_pieces(&self, call: &mut dyn FnMut(&Batch<'_>) -> Result<Outcome, Fault>) -> Result<Outcome, Fault> {
        if self.rows > PLUGIN_ROWS_PER_CALL_MAX {
            return self.run_cut(PLUGIN_ROWS_PER_CALL_MAX, call);
        }
        match call(self) {
            Err(Fault::TooLarge(_)) if self.rows > 1 => self.run_cut(self.rows.div_ceil(2), call),
            other => other,
        }
    }

    /// Runs pieces of at most `rows_max` rows, in order, and puts their results together.
    fn run_cut(
        &self,
        rows_max: usize,
        call: &mut dyn FnMut(&Batch<'_>) -> Result<Outcome, Fault>,
    ) -> Result<Outcome, Fault> {
        let mut values = Vec::new();
        let mut failed = Vec::new();
        let mut result_bytes = 0;
        for start in (0..self.rows).step_by(rows_max) {
            let first = u32::try_from(start).map_err(|_| Fault::Limit("4294967295 rows".to_owned()))?;
            let outcome = self
                .slice(start, rows_max.min(self.rows - start), |piece| piece.run_pieces(call))
                .map_err(|fault| fault.at_rows(|row| row + first))?;
            result_bytes += outcome.values.get_array_memory_size();
            if result_bytes > self.result_bytes_max {
                let limit = bytes_text(self.result_bytes_max);
                return Err(Fault::Limit(format!("result {limit} for one batch")));
            }
            values.push(outcome.values);
            failed.extend(outcome.failed.into_iter().map(|mut failure| {
                failure.row += first;
                failure
            }));
        }
        let values: Vec<&dyn Array> = values.iter().map(AsRef::as_ref).collect();
        let values = concat(&values).map_err(|e| Fault::Limit(format!("one column: {e}")))?;
        Ok(Outcome { values, failed })
    }

    /// Runs `with` on `rows` rows from `start` on.
    pub(super) fn slice<R>(&self, start: usize, rows: usize, with: impl FnOnce(&Batch<'_>) -> R) -> R {
        let args: Vec<ArrayRef> = self
            .args
            .iter()
            .zip(self.constant)
            .map(|(array, is_constant)| {
                if *is_constant {
                    ArrayRef::clone(array)
                } else {
                    array.slice(start, rows)
                }
            })
            .collect();
        with(&Batch {
            slots: self.slots.get(start..start + rows).unwrap_or_default(),
            args: &args,
            constant: self.constant,
            rows,
            result_bytes_max: self.result_bytes_max,
        })
    }
}

/// Spreads the results of the valid rows over all rows.
fn scatter(values: &ArrayRef, nulls: &NullBuffer) -> Result<ArrayRef, Fault> {
    let mut next = 0;
    let indices: Vec<u32> = nulls
        .iter()
        .map(|valid| {
            let index = next;
            next += u32::from(valid);
            // A null row's index is masked, but must be one that is there.
            if valid { index } else { 0 }
        })
        .collect();
    let indices = UInt32Array::new(indices.into(), Some(nulls.clone()));
    take(values, &indices, None).map_err(|e| Fault::Limit(format!("one column: {e}")))
}
