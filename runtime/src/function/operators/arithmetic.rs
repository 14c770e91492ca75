//! `+ - * / %` with ksqlDB's types and results.
//!
//! DOUBLE with anything is DOUBLE; BIGINT with INTEGER is BIGINT; DECIMAL with a whole number is DECIMAL, where INTEGER
//! counts as DECIMAL(10, 0) and BIGINT as DECIMAL(19, 0). The result of DECIMAL(p1, s1) and DECIMAL(p2, s2) is:
//!
//! | operator | precision | scale |
//! |---|---|---|
//! | `+ -` | max(p1 - s1, p2 - s2) + scale + 1 | max(s1, s2) |
//! | `*` | p1 + p2 + 1 | s1 + s2 |
//! | `/` | p1 - s1 + s2 + scale | max(6, s1 + p2 + 1) |
//! | `%` | min(p1 - s1, p2 - s2) + scale | max(s1, s2) |
//!
//! ksqlDB's decimals have any precision, ours 38 digits: beyond that the scale gives way, down to 6 places. A quotient
//! that has more digits than its scale is rounded half up; ksqlDB makes such a row an error, which nobody wants.
//! Whole numbers wrap around, and dividing one by zero is an error of the row, as in Java.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, i256};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use super::internal::{fill, invoke};
use crate::function::cast;
use crate::function::column::{Argument, Call, Read, Unscaled, Write};
use crate::function::row_error::Fault;
use crate::function::signature::decimal_of;
use crate::types::clock::SystemClock;
use crate::types::schema::SqlType;

/// Digits that a decimal can have.
const PRECISION_MAX: i16 = 38;
/// Places that a result keeps when its digits do not fit.
const SCALE_KEPT: i16 = 6;

/// An operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}

/// What a NULL operand gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum OnNull {
    Null,
    /// An error of the row: inside of lambdas, where ksqlDB fails.
    Fault,
}

impl Operation {
    fn symbol(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

/// The type of `left op right`; `None` where there is no such operator.
pub(super) fn result_type(operation: Operation, left: &SqlType, right: &SqlType) -> Option<SqlType> {
    use SqlType::{Bigint, Decimal, Double, Integer};
    let is_number = |ty: &SqlType| matches!(ty, Integer | Bigint | Decimal(..) | Double);
    match (left, right) {
        _ if !is_number(left) || !is_number(right) => None,
        (Double, _) | (_, Double) => Some(Double),
        (Decimal(..), _) | (_, Decimal(..)) => Some(decimal_result(operation, decimal_of(left)?, decimal_of(right)?)),
        (Bigint, _) | (_, Bigint) => Some(Bigint),
        _ => Some(Integer),
    }
}

fn decimal_result(operation: Operation, (p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> SqlType {
    let [p1, p2] = [p1, p2].map(i16::from);
    let [s1, s2] = [s1, s2].map(i16::from);
    let (precision, scale) = match operation {
        Operation::Plus | Operation::Minus => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Operation::Times => (p1 + p2 + 1, s1 + s2),
        Operation::Divide => {
            let scale = (s1 + p2 + 1).max(6);
            (p1 - s1 + s2 + scale, scale)
        }
        Operation::Modulo => {
            let scale = s1.max(s2);
            ((p1 - s1).min(p2 - s2) + scale, scale)
        }
    };
    let (precision, scale) = if precision > PRECISION_MAX {
        let whole = precision - scale;
        (PRECISION_MAX, (PRECISION_MAX - whole).max(scale.min(SCALE_KEPT)))
    } else {
        (precision.max(1), scale)
    };
    SqlType::Decimal(u8::try_from(precision).unwrap_or(38), i8::try_from(scale).unwrap_or(0))
}

/// `left op right` as a function.
#[derive(Debug)]
struct Arithmetic {
    operation: Operation,
    on_null: OnNull,
    signature: Signature,
}

/// The function of an operator.
pub(super) fn arithmetic(operation: Operation, on_null: OnNull) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Arithmetic {
        operation,
        on_null,
        signature: Signature::new(TypeSignature::Any(2), Volatility::Immutable),
    }))
}

impl PartialEq for Arithmetic {
    fn eq(&self, other: &Self) -> bool {
        (self.operation, self.on_null) == (other.operation, other.on_null)
    }
}

impl Eq for Arithmetic {}

impl Hash for Arithmetic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.operation, self.on_null).hash(state);
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.operation.symbol()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        let form = format!("{{0}} {} {{1}}", self.operation.symbol());
        Ok(fill(&form, args.iter().map(ToString::to_string)))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let form = format!("{{0}} {} {{1}}", self.operation.symbol());
        Ok(fill(&form, args.iter().map(|arg| arg.schema_name().to_string())))
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [left, right] = arg_types else {
            return plan_err!("{} takes two operands", self.operation.symbol());
        };
        let types = (SqlType::from_arrow(left), SqlType::from_arrow(right));
        let result = match &types {
            (Some(left), Some(right)) => result_type(self.operation, left, right),
            _ => None,
        };
        match result {
            Some(result) => Ok(result.to_arrow()),
            None => plan_err!(
                "{} is not for values of types {left} and {right}",
                self.operation.symbol()
            ),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|f| f.data_type().clone()).collect();
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        invoke(&args, |arguments, rows, return_type| {
            self.compute(arguments, rows, return_type)
        })
    }
}

