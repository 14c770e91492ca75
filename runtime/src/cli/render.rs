//! Rows as text: tables for people, JSON objects, CSV.

use std::io::{self, Write};
use std::sync::Arc;

use comfy_table::{ContentArrangement, Table as TextTable, presets};
use datafusion::arrow::array::{Array as _, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::OutputFormat;
use crate::engine::{ShownRows, Table};
use crate::format::{self, Encoder, Format, FormatSpec};
use crate::types::BytesColumn;
use crate::types::schema::{Column, ColumnRole, SqlType};

/// The widest that a column of a running table gets; longer cells push the row to the right.
const COLUMN_WIDTH_MAX: usize = 32;

/// Writes the results of one query as they come.
#[derive(Debug)]
pub(crate) struct RowWriter {
    schema: SchemaRef,
    style: Style,
    /// Rows may be deleted, so that each says whether it is.
    changes: bool,
}

/// What stands in a table of text in the place of a deleted row's values.
const DELETED: &str = "(deleted)";
/// The column or field that says that a row is deleted.
const DELETED_FIELD: &str = "_deleted";

#[derive(Debug)]
enum Style {
    /// Widths are settled by the first rows.
    Table(Option<Vec<usize>>),
    Json(Box<dyn Encoder>, BytesColumn),
    Csv {
        header_written: bool,
    },
}

impl RowWriter {
    /// `changes`: the rows are changes of a table, of which some may be deletions.
    pub(crate) fn new(schema: &SchemaRef, output: OutputFormat, changes: bool) -> anyhow::Result<Self> {
        let style = match output {
            OutputFormat::Table => Style::Table(None),
            OutputFormat::Csv => Style::Csv { header_written: false },
            OutputFormat::Json => {
                let spec = FormatSpec {
                    format: Format::Json,
                    delimiter: b',',
                    wrap_single: true,
                };
                Style::Json(format::encoder(&spec, &columns(schema)?)?, BytesColumn::new())
            }
        };
        Ok(Self {
            schema: Arc::clone(schema),
            style,
            changes,
        })
    }

    pub(crate) fn write(&mut self, rows: &ShownRows, out: &mut impl Write) -> anyhow::Result<()> {
        let batch = &rows.records;
        match &mut self.style {
            Style::Table(widths) => {
                let mut cells = cells(batch)?;
                for (row, cells) in cells.iter_mut().enumerate().filter(|(row, _)| rows.deleted.value(*row)) {
                    mark_deleted(batch, row, cells);
                }
                let widths = match widths {
                    Some(widths) => widths,
                    None => {
                        let settled = settle_widths(&self.schema, &cells);
                        let names: Vec<String> = self.schema.fields().iter().map(|f| f.name().clone()).collect();
                        write_row(&names, &settled, out)?;
                        let rule: Vec<String> = settled.iter().map(|width| "-".repeat(*width)).collect();
                        write_row(&rule, &settled, out)?;
                        widths.insert(settled)
                    }
                };
                for row in &cells {
                    write_row(row, widths, out)?;
                }
            }
            Style::Json(encoder, lines) => {
                let schema = sql_batch(batch)?;
                lines.clear();
                encoder.encode(schema.columns(), batch.num_rows(), None, lines)?;
                for (row, line) in lines.iter().enumerate() {
                    write_object(line.unwrap_or(b"null"), rows.deleted.value(row), out)?;
                }
            }
            Style::Csv { header_written } => {
                let mut writer = csv::Writer::from_writer(out);
                let mark = |text: &str| self.changes.then(|| text.to_owned());
                if !*header_written {
                    let names = self.schema.fields().iter().map(|field| field.name().clone());
                    writer.write_record(names.chain(mark(DELETED_FIELD)))?;
                    *header_written = true;
                }
                for (row, cells) in cells(batch)?.into_iter().enumerate() {
                    let deleted = rows.deleted.value(row).to_string();
                    writer.write_record(cells.into_iter().chain(mark(&deleted)))?;
                }
                writer.flush()?;
            }
        }
        Ok(())
    }
}

/// Leaves the key of a deleted row, and says in the first other cell what happened to it.
fn mark_deleted(batch: &RecordBatch, row: usize, cells: &mut [String]) {
    let mut is_said = false;
    for (cell, _) in cells
        .iter_mut()
        .zip(batch.columns())
        .filter(|(_, column)| column.is_null(row))
    {
        *cell = if is_said { String::new() } else { DELETED.into() };
        is_said = true;
    }
    if !is_said && let Some(last) = cells.last_mut() {
        last.push(' ');
        last.push_str(DELETED);
    }
}

/// A line of JSON; a deleted row's object has a field that says so.
fn write_object(line: &[u8], deleted: bool, out: &mut impl Write) -> io::Result<()> {
    match line.strip_suffix(b"}").filter(|_| deleted) {
        Some(open) => {
            out.write_all(open)?;
            let comma = if open == b"{" { "" } else { "," };
            write!(out, "{comma}\"{DELETED_FIELD}\":true}}")?;
        }
        None => out.write_all(line)?,
    }
    out.write_all(b"\n")
}

/// The SQL columns of a result.
fn columns(schema: &SchemaRef) -> anyhow::Result<Vec<Column>> {
    let fields = schema.fields().iter().map(|field| {
        let sql_type = SqlType::from_arrow(field.data_type())
            .ok_or_else(|| anyhow::anyhow!("column {} has the type {}", field.name(), field.data_type()))?;
        Ok(Column {
            name: field.name().clone(),
            sql_type,
            role: ColumnRole::Value,
        })
    });
    fields.collect()
}

/// The batch with each column in the one Arrow form of its SQL type.
fn sql_batch(batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    let columns = columns(&batch.schema())?;
    let schema = crate::types::schema::arrow_schema(&columns);
    let arrays = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(array, field)| datafusion::arrow::compute::cast(array, field.data_type()))
        .collect::<Result<Vec<_>, ArrowError>>()?;
    Ok(RecordBatch::try_new(schema, arrays)?)
}

