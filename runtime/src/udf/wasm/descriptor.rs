//! The 32 bytes that describe a column in guest memory (section 3 of `udf-sdk/ABI.md`).

/// Size of a descriptor.
pub(super) const DESCRIPTOR_BYTES: usize = 32;
/// Flag: one value stands for all rows.
pub(super) const CONSTANT: u32 = 1;
/// Flag: the query gives no constant here.
pub(super) const ABSENT: u32 = 2;

/// A column's description, in the order of its fields in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) rows: u32,
    pub(super) flags: u32,
    pub(super) null_count: u32,
    pub(super) validity: u32,
    pub(super) values: u32,
    pub(super) values_bytes: u32,
    pub(super) offsets: u32,
    pub(super) children: u32,
}

impl Descriptor {
    /// The bytes as they stand in guest memory.
    pub(super) fn to_bytes(self) -> [u8; DESCRIPTOR_BYTES] {
        let fields = [
            self.rows,
            self.flags,
            self.null_count,
            self.validity,
            self.values,
            self.values_bytes,
            self.offsets,
            self.children,
        ];
        let mut bytes = [0; DESCRIPTOR_BYTES];
        for (to, field) in bytes.chunks_exact_mut(4).zip(fields) {
            to.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    /// Reads one.
    pub(super) fn from_bytes(bytes: &[u8; DESCRIPTOR_BYTES]) -> Self {
        let field = |i: usize| u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]);
        Self {
            rows: field(0),
            flags: field(1),
            null_count: field(2),
            validity: field(3),
            values: field(4),
            values_bytes: field(5),
            offsets: field(6),
            children: field(7),
        }
    }
}
