//! Java's view of a text: a sequence of UTF-16 units, by which ksqlDB counts, cuts and pads.
//!
//! Where a cut falls inside of a character beyond the basic plane, Java keeps half a character, which no encoding can
//! write; it comes out as `?`, and so it does here.

/// How many UTF-16 units `text` has.
pub(super) fn length(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.chars().map(char::len_utf16).sum()
    }
}

/// Appends the units from `start` to before `end`.
pub(super) fn push_range(text: &str, start: usize, end: usize, out: &mut String) {
    if text.is_ascii() {
        let end = end.min(text.len());
        out.push_str(&text[start.min(end)..end]);
        return;
    }
    let mut at = 0;
    for c in text.chars() {
        let next = at + c.len_utf16();
        if at >= start && next <= end {
            out.push(c);
        } else if next > start && at < end {
            out.push('?');
        }
        at = next;
        if at >= end {
            break;
        }
    }
}

/// The byte at which unit `index` starts; the end of the text where it has fewer.
pub(super) fn byte_of(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    let mut at = 0;
    for (byte, c) in text.char_indices() {
        if at >= index {
            return byte;
        }
        at += c.len_utf16();
    }
    text.len()
}
