//! Reads the lines of one range of a text file.
//!
//! A poll reads about as many bytes as the asked rows need, straight into the buffer that it gives away; the rows are
//! ranges of it. Only the piece of a line at the end is copied over to the next poll.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::super::{Error, PartitionReader, PollLimits, Polled};
use super::ranges::{BYTE_ORDER_MARK, fill, too_long};
use super::splitter::Splitter;
use super::{failed, malformed};
use crate::types::limits::RECORD_BYTES_MAX;
use crate::types::{BytesColumn, Clock, Headers, RawRecords};

/// The least that is read at once.
const CHUNK_BYTES_MIN: usize = 64 << 10;
/// How long a followed file is left alone when it had nothing new.
const FOLLOW_PAUSE: Duration = Duration::from_millis(100);

/// Which part of a file is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineRange {
    /// First byte.
    pub(super) start: u64,
    /// Byte behind the last; `None`: the file is followed.
    pub(super) end: Option<u64>,
    /// The first record is column names.
    pub(super) skip_header: bool,
}

/// One range of a file as one partition. Offsets are row numbers in the range; blank lines are no rows.
#[derive(Debug)]
pub(super) struct LineReader {
    path: PathBuf,
    partition: i32,
    range: LineRange,
    splitter: Splitter,
    headers: bool,
    clock: Arc<dyn Clock>,
    file: Option<File>,
    /// The byte of the file that is read next.
    position: u64,
    /// Bytes that were read; those before `cursor` were given away.
    held: Vec<u8>,
    cursor: usize,
    /// What of the begin of the file is still to be stepped over.
    preamble: Preamble,
    /// Number of the next row.
    next_row: i64,
    /// Rows before this one were read in an earlier life.
    resume_row: i64,
    /// How long a row was lately, newline included.
    bytes_per_row: usize,
    has_ended: bool,
}

/// What stands before the first row of a file.
#[derive(Debug)]
struct Preamble {
    /// Perhaps a byte order mark.
    mark: bool,
    /// A row of column names.
    header: bool,
}

/// What a look through the held bytes found.
struct Found {
    values: BytesColumn,
    /// Number of the first row of `values`.
    first_row: i64,
    /// Bytes up to here are used up.
    consumed: usize,
}

