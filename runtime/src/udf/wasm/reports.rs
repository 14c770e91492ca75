//! Error reports: which rows failed and why, as the guest tells (section 6 of `udf-sdk/ABI.md`).

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::nullif;

use super::columns_out::{Bad, Reader};
use super::fault::Fault;
use crate::udf::RowFailure;
use crate::udf::manifest::cut;

/// The row number that stands for no row in particular.
pub(super) const NO_ROW: u32 = u32::MAX;
/// Bytes of one report: row, address and bytes of its message.
const REPORT_BYTES: usize = 12;

/// Reads `count` reports; messages are cut at `message_bytes_max`.
pub(super) fn read(
    reader: &Reader<'_>,
    address: u32,
    count: usize,
    message_bytes_max: usize,
) -> Result<Vec<RowFailure>, Bad> {
    let table = reader.range(address, count * REPORT_BYTES, 4, "error reports")?;
    table
        .chunks_exact(REPORT_BYTES)
        .map(|report| {
            let field = |i: usize| u32::from_le_bytes([report[i], report[i + 1], report[i + 2], report[i + 3]]);
            let bytes = (field(8) as usize).min(message_bytes_max);
            let text = reader.range(field(4), bytes, 1, "error message")?;
            Ok(RowFailure {
                row: field(0),
                message: cut(&String::from_utf8_lossy(text), message_bytes_max),
            })
        })
        .collect()
}

/// The failed rows of a call of `rows` rows, ascending, each once.
pub(super) fn failed_rows(mut reports: Vec<RowFailure>, rows: usize) -> Result<Vec<RowFailure>, Fault> {
    reports.sort_by_key(|report| report.row);
    reports.dedup_by_key(|report| report.row);
    match reports.last() {
        None => Err(Fault::BadResult(
            "status 1 says that rows failed, and none is reported".to_owned(),
        )),
        Some(last) if last.row as usize >= rows => Err(Fault::BadResult(format!(
            "row {} is reported as failed in a call of {rows} rows",
            last.row
        ))),
        Some(_) => Ok(reports),
    }
}

/// `values` with null in the failed rows, whatever the guest left there.
pub(super) fn null_rows(values: &ArrayRef, failed: &[RowFailure]) -> Result<ArrayRef, Fault> {
    let mut mask = vec![false; values.len()];
    for failure in failed {
        mask[failure.row as usize] = true;
    }
    nullif(values, &BooleanArray::from(mask)).map_err(|e| Fault::BadResult(e.to_string()))
}
