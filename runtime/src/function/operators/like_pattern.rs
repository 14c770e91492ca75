//! LIKE patterns of ksqlDB as those of DataFusion.
//!
//! In ksqlDB a backslash is a character like any other unless `ESCAPE` names one, and then that one makes whatever
//! follows it stand for itself. DataFusion always escapes by backslash.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::internal::internal;
use crate::function::column::{Argument, Call, text2};
use crate::function::row_error::Fault;
use crate::types::clock::SystemClock;

static PATTERN: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| internal("ww_like_pattern", "{0} ESCAPE {1}", 2, pattern_type, patterns));

/// The function of a pattern and its escape character (empty for none) that gives DataFusion's pattern.
pub(super) fn like_pattern() -> Arc<ScalarUDF> {
    Arc::clone(&PATTERN)
}

/// A pattern with `escape` as one with backslashes.
pub(super) fn convert(pattern: &str, escape: Option<char>, out: &mut String) -> Result<(), Fault> {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let c = if Some(c) == escape {
            let next = chars.next();
            let next = next.ok_or_else(|| format!("LIKE pattern '{pattern}' ends in its escape character"))?;
            if matches!(next, '%' | '_') {
                out.push('\\');
            }
            next
        } else {
            c
        };
        if c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(())
}

fn pattern_type(types: &[DataType]) -> Result<DataType> {
    match types {
        [DataType::Utf8 | DataType::Null, DataType::Utf8] => Ok(DataType::Utf8),
        _ => plan_err!("a LIKE pattern is a STRING"),
    }
}

fn patterns(args: &[Argument], rows: usize, return_type: &DataType) -> Result<ArrayRef> {
    if *args[0].array.data_type() == DataType::Null {
        return Ok(datafusion::arrow::array::new_null_array(return_type, rows));
    }
    let call = Call {
        function: "LIKE",
        args,
        rows,
        return_type,
        clock: &SystemClock,
    };
    text2(&call, |pattern: &str, escape: &str, out| {
        convert(pattern, escape.chars().next(), out).map(Some)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_backslashes() {
        for (pattern, escape, expected) in [
            ("a%_b", None, "a%_b"),
            (r"a\%", None, r"a\\%"),
            ("a!%b", Some('!'), r"a\%b"),
            ("a!!b", Some('!'), "a!b"),
            ("a!xb", Some('!'), "axb"),
            (r"a\%", Some('\\'), r"a\%"),
            (r"a!\b", Some('!'), r"a\\b"),
        ] {
            let mut out = String::new();
            convert(pattern, escape, &mut out).unwrap();
            assert_eq!(out, expected, "{pattern}");
        }
        assert!(convert("a!", Some('!'), &mut String::new()).is_err());
    }
}
