//! What changed in the state of one operator since the last commit.

use std::ops::Range;

/// Changed entries in the order in which they were written; a later one of the same key wins.
///
/// Keys and values lie end to end in one buffer, so that a change costs no allocation of its own.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Changes {
    bytes: Vec<u8>,
    entries: Vec<(Range<usize>, Option<Range<usize>>)>,
}

/// One change: a key with its new value, `None` where there is nothing any more.
pub type Change<'a> = (&'a [u8], Option<&'a [u8]>);

impl Changes {
    /// No change yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The entry of `key` has this value from now on.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        let key = self.append(key);
        let value = self.append(value);
        self.entries.push((key, Some(value)));
    }

    /// There is no entry of `key` any more.
    pub fn delete(&mut self, key: &[u8]) {
        let key = self.append(key);
        self.entries.push((key, None));
    }

    /// Number of changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of keys and values together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The changes in order.
    pub fn iter(&self) -> impl Iterator<Item = Change<'_>> {
        let slice = |range: &Range<usize>| &self.bytes[range.clone()];
        self.entries
            .iter()
            .map(move |(key, value)| (slice(key), value.as_ref().map(slice)))
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_in_the_order_in_which_they_were_written() {
        let mut changes = Changes::new();
        changes.put(b"a", b"1");
        changes.delete(b"b");
        changes.put(b"a", b"");
        let all: Vec<_> = changes.iter().collect();
        assert_eq!(
            all,
            [
                (&b"a"[..], Some(&b"1"[..])),
                (&b"b"[..], None),
                (&b"a"[..], Some(&b""[..]))
            ]
        );
        assert_eq!((changes.len(), changes.bytes()), (3, 4));
    }
}
