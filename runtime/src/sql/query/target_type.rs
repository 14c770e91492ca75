//! The target of a cast as sqlparser says it, where `DataFusion` makes exactly our Arrow type of it.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CastKind, DataType, ExactNumberInfo, Expr, Ident, StructBracketKind, StructField, TimezoneInfo,
    Value,
};
use datafusion::sql::sqlparser::tokenizer::Span as AstSpan;

use super::forms::call;
use super::tokens::QUOTE;
use crate::sql::ast::TypeExpr;
use crate::types::schema::SqlType;

/// The cast of `expr` to `target`: sqlparser's where its type means ours, else a call of `ww_cast` or `ww_try_cast` with
/// the type's canonical text, for the planner to resolve.
pub(super) fn cast(kind: CastKind, expr: Expr, target: &TypeExpr, span: AstSpan) -> Expr {
    if let Some(data_type) = data_type(target) {
        return Expr::Cast {
            kind,
            expr: Box::new(expr),
            data_type,
            array: false,
            format: None,
        };
    }
    let function = match kind {
        CastKind::TryCast | CastKind::SafeCast => "ww_try_cast",
        CastKind::Cast | CastKind::DoubleColon => "ww_cast",
    };
    let target = Value::SingleQuotedString(target.to_string()).with_span(span);
    call(function, vec![expr, Expr::Value(target)], span)
}

/// sqlparser's type that `DataFusion` plans to the Arrow type of `target` (with strings not mapped to views); `None`
/// for TIME (which would get nanoseconds), MAP (which is not planned) and custom types.
pub(super) fn data_type(target: &TypeExpr) -> Option<DataType> {
    Some(match target {
        TypeExpr::Sql(simple) => match simple {
            SqlType::Boolean => DataType::Boolean,
            SqlType::Integer => DataType::Int(None),
            SqlType::Bigint => DataType::BigInt(None),
            SqlType::Double => DataType::Double(ExactNumberInfo::None),
            SqlType::Decimal(precision, scale) => DataType::Decimal(ExactNumberInfo::PrecisionAndScale(
                u64::from(*precision),
                i64::from(*scale),
            )),
            SqlType::String => DataType::String(None),
            SqlType::Bytes => DataType::Bytea,
            SqlType::Date => DataType::Date,
            SqlType::Timestamp => DataType::Timestamp(Some(3), TimezoneInfo::None),
            SqlType::Time | SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_) => return None,
        },
        TypeExpr::Array(element) => DataType::Array(ArrayElemTypeDef::AngleBracket(Box::new(data_type(element)?))),
        TypeExpr::Struct(fields) if !fields.is_empty() => {
            let fields = fields
                .iter()
                .map(|(name, field)| {
                    Some(StructField {
                        field_name: Some(Ident::with_quote(QUOTE, name)),
                        field_type: data_type(field)?,
                        options: None,
                    })
                })
                .collect::<Option<Vec<_>>>()?;
            DataType::Struct(fields, StructBracketKind::AngleBrackets)
        }
        TypeExpr::Struct(_) | TypeExpr::Map(..) | TypeExpr::Custom(_) => return None,
    })
}