impl Arithmetic {
    fn compute(&self, args: &[Argument], rows: usize, return_type: &DataType) -> Result<ArrayRef> {
        let Some(result) = SqlType::from_arrow(return_type) else {
            return plan_err!("{return_type} is not the type of a number");
        };
        let operation = self.operation;
        match &result {
            SqlType::Decimal(precision, scale) => {
                let scales = [scale_of(&args[0])?, scale_of(&args[1])?];
                let operands = [decimals(&args[0])?, decimals(&args[1])?];
                let result = (*precision, *scale);
                self.each(&operands, rows, return_type, |a: Unscaled, b: Unscaled| {
                    decimal(operation, (a.0, scales[0]), (b.0, scales[1]), result).map(Unscaled)
                })
            }
            SqlType::Integer => self.each(&widened(args, &result)?, rows, return_type, |a, b| {
                integer(operation, a, b)
            }),
            SqlType::Bigint => self.each(&widened(args, &result)?, rows, return_type, |a, b| {
                bigint(operation, a, b)
            }),
            _ => self.each(&widened(args, &result)?, rows, return_type, |a, b| {
                Ok(double(operation, a, b))
            }),
        }
    }

    fn each<T: for<'x> Read<'x> + Write>(
        &self,
        args: &[Argument],
        rows: usize,
        return_type: &DataType,
        value: impl Fn(T, T) -> Result<T, Fault>,
    ) -> Result<ArrayRef> {
        let call = Call {
            function: self.operation.symbol(),
            args,
            rows,
            return_type,
            clock: &SystemClock,
        };
        let (left, right) = (call.reader::<T>(0), call.reader::<T>(1));
        call.collect(|row| match (left.get(row), right.get(row)) {
            (Some(left), Some(right)) => value(left, right).map(Some),
            _ if self.on_null == OnNull::Fault => Err(Fault::from("an operand is NULL")),
            _ => Ok(None),
        })
    }
}

fn widened(args: &[Argument], to: &SqlType) -> Result<[Argument; 2]> {
    let widen = |argument: &Argument| -> Result<Argument> {
        Ok(Argument {
            array: cast::widen(&argument.array, to, "arithmetic")?,
            constant: argument.constant,
        })
    };
    Ok([widen(&args[0])?, widen(&args[1])?])
}

fn scale_of(argument: &Argument) -> Result<i8> {
    match SqlType::from_arrow(argument.array.data_type())
        .as_ref()
        .and_then(decimal_of)
    {
        Some((_, scale)) => Ok(scale),
        None => plan_err!("{} is not the type of a decimal", argument.array.data_type()),
    }
}

/// A decimal or whole number as decimal.
fn decimals(argument: &Argument) -> Result<Argument> {
    let from = SqlType::from_arrow(argument.array.data_type());
    let Some((precision, scale)) = from.as_ref().and_then(decimal_of) else {
        return plan_err!("{} is not the type of a decimal", argument.array.data_type());
    };
    Ok(Argument {
        array: cast::widen(&argument.array, &SqlType::Decimal(precision, scale), "arithmetic")?,
        constant: argument.constant,
    })
}

fn by_zero() -> Fault {
    Fault::from("division by zero")
}

