//! Reads one partition of a generated stream.
//!
//! Every reader walks through the one sequence of rows and keeps those of its partition. Of rows that it does not keep
//! it makes only what others depend on: the key, and walks that run across partitions.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Int64Type};

use super::super::options::wrong;
use super::super::pace::Pace;
use super::super::{ColumnBatch, Error, PartitionReader, PollLimits, Polled};
use super::kind::ColumnKind;
use super::plan::Plan;
use super::walk::Walk;

/// Rows of each partition, about, that one poll makes again after a restart.
const REPLAY_ROWS: i64 = 8_192;

/// One partition. Offsets are row numbers of the whole sequence: growing, with gaps where there are more partitions.
#[derive(Debug)]
pub(super) struct GeneratedReader {
    plan: Arc<Plan>,
    partition: i32,
    pace: Pace,
    /// The row that is looked at next.
    next_row: i64,
    /// Rows before this one were read in an earlier life; they are made again only for the walks.
    resume_row: i64,
    /// The walks by column.
    walks: Vec<Option<Walk>>,
    is_barren: bool,
}

/// The rows of this partition among some rows of the sequence.
struct Selection {
    /// First row that was looked at.
    start: i64,
    /// Row behind the last that was looked at.
    end: i64,
    /// Those of this partition.
    rows: Vec<i64>,
}

impl GeneratedReader {
    /// `resume_row` is the row to begin at; `pace` counts rows.
    pub(super) fn new(plan: Arc<Plan>, partition: i32, resume_row: i64, pace: Pace) -> Self {
        let walks: Vec<_> = plan
            .columns
            .iter()
            .map(|kind| match kind {
                ColumnKind::Walk(settings) => Some(Walk::new(Arc::clone(settings))),
                ColumnKind::ByRow { .. } => None,
            })
            .collect();
        let has_walks = walks.iter().any(Option::is_some);
        Self {
            partition,
            pace,
            next_row: if has_walks { 0 } else { resume_row },
            resume_row,
            walks,
            is_barren: plan.is_barren(partition),
            plan,
        }
    }

    /// The rows of this partition from `next_row` to before `end`, no more than `rows_max`.
    fn select(&self, end: i64, rows_max: usize) -> Selection {
        let start = self.next_row;
        let rows = self.plan.rows_of(self.partition, start, end, rows_max);
        let end = match rows.last() {
            Some(last) if rows.len() == rows_max => last + 1,
            _ => end,
        };
        Selection { start, end, rows }
    }

    /// All columns of the selected rows.
    fn columns(&mut self, selection: &Selection) -> Vec<ArrayRef> {
        let plan = Arc::clone(&self.plan);
        let mut columns: Vec<Option<ArrayRef>> = (0..plan.columns.len())
            .map(|position| plan.by_row(position, &selection.rows))
            .collect();
        for position in 0..columns.len() {
            let Some(walk) = &mut self.walks[position] else {
                continue;
            };
            let per = walk.settings.per;
            let values = if plan.is_local(per) {
                walk.generate(&selection.rows, per.and_then(|per| columns[per].as_ref()))
            } else {
                let all: Vec<i64> = (selection.start..selection.end).collect();
                let per = per.and_then(|per| plan.by_row(per, &all));
                let values = walk.generate(&all, per.as_ref());
                let kept = selection.rows.iter().map(|row| {
                    u32::try_from(row - selection.start).expect("a poll looks through far less than 4 G rows")
                });
                take(&values, &UInt32Array::from_iter_values(kept), None).expect("the kept rows are among all")
            };
            columns[position] = Some(values);
        }
        columns.into_iter().flatten().collect()
    }

    /// Makes rows of an earlier life again, for the walks.
    fn replay(&mut self) -> Polled {
        let end = self
            .resume_row
            .min(self.next_row + REPLAY_ROWS * i64::from(self.plan.partitions));
        let selection = self.select(end, usize::MAX);
        let _ = self.columns(&selection);
        self.next_row = end;
        Polled::Idle {
            retry_after: Some(Duration::ZERO),
        }
    }

    fn timestamps(&self, columns: &[ArrayRef], rows: usize) -> Int64Array {
        match self.plan.event_time {
            Some(position) => cast(&columns[position], &DataType::Int64)
                .expect("TIMESTAMP and BIGINT can be cast to BIGINT")
                .as_primitive::<Int64Type>()
                .clone(),
            None => Int64Array::from_value(self.pace.now_ms(), rows),
        }
    }
}

impl PartitionReader for GeneratedReader {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn poll(&mut self, limits: PollLimits) -> Result<Polled, Error> {
        let end = self.plan.rows.unwrap_or(i64::MAX);
        if self.is_barren || self.next_row >= end || self.resume_row >= end {
            return Ok(Polled::End);
        }
        if self.next_row < self.resume_row {
            return Ok(self.replay());
        }
        let due_row = self.pace.due();
        if self.next_row >= due_row {
            return Ok(Polled::Idle {
                retry_after: Some(self.pace.pause(self.next_row)),
            });
        }
        let rows_max = limits
            .rows_max
            .min(limits.bytes_max / self.plan.bytes_per_row)
            .clamp(1, i32::MAX as usize);
        let reach = (rows_max as i64).saturating_mul(i64::from(self.plan.partitions));
        let block_end = end.min(due_row).min(self.next_row.saturating_add(reach));
        let selection = self.select(block_end, rows_max);
        let columns = self.columns(&selection);
        self.next_row = selection.end;
        let rows = selection.rows.len();
        if rows == 0 {
            // The walks have moved on; the rows were all of other partitions.
            return Ok(Polled::Idle {
                retry_after: Some(self.pace.pause(self.next_row)),
            });
        }
        let timestamps = self.timestamps(&columns, rows);
        let records = RecordBatch::try_new(Arc::clone(&self.plan.schema), columns)
            .map_err(|error| wrong("CONNECTOR", format!("generated rows do not fit their columns: {error}")))?;
        Ok(Polled::Columns(ColumnBatch {
            partition: self.partition,
            records,
            timestamps,
            offsets: Int64Array::from(selection.rows),
        }))
    }
}
