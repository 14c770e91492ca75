//! The common type of expressions that stand side by side: in `IN (...)`, `ARRAY[...]` and `MAP(...)`.
//!
//! Expressions widen (INTEGER to BIGINT to DECIMAL to DOUBLE, STRING to the time types; arrays, maps and structs by
//! their parts). Literals also become what stands before them: the text `'10'` a number, a number a text. A constructor
//! with literals inside is coerced inside.

use std::sync::Arc;

use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::scalar::ScalarValue;

use super::literals::{cast_scalar, literal_value};
use crate::function::cast::{cast_udf, parse_boolean_exact};
use crate::function::java_number::{Digits, parse_double};
use crate::function::signature::wider;
use crate::function::udf::argument_type;
use crate::types::schema::SqlType;

/// The expressions in their common type, or as they are where all of them are NULL.
pub(super) fn to_common_type(exprs: Vec<Expr>, schema: &DFSchema) -> Result<(Option<SqlType>, Vec<Expr>)> {
    let mut common = None;
    for expr in &exprs {
        common = step(common, expr, schema)?;
    }
    let Some(target) = common else {
        return Ok((None, exprs));
    };
    let converted = exprs
        .into_iter()
        .map(|expr| convert(expr, &target, schema))
        .collect::<Result<_>>()?;
    Ok((Some(target), converted))
}

/// The common type so far and one more expression.
fn step(common: Option<SqlType>, expr: &Expr, schema: &DFSchema) -> Result<Option<SqlType>> {
    let Some(source) = argument_type("a list", &expr.get_type(schema)?)? else {
        return Ok(common);
    };
    let Some(target) = common else {
        return Ok(Some(source));
    };
    let literal = literal_value(expr)?;
    if let Some(ScalarValue::Utf8(Some(text))) = &literal {
        match &target {
            SqlType::Integer | SqlType::Bigint | SqlType::Decimal(..) | SqlType::Double => {
                return Ok(Some(number_type(text, &target)?));
            }
            SqlType::Boolean if parse_boolean_exact(text).is_none() => return invalid(text, &target),
            SqlType::Boolean => return Ok(Some(target)),
            _ => {}
        }
    }
    if let Some(inner) = constructor(expr) {
        if let Some(common) = step_inside(&inner, &target, schema)? {
            return Ok(Some(common));
        }
    } else if literal.is_some() && target == SqlType::String {
        return Ok(Some(target));
    }
    let found = wider(&target, &source).or_else(|| text_and_time(&target, &source));
    match found {
        Some(common) => Ok(Some(common)),
        None => plan_err!("there is no operator for {target} and {source} ({expr}): cast one of them"),
    }
}

/// A text beside a time type is a time.
fn text_and_time(a: &SqlType, b: &SqlType) -> Option<SqlType> {
    let is_time = |ty: &SqlType| matches!(ty, SqlType::Time | SqlType::Date | SqlType::Timestamp);
    match (a, b) {
        (SqlType::String, time) | (time, SqlType::String) if is_time(time) => Some(time.clone()),
        _ => None,
    }
}

/// The type that holds a number and the number in a text.
fn number_type(text: &str, target: &SqlType) -> Result<SqlType> {
    let Some(digits) = Digits::parse(text.trim()) else {
        return invalid(text, target);
    };
    let is_whole = !text.contains(['.', 'e', 'E']);
    let source = match text.trim().parse::<i64>() {
        Ok(number) if is_whole && i32::try_from(number).is_ok() => SqlType::Integer,
        Ok(_) if is_whole => SqlType::Bigint,
        _ => {
            let count = digits.significant.len() as i64;
            let scale = digits.scale().max(0);
            let precision = (count + digits.exponent.max(0)).max(scale).max(1);
            match (u8::try_from(precision), i8::try_from(scale)) {
                (Ok(precision @ 1..=38), Ok(scale)) => SqlType::Decimal(precision, scale),
                _ => SqlType::Double,
            }
        }
    };
    match wider(target, &source) {
        Some(common) => Ok(common),
        None => invalid(text, target),
    }
}

fn invalid<T>(text: &str, target: &SqlType) -> Result<T> {
    plan_err!("'{text}' is not a {target}")
}

/// A constructor of an array, map or struct, taken apart.
enum Constructor<'a> {
    Array(&'a [Expr]),
    Map(&'a Expr, &'a Expr),
    Struct(Vec<(&'a str, &'a Expr)>),
}

fn constructor(expr: &Expr) -> Option<Constructor<'_>> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = expr else {
        return None;
    };
    match (func.name(), args.as_slice()) {
        ("make_array", elements) => Some(Constructor::Array(elements)),
        ("map", [keys, values]) => Some(Constructor::Map(keys, values)),
        ("named_struct", fields) => fields
            .chunks(2)
            .map(|pair| match pair {
                [Expr::Literal(ScalarValue::Utf8(Some(name)), _), value] => Some((name.as_str(), value)),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Constructor::Struct),
        _ => None,
    }
}

