//! Functions of regular expressions.

use super::java_regex::{compile, push_replacement};
use crate::function::column::{Call, ListOf, Memo, Reader};
use crate::function::definition::{Definition, define};
use crate::function::row_error::Fault;
use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;
use regex::Regex;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define(
            "regexp_extract",
            "the first match of a pattern, or of one of its groups: REGEXP_EXTRACT(pattern, text, group)",
        )
        .on("(STRING, STRING) -> STRING", |c| extract(c, None))
        .on("(STRING, STRING, INT) -> STRING", |c| extract(c, Some(c.reader(2)))),
        define(
            "regexp_extract_all",
            "all matches of a pattern, or of one of its groups",
        )
        .on("(STRING, STRING) -> ARRAY<STRING>", |c| extract_all(c, None))
        .on("(STRING, STRING, INT) -> ARRAY<STRING>", |c| {
            extract_all(c, Some(c.reader(2)))
        }),
        define(
            "regexp_replace",
            "all matches of a pattern replaced: REGEXP_REPLACE(text, pattern, replacement)",
        )
        .on("(STRING, STRING, STRING) -> STRING", replace),
        define(
            "regexp_split_to_array",
            "the parts of a text between matches of a pattern",
        )
        .on("(STRING, STRING) -> ARRAY<STRING>", split),
    ]
}

/// The group that a row asks for; `None` where it is NULL.
fn group_of(group: Option<&Reader<'_, i32>>, row: usize) -> Option<i32> {
    group.map_or(Some(0), |reader| reader.get(row))
}

/// The number of a group, where the pattern has it.
fn checked_group(regex: &Regex, group: i32) -> Result<Option<usize>, Fault> {
    match usize::try_from(group) {
        Ok(group) => Ok((group < regex.captures_len()).then_some(group)),
        Err(_) => Err(format!("group {group} is negative").into()),
    }
}

fn extract(call: &Call<'_>, group: Option<Reader<'_, i32>>) -> Result<ArrayRef> {
    let (pattern, text) = (call.reader::<&str>(0), call.reader::<&str>(1));
    let mut regexes = Memo::new();
    call.collect_text(|row, out| {
        let (Some(pattern), Some(text), Some(group)) = (pattern.get(row), text.get(row), group_of(group.as_ref(), row))
        else {
            return Ok(None);
        };
        let regex = regexes.get(pattern, compile)?;
        let Some(group) = checked_group(regex, group)? else {
            return Ok(None);
        };
        let found = if group == 0 {
            regex.find(text)
        } else {
            regex.captures(text).and_then(|captures| captures.get(group))
        };
        Ok(found.map(|found| out.push_str(found.as_str())))
    })
}

fn extract_all(call: &Call<'_>, group: Option<Reader<'_, i32>>) -> Result<ArrayRef> {
    let (pattern, text) = (call.reader::<&str>(0), call.reader::<&str>(1));
    let mut regexes = Memo::new();
    call.collect(|row| {
        let (Some(pattern), Some(text), Some(group)) = (pattern.get(row), text.get(row), group_of(group.as_ref(), row))
        else {
            return Ok(None);
        };
        let regex = regexes.get(pattern, compile)?;
        let Some(group) = checked_group(regex, group)? else {
            return Ok(None);
        };
        let matches = regex
            .captures_iter(text)
            .map(|captures| captures.get(group).map(|found| found.as_str().to_owned()));
        Ok(Some(ListOf(matches.collect())))
    })
}

fn replace(call: &Call<'_>) -> Result<ArrayRef> {
    let [text, pattern, replacement] = [0, 1, 2].map(|index| call.reader::<&str>(index));
    let mut regexes = Memo::new();
    call.collect_text(|row, out| {
        let (Some(text), Some(pattern), Some(replacement)) = (text.get(row), pattern.get(row), replacement.get(row))
        else {
            return Ok(None);
        };
        let regex = regexes.get(pattern, compile)?;
        let mut end = 0;
        for captures in regex.captures_iter(text) {
            let found = captures.get_match();
            out.push_str(&text[end..found.start()]);
            push_replacement(replacement, &captures, regex.captures_len(), out)?;
            end = found.end();
        }
        out.push_str(&text[end..]);
        Ok(Some(()))
    })
}

fn split(call: &Call<'_>) -> Result<ArrayRef> {
    let (text, pattern) = (call.reader::<&str>(0), call.reader::<&str>(1));
    let mut regexes = Memo::new();
    call.collect(|row| {
        let (Some(text), Some(pattern)) = (text.get(row), pattern.get(row)) else {
            return Ok(None);
        };
        let regex = regexes.get(pattern, compile)?;
        let parts: Vec<&str> = if regex.is_match("") {
            split_everywhere(regex, text)
        } else {
            regex.split(text).collect()
        };
        Ok(Some(ListOf(
            parts.into_iter().map(|part| Some(part.to_owned())).collect(),
        )))
    })
}

/// `Pattern.split` where the pattern matches the empty text: no part before a match at the start that is empty, and no
/// empty parts at the end.
fn split_everywhere<'a>(regex: &Regex, text: &'a str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut end = 0;
    for found in regex.find_iter(text) {
        if found.end() == 0 {
            continue;
        }
        parts.push(&text[end..found.start()]);
        end = found.end();
    }
    if end == 0 {
        return vec![text];
    }
    parts.push(&text[end..]);
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}
