//! A scalar function that only plans call: one Rust function for its type and one for its values.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::function::column::Argument;
use crate::function::udf::canonical;

/// The result type of argument types.
pub(super) type TypeRule = fn(&[DataType]) -> Result<DataType>;
/// The values of a batch: arguments, number of rows, result type.
pub(super) type Compute = fn(&[Argument], usize, &DataType) -> Result<ArrayRef>;

#[derive(Debug)]
pub(super) struct Internal {
    name: &'static str,
    /// How it is shown in plans: `{0} = {1}`.
    display: &'static str,
    type_rule: TypeRule,
    compute: Compute,
    signature: Signature,
}

/// A function of `arity` arguments that take the Arrow forms of SQL types.
pub(super) fn internal(
    name: &'static str,
    display: &'static str,
    arity: usize,
    type_rule: TypeRule,
    compute: Compute,
) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Internal {
        name,
        display,
        type_rule,
        compute,
        signature: Signature::new(TypeSignature::Any(arity), Volatility::Immutable),
    }))
}

/// `{0}` and `{1}` of a display form filled in.
pub(super) fn fill(display: &str, args: impl Iterator<Item = String>) -> String {
    args.enumerate().fold(display.to_owned(), |text, (index, arg)| {
        text.replace(&format!("{{{index}}}"), &arg)
    })
}

impl PartialEq for Internal {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Internal {}

impl Hash for Internal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Internal {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(fill(self.display, args.iter().map(ToString::to_string)))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(fill(self.display, args.iter().map(|arg| arg.schema_name().to_string())))
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let canonical: Vec<DataType> = arg_types.iter().map(canonical).collect();
        (self.type_rule)(&canonical)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        Ok(Arc::new(Field::new(self.name, self.return_type(&types)?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        invoke(&args, self.compute)
    }
}

/// Runs `compute` on arguments in the Arrow forms of SQL types; on constants it gives a constant.
pub(super) fn invoke(
    args: &ScalarFunctionArgs,
    compute: impl Fn(&[Argument], usize, &DataType) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    let arguments = args
        .args
        .iter()
        .map(|value| {
            let (array, constant) = match value {
                ColumnarValue::Array(array) => (Arc::clone(array), false),
                ColumnarValue::Scalar(scalar) => (scalar.to_array_of_size(1)?, true),
            };
            let array = datafusion::arrow::compute::cast(&array, &canonical(array.data_type()))?;
            Ok(Argument { array, constant })
        })
        .collect::<Result<Vec<_>>>()?;
    let is_constant = !arguments.is_empty() && arguments.iter().all(|a| a.constant);
    let rows = if is_constant { 1 } else { args.number_rows };
    let result = compute(&arguments, rows, args.return_type())?;
    if is_constant {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
    }
    Ok(ColumnarValue::Array(result))
}