fn cells(batch: &RecordBatch) -> Result<Vec<Vec<String>>, ArrowError> {
    let options = FormatOptions::default().with_null("NULL").with_display_error(true);
    let formatters = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options))
        .collect::<Result<Vec<_>, _>>()?;
    let row = |row: usize| {
        formatters
            .iter()
            .map(|formatter| formatter.value(row).to_string())
            .collect()
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

fn settle_widths(schema: &SchemaRef, rows: &[Vec<String>]) -> Vec<usize> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([schema.field(column).name().chars().count()])
            .max()
            .unwrap_or(0)
            .min(COLUMN_WIDTH_MAX)
    };
    (0..schema.fields().len()).map(width).collect()
}

fn write_row(cells: &[String], widths: &[usize], out: &mut impl Write) -> io::Result<()> {
    let last = cells.len().saturating_sub(1);
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if column == last {
            out.write_all(cell.as_bytes())?;
        } else {
            write!(out, "{cell:width$}  ")?;
        }
    }
    out.write_all(b"\n")
}

/// A whole table of text.
pub(crate) fn write_table(table: &Table, output: OutputFormat, out: &mut impl Write) -> anyhow::Result<()> {
    match output {
        OutputFormat::Table => {
            let mut text = TextTable::new();
            text.load_style(presets::UTF8_FULL_CONDENSED)
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_header(&table.columns)
                .add_rows(&table.rows);
            writeln!(out, "{text}")?;
        }
        OutputFormat::Json => {
            for row in &table.rows {
                let object: serde_json::Map<String, serde_json::Value> = table
                    .columns
                    .iter()
                    .cloned()
                    .zip(row.iter().cloned().map(Into::into))
                    .collect();
                writeln!(out, "{}", serde_json::Value::Object(object))?;
            }
        }
        OutputFormat::Csv => {
            let mut writer = csv::Writer::from_writer(out);
            writer.write_record(&table.columns)?;
            for row in &table.rows {
                writer.write_record(row)?;
            }
            writer.flush()?;
        }
    }
    Ok(())
}
