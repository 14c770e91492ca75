//! Numbers from their bytes.

use crate::function::column::{rows1, rows2};
use crate::function::definition::{Definition, define};
use crate::function::row_error::Fault;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define(
            "int_from_bytes",
            "the INTEGER of 4 bytes, 'BIG_ENDIAN' or 'LITTLE_ENDIAN'",
        )
        .on("(BYTES) -> INT", |c| {
            rows1(c, |b| exact(b).map(|b| Some(i32::from_be_bytes(b))))
        })
        .on("(BYTES, STRING) -> INT", |c| {
            rows2(c, |b, order| ordered(b, order).map(|b| Some(i32::from_be_bytes(b))))
        }),
        define(
            "bigint_from_bytes",
            "the BIGINT of 8 bytes, 'BIG_ENDIAN' or 'LITTLE_ENDIAN'",
        )
        .on("(BYTES) -> BIGINT", |c| {
            rows1(c, |b| exact(b).map(|b| Some(i64::from_be_bytes(b))))
        })
        .on("(BYTES, STRING) -> BIGINT", |c| {
            rows2(c, |b, order| ordered(b, order).map(|b| Some(i64::from_be_bytes(b))))
        }),
        define(
            "double_from_bytes",
            "the DOUBLE of 8 bytes, 'BIG_ENDIAN' or 'LITTLE_ENDIAN'",
        )
        .on("(BYTES) -> DOUBLE", |c| {
            rows1(c, |b| exact(b).map(|b| Some(f64::from_be_bytes(b))))
        })
        .on("(BYTES, STRING) -> DOUBLE", |c| {
            rows2(c, |b, order| ordered(b, order).map(|b| Some(f64::from_be_bytes(b))))
        }),
    ]
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Fault> {
    bytes
        .try_into()
        .map_err(|_| format!("{} bytes given, {N} needed", bytes.len()).into())
}

/// The bytes with the most significant first.
fn ordered<const N: usize>(bytes: &[u8], order: &str) -> Result<[u8; N], Fault> {
    let mut bytes = exact(bytes)?;
    match order.to_ascii_uppercase().as_str() {
        "BIG_ENDIAN" => {}
        "LITTLE_ENDIAN" => bytes.reverse(),
        _ => return Err(format!("byte order '{order}' is unknown: use 'BIG_ENDIAN' or 'LITTLE_ENDIAN'").into()),
    }
    Ok(bytes)
}
