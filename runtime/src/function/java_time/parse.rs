//! Reading a text in the form of a pattern into field values, before anything is made of them.

use super::field::{FIELDS, Field};
use super::pattern::{Item, Number, OffsetForm, Presence, Room, Sign};
use super::text;
use super::zone::Zone;
use super::zone_names;

/// The fields that a text names.
#[derive(Debug, Clone, Default)]
pub(super) struct Parsed {
    values: [Option<i64>; FIELDS],
    pub(super) zone: Option<Zone>,
}

impl Parsed {
    pub(super) fn get(&self, field: Field) -> Option<i64> {
        self.values[field as usize]
    }

    pub(super) fn take(&mut self, field: Field) -> Option<i64> {
        self.values[field as usize].take()
    }

    /// Sets a field; false where it has another value already.
    pub(super) fn set(&mut self, field: Field, value: i64) -> bool {
        let slot = &mut self.values[field as usize];
        let agrees = slot.is_none_or(|old| old == value);
        *slot = Some(value);
        agrees
    }
}

/// The byte position where a text stops matching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mismatch(pub(super) usize);

/// Reads the whole of `text`.
pub(super) fn parse(items: &[Item], text: &str) -> Result<Parsed, Mismatch> {
    let mut parsed = Parsed::default();
    let end = parse_items(items, text, 0, &mut parsed)?;
    if end == text.len() {
        Ok(parsed)
    } else {
        Err(Mismatch(end))
    }
}

fn parse_items(items: &[Item], text: &str, start: usize, parsed: &mut Parsed) -> Result<usize, Mismatch> {
    items
        .iter()
        .try_fold(start, |pos, item| parse_item(item, text, pos, parsed))
}

fn parse_item(item: &Item, text: &str, pos: usize, parsed: &mut Parsed) -> Result<usize, Mismatch> {
    let rest = &text[pos..];
    match item {
        Item::Literal(literal) => prefix_length(rest, literal).map(|n| pos + n).ok_or(Mismatch(pos)),
        Item::Number(number) if number.fraction => {
            let (value, length) = fraction(number, rest).ok_or(Mismatch(pos))?;
            set(parsed, number.field, value, pos, length)
        }
        Item::Number(number) => {
            let (value, length) = digits(number, rest).ok_or(Mismatch(pos))?;
            set(parsed, number.field, value, pos, length)
        }
        Item::Text { field, style } => {
            let read = if text::has_names(*field, *style) {
                text::read(*field, rest, *style)
            } else {
                digits(&plain(*field), rest)
            };
            let (value, length) = read.ok_or(Mismatch(pos))?;
            set(parsed, *field, value, pos, length)
        }
        Item::Offset(form) => {
            let (value, length) = offset(*form, rest).ok_or(Mismatch(pos))?;
            set(parsed, Field::OffsetSeconds, value, pos, length)
        }
        Item::LocalizedOffset { full } => {
            let (value, length) = localized_offset(*full, rest).ok_or(Mismatch(pos))?;
            set(parsed, Field::OffsetSeconds, value, pos, length)
        }
        Item::ZoneId => zone(rest, false, pos, parsed),
        Item::ZoneName { .. } => zone(rest, true, pos, parsed),
        Item::Padded { item, width } => padded(item, *width, text, pos, parsed),
        Item::Optional(items) => {
            let mut attempt = parsed.clone();
            match parse_items(items, text, pos, &mut attempt) {
                Ok(end) => {
                    *parsed = attempt;
                    Ok(end)
                }
                Err(_) => Ok(pos),
            }
        }
    }
}

fn set(parsed: &mut Parsed, field: Field, value: i64, pos: usize, length: usize) -> Result<usize, Mismatch> {
    if parsed.set(field, value) {
        Ok(pos + length)
    } else {
        Err(Mismatch(pos))
    }
}

fn plain(field: Field) -> Number {
    Number {
        field,
        min_width: 1,
        max_width: 19,
        sign: Sign::Normal,
        room: Room::Free,
        reduced: false,
        fraction: false,
    }
}

/// How many bytes of `text` are `literal`, without regard to case.
fn prefix_length(text: &str, literal: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    for expected in literal.chars() {
        let (_, found) = chars.next()?;
        let same = found == expected || found.to_lowercase().eq(expected.to_lowercase());
        if !same {
            return None;
        }
    }
    Some(chars.next().map_or(text.len(), |(at, _)| at))
}

/// A number at the start of `text` and its length.
fn digits(number: &Number, text: &str) -> Option<(i64, usize)> {
    let bytes = text.as_bytes();
    let (negative, plus, start) = match bytes.first()? {
        b'-' if number.sign != Sign::Never => (true, false, 1),
        b'+' if number.sign == Sign::ExceedsPad => (false, true, 1),
        _ => (false, false, 0),
    };
    let run = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    let leaves = match number.room {
        Room::Leaves(width) => width,
        Room::Free | Room::Fixed => 0,
    };
    let mut length = run.min(number.max_width + leaves);
    if length < number.min_width {
        return None;
    }
    if leaves > 0 {
        // Give back the digits that belong to the numbers that follow.
        length = length.saturating_sub(leaves).max(number.min_width).min(run);
    }
    let value: i64 = text[start..start + length].parse().ok()?;
    let value = match (negative, number.sign) {
        (true, _) if value == 0 => return None,
        (true, _) => -value,
        (false, Sign::ExceedsPad) if plus && length <= number.min_width => return None,
        (false, Sign::ExceedsPad) if !plus && length > number.min_width => return None,
        _ => value,
    };
    let value = if number.reduced && !negative && length == number.min_width {
        2_000 + value
    } else {
        value
    };
    Some((value, start + length))
}

