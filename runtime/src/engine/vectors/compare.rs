//! What came back beside what had to: the differences, row by row.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::arrow::array::{Array as _, ArrayRef};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{Step, column};
use crate::udf::{Error, FunctionInfo, Kind, Outcome, RowFailure};

/// So many rows are told one by one.
const TOLD_MAX: usize = 5;
/// Every failed row is named; but a guest with much to report may shorten messages after so many.
const MESSAGES_MAX: usize = 1_000;

/// Compares what a call gave with what the step says.
pub(super) fn compare(info: &FunctionInfo, step: &Step, outcome: Result<Outcome, Error>) -> Result<(), String> {
    let outcome = match (outcome, &step.ends) {
        // A guest that meets its memory limit may as well report it as trap.
        (Err(e), Some(part)) if e.to_string().contains(part) => return Ok(()),
        (Ok(outcome), Some(part)) if part.is_empty() && !outcome.failed.is_empty() => return Ok(()),
        (Err(e), Some(part)) => return Err(format!("should end with '{part}', ended with: {e}")),
        (Err(e), None) => return Err(e.to_string()),
        (Ok(outcome), Some(part)) => return Err(format!("should end with '{part}', gave {:?}", outcome.values)),
        (Ok(outcome), None) => outcome,
    };
    let times = step.times.unwrap_or(1);
    let gives = step.gives.as_ref().ok_or("the step does not say what it gives")?;
    // A table function gives an ARRAY of rows for each row.
    let data_type = match info.kind {
        Kind::Table => outcome.values.data_type(),
        _ => &info.returns,
    };
    let expected = column(gives, data_type, times)?;
    let rows = u32::try_from(gives.len()).map_err(|e| e.to_string())?;
    let fails: BTreeMap<u32, &String> = (0..times)
        .flat_map(|time| (step.fails.iter()).map(move |(row, message)| (time * rows + row, message)))
        .collect();
    // Rows that failed first: they are null, which by itself says little.
    let mut differences = failures(&outcome.failed, &fails);
    differences.extend(values(&outcome.values, &expected, &outcome.failed)?);
    if differences.is_empty() {
        return Ok(());
    }
    let more = differences.len().saturating_sub(TOLD_MAX);
    differences.truncate(TOLD_MAX);
    if more > 0 {
        differences.push(format!("{more} more"));
    }
    Err(differences.join("; "))
}

fn failures(failed: &[RowFailure], expected: &BTreeMap<u32, &String>) -> Vec<String> {
    let mut differences = Vec::new();
    let mut missing = expected.clone();
    for (i, failure) in failed.iter().enumerate() {
        let RowFailure { row, message } = failure;
        match missing.remove(row) {
            None => differences.push(format!("row {row} failed: {message}")),
            Some(part) if !message.contains(part) && i <= MESSAGES_MAX => {
                differences.push(format!("row {row} should fail with '{part}', failed with: {message}"));
            }
            Some(_) => {}
        }
    }
    differences.extend((missing.iter()).map(|(row, part)| format!("row {row} should fail with '{part}' and did not")));
    differences
}

fn values(got: &ArrayRef, expected: &ArrayRef, failed: &[RowFailure]) -> Result<Vec<String>, String> {
    if **got == **expected {
        return Ok(Vec::new());
    }
    if got.len() != expected.len() {
        return Ok(vec![format!("gave {} rows, expected {}", got.len(), expected.len())]);
    }
    let options = FormatOptions::default().with_null("NULL").with_display_error(true);
    let text = |column: &ArrayRef, row: usize| {
        let formatter = ArrayFormatter::try_new(column, &options).map_err(|e| e.to_string())?;
        Ok::<_, String>(formatter.value(row).to_string())
    };
    let failed: BTreeSet<u32> = failed.iter().map(|failure| failure.row).collect();
    let mut differences = Vec::new();
    for row in 0..got.len() {
        // Of a row that failed and has to be null, there is nothing more to tell.
        let is_told = failed.contains(&u32::try_from(row).unwrap_or(u32::MAX)) && expected.is_null(row);
        if !is_told && got.slice(row, 1) != expected.slice(row, 1) {
            let (got, expected) = (text(got, row)?, text(expected, row)?);
            differences.push(format!("row {row}: expected {expected}, got {got}"));
        }
    }
    if differences.is_empty() {
        differences.push(format!("gave {got:?}, expected {expected:?}"));
    }
    Ok(differences)
}
