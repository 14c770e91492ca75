//! Columns from JSON values. Dates and times are texts, bytes are hexadecimal.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::json::ReaderBuilder;
use serde_json::{Value, json};

/// The column of these values, `times` times one after the other.
///
/// # Errors
/// When there is no value, or one is not of the type.
pub fn column(values: &[Value], data_type: &DataType, times: u32) -> Result<ArrayRef, String> {
    let schema = Arc::new(Schema::new(vec![Field::new("v", data_type.clone(), true)]));
    // In one batch, however many values there are.
    let reader = ReaderBuilder::new(schema).with_batch_size(values.len().max(1));
    let mut decoder = reader.build_decoder().map_err(|e| e.to_string())?;
    let rows: Vec<String> = values
        .iter()
        .map(|value| format!("{}\n", json!({ "v": value })))
        .collect();
    decoder.decode(rows.concat().as_bytes()).map_err(|e| e.to_string())?;
    let batch = decoder
        .flush()
        .map_err(|e| e.to_string())?
        .ok_or("a column without rows")?;
    if times == 1 {
        return Ok(ArrayRef::clone(batch.column(0)));
    }
    let one = u32::try_from(values.len()).map_err(|e| e.to_string())?;
    let order: UInt32Array = (0..times).flat_map(|_| 0..one).collect();
    take(batch.column(0), &order, None).map_err(|e| e.to_string())
}