impl LineReader {
    pub(super) fn new(
        path: &Path,
        partition: i32,
        range: LineRange,
        splitter: Splitter,
        headers: bool,
        resume_row: i64,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            partition,
            range,
            splitter,
            headers,
            clock,
            file: None,
            position: range.start,
            held: Vec::new(),
            cursor: 0,
            preamble: Preamble {
                mark: range.start == 0,
                header: range.skip_header,
            },
            next_row: 0,
            resume_row,
            bytes_per_row: 128,
            has_ended: false,
        }
    }

    /// Reads up to `bytes` more bytes behind the held ones. True when the end of the range was reached.
    fn read_more(&mut self, bytes: usize) -> Result<bool, Error> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let mut file = File::open(&self.path).map_err(|error| failed(&self.path, error))?;
                file.seek(SeekFrom::Start(self.position))
                    .map_err(|error| failed(&self.path, error))?;
                none.insert(file)
            }
        };
        if self.cursor > 0 {
            // Copied, not moved down: the old buffer may be much larger than what is left in it.
            let mut held = Vec::with_capacity(self.held.len() - self.cursor + bytes);
            held.extend_from_slice(&self.held[self.cursor..]);
            self.held = held;
            self.cursor = 0;
        }
        let left = self.range.end.map_or(u64::MAX, |end| end - self.position);
        let wanted = usize::try_from(left).map_or(bytes, |left| left.min(bytes));
        let read = fill(file, &self.path, &mut self.held, wanted)?;
        self.position += read as u64;
        if self.range.end.is_none() && read == 0 {
            let size = file.metadata().map_err(|error| failed(&self.path, error))?.len();
            if size < self.position {
                return Err(malformed(
                    &self.path,
                    format!("was cut from {} to {size} bytes while it was followed", self.position),
                ));
            }
        }
        Ok(match self.range.end {
            Some(end) => self.position >= end || read == 0,
            None => false,
        })
    }

    /// Steps over a byte order mark. False when too few bytes are held to tell.
    fn skip_mark(&mut self, at_end: bool) -> bool {
        if self.preamble.mark {
            let held = &self.held[self.cursor..];
            if held.starts_with(BYTE_ORDER_MARK) {
                self.cursor += BYTE_ORDER_MARK.len();
            } else if BYTE_ORDER_MARK.starts_with(held) && !at_end {
                return false;
            }
            self.preamble.mark = false;
        }
        true
    }

    /// Finds the records in the held bytes. `at_end`: nothing follows them, so a rest without a newline is one, too.
    fn find(&mut self, limits: PollLimits, at_end: bool) -> Result<Found, Error> {
        let can_start = self.skip_mark(at_end);
        let mut values = BytesColumn::new();
        std::mem::swap(values.buffer(), &mut self.held);
        let mut start = self.cursor;
        let mut first_row = None;
        while can_start && values.len() < limits.rows_max.max(1) {
            let data = values.data();
            let (end, next) = match self.splitter.record_end(data, start) {
                Some(newline) => (newline, newline + 1),
                None if at_end && start < data.len() => (data.len(), data.len()),
                None => break,
            };
            if !values.is_empty() && next - self.cursor > limits.bytes_max {
                break;
            }
            if end - start > RECORD_BYTES_MAX {
                return Err(too_long(&self.path, self.position - (data.len() - start) as u64));
            }
            let has_return = end > start && data[end - 1] == b'\r';
            let (begin, end) = (start, end - usize::from(has_return));
            start = next;
            if std::mem::take(&mut self.preamble.header) || begin == end {
                continue;
            }
            if self.next_row >= self.resume_row {
                first_row.get_or_insert(self.next_row);
                let position = |at: usize| u32::try_from(at).expect("a chunk is bounded far below 4 GiB");
                values.push_range(position(begin), position(end));
            }
            self.next_row += 1;
        }
        Ok(Found {
            values,
            first_row: first_row.unwrap_or(self.next_row),
            consumed: start,
        })
    }

    /// Gives the found rows away and keeps the bytes behind them.
    fn give(&mut self, found: Found) -> RawRecords {
        let Found {
            mut values,
            first_row,
            consumed,
        } = found;
        let rows = values.len();
        let (used, rest) = (consumed - self.cursor, values.data().len() - consumed);
        if let Some(mean) = used.checked_div(rows) {
            self.bytes_per_row = mean + 1;
        }
        if rest > used {
            // Few rows of a big chunk: the chunk stays, the rows are copied.
            let copied = values.iter().collect();
            self.held = std::mem::take(values.buffer());
            self.cursor = consumed;
            values = copied;
        } else {
            self.held = values.data()[consumed..].to_vec();
            self.cursor = 0;
            values.buffer().truncate(consumed);
        }
        let mut keys = BytesColumn::new();
        for _ in 0..rows {
            keys.push(None);
        }
        RawRecords {
            partition: self.partition,
            keys,
            values,
            timestamps: vec![self.clock.now_ms(); rows],
            offsets: (first_row..first_row + rows as i64).collect(),
            headers: self.headers.then(|| vec![Headers::new(); rows]),
        }
    }
}

impl PartitionReader for LineReader {
    fn partition(&self) -> i32 {
        self.partition
    }

    fn poll(&mut self, limits: PollLimits) -> Result<Polled, Error> {
        if self.has_ended {
            return Ok(Polled::End);
        }
        let wanted = self
            .bytes_per_row
            .saturating_mul(limits.rows_max.max(1))
            .min(limits.bytes_max)
            .max(self.bytes_per_row);
        let mut at_end = self.range.end.is_some_and(|end| self.position >= end);
        let mut chunk = wanted.max(CHUNK_BYTES_MIN);
        let held = self.held.len() - self.cursor;
        if held < wanted && !at_end {
            at_end = self.read_more(chunk - held)?;
        }
        loop {
            let before = self.cursor;
            let found = self.find(limits, at_end)?;
            let is_empty = found.values.is_empty();
            let progressed = found.consumed > before;
            let records = self.give(found);
            if !is_empty {
                return Ok(Polled::Records(records));
            }
            if progressed {
                // Blank lines, or rows of an earlier life: come again at once.
                return Ok(Polled::Idle {
                    retry_after: Some(Duration::ZERO),
                });
            }
            if at_end {
                self.has_ended = true;
                self.file = None;
                return Ok(Polled::End);
            }
            let held = self.held.len() - self.cursor;
            if held > RECORD_BYTES_MAX {
                return Err(too_long(&self.path, self.position - held as u64));
            }
            chunk *= 2;
            at_end = self.read_more(chunk)?;
            if !at_end && self.held.len() - self.cursor == held {
                return Ok(Polled::Idle {
                    retry_after: Some(FOLLOW_PAUSE),
                });
            }
        }
    }
}
