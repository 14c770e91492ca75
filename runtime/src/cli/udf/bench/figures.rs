//! Figures as a table, as JSON or as CSV.

use std::io::Write;

use super::calls::Measured;
use crate::cli::OutputFormat;
use crate::cli::render::write_table;
use crate::cli::udf::kind_word;
use crate::engine::{Table, function_signature};
use crate::udf::FunctionInfo;

/// One function with one number of rows.
#[derive(Debug)]
pub(super) struct Figure<'a> {
    pub(super) info: &'a FunctionInfo,
    pub(super) rows: u32,
    pub(super) measured: Measured,
}

impl Figure<'_> {
    fn row_ns(&self) -> f64 {
        self.measured.call_ns / f64::from(self.rows)
    }

    fn rows_per_s(&self) -> f64 {
        1e9 / self.row_ns()
    }
}

pub(super) fn write(figures: &[Figure<'_>], output: OutputFormat, out: &mut impl Write) -> anyhow::Result<()> {
    if output == OutputFormat::Json {
        for figure in figures {
            let line = serde_json::json!({
                "function": function_signature(figure.info),
                "kind": kind_word(figure.info.kind),
                "rows": figure.rows,
                "ns_per_call": rounded(figure.measured.call_ns),
                "ns_per_row": rounded(figure.row_ns()),
                "rows_per_s": figure.rows_per_s().round(),
                "failed_rows": figure.measured.failed_rows,
            });
            writeln!(out, "{line}")?;
        }
        return Ok(());
    }
    let columns = [
        "Function",
        "Kind",
        "Rows a call",
        "ns a row",
        "Rows a second",
        "Failed rows",
    ];
    let cells = |figure: &Figure<'_>| {
        vec![
            function_signature(figure.info),
            kind_word(figure.info.kind).into(),
            figure.rows.to_string(),
            format!("{:.1}", figure.row_ns()),
            format!("{:.0}", figure.rows_per_s()),
            figure.measured.failed_rows.to_string(),
        ]
    };
    let table = Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: figures.iter().map(cells).collect(),
    };
    write_table(&table, output, out)
}

/// To a tenth.
fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
