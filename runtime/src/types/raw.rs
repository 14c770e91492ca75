//! Encoded records as they come from a topic or go to one: bytes in contiguous buffers, no allocation per row.

/// One column of byte strings over one shared buffer; each row is a range of it, or null.
///
/// Ranges need not be adjacent, so a chunk of a file can serve as the buffer with a range per line.
#[derive(Debug, Default, Clone)]
pub struct BytesColumn {
    data: Vec<u8>,
    ranges: Vec<(u32, u32)>,
}

/// The range that stands for null.
const NULL_RANGE: (u32, u32) = (u32::MAX, u32::MAX);

impl BytesColumn {
    /// An empty column.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// True when there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Makes room for `rows` more rows of `bytes` bytes together.
    pub fn reserve(&mut self, rows: usize, bytes: usize) {
        self.data.reserve(bytes);
        self.ranges.reserve(rows);
    }

    /// The bytes of row `row`, or `None` where it is null. Panics when `row` is out of range.
    #[inline]
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        let (start, end) = self.ranges[row];
        if (start, end) == NULL_RANGE {
            None
        } else {
            Some(&self.data[start as usize..end as usize])
        }
    }

    /// Where row `row` stands in [`BytesColumn::data`], or `None` where it is null. Panics when `row` is out of range.
    #[inline]
    #[must_use]
    pub fn range(&self, row: usize) -> Option<(usize, usize)> {
        let (start, end) = self.ranges[row];
        ((start, end) != NULL_RANGE).then_some((start as usize, end as usize))
    }

    /// True where row `row` is null.
    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        self.ranges[row] == NULL_RANGE
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> {
        (0..self.len()).map(|row| self.get(row))
    }

    /// Appends a copy of `value`.
    #[inline]
    pub fn push(&mut self, value: Option<&[u8]>) {
        match value {
            Some(bytes) => {
                let start = self.position();
                self.data.extend_from_slice(bytes);
                self.ranges.push((start, self.position()));
            }
            None => self.ranges.push(NULL_RANGE),
        }
    }

    /// Cuts the last `length` bytes off row `row` and gives them; `None` where the row is null or shorter.
    pub fn cut_suffix(&mut self, row: usize, length: usize) -> Option<&[u8]> {
        let (start, end) = self.range(row).filter(|(start, end)| end - start >= length)?;
        let cut = end - length;
        self.ranges[row] = (u32::try_from(start).ok()?, u32::try_from(cut).ok()?);
        Some(&self.data[cut..end])
    }

    /// The buffer itself, to append to; close each row with [`BytesColumn::end_row`].
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Where the next appended byte will stand.
    #[must_use]
    pub fn position(&self) -> u32 {
        u32::try_from(self.data.len()).expect("a batch of records is bounded far below 4 GiB")
    }

    /// Ends a row whose bytes were appended to [`BytesColumn::buffer`] since `start`.
    #[inline]
    pub fn end_row(&mut self, start: u32) {
        let end = self.position();
        self.ranges.push((start, end));
    }

    /// Adds a row that is the range `start..end` of the buffer. Panics when the range is outside of it.
    #[inline]
    pub fn push_range(&mut self, start: u32, end: u32) {
        assert!(
            start <= end && end as usize <= self.data.len(),
            "range outside of the buffer"
        );
        self.ranges.push((start, end));
    }

    /// The whole buffer, bytes between rows included.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.ranges.clear();
    }
}

impl<'a> FromIterator<Option<&'a [u8]>> for BytesColumn {
    fn from_iter<I: IntoIterator<Item = Option<&'a [u8]>>>(rows: I) -> Self {
        let mut column = Self::new();
        for row in rows {
            column.push(row);
        }
        column
    }
}

/// The headers of one record, in order: a key may repeat, a value may be null.
pub type Headers = Vec<(String, Option<Vec<u8>>)>;

/// A run of encoded records of one partition, in offset order.
#[derive(Debug, Default, Clone)]
pub struct RawRecords {
    /// Kafka partition, or the number of the file.
    pub partition: i32,
    /// Keys, one a row.
    pub keys: BytesColumn,
    /// Values, one a row; null is a tombstone.
    pub values: BytesColumn,
    /// Record timestamps in milliseconds since the epoch, one a row.
    pub timestamps: Vec<i64>,
    /// Offsets, one a row, growing; not always dense.
    pub offsets: Vec<i64>,
    /// Headers, one list a row, when the reader was asked for them.
    pub headers: Option<Vec<Headers>>,
}

impl RawRecords {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True when there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
