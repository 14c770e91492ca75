//! The 32 bytes that describe a column in memory (ABI.md section 3), and the plain slices behind them.
//!
//! The one place where addresses become references. The host has checked what it sends, so nothing is checked again here.

use core::slice;

/// One column, as the host and the plugin tell each other of it.
///
/// The fields are `usize` so that they are 32 bits in a plugin, and so that the same code can be tested on a 64-bit machine.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Descriptor {
    /// Number of values.
    pub rows: usize,
    /// [`Self::CONSTANT`] and [`Self::ABSENT`].
    pub flags: usize,
    /// Nulls among the values.
    pub null_count: usize,
    /// Address of the bitmap of what is not null; 0 = no nulls.
    pub validity: usize,
    /// Address of the values.
    pub values: usize,
    /// Bytes there.
    pub values_bytes: usize,
    /// Address of `rows + 1` offsets (i32), or 0.
    pub offsets: usize,
    /// Address of the child descriptors, or 0.
    pub children: usize,
}

impl Descriptor {
    /// One value stands for all rows.
    pub const CONSTANT: usize = 1;
    /// In `new` of a stream function: not a constant of the query.
    pub const ABSENT: usize = 2;

    /// Whether one value stands for all rows.
    #[inline]
    pub fn is_constant(&self) -> bool {
        self.flags & Self::CONSTANT != 0
    }

    /// The values as numbers.
    ///
    /// # Safety
    /// The column is of a type whose values are `T`s, and lives for `'a`.
    #[inline]
    pub unsafe fn fixed<'a, T>(&self) -> &'a [T] {
        // SAFETY: the caller promises the type; the host promises `rows` aligned values.
        unsafe { slice_at(self.values, self.rows) }
    }

    /// The values as bytes.
    ///
    /// # Safety
    /// The column lives for `'a`.
    #[inline]
    pub unsafe fn bytes<'a>(&self) -> &'a [u8] {
        // SAFETY: the host promises `values_bytes` bytes.
        unsafe { slice_at(self.values, self.values_bytes) }
    }

    /// The `rows + 1` offsets.
    ///
    /// # Safety
    /// The column is of a type with offsets, and lives for `'a`.
    #[inline]
    pub unsafe fn starts<'a>(&self) -> &'a [i32] {
        // SAFETY: the caller promises a type with offsets, of which there is one more than rows.
        unsafe { slice_at(self.offsets, self.rows + 1) }
    }

    /// The child columns.
    ///
    /// # Safety
    /// The column is of a type with `count` children, and lives for `'a`.
    #[inline]
    pub unsafe fn parts<'a>(&self, count: usize) -> &'a [Descriptor] {
        // SAFETY: the caller promises the number of children of the type.
        unsafe { slice_at(self.children, count) }
    }
}

/// `len` values at `address`.
///
/// # Safety
/// They are there, aligned, and nobody writes on them during `'a`. The address does not count when `len` is 0.
#[inline]
pub unsafe fn slice_at<'a, T>(address: usize, len: usize) -> &'a [T] {
    if len == 0 {
        return &[];
    }
    // SAFETY: as the caller promises; a place that holds at least one value is not null.
    unsafe { slice::from_raw_parts(core::ptr::with_exposed_provenance(address), len) }
}

/// Which values of an argument column are not null.
#[derive(Debug, Clone, Copy)]
pub struct Validity<'a> {
    bits: &'a [u8],
    /// Keeps a row's number as it is, or makes it 0 where one value stands for all rows.
    pub mask: usize,
    null_count: usize,
}

impl Validity<'_> {
    /// Reads it from a descriptor.
    ///
    /// # Safety
    /// The column outlives the result.
    #[inline]
    pub unsafe fn open(column: &Descriptor) -> Self {
        let bytes = if column.validity == 0 {
            0
        } else {
            column.rows.div_ceil(8)
        };
        Validity {
            // SAFETY: the bitmap has a bit for each row.
            bits: unsafe { slice_at(column.validity, bytes) },
            mask: if column.is_constant() { 0 } else { usize::MAX },
            null_count: if column.validity == 0 { 0 } else { column.null_count },
        }
    }

    /// Whether there are nulls at all.
    #[inline]
    pub fn has_nulls(&self) -> bool {
        self.null_count != 0
    }

    /// Whether value `at` is null.
    #[inline]
    pub fn is_null(&self, at: usize) -> bool {
        let at = at & self.mask;
        match self.bits.get(at / 8) {
            Some(byte) => byte >> (at % 8) & 1 == 0,
            None => false,
        }
    }
}
