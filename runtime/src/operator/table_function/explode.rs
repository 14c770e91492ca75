//! EXPLODE: a row for each element of an array.

use std::sync::Arc;

use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{ArrayRef, ListArray};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::scalar::ScalarValue;

use super::{TableFunction, TableInstance};
use crate::operator::{Error, RowErrors};
use crate::types::schema::SqlType;

/// `EXPLODE(array)`: the elements of the array, NULL elements included (ksqlDB: `Explode`).
#[derive(Debug, Clone, Copy)]
pub struct Explode;

impl TableFunction for Explode {
    fn name(&self) -> &'static str {
        "explode"
    }

    fn coerce(&self, args: &[DataType]) -> Result<Vec<DataType>, String> {
        Ok(vec![DataType::List(one_array("EXPLODE", args)?)])
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType, String> {
        Ok(one_array("EXPLODE", args)?.data_type().clone())
    }

    fn instance(
        &self,
        _args: &[DataType],
        _constants: &[Option<ScalarValue>],
    ) -> Result<Box<dyn TableInstance>, Error> {
        Ok(Box::new(*self))
    }
}

impl TableInstance for Explode {
    fn lists(&mut self, args: &[ArrayRef], _num_rows: usize, _errors: &RowErrors) -> Result<ListArray, Error> {
        Ok(args[0].as_list::<i32>().clone())
    }
}

/// The element of the one argument, which must be an array.
pub(super) fn one_array(function: &str, args: &[DataType]) -> Result<FieldRef, String> {
    let given = || {
        let names = args.iter().map(|arg| match SqlType::from_arrow(arg) {
            Some(sql_type) => sql_type.to_string(),
            None => arg.to_string(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    match args {
        [
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::FixedSizeList(element, _)
            | DataType::ListView(element)
            | DataType::LargeListView(element),
        ] => Ok(Arc::clone(element)),
        _ => Err(format!(
            "function {function} does not take ({}); it takes one ARRAY",
            given()
        )),
    }
}
