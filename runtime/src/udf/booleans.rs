//! A function of a plain module that was declared with BOOLEANs: to WebAssembly they are the numbers 0 and 1.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use super::terms::Pick;
use super::wasm::LoadedPlugin;
use super::{Error, FunctionInfo, FunctionTotals, Outcome, ScalarFunction};
use crate::types::schema::SqlType;

/// The function `inner`, whose INTEGERs are BOOLEANs where `info` says so. Any result but 0 is true, as in the languages that have no
/// booleans of their own.
#[derive(Debug)]
pub(super) struct WithBooleans {
    inner: Arc<dyn ScalarFunction>,
    info: FunctionInfo,
}

impl WithBooleans {
    pub(super) fn new(inner: Arc<dyn ScalarFunction>, info: FunctionInfo) -> Self {
        Self { inner, info }
    }

    /// Changes the type of a column between numbers and truth values.
    fn turned(&self, column: &ArrayRef, to: &DataType) -> Result<ArrayRef, Error> {
        if column.data_type() == to {
            return Ok(Arc::clone(column));
        }
        cast(column, to).map_err(|error| Error::Arguments {
            plugin: self.info.plugin.clone(),
            function: self.info.name.clone(),
            reason: error.to_string(),
        })
    }
}

impl ScalarFunction for WithBooleans {
    fn info(&self) -> &FunctionInfo {
        &self.info
    }

    fn totals(&self) -> FunctionTotals {
        self.inner.totals()
    }

    fn call(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<ArrayRef, Error> {
        let args = self.numbers(args)?;
        self.turned(&self.inner.call(&args, constant, rows)?, &self.info.returns)
    }

    fn call_rows(&self, args: &[ArrayRef], constant: &[bool], rows: usize) -> Result<Outcome, Error> {
        let args = self.numbers(args)?;
        let outcome = self.inner.call_rows(&args, constant, rows)?;
        Ok(Outcome {
            values: self.turned(&outcome.values, &self.info.returns)?,
            failed: outcome.failed,
        })
    }
}

impl WithBooleans {
    fn numbers(&self, args: &[ArrayRef]) -> Result<Vec<ArrayRef>, Error> {
        let types = self.inner.info().args.iter();
        args.iter()
            .zip(types)
            .map(|(column, (_, number))| self.turned(column, number))
            .collect()
    }
}

/// Puts the functions of a plain module, which were loaded with INTEGERs, behind the BOOLEANs that CREATE FUNCTION asks for.
pub(super) fn with_booleans(plugin: &mut LoadedPlugin, pick: &Pick) {
    let is_boolean = |sql_type: &SqlType| *sql_type == SqlType::Boolean;
    if !is_boolean(&pick.returns) && !pick.args.iter().any(|(_, sql_type)| is_boolean(sql_type)) {
        return;
    }
    for function in &mut plugin.scalars {
        let mut info = function.info().clone();
        for ((_, own), (_, asked)) in info.args.iter_mut().zip(&pick.args) {
            if is_boolean(asked) {
                *own = DataType::Boolean;
            }
        }
        if is_boolean(&pick.returns) {
            info.returns = DataType::Boolean;
        }
        *function = Arc::new(WithBooleans::new(Arc::clone(function), info));
    }
}
