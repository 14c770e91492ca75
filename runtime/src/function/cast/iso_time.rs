//! Dates and times as text in SQL: ISO 8601, as literals, casts and comparisons with strings take them.
//!
//! A timestamp may be cut short (`2020`, `2020-05`, `2020-05-26T23:59`) and may end in an offset; without one it is UTC.

use std::sync::LazyLock;

use crate::function::java_time::{DAY_MS, JavaFormat, Zone};
use crate::function::row_error::Fault;

const TIME_OF_DAY: &str = "00:00:00.000";

fn format(pattern: &str) -> JavaFormat {
    JavaFormat::parse_pattern(pattern).expect("the pattern is part of the program")
}

/// How a `TIMESTAMP` is written.
static TIMESTAMP: LazyLock<JavaFormat> = LazyLock::new(|| format("yyyy-MM-dd'T'HH:mm:ss.SSS"));
/// How a `DATE` is written.
static DATE: LazyLock<JavaFormat> = LazyLock::new(|| format("yyyy-MM-dd"));

/// Milliseconds since the epoch of `2020-05-26T23:59:58.000+0200` and its shorter forms.
pub(crate) fn parse_timestamp(text: &str) -> Result<i64, Fault> {
    let text = text.trim();
    let fault = |reason: String| {
        Fault::from(format!(
            "'{text}' is not a timestamp like '2020-05-26T23:59:58.000': {reason}"
        ))
    };
    let (date, rest) = match text.split_once('T') {
        Some((date, rest)) => (date.to_owned(), rest),
        None => (whole_date(text), ""),
    };
    let (time, zone) = match rest.find(['+', '-']) {
        Some(at) => rest.split_at(at),
        None => (rest.strip_suffix('Z').unwrap_or(rest), ""),
    };
    let zone = match zone.trim() {
        "" => Zone::utc(),
        zone => Zone::parse(zone).map_err(|error| fault(error.to_string()))?,
    };
    // What is missing of the time of day is zero.
    let missing = TIME_OF_DAY.get(time.len()..).unwrap_or("");
    TIMESTAMP
        .parse_timestamp_ms(&format!("{date}T{time}{missing}"), &zone)
        .map_err(|error| fault(error.reason))
}

/// Days since 1970-01-01 of `2020-05-26`, `2020-05` or `2020`.
pub(crate) fn parse_date(text: &str) -> Result<i32, Fault> {
    let text = text.trim();
    let fault = |reason: &str| Fault::from(format!("'{text}' is not a date like '2020-05-26': {reason}"));
    let whole = whole_date(text);
    let days = DATE.parse_date_days(&whole).map_err(|error| fault(&error.reason))?;
    // The format takes 31 April for 30 April; a date in SQL must be one.
    let mut again = String::with_capacity(whole.len());
    write_date(days, &mut again);
    if again.get(again.len() - 2..) == whole.get(whole.len() - 2..) {
        Ok(days)
    } else {
        Err(fault("the month has fewer days"))
    }
}

/// Milliseconds since midnight of `01:34:20.123`, `01:34:20` or `01:34`.
pub(crate) fn parse_time(text: &str) -> Result<i32, Fault> {
    let text = text.trim();
    let fault = || Fault::from(format!("'{text}' is not a time like '01:34:20.123'"));
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let mut part = |limit: i32| -> Option<i32> {
        let digits = parts.next()?;
        let two = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|value| two && *value < limit)
    };
    let hour = part(24).ok_or_else(fault)?;
    let minute = part(60).ok_or_else(fault)?;
    let second = part(60);
    let has_seconds = clock.len() == 8;
    let fraction_ends = text.contains('.');
    let fraction_fits = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
    if clock.len() != if has_seconds { 8 } else { 5 }
        || (has_seconds && second.is_none())
        || !fraction_fits
        || (fraction_ends && (!has_seconds || fraction.is_empty()))
    {
        return Err(fault());
    }
    let ms: i32 = format!("{fraction:0<3}")[..3].parse().map_err(|_| fault())?;
    Ok(((hour * 60 + minute) * 60 + second.unwrap_or(0)) * 1_000 + ms)
}

/// A date of year or year and month, made whole.
fn whole_date(text: &str) -> String {
    match text.trim_end_matches('-').split('-').count() {
        1 => format!("{text}-01-01"),
        2 => format!("{text}-01"),
        _ => text.to_owned(),
    }
}

/// Appends `2020-05-26T23:59:58.000`.
pub(super) fn write_timestamp(epoch_ms: i64, out: &mut String) {
    TIMESTAMP
        .format_timestamp(epoch_ms, &Zone::utc(), out)
        .expect("a timestamp has all that the pattern asks for");
}

/// Appends `2020-05-26`.
pub(super) fn write_date(days: i32, out: &mut String) {
    DATE.format_date(days, out)
        .expect("a date has all that the pattern asks for");
}

/// Appends `23:59`, with seconds and milliseconds where they are not zero.
pub(super) fn write_time(day_ms: i32, out: &mut String) {
    use std::fmt::Write;
    let day_ms = i64::from(day_ms).rem_euclid(DAY_MS);
    let (seconds, ms) = (day_ms / 1_000, day_ms % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    write!(out, "{hour:02}:{minute:02}").expect("writing to a string does not fail");
    if second != 0 || ms != 0 {
        write!(out, ":{second:02}").expect("writing to a string does not fail");
    }
    if ms != 0 {
        write!(out, ".{ms:03}").expect("writing to a string does not fail");
    }
}
