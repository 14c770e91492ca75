//! Appends short runs of bytes without a call.
//!
//! Names, numbers and most strings are shorter than the call that would copy them is long. Copying a fixed number of bytes
//! and taking the surplus back is a few moves.

/// Up to this length a run counts as short.
pub(super) const SHORT: usize = 32;

/// Appends `source[start..end]`. Where `source` goes on for [`SHORT`] bytes from `start`, a short run takes no call.
#[inline]
pub(super) fn append(out: &mut Vec<u8>, source: &[u8], start: usize, end: usize) {
    let length = end - start;
    match source.get(start..).and_then(<[u8]>::first_chunk::<SHORT>) {
        Some(wide) if length <= SHORT => {
            let end = out.len() + length;
            out.extend_from_slice(wide);
            out.truncate(end);
        }
        _ => out.extend_from_slice(&source[start..end]),
    }
}

/// A run that is appended again and again.
#[derive(Debug)]
pub(super) struct Run {
    bytes: Vec<u8>,
    length: usize,
}

impl Run {
    pub(super) fn new(mut bytes: Vec<u8>) -> Self {
        let length = bytes.len();
        bytes.resize(length.max(SHORT), 0);
        Self { bytes, length }
    }

    #[inline]
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        append(out, &self.bytes, 0, self.length);
    }
}

/// The digits of 0 to 99, two each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0_u8;
    while i < 100 {
        pairs[i as usize] = [b'0' + i / 10, b'0' + i % 10];
        i += 1;
    }
    pairs
};

/// Appends `value` in decimal.
#[inline]
pub(super) fn append_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let mut rest = value.unsigned_abs();
    let count = rest.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut digits = [0_u8; SHORT];
    let mut at = count;
    while at >= 2 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(rest % 100) as usize]);
        rest /= 100;
    }
    if at == 1 {
        digits[0] = PAIRS[(rest % 100) as usize][1];
    }
    let end = out.len() + count;
    out.extend_from_slice(&digits);
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_any_length_arrive_whole() {
        let source: Vec<u8> = (0..100).collect();
        for (start, end) in [(0, 0), (0, 1), (3, 35), (3, 36), (60, 100), (90, 100), (100, 100)] {
            let mut out = vec![255];
            append(&mut out, &source, start, end);
            assert_eq!(out[1..], source[start..end]);
        }
        for length in [0, 1, 31, 32, 33, 90] {
            let mut out = Vec::new();
            Run::new(source[..length].to_vec()).append_to(&mut out);
            assert_eq!(out, source[..length]);
        }
    }

    #[test]
    fn integers_are_as_the_standard_library_writes_them() {
        let mut values = vec![0, i64::MIN, i64::MAX, i64::MIN + 1];
        for power in 0..19 {
            let power = 10_i64.pow(power);
            values.extend([power - 1, power, power + 1, -power, 1 - power, power * 7 / 3]);
        }
        for value in values {
            let mut out = Vec::new();
            append_integer(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
