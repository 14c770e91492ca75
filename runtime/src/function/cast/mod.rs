//! `CAST` with ksqlDB's results.
//!
//! Numbers wrap and cut as Java's do (BIGINT to INTEGER keeps the low 32 bits, DOUBLE to INTEGER drops the fraction),
//! only decimals overflow to an error; a text that is no number, date or time is an error of its row; arrays, maps and
//! structs are cast part by part, structs by field name. An error in a part is an error of the whole row.

mod iso_time;
mod leaf;
mod nested;
mod text;
mod text_cast;

#[cfg(test)]
mod tests;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_null_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::row_error::{Fault, report};
use crate::types::schema::SqlType;

pub(crate) use iso_time::parse_timestamp;
#[cfg(test)]
pub(crate) use iso_time::{parse_date, parse_time};
pub(crate) use leaf::parse_boolean_exact;
pub(crate) use text::{write_inside, write_value};
pub(super) use text_cast::{text_cast_udf, text_try_cast_udf};

/// A cast column and the rows (in growing order) that could not be cast, which are NULL in it.
struct Casted {
    array: ArrayRef,
    faults: Vec<(usize, Fault)>,
}

impl Casted {
    fn clean(array: ArrayRef) -> Self {
        Self {
            array,
            faults: Vec::new(),
        }
    }
}

/// Whether ksqlDB casts `from` to `to` at all; the literal NULL casts to everything.
#[must_use]
pub fn is_supported(from: &SqlType, to: &SqlType) -> bool {
    use SqlType::{Array, Bigint, Boolean, Date, Decimal, Double, Integer, Map, String, Struct, Time, Timestamp};
    if from == to {
        return true;
    }
    match (from, to) {
        (Array(from), Array(to)) => is_supported(from, to),
        (Map(k0, v0), Map(k1, v1)) => is_supported(k0, k1) && is_supported(v0, v1),
        (Struct(from), Struct(to)) => from.iter().all(|(name, ty)| {
            to.iter()
                .find(|(other, _)| other == name)
                .is_none_or(|(_, wanted)| is_supported(ty, wanted))
        }),
        (Boolean | Time | Array(_) | Map(..) | Struct(_), String)
        | (Integer | Bigint | Double | Decimal(..), Integer | Bigint | Double | Decimal(..) | String)
        | (String, Boolean | Integer | Bigint | Double | Decimal(..) | Time | Date | Timestamp)
        | (Date, Timestamp | String)
        | (Timestamp, Time | Date | String) => true,
        _ => false,
    }
}

/// Casts a column. Rows that cannot be cast are NULL and reported as row errors of `CAST`.
///
/// # Errors
/// When the types cannot be cast, or a row cannot and nobody collects row errors.
pub fn cast(array: &ArrayRef, to: &SqlType) -> Result<ArrayRef> {
    settle(array, to, "CAST")
}

/// Casts an argument of `function` to the wider type that its parameter has.
pub(crate) fn widen(array: &ArrayRef, to: &SqlType, function: &str) -> Result<ArrayRef> {
    settle(array, to, function)
}

fn settle(array: &ArrayRef, to: &SqlType, function: &str) -> Result<ArrayRef> {
    if *array.data_type() == to.to_arrow() {
        return Ok(Arc::clone(array));
    }
    if *array.data_type() == DataType::Null {
        return Ok(new_null_array(&to.to_arrow(), array.len()));
    }
    let casted = cast_values(array, to)?;
    for (_, fault) in &casted.faults {
        report(function, fault)?;
    }
    Ok(casted.array)
}

fn cast_values(array: &ArrayRef, to: &SqlType) -> Result<Casted> {
    let wanted = to.to_arrow();
    if *array.data_type() == wanted {
        return Ok(Casted::clean(Arc::clone(array)));
    }
    if *array.data_type() == DataType::Null {
        return Ok(Casted::clean(new_null_array(&wanted, array.len())));
    }
    let Some(from) = SqlType::from_arrow(array.data_type()) else {
        return plan_err!("a value of type {} cannot be cast", array.data_type());
    };
    // Other Arrow forms of the same SQL type: only the layout changes.
    if *array.data_type() != from.to_arrow() {
        let array = datafusion::arrow::compute::cast(array, &from.to_arrow())?;
        return cast_values(&array, to);
    }
    match (&from, to) {
        (SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_), SqlType::String) => Ok(text::to_text(array)),
        (SqlType::Array(_), SqlType::Array(element)) => nested::cast_list(array, element),
        (SqlType::Map(..), SqlType::Map(key, value)) => nested::cast_map(array, key, value),
        (SqlType::Struct(_), SqlType::Struct(fields)) => nested::cast_struct(array, fields),
        _ if is_supported(&from, to) => leaf::cast_leaf(array, &from, to),
        _ => plan_err!("cast of {from} to {to} is not supported"),
    }
}

/// The union of the nulls of a nested array and of its failed rows.
fn nulls_with(nulls: Option<&NullBuffer>, len: usize, faults: &[(usize, Fault)]) -> Option<NullBuffer> {
    if faults.is_empty() {
        return nulls.cloned();
    }
    let mut valid = vec![true; len];
    for (row, _) in faults {
        valid[*row] = false;
    }
    NullBuffer::union(nulls, Some(&NullBuffer::from(valid)))
}

/// `CAST(... AS target)` as a function, for plans.
#[derive(Debug)]
struct CastFunction {
    target: SqlType,
    signature: Signature,
}

impl PartialEq for CastFunction {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target
    }
}

impl Eq for CastFunction {}

impl Hash for CastFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.target.hash(state);
    }
}

/// The function of one argument that casts it to `target`.
#[must_use]
pub fn cast_udf(target: SqlType) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(CastFunction {
        target,
        signature: Signature::any(1, Volatility::Immutable),
    }))
}

impl ScalarUDFImpl for CastFunction {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("CAST({} AS {})", args[0], self.target))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(format!("CAST({} AS {})", args[0].schema_name(), self.target))
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [given] = arg_types else {
            return plan_err!("CAST takes one value");
        };
        match SqlType::from_arrow(given) {
            _ if *given == DataType::Null => Ok(self.target.to_arrow()),
            Some(from) if is_supported(&from, &self.target) => Ok(self.target.to_arrow()),
            Some(from) => plan_err!("cast of {from} to {} is not supported", self.target),
            None => plan_err!("cast of {given} to {} is not supported", self.target),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        Ok(Arc::new(Field::new("cast", self.return_type(&types)?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match &args.args[0] {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(cast(array, &self.target)?)),
            ColumnarValue::Scalar(scalar) => {
                let casted = cast(&scalar.to_array_of_size(1)?, &self.target)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&casted, 0)?))
            }
        }
    }
}
