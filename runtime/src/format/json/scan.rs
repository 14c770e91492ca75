//! Looks at eight or sixteen bytes at once: where a string ends, how many digits stand here and what they are worth.
//!
//! Plain integer arithmetic on words, because the crate denies `unsafe` and with it the vector instructions. All
//! functions take a buffer that may go on behind the record that they are asked about (reading on is cheaper than
//! stopping exactly); behind its end the buffer counts as zeros, which end strings and numbers alike.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);

/// Powers of ten that fit 64 bits.
pub(super) const POWERS_OF_TEN: [u64; 20] = {
    let mut powers = [1_u64; 20];
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// The eight bytes at `pos`, the first one lowest.
#[inline]
pub(super) fn word(buffer: &[u8], pos: usize) -> u64 {
    match buffer.get(pos..).and_then(<[u8]>::first_chunk::<8>) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => u64::from_le_bytes(tail(buffer, pos)),
    }
}

/// The sixteen bytes at `pos`, the first one lowest.
#[inline]
pub(super) fn wide(buffer: &[u8], pos: usize) -> u128 {
    match buffer.get(pos..).and_then(<[u8]>::first_chunk::<16>) {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => u128::from_le_bytes(tail(buffer, pos)),
    }
}

#[cold]
fn tail<const N: usize>(buffer: &[u8], pos: usize) -> [u8; N] {
    let mut bytes = [0; N];
    let rest = buffer.get(pos..).unwrap_or_default();
    let count = rest.len().min(N);
    bytes[..count].copy_from_slice(&rest[..count]);
    bytes
}

/// Where the first byte from `pos` on stands that a string cannot simply contain: a quote, a backslash, a control
/// character. At or behind the end of the buffer when there is none.
#[inline]
pub(super) fn string_stop(buffer: &[u8], mut pos: usize) -> usize {
    loop {
        let stops = string_stops(word(buffer, pos));
        if stops != 0 {
            return pos + (stops.trailing_zeros() / 8) as usize;
        }
        pos += 8;
    }
}

/// As [`string_stop`], but looks no further than `end` (and the seven bytes behind it).
#[inline]
pub(super) fn string_stop_before(buffer: &[u8], mut pos: usize, end: usize) -> usize {
    while pos < end {
        let stops = string_stops(word(buffer, pos));
        if stops != 0 {
            return pos + (stops.trailing_zeros() / 8) as usize;
        }
        pos += 8;
    }
    pos
}

/// Marks, by the high bit of its byte, the first byte that stops a string; bytes above the first one may be marked
/// wrongly, since the subtractions borrow.
#[inline]
fn string_stops(word: u64) -> u64 {
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    let below = |x: u64, limit: u64| x.wrapping_sub(ONES * limit) & !x;
    (below(quote, 1) | below(backslash, 1) | below(word, 0x20)) & HIGH
}

/// How many digits stand at the start of `word` (0 to 8).
#[inline]
fn digit_count(word: u64) -> usize {
    let values = word ^ ZEROS;
    let others = (values.wrapping_add(ONES * 0x76) | values) & HIGH;
    (others.trailing_zeros() / 8) as usize
}

/// What the first `count` (1 to 8) digits of `word` are worth.
#[inline]
fn digits_value(word: u64, count: usize) -> u64 {
    // The digits move to the top, so that the bytes below count as leading zeros.
    let values = (word ^ ZEROS) << (64 - 8 * count);
    let pairs = values.wrapping_mul(10).wrapping_add(values >> 8);
    let quads = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(0x000F_4240_0000_0064);
    let rest = ((pairs >> 16) & 0x0000_00FF_0000_00FF).wrapping_mul(0x0000_2710_0000_0001);
    quads.wrapping_add(rest) >> 32
}

/// Digits at `pos`: their value and how many there are, up to 18. More than 18, or none at all, is `None`.
#[inline]
pub(super) fn digits(buffer: &[u8], pos: usize) -> Option<(u64, usize)> {
    let first = word(buffer, pos);
    let count = digit_count(first);
    if count < 8 {
        return (count > 0).then(|| (digits_value(first, count), count));
    }
    let value = digits_value(first, 8);
    let second = word(buffer, pos + 8);
    let count = digit_count(second);
    if count == 0 {
        return Some((value, 8));
    }
    let value = value * POWERS_OF_TEN[count] + digits_value(second, count);
    if count < 8 {
        return Some((value, 8 + count));
    }
    let third = word(buffer, pos + 16);
    match digit_count(third) {
        0 => Some((value, 16)),
        count @ 1..=2 => Some((value * POWERS_OF_TEN[count] + digits_value(third, count), 16 + count)),
        _ => None,
    }
}

/// Where the digits from `pos` on end.
#[inline]
pub(super) fn skip_digits(buffer: &[u8], mut pos: usize) -> usize {
    loop {
        let count = digit_count(word(buffer, pos));
        pos += count;
        if count < 8 {
            return pos;
        }
    }
}

/// Where the white space from `pos` on ends.
#[inline]
pub(super) fn skip_space(buffer: &[u8], mut pos: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = buffer.get(pos) {
        pos += 1;
    }
    pos
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_stops_a_string_or_does_not() {
        for byte in 0..=255_u8 {
            let stops = byte < 0x20 || byte == b'"' || byte == b'\\';
            for place in 0..20 {
                let mut buffer = vec![0xC3; 40];
                buffer[place] = byte;
                buffer[30] = b'"';
                let expected = if stops { place } else { 30 };
                assert_eq!(string_stop(&buffer, 0), expected, "byte {byte} at {place}");
            }
        }
    }

    #[test]
    fn a_string_without_end_stops_at_the_end() {
        for length in 0..40 {
            assert_eq!(string_stop(&vec![b'a'; length], 0), length);
        }
        assert!(string_stop(b"abc", 10) >= 3);
    }

    #[test]
    fn digits_are_counted_and_worth_what_they_say() {
        let text = b"123456789012345678";
        for count in 1..=18 {
            for end in [&b","[..], b"}", b"", b".5", b"/", b":", b"\xFF", b"\xB0\xB0"] {
                let mut buffer = text[..count].to_vec();
                buffer.extend_from_slice(end);
                let expected: u64 = std::str::from_utf8(&text[..count]).unwrap().parse().unwrap();
                assert_eq!(digits(&buffer, 0), Some((expected, count)));
                assert_eq!(skip_digits(&buffer, 0), count);
            }
        }
        assert_eq!(digits(b"x1", 0), None);
        assert_eq!(digits(b"", 0), None);
        assert_eq!(digits(b"1234567890123456789", 0), None);
        assert_eq!(digits(b"0000000000000000001", 0), None);
        assert_eq!(skip_digits(b"1234567890123456789012345x", 0), 25);
    }

    #[test]
    fn a_byte_beside_the_digits_is_no_digit() {
        for byte in (0..=255_u8).filter(|byte| !byte.is_ascii_digit()) {
            let buffer = [b'7', byte, b'9', b'9', b'9', b'9', b'9', b'9'];
            assert_eq!(digits(&buffer, 0), Some((7, 1)), "byte {byte}");
        }
    }

    #[test]
    fn white_space_is_four_characters() {
        assert_eq!(skip_space(b" \t\r\n x", 0), 5);
        assert_eq!(skip_space(b"\x0Cx", 0), 0);
        assert_eq!(skip_space(b"  ", 0), 2);
    }
}
