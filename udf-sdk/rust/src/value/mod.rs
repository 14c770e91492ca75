//! SQL types that Rust's own types do not say: DECIMAL, DATE, TIME, TIMESTAMP.

mod decimal;
mod time;

pub use decimal::Decimal;
pub use time::{Date, Time, Timestamp};

use alloc::string::String;

/// One field of a struct: its name, whether the name keeps its case, and what writes its type.
pub type Field = (&'static str, bool, fn(&mut String));

/// Adds `STRUCT<name T, ...>` to `out`. Names fold to upper case in SQL unless they keep their case.
pub fn sql_struct(out: &mut String, fields: &[Field]) {
    out.push_str("STRUCT<");
    for (i, (name, keeps_case, sql_type)) in fields.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        let quote = if *keeps_case { "`" } else { "" };
        out.push_str(quote);
        out.push_str(name);
        out.push_str(quote);
        out.push_str(" ");
        sql_type(out);
    }
    out.push_str(">");
}
