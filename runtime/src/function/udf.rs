//! A [`Definition`] as a DataFusion scalar function.
//!
//! DataFusion is told that the function takes its arguments as they are; the function turns them into the types of the
//! chosen overload itself, so that widening follows ksqlDB's casts and not Arrow's.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, new_null_array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature as DfSignature,
};
use datafusion::scalar::ScalarValue;

use super::cast;
use super::column::{Argument, Call};
use super::definition::Definition;
use super::signature::{ArgType, Chosen, Mismatch, choose};
use crate::types::Clock;
use crate::types::schema::SqlType;

/// A function of this module, as DataFusion sees it.
#[derive(Debug)]
pub(crate) struct KsqlFunction {
    definition: Definition,
    clock: Arc<dyn Clock>,
    df_signature: DfSignature,
}

impl KsqlFunction {
    pub(crate) fn new(definition: Definition, clock: Arc<dyn Clock>) -> Self {
        let df_signature = DfSignature::user_defined(definition.volatility);
        Self {
            definition,
            clock,
            df_signature,
        }
    }

    fn choose(&self, types: &[DataType]) -> Result<Chosen> {
        let arguments = types
            .iter()
            .map(|ty| argument_type(self.definition.name, ty))
            .collect::<Result<Vec<ArgType>>>()?;
        let signatures: Vec<_> = self.definition.overloads.iter().map(|o| &o.signature).collect();
        let mut chosen = choose(&signatures, &arguments).map_err(|mismatch| self.refusal(mismatch, &arguments))?;
        if let Some(rule) = self.definition.overloads[chosen.index].return_rule {
            settle_null_decimals(&mut chosen.arguments, &arguments);
            chosen.returns = rule(&chosen.arguments).ok_or_else(|| self.refusal(Mismatch::NoneFits, &arguments))?;
        }
        Ok(chosen)
    }

    fn refusal(&self, mismatch: Mismatch, arguments: &[ArgType]) -> DataFusionError {
        let given: Vec<String> = arguments
            .iter()
            .map(|ty| ty.as_ref().map_or_else(|| "null".to_owned(), SqlType::to_string))
            .collect();
        let name = self.definition.name.to_uppercase();
        let given = given.join(", ");
        let overloads: Vec<String> = (self.definition.overloads.iter())
            .map(|o| format!("{name}{}", o.signature))
            .collect();
        let overloads = overloads.join(", ");
        DataFusionError::Plan(match mismatch {
            Mismatch::NoneFits => {
                format!("function {name} does not accept parameters ({given}); it takes {overloads}")
            }
            Mismatch::Ambiguous => format!(
                "function {name} is ambiguous for parameters ({given}): cast them to the types of one of {overloads}"
            ),
        })
    }
}

/// A NULL among decimals is of their type, so that it does not make the result wider.
fn settle_null_decimals(chosen: &mut [SqlType], given: &[ArgType]) {
    let known = given
        .iter()
        .flatten()
        .find(|ty| matches!(ty, SqlType::Decimal(..)))
        .cloned();
    let Some(known) = known else { return };
    for (chosen, given) in chosen.iter_mut().zip(given) {
        if given.is_none() && matches!(chosen, SqlType::Decimal(..)) {
            *chosen = known.clone();
        }
    }
}

/// The SQL type of an argument; `None` for the literal NULL.
pub(crate) fn argument_type(function: &str, data_type: &DataType) -> Result<ArgType> {
    match data_type {
        DataType::Null => Ok(None),
        other => match SqlType::from_arrow(other) {
            Some(ty) => Ok(Some(ty)),
            None => plan_err!(
                "function {} does not accept a value of type {other}",
                function.to_uppercase()
            ),
        },
    }
}

impl PartialEq for KsqlFunction {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for KsqlFunction {}

impl Hash for KsqlFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl ScalarUDFImpl for KsqlFunction {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn signature(&self) -> &DfSignature {
        &self.df_signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.choose(arg_types)?;
        Ok(arg_types.iter().map(canonical).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.choose(arg_types)?.returns.to_arrow())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        Ok(Arc::new(Field::new(
            self.definition.name,
            self.return_type(&types)?,
            true,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let chosen = self.choose(&types)?;
        let arguments = args
            .args
            .iter()
            .zip(&chosen.arguments)
            .map(|(value, target)| argument(value, target, self.definition.name))
            .collect::<Result<Vec<_>>>()?;
        let is_constant = !arguments.is_empty() && arguments.iter().all(|a| a.constant);
        let call = Call {
            function: self.definition.name,
            args: &arguments,
            rows: if is_constant { 1 } else { args.number_rows },
            return_type: &chosen.returns.to_arrow(),
            clock: &*self.clock,
        };
        let result = (self.definition.overloads[chosen.index].eval)(&call)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// The one Arrow form of a SQL type; DataFusion casts other forms of it (`Utf8View`, `UInt8`, ...) to it.
pub(crate) fn canonical(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Null => DataType::Null,
        other => SqlType::from_arrow(other).map_or_else(|| other.clone(), |ty| ty.to_arrow()),
    }
}

/// An argument turned into the type that its parameter wants.
pub(crate) fn argument(value: &ColumnarValue, target: &SqlType, function: &str) -> Result<Argument> {
    let (array, constant) = match value {
        ColumnarValue::Array(array) => (Arc::clone(array), false),
        ColumnarValue::Scalar(scalar) => (scalar.to_array_of_size(1)?, true),
    };
    Ok(Argument {
        array: of_type(array, target, function)?,
        constant,
    })
}

/// `array` as `target`, which is as wide or wider.
fn of_type(array: ArrayRef, target: &SqlType, function: &str) -> Result<ArrayRef> {
    let wanted = target.to_arrow();
    if *array.data_type() == wanted {
        return Ok(array);
    }
    if *array.data_type() == DataType::Null {
        return Ok(new_null_array(&wanted, array.len()));
    }
    cast::widen(&array, target, function)
}