fn fraction(number: &Number, text: &str) -> Option<(i64, usize)> {
    let width = number.min_width;
    let digits = text.get(..width)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i64 = digits.parse().ok()?;
    let scale = 10_i64.pow(9 - u32::try_from(width).ok()?);
    Some((value * scale, width))
}

/// Two digits at `at`, after a colon where one belongs.
fn two_digits(text: &str, at: usize, colon: bool) -> Option<(i64, usize)> {
    let at = if colon {
        if text.as_bytes().get(at) != Some(&b':') {
            return None;
        }
        at + 1
    } else {
        at
    };
    let digits = text.get(at..at + 2)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i64 = digits.parse().ok()?;
    (value < 60).then_some((value, at + 2))
}

fn sign_of(text: &str) -> Option<i64> {
    match text.as_bytes().first()? {
        b'+' => Some(1),
        b'-' => Some(-1),
        _ => None,
    }
}

fn offset(form: OffsetForm, text: &str) -> Option<(i64, usize)> {
    if let Some(length) = prefix_length(text, form.zero) {
        return Some((0, length));
    }
    let sign = sign_of(text)?;
    let (hours, mut end) = two_digits(text, 1, false)?;
    if hours > 23 {
        return None;
    }
    let mut total = hours * 3_600;
    for (presence, unit) in [(form.minutes, 60), (form.seconds, 1)] {
        match (presence, two_digits(text, end, form.colon)) {
            (Presence::Never, _) => break,
            (_, Some((value, next))) => {
                total += value * unit;
                end = next;
            }
            (Presence::NonZero, None) => break,
            (Presence::Always, None) => return None,
        }
    }
    Some((sign * total, end))
}

fn localized_offset(full: bool, text: &str) -> Option<(i64, usize)> {
    let start = prefix_length(text, "GMT")?;
    let rest = &text[start..];
    let Some(sign) = sign_of(rest) else {
        return Some((0, start));
    };
    let (hours, mut end) = match two_digits(rest, 1, false) {
        Some(read) => read,
        None if full => return None,
        None => {
            let digit = rest.as_bytes().get(1)?;
            if !digit.is_ascii_digit() {
                return None;
            }
            (i64::from(digit - b'0'), 2)
        }
    };
    let mut total = hours * 3_600;
    match two_digits(rest, end, true) {
        Some((minutes, next)) => {
            total += minutes * 60;
            end = next;
            if let Some((seconds, next)) = two_digits(rest, end, true) {
                total += seconds;
                end = next;
            }
        }
        None if full => return None,
        None => {}
    }
    (total <= 64_800).then_some((sign * total, start + end))
}

/// A zone id, an offset, or (`names_too`) the name of a zone.
fn zone(text: &str, names_too: bool, pos: usize, parsed: &mut Parsed) -> Result<usize, Mismatch> {
    const FORM: OffsetForm = OffsetForm {
        colon: true,
        minutes: Presence::Always,
        seconds: Presence::NonZero,
        zero: "Z",
    };
    let set_zone = |parsed: &mut Parsed, id: &str, length: usize| match Zone::parse(id) {
        Ok(zone) => {
            parsed.zone = Some(zone);
            Ok(pos + length)
        }
        Err(_) => Err(Mismatch(pos)),
    };
    if sign_of(text).is_some() {
        let (_, length) = offset(FORM, text).ok_or(Mismatch(pos))?;
        return set_zone(parsed, &text[..length], length);
    }
    let named = zone_names::read(text, names_too);
    for prefix in ["UTC", "GMT", "UT"] {
        let Some(start) = prefix_length(text, prefix) else {
            continue;
        };
        if named.is_some_and(|(_, length)| length > start) {
            break;
        }
        let rest = &text[start..];
        if sign_of(rest).is_some() {
            let (_, length) = offset(FORM, rest).ok_or(Mismatch(pos))?;
            return set_zone(parsed, &format!("{prefix}{}", &rest[..length]), start + length);
        }
        return set_zone(parsed, prefix, start);
    }
    match named {
        Some((id, length)) => set_zone(parsed, id, length),
        None if text.starts_with(['Z', 'z']) => set_zone(parsed, "Z", 1),
        None => Err(Mismatch(pos)),
    }
}

fn padded(item: &Item, width: usize, text: &str, pos: usize, parsed: &mut Parsed) -> Result<usize, Mismatch> {
    let end = pos + width;
    let field = text.get(pos..end).ok_or(Mismatch(pos))?;
    let skipped = field.len() - field.trim_start_matches(' ').len();
    let read = parse_item(item, &text[..end], pos + skipped, parsed)?;
    if read == end {
        Ok(end)
    } else {
        Err(Mismatch(pos + skipped))
    }
}
