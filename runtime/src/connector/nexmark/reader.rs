//! Reads one partition of a stream of events.

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::Int64Array;

use super::super::pace::Pace;
use super::super::{ColumnBatch, Error, PartitionReader, PollLimits, Polled};
use super::settings::{EVENTS_MAX, RowTime, Settings};

/// One partition. Offsets are row numbers of the whole stream: growing, with gaps where there are more partitions.
#[derive(Debug)]
pub(super) struct NexmarkReader {
    settings: Arc<Settings>,
    partition: i32,
    pace: Pace,
    /// The row that is looked at next.
    next_row: i64,
}

impl NexmarkReader {
    /// `resume_row` is the row to begin at; `pace` counts events.
    pub(super) fn new(settings: Arc<Settings>, partition: i32, resume_row: i64, pace: Pace) -> Self {
        Self {
            settings,
            partition,
            pace,
            next_row: resume_row,
        }
    }

    fn idle(&self) -> Polled {
        Polled::Idle {
            retry_after: Some(self.pace.pause(self.settings.kind.event_of(self.next_row))),
        }
    }
}

impl PartitionReader for NexmarkReader {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn poll(&mut self, limits: PollLimits) -> Result<Polled, Error> {
        let settings = Arc::clone(&self.settings);
        let end = settings.rows.unwrap_or(EVENTS_MAX / 50);
        if self.next_row >= end {
            return Ok(Polled::End);
        }
        let due = settings.kind.rows_before(self.pace.due().min(EVENTS_MAX));
        if self.next_row >= due {
            return Ok(self.idle());
        }
        let rows_max = limits
            .rows_max
            .min(limits.bytes_max / settings.bytes_per_row)
            .clamp(1, i32::MAX as usize);
        let reach = (rows_max as i64).saturating_mul(i64::from(settings.partitions));
        let block_end = end.min(due).min(self.next_row.saturating_add(reach));
        let rows = settings.rows_of(self.partition, self.next_row, block_end, rows_max);
        self.next_row = match rows.last() {
            Some(last) if rows.len() == rows_max => last + 1,
            _ => block_end,
        };
        if rows.is_empty() {
            // All of them were of other partitions.
            return Ok(Polled::Idle {
                retry_after: Some(Duration::ZERO),
            });
        }
        let timestamps = match settings.row_time {
            RowTime::Event => settings.event_times(&rows),
            RowTime::Processing => Int64Array::from_value(self.pace.now_ms(), rows.len()),
        };
        Ok(Polled::Columns(ColumnBatch {
            partition: self.partition,
            records: settings.records(&rows)?,
            timestamps,
            offsets: Int64Array::from(rows),
        }))
    }
}
