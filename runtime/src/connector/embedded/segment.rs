//! A run of records of one embedded partition, packed: appending copies bytes once, reading copies a range of them.
//!
//! A segment knows its records by position; offsets and retention are the partition's business.

use std::ops::Range;

use crate::types::{BytesColumn, Headers, RawRecords};

/// Byte strings one behind the other.
#[derive(Debug, Default)]
struct Packed {
    data: Vec<u8>,
    ends: Vec<u32>,
    nulls: Vec<bool>,
}

impl Packed {
    fn push(&mut self, value: Option<&[u8]>) {
        self.data.extend_from_slice(value.unwrap_or_default());
        self.ends
            .push(u32::try_from(self.data.len()).expect("a segment is rolled long before 4 GiB"));
        self.nulls.push(value.is_none());
    }

    fn start(&self, row: usize) -> u32 {
        if row == 0 { 0 } else { self.ends[row - 1] }
    }

    fn get(&self, row: usize) -> Option<&[u8]> {
        (!self.nulls[row]).then(|| &self.data[self.start(row) as usize..self.ends[row] as usize])
    }

    /// Appends the rows of `rows` to `out` with one copy of their bytes.
    fn copy_to(&self, rows: Range<usize>, out: &mut BytesColumn) {
        let (first, last) = (self.start(rows.start), self.start(rows.end));
        let base = out.position();
        out.buffer()
            .extend_from_slice(&self.data[first as usize..last as usize]);
        let mut start = base;
        for row in rows {
            let end = base + (self.ends[row] - first);
            if self.nulls[row] {
                out.push(None);
            } else {
                out.push_range(start, end);
            }
            start = end;
        }
    }
}

/// One record as it is appended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) timestamp: i64,
    pub(super) headers: &'a [(String, Option<Vec<u8>>)],
    /// Append order across all partitions of all topics.
    pub(super) order: u64,
}

impl Appended<'_> {
    /// Bytes of key and value together.
    pub(super) fn bytes(&self) -> usize {
        self.key.map_or(0, <[u8]>::len) + self.value.map_or(0, <[u8]>::len)
    }
}

/// A run of records.
#[derive(Debug)]
pub(super) struct Segment {
    /// Offset of the first record; the others follow without gaps.
    pub(super) base_offset: i64,
    /// Timestamp of the first record.
    pub(super) first_timestamp: i64,
    /// Largest timestamp of any record.
    pub(super) timestamp_max: i64,
    keys: Packed,
    values: Packed,
    timestamps: Vec<i64>,
    orders: Vec<u64>,
    /// One list a record, from the first record with headers on; `None` while no record had any.
    headers: Option<Vec<Headers>>,
}

impl Segment {
    pub(super) fn new(base_offset: i64, first_timestamp: i64) -> Self {
        Self {
            base_offset,
            first_timestamp,
            timestamp_max: i64::MIN,
            keys: Packed::default(),
            values: Packed::default(),
            timestamps: Vec::new(),
            orders: Vec::new(),
            headers: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Bytes of all keys and values.
    pub(super) fn bytes(&self) -> usize {
        self.keys.data.len() + self.values.data.len()
    }

    pub(super) fn end_offset(&self) -> i64 {
        self.base_offset + self.len() as i64
    }

    pub(super) fn push(&mut self, record: Appended<'_>) {
        if let Some(headers) = &mut self.headers {
            headers.push(record.headers.to_vec());
        } else if !record.headers.is_empty() {
            let mut headers = vec![Headers::new(); self.len()];
            headers.push(record.headers.to_vec());
            self.headers = Some(headers);
        }
        self.keys.push(record.key);
        self.values.push(record.value);
        self.timestamps.push(record.timestamp);
        self.orders.push(record.order);
        self.timestamp_max = self.timestamp_max.max(record.timestamp);
    }

    /// The append order of record `row`.
    pub(super) fn order(&self, row: usize) -> u64 {
        self.orders[row]
    }

    /// The record at `row`.
    pub(super) fn get(&self, row: usize) -> Appended<'_> {
        Appended {
            key: self.keys.get(row),
            value: self.values.get(row),
            timestamp: self.timestamps[row],
            headers: self.headers.as_ref().map_or(&[], |headers| headers[row].as_slice()),
            order: self.orders[row],
        }
    }

    /// How many records from `row` on have at most `bytes_max` bytes together, no more than `rows_max`.
    pub(super) fn fitting(&self, row: usize, rows_max: usize, bytes_max: usize) -> usize {
        let rows = rows_max.min(self.len() - row);
        let fits = |count: usize| {
            let end = row + count;
            let keys = self.keys.start(end) - self.keys.start(row);
            let values = self.values.start(end) - self.values.start(row);
            keys as usize + values as usize <= bytes_max
        };
        if fits(rows) {
            return rows;
        }
        // The bytes grow with the count, so the largest count that fits is found by halving.
        let (mut fitting, mut too_many) = (0, rows);
        while too_many - fitting > 1 {
            let middle = fitting.midpoint(too_many);
            if fits(middle) {
                fitting = middle;
            } else {
                too_many = middle;
            }
        }
        fitting
    }

    /// Appends the records of `rows` to `out`, their headers too where `out` has some.
    pub(super) fn copy_to(&self, rows: Range<usize>, out: &mut RawRecords) {
        self.keys.copy_to(rows.clone(), &mut out.keys);
        self.values.copy_to(rows.clone(), &mut out.values);
        out.timestamps.extend_from_slice(&self.timestamps[rows.clone()]);
        out.offsets
            .extend(rows.clone().map(|row| self.base_offset + row as i64));
        if let Some(headers) = &mut out.headers {
            match &self.headers {
                Some(own) => headers.extend_from_slice(&own[rows]),
                None => headers.resize(headers.len() + rows.len(), Headers::new()),
            }
        }
    }
}