/// The common type of a nested type and a constructor; `None` where they are of different kinds.
fn step_inside(constructor: &Constructor<'_>, target: &SqlType, schema: &DFSchema) -> Result<Option<SqlType>> {
    let all = |start: &SqlType, elements: &[Expr]| {
        (elements.iter()).try_fold(Some(start.clone()), |common, element| step(common, element, schema))
    };
    Ok(match (constructor, target) {
        (Constructor::Array(elements), SqlType::Array(element)) => {
            all(element, elements)?.map(|common| SqlType::Array(Box::new(common)))
        }
        (Constructor::Map(keys, values), SqlType::Map(key, value)) => {
            let key = step(Some(SqlType::Array(key.clone())), keys, schema)?;
            let value = step(Some(SqlType::Array(value.clone())), values, schema)?;
            match (key, value) {
                (Some(SqlType::Array(key)), Some(SqlType::Array(value))) => Some(SqlType::Map(key, value)),
                _ => None,
            }
        }
        (Constructor::Struct(values), SqlType::Struct(fields)) => {
            let mut fields = fields.clone();
            for (name, value) in values {
                match fields.iter_mut().find(|(own, _)| own == name) {
                    Some((_, ty)) => {
                        if let Some(common) = step(Some(ty.clone()), value, schema)? {
                            *ty = common;
                        }
                    }
                    None => {
                        if let Some(ty) = step(None, value, schema)? {
                            fields.push(((*name).to_owned(), ty));
                        }
                    }
                }
            }
            Some(SqlType::Struct(fields))
        }
        _ => None,
    })
}

/// `expr` in type `target`, which [`step`] found to hold it.
pub(super) fn convert(expr: Expr, target: &SqlType, schema: &DFSchema) -> Result<Expr> {
    let data_type = expr.get_type(schema)?;
    if data_type == target.to_arrow() {
        return Ok(expr);
    }
    if let Some(value) = literal_value(&expr)? {
        return Ok(Expr::Literal(convert_literal(&value, target)?, None));
    }
    if let (Expr::ScalarFunction(function), true) = (&expr, constructor(&expr).is_some())
        && let Some(args) = convert_inside(function, target, schema)?
    {
        let func = Arc::clone(&function.func);
        return Ok(Expr::ScalarFunction(ScalarFunction::new_udf(func, args)));
    }
    Ok(Expr::ScalarFunction(ScalarFunction::new_udf(
        cast_udf(target.clone()),
        vec![expr],
    )))
}

fn convert_literal(value: &ScalarValue, target: &SqlType) -> Result<ScalarValue> {
    if value.is_null() {
        return ScalarValue::try_from(target.to_arrow());
    }
    if let (ScalarValue::Utf8(Some(text)), SqlType::Integer | SqlType::Bigint) = (value, target) {
        // `'2e1'` beside whole numbers is one.
        let number = parse_double(text).filter(|number| number.fract() == 0.0);
        if let (Some(number), Err(_)) = (number, text.trim().parse::<i64>()) {
            return cast_scalar(&ScalarValue::Float64(Some(number)), target);
        }
    }
    cast_scalar(value, target)
}

/// The arguments of a constructor in the types of the parts of `target`; `None` where a part is missing.
fn convert_inside(function: &ScalarFunction, target: &SqlType, schema: &DFSchema) -> Result<Option<Vec<Expr>>> {
    let args = &function.args;
    Ok(match (function.name(), target) {
        ("make_array", SqlType::Array(element)) => Some(
            args.iter()
                .map(|arg| convert(arg.clone(), element, schema))
                .collect::<Result<_>>()?,
        ),
        ("map", SqlType::Map(key, value)) => {
            let keys = convert(args[0].clone(), &SqlType::Array(key.clone()), schema)?;
            let values = convert(args[1].clone(), &SqlType::Array(value.clone()), schema)?;
            Some(vec![keys, values])
        }
        ("named_struct", SqlType::Struct(fields)) => {
            let Some(Constructor::Struct(values)) = constructor_of(function) else {
                return Ok(None);
            };
            let mut converted = Vec::with_capacity(2 * fields.len());
            for (name, ty) in fields {
                let value = match values.iter().find(|(own, _)| own == name) {
                    Some((_, value)) => convert((*value).clone(), ty, schema)?,
                    None => Expr::Literal(ScalarValue::try_from(ty.to_arrow())?, None),
                };
                converted.push(Expr::Literal(ScalarValue::from(name.as_str()), None));
                converted.push(value);
            }
            Some(converted)
        }
        _ => None,
    })
}

fn constructor_of(function: &ScalarFunction) -> Option<Constructor<'_>> {
    let values = function.args.chunks(2).map(|pair| match pair {
        [Expr::Literal(ScalarValue::Utf8(Some(name)), _), value] => Some((name.as_str(), value)),
        _ => None,
    });
    values.collect::<Option<Vec<_>>>().map(Constructor::Struct)
}