fn integer(operation: Operation, a: i32, b: i32) -> Result<i32, Fault> {
    Ok(match operation {
        Operation::Plus => a.wrapping_add(b),
        Operation::Minus => a.wrapping_sub(b),
        Operation::Times => a.wrapping_mul(b),
        Operation::Divide if b != 0 => a.wrapping_div(b),
        Operation::Modulo if b != 0 => a.wrapping_rem(b),
        Operation::Divide | Operation::Modulo => return Err(by_zero()),
    })
}

fn bigint(operation: Operation, a: i64, b: i64) -> Result<i64, Fault> {
    Ok(match operation {
        Operation::Plus => a.wrapping_add(b),
        Operation::Minus => a.wrapping_sub(b),
        Operation::Times => a.wrapping_mul(b),
        Operation::Divide if b != 0 => a.wrapping_div(b),
        Operation::Modulo if b != 0 => a.wrapping_rem(b),
        Operation::Divide | Operation::Modulo => return Err(by_zero()),
    })
}

fn double(operation: Operation, a: f64, b: f64) -> f64 {
    match operation {
        Operation::Plus => a + b,
        Operation::Minus => a - b,
        Operation::Times => a * b,
        Operation::Divide => a / b,
        Operation::Modulo => a % b,
    }
}

/// Digits and scale of two decimals to the digits of their result.
fn decimal(
    operation: Operation,
    (a, s1): (i128, i8),
    (b, s2): (i128, i8),
    (precision, scale): (u8, i8),
) -> Result<i128, Fault> {
    let overflow = || Fault::from(format!("the result does not fit DECIMAL({precision}, {scale})"));
    if b == 0 && matches!(operation, Operation::Divide | Operation::Modulo) {
        return Err(by_zero());
    }
    let common = s1.max(s2);
    let raise = |value: i128, by: i32| -> Option<i256> { i256::from_i128(value).checked_mul(power_of_ten(by)?) };
    let at_common = || Some((raise(a, i32::from(common - s1))?, raise(b, i32::from(common - s2))?));
    let exact = match operation {
        Operation::Plus => at_common().and_then(|(a, b)| a.checked_add(b)).map(|v| (v, common)),
        Operation::Minus => at_common().and_then(|(a, b)| a.checked_sub(b)).map(|v| (v, common)),
        Operation::Modulo => at_common().and_then(|(a, b)| a.checked_rem(b)).map(|v| (v, common)),
        Operation::Times => i256::from_i128(a)
            .checked_mul(i256::from_i128(b))
            .map(|product| (product, s1 + s2)),
        Operation::Divide => {
            let by = i32::from(scale) - i32::from(s1) + i32::from(s2);
            let (numerator, denominator) = if by >= 0 {
                (raise(a, by), Some(i256::from_i128(b)))
            } else {
                (Some(i256::from_i128(a)), raise(b, -by))
            };
            let quotient = numerator.zip(denominator).and_then(|(n, d)| divide_half_up(n, d));
            quotient.map(|quotient| (quotient, scale))
        }
    };
    let (value, from_scale) = exact.ok_or_else(overflow)?;
    let by = i32::from(scale) - i32::from(from_scale);
    let rescaled = if by >= 0 {
        power_of_ten(by).and_then(|factor| value.checked_mul(factor))
    } else {
        power_of_ten(-by).and_then(|factor| divide_half_up(value, factor))
    };
    rescaled
        .and_then(i256::to_i128)
        .filter(|value| value.unsigned_abs() < 10_u128.pow(u32::from(precision)))
        .ok_or_else(overflow)
}

fn power_of_ten(exponent: i32) -> Option<i256> {
    let exponent = u32::try_from(exponent).ok()?;
    // 10^76 is the largest that 256 bits hold.
    (exponent <= 76).then(|| i256::from_i128(10).wrapping_pow(exponent))
}

/// To the nearest, a half away from zero.
fn divide_half_up(numerator: i256, denominator: i256) -> Option<i256> {
    let quotient = numerator.checked_div(denominator)?;
    let rest = numerator.checked_rem(denominator)?.wrapping_abs();
    let is_up = rest.checked_mul(i256::from_i128(2))? >= denominator.wrapping_abs();
    if !is_up {
        return Some(quotient);
    }
    let sign = if (numerator < i256::ZERO) == (denominator < i256::ZERO) {
        1
    } else {
        -1
    };
    quotient.checked_add(i256::from_i128(sign))
}
