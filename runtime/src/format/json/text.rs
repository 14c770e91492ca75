//! The text that an array or an object becomes in a `STRING` column.
//!
//! As in ksqlDB: an object is written as JSON again, without white space, names once (the last value counts), numbers
//! with a point as Java's `BigDecimal` writes them. An array becomes `[a, b]`, its elements being what they would be in a
//! `STRING` column of their own: strings without quotes, `null` for null.

use std::ops::Range;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::escape::{unescape, write_string};
use super::fault::{Fault, Outcome, number_excerpt};
use super::general::{Token, read_key, read_string, read_token};
use super::scan::skip_space;
use crate::types::limits::NESTING_DEPTH_MAX;

/// Appends the array at `pos` as text; gives where it ends.
pub(super) fn write_list(record: &[u8], pos: usize, depth: usize, out: &mut Vec<u8>) -> Outcome<usize> {
    out.push(b'[');
    let end = each_element(record, pos, depth, |at, first| {
        if !first {
            out.extend_from_slice(b", ");
        }
        match record.get(at) {
            Some(b'"') => {
                let (raw, _, end) = read_string(record, at + 1)?;
                unescape(raw, out);
                Ok(end)
            }
            Some(b'[') => write_list(record, at, depth + 1, out),
            _ => write_json(record, at, depth + 1, out),
        }
    })?;
    out.push(b']');
    Ok(end)
}

/// Appends the value at `pos` as JSON; gives where it ends.
pub(super) fn write_json(record: &[u8], pos: usize, depth: usize, out: &mut Vec<u8>) -> Outcome<usize> {
    match record.get(pos) {
        Some(b'{') => write_object(record, pos, depth, out),
        Some(b'[') => {
            out.push(b'[');
            let end = each_element(record, pos, depth, |at, first| {
                if !first {
                    out.push(b',');
                }
                write_json(record, at, depth + 1, out)
            })?;
            out.push(b']');
            Ok(end)
        }
        _ => match read_token(record, pos)? {
            (Token::Null, end) => {
                out.extend_from_slice(b"null");
                Ok(end)
            }
            (Token::Boolean(value), end) => {
                out.extend_from_slice(if value { b"true" } else { b"false" });
                Ok(end)
            }
            (Token::Number(number), end) => {
                if number.write_text(out) {
                    Ok(end)
                } else {
                    Err(Fault::unfit(number_excerpt(number.text.as_bytes()), "STRING"))
                }
            }
            (Token::String(raw, escaped), end) => {
                write_raw_string(raw, escaped, out);
                Ok(end)
            }
        },
    }
}

/// Calls `element` with the position of each element of the array at `pos`.
fn each_element(
    record: &[u8],
    pos: usize,
    depth: usize,
    mut element: impl FnMut(usize, bool) -> Outcome<usize>,
) -> Outcome<usize> {
    if depth >= NESTING_DEPTH_MAX {
        return Err(Fault::depth(pos));
    }
    let mut pos = skip_space(record, pos + 1);
    if record.get(pos) == Some(&b']') {
        return Ok(pos + 1);
    }
    let mut first = true;
    loop {
        pos = skip_space(record, element(pos, first)?);
        first = false;
        match record.get(pos) {
            Some(b',') => pos = skip_space(record, pos + 1),
            Some(b']') => return Ok(pos + 1),
            _ => return Err(Fault::syntax(record, pos, "`,` or `]`")),
        }
    }
}

/// A member of an object as it was written: where its name (with quotes) and its value stand in the output.
struct Member {
    name: Range<usize>,
    value: Range<usize>,
}

fn write_object(record: &[u8], pos: usize, depth: usize, out: &mut Vec<u8>) -> Outcome<usize> {
    if depth >= NESTING_DEPTH_MAX {
        return Err(Fault::depth(pos));
    }
    let start = out.len();
    let mut members = Vec::new();
    out.push(b'{');
    let mut pos = skip_space(record, pos + 1);
    if record.get(pos) != Some(&b'}') {
        loop {
            if !members.is_empty() {
                out.push(b',');
            }
            let (raw, escaped, after) = read_key(record, pos)?;
            let name = out.len()..write_raw_string(raw, escaped, out);
            out.push(b':');
            let value_start = out.len();
            pos = skip_space(record, write_json(record, after, depth + 1, out)?);
            let value = value_start..out.len();
            members.push(Member { name, value });
            match record.get(pos) {
                Some(b',') => pos = skip_space(record, pos + 1),
                Some(b'}') => break,
                _ => return Err(Fault::syntax(record, pos, "`,` or `}`")),
            }
        }
    }
    out.push(b'}');
    if has_double_name(&members, out) {
        let once = write_once(&members, out);
        out.truncate(start);
        out.extend_from_slice(&once);
    }
    Ok(pos + 1)
}

/// Appends the string whose inside is `raw`; gives the new length of the output.
fn write_raw_string(raw: &[u8], escaped: bool, out: &mut Vec<u8>) -> usize {
    if escaped {
        let mut text = Vec::with_capacity(raw.len());
        unescape(raw, &mut text);
        write_string(&text, out);
    } else {
        out.push(b'"');
        out.extend_from_slice(raw);
        out.push(b'"');
    }
    out.len()
}

/// Up to this many members, double names are looked for pair by pair.
const PAIRWISE_MAX: usize = 8;

fn has_double_name(members: &[Member], out: &[u8]) -> bool {
    let name = |member: &Member| &out[member.name.clone()];
    if members.len() <= PAIRWISE_MAX {
        return (1..members.len()).any(|i| members[..i].iter().any(|m| name(m) == name(&members[i])));
    }
    let mut seen = HashSet::<&[u8], FixedState>::default();
    !members.iter().all(|member| seen.insert(name(member)))
}

/// The object again with each name where it came first and the value that came last.
fn write_once(members: &[Member], out: &[u8]) -> Vec<u8> {
    let mut last = HashMap::<&[u8], &Member, FixedState>::default();
    for member in members {
        last.insert(&out[member.name.clone()], member);
    }
    let mut once = vec![b'{'];
    for member in members {
        let name = &out[member.name.clone()];
        if let Some(last) = last.remove(name) {
            if once.len() > 1 {
                once.push(b',');
            }
            once.extend_from_slice(name);
            once.push(b':');
            once.extend_from_slice(&out[last.value.clone()]);
        }
    }
    once.push(b'}');
    once
}
