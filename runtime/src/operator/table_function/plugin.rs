//! Table functions of plugins.
//!
//! The function itself says which rows failed. A trap or a failed call is that of the whole batch: where the policy lets the query go on, the batch is
//! halved until the rows that do it stand alone, so that one bad row costs the others nothing.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, new_empty_array, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::scalar::ScalarValue;

use super::{TableFunction, TableInstance};
use crate::operator::{Error, RowErrorPolicy, RowErrors};
use crate::udf::{self, OverloadedTable, ScalarFunction};

/// The overloads of a plugin's table function.
#[derive(Debug, Clone)]
pub struct PluginTable(pub OverloadedTable);

impl TableFunction for PluginTable {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn coerce(&self, args: &[DataType]) -> Result<Vec<DataType>, String> {
        Ok(self.0.choose(args)?.1.types)
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType, String> {
        Ok(self.0.choose(args)?.0.info().returns.clone())
    }

    fn plugin(&self) -> Option<&OverloadedTable> {
        Some(&self.0)
    }

    fn instance(&self, args: &[DataType], constants: &[Option<ScalarValue>]) -> Result<Box<dyn TableInstance>, Error> {
        let refused = |reason| Error::Expression {
            expression: self.0.name().to_uppercase(),
            reason,
        };
        let function = Arc::clone(self.0.choose(args).map_err(refused)?.0);
        function.set_up(constants)?;
        let constants = constants
            .iter()
            .map(|constant| constant.as_ref().map(|value| value.to_array_of_size(1)).transpose())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| refused(e.to_string()))?;
        Ok(Box::new(Running {
            function,
            is_constant: constants.iter().map(Option::is_some).collect(),
            constants,
        }))
    }
}

/// One overload, with the arguments that are constants, one value each.
#[derive(Debug)]
struct Running {
    function: Arc<dyn ScalarFunction>,
    constants: Vec<Option<ArrayRef>>,
    is_constant: Vec<bool>,
}

impl Running {
    /// The type of its lists.
    fn list_type(&self) -> DataType {
        DataType::List(Arc::new(Field::new_list_field(
            self.function.info().returns.clone(),
            true,
        )))
    }

    /// The lists of `rows` rows from `start` on, and the rows that failed.
    fn call(&self, args: &[ArrayRef], start: usize, rows: usize) -> Result<(ArrayRef, Vec<Error>), Error> {
        let args: Vec<ArrayRef> = args
            .iter()
            .zip(&self.constants)
            .map(|(arg, constant)| match constant {
                Some(value) => Arc::clone(value),
                None => arg.slice(start, rows),
            })
            .collect();
        let outcome = self.function.call_rows(&args, &self.is_constant, rows)?;
        let info = self.function.info();
        let named = |failure: udf::RowFailure| {
            Error::Function(udf::Error::Row {
                plugin: info.plugin.clone(),
                function: info.name.clone(),
                row: failure.row.saturating_add(u32::try_from(start).unwrap_or(u32::MAX)),
                message: failure.message,
            })
        };
        Ok((outcome.values, outcome.failed.into_iter().map(named).collect()))
    }
}

impl TableInstance for Running {
    fn lists(&mut self, args: &[ArrayRef], num_rows: usize, errors: &RowErrors) -> Result<ListArray, Error> {
        let mut parts: Vec<ArrayRef> = Vec::new();
        let mut failures = Vec::new();
        let mut ranges = vec![(0, num_rows)];
        while let Some((start, rows)) = ranges.pop().filter(|(_, rows)| *rows > 0) {
            match self.call(args, start, rows) {
                Ok((lists, failed)) => {
                    parts.push(lists);
                    failures.extend(failed);
                }
                Err(error) if !error.is_of_a_row() || errors.policy == RowErrorPolicy::Fail => return Err(error),
                Err(error) if rows == 1 => {
                    parts.push(new_null_array(&self.list_type(), 1));
                    failures.push(error);
                }
                Err(_) => {
                    let half = rows / 2;
                    ranges.push((start + half, rows - half));
                    ranges.push((start, half));
                }
            }
        }
        if errors.policy == RowErrorPolicy::Fail && !failures.is_empty() {
            return Err(failures.swap_remove(0));
        }
        errors.report(&failures);
        let lists = match parts.as_slice() {
            [] => new_empty_array(&self.list_type()),
            [whole] => Arc::clone(whole),
            parts => concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?,
        };
        Ok(lists.as_list::<i32>().clone())
    }
}
