//! `ww_cast(value, 'type')` and `ww_try_cast(value, 'type')`: casts whose target sqlparser's types cannot say.
//!
//! The type is written as ksqlDB writes it. Custom types must be resolved before.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::{cast, is_supported};
use crate::function::row_error::collect;
use crate::sql::ast::TypeExpr;
use crate::sql::types::parse_type;
use crate::types::schema::SqlType;

/// What becomes of a row that cannot be cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum OnFault {
    /// A row error.
    Report,
    /// NULL and nothing said.
    Null,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TextCast {
    on_fault: OnFault,
    signature: Signature,
}

/// `ww_cast`.
pub(in crate::function) fn text_cast_udf() -> Arc<ScalarUDF> {
    udf(OnFault::Report)
}

/// `ww_try_cast`.
pub(in crate::function) fn text_try_cast_udf() -> Arc<ScalarUDF> {
    udf(OnFault::Null)
}

fn udf(on_fault: OnFault) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(TextCast {
        on_fault,
        signature: Signature::any(2, Volatility::Immutable),
    }))
}

/// The type without custom ones.
fn plain(type_expr: TypeExpr) -> Result<SqlType> {
    Ok(match type_expr {
        TypeExpr::Sql(ty) => ty,
        TypeExpr::Array(element) => SqlType::Array(Box::new(plain(*element)?)),
        TypeExpr::Map(key, value) => SqlType::Map(Box::new(plain(*key)?), Box::new(plain(*value)?)),
        TypeExpr::Struct(fields) => SqlType::Struct(
            fields
                .into_iter()
                .map(|(name, ty)| Ok((name, plain(ty)?)))
                .collect::<Result<_>>()?,
        ),
        TypeExpr::Custom(name) => return plan_err!("type `{}` is not known here", name.value),
    })
}

fn target(text: Option<&ScalarValue>) -> Result<SqlType> {
    match text {
        Some(ScalarValue::Utf8(Some(text))) => match parse_type(text) {
            Ok(type_expr) => plain(type_expr),
            Err(error) => plan_err!("{error}"),
        },
        _ => plan_err!("the target of a cast is the text of a type"),
    }
}

impl ScalarUDFImpl for TextCast {
    fn name(&self) -> &'static str {
        match self.on_fault {
            OnFault::Report => "ww_cast",
            OnFault::Null => "ww_try_cast",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        plan_err!("the type of {} depends on the text of its second argument", self.name())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let target = target(args.scalar_arguments[1])?;
        let given = args.arg_fields[0].data_type();
        match SqlType::from_arrow(given) {
            _ if *given == DataType::Null => {}
            Some(from) if is_supported(&from, &target) => {}
            Some(from) => return plan_err!("cast of {from} to {target} is not supported"),
            None => return plan_err!("cast of {given} to {target} is not supported"),
        }
        Ok(Arc::new(Field::new(self.name(), target.to_arrow(), true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(target) = SqlType::from_arrow(args.return_type()) else {
            return plan_err!("{} is not a type of SQL", args.return_type());
        };
        let cast = |array: &ArrayRef| match self.on_fault {
            OnFault::Report => cast(array, &target),
            OnFault::Null => collect(|| cast(array, &target)).0,
        };
        match &args.args[0] {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(cast(array)?)),
            ColumnarValue::Scalar(scalar) => {
                let casted = cast(&scalar.to_array_of_size(1)?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&casted, 0)?))
            }
        }
    }
}
