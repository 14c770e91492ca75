//! Functions of numbers that give a DOUBLE, and the simple ones that keep their type.

use crate::function::column::{Unscaled, rows0, rows1, rows2};
use crate::function::definition::{Definition, define};
use crate::types::schema::SqlType;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn functions() -> Vec<Definition> {
    vec![
        define("abs", "the absolute value")
            .on("(INT) -> INT", |c| rows1(c, |v: i32| Some(v.wrapping_abs())))
            .on("(BIGINT) -> BIGINT", |c| rows1(c, |v: i64| Some(v.wrapping_abs())))
            .on_with("(DECIMAL) -> DECIMAL", same_type, |c| {
                rows1(c, |v: Unscaled| Some(Unscaled(v.0.abs())))
            })
            .on("(DOUBLE) -> DOUBLE", |c| rows1(c, |v: f64| Some(v.abs()))),
        of_double("acos", "the arc cosine in radians, 0 to pi", |c| {
            rows1(c, |v: f64| Some(v.acos()))
        }),
        of_double("asin", "the arc sine in radians, -pi/2 to pi/2", |c| {
            rows1(c, |v: f64| Some(v.asin()))
        }),
        of_double("atan", "the arc tangent in radians, -pi/2 to pi/2", |c| {
            rows1(c, |v: f64| Some(v.atan()))
        }),
        define(
            "atan2",
            "the angle in radians of the point (x, y), called as ATAN2(y, x)",
        )
        .on("(DOUBLE, DOUBLE) -> DOUBLE", |c| {
            rows2(c, |y: f64, x: f64| Some(y.atan2(x)))
        }),
        of_double("cbrt", "the cube root", |c| rows1(c, |v: f64| Some(v.cbrt()))),
        of_double("cos", "the cosine of an angle in radians", |c| {
            rows1(c, |v: f64| Some(v.cos()))
        }),
        of_double("cosh", "the hyperbolic cosine", |c| rows1(c, |v: f64| Some(v.cosh()))),
        of_double("cot", "the cotangent of an angle in radians", |c| {
            rows1(c, |v: f64| Some(1.0 / v.tan()))
        }),
        of_double("degrees", "radians to degrees", |c| {
            rows1(c, |v: f64| Some(v.to_degrees()))
        }),
        of_double("exp", "e raised to a power", |c| rows1(c, |v: f64| Some(v.exp()))),
        of_double("ln", "the natural logarithm", |c| rows1(c, |v: f64| Some(v.ln()))),
        define(
            "log",
            "the natural logarithm, or the logarithm to a base: LOG(base, value)",
        )
        .on("(DOUBLE) -> DOUBLE", |c| rows1(c, |v: f64| Some(v.ln())))
        .on("(DOUBLE, DOUBLE) -> DOUBLE", |c| {
            rows2(c, |base, value| Some(logarithm(base, value)))
        }),
        define("pi", "the number pi").on("() -> DOUBLE", |c| rows0(c, || std::f64::consts::PI)),
        define("power", "a number raised to a power").on("(DOUBLE, DOUBLE) -> DOUBLE", |c| {
            rows2(c, |base, exponent| Some(power(base, exponent)))
        }),
        of_double("radians", "degrees to radians", |c| {
            rows1(c, |v: f64| Some(v.to_radians()))
        }),
        define("random", "a random number, from 0 to below 1")
            .on("() -> DOUBLE", |c| rows0(c, rand::random::<f64>))
            .volatile(),
        define("sign", "-1, 0 or 1 for a negative number, zero, or a positive one")
            .on("(INT) -> INT", |c| rows1(c, |v: i32| Some(v.signum())))
            .on("(BIGINT) -> INT", |c| {
                rows1(c, |v: i64| Some(i32::from(v > 0) - i32::from(v < 0)))
            })
            .on("(DOUBLE) -> INT", |c| {
                rows1(c, |v: f64| Some(i32::from(v > 0.0) - i32::from(v < 0.0)))
            }),
        of_double("sin", "the sine of an angle in radians", |c| {
            rows1(c, |v: f64| Some(v.sin()))
        }),
        of_double("sinh", "the hyperbolic sine", |c| rows1(c, |v: f64| Some(v.sinh()))),
        of_double("sqrt", "the square root", |c| rows1(c, |v: f64| Some(v.sqrt()))),
        of_double("tan", "the tangent of an angle in radians", |c| {
            rows1(c, |v: f64| Some(v.tan()))
        }),
        of_double("tanh", "the hyperbolic tangent", |c| rows1(c, |v: f64| Some(v.tanh()))),
    ]
}

fn of_double(name: &'static str, doc: &'static str, eval: crate::function::definition::Eval) -> Definition {
    define(name, doc).on("(DOUBLE) -> DOUBLE", eval)
}

/// The type of the first argument.
pub(super) fn same_type(arguments: &[SqlType]) -> Option<SqlType> {
    arguments.first().cloned()
}

/// `NaN` for a base that has no logarithm.
fn logarithm(base: f64, value: f64) -> f64 {
    if base <= 0.0 || base == 1.0 {
        f64::NAN
    } else {
        value.ln() / base.ln()
    }
}

/// As `Math.pow`, which calls one to the power of infinity or of no number no number.
fn power(base: f64, exponent: f64) -> f64 {
    if base.abs() == 1.0 && exponent.is_infinite() || base == 1.0 && exponent.is_nan() {
        f64::NAN
    } else {
        base.powf(exponent)
    }
}
