//! Java's `DateTimeFormatter` patterns: reading and writing dates, times and timestamps as ksqlDB does.
//!
//! ksqlDB hands the pattern text of its functions and of `TIMESTAMP_FORMAT` to `java.time`, so its users' scripts hold
//! Java patterns. Names are English, letters are read without regard to case, weeks start on Sunday. Not here: which
//! function takes what; day periods (`B`), which no pattern of ksqlDB's documentation uses.

mod calendar;
mod field;
mod parse;
mod pattern;
mod print;
mod resolve;
mod text;
mod zone;
mod zone_names;

#[cfg(test)]
mod tests;

pub use pattern::PatternError;
pub use print::FormatError;
pub use zone::{UnknownZone, Zone};

use pattern::Item;
use print::Moment;
use resolve::{ResolveError, Resolved};

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// A date/time pattern, ready to read and write.
#[derive(Debug, Clone)]
pub struct JavaFormat {
    pattern: String,
    items: Vec<Item>,
}

/// Why a text is not a date or time of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not of the form '{pattern}': {reason}")]
pub struct ParseError {
    /// The text.
    pub text: String,
    /// The pattern.
    pub pattern: String,
    /// What is wrong.
    pub reason: String,
}

impl JavaFormat {
    /// Reads a pattern, such as `yyyy-MM-dd'T'HH:mm:ss.SSSX`.
    ///
    /// # Errors
    /// When a letter is unknown or written too often, or a quote or bracket is not closed.
    pub fn parse_pattern(pattern: &str) -> Result<Self, PatternError> {
        Ok(Self {
            pattern: pattern.to_owned(),
            items: pattern::parse(pattern)?,
        })
    }

    /// The pattern's text.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Milliseconds since the epoch. `default_zone` is used where the text names no zone; date and time parts that it
    /// does not name are those of 1970-01-01T00:00.
    ///
    /// # Errors
    /// When the text does not match, or names a date or time that does not exist.
    pub fn parse_timestamp_ms(&self, text: &str, default_zone: &Zone) -> Result<i64, ParseError> {
        self.resolved(text)?
            .instant_ms(default_zone)
            .map_err(|error| self.error(text, error))
    }

    /// Days since 1970-01-01. A month or year alone is its first day.
    ///
    /// # Errors
    /// As [`Self::parse_timestamp_ms`], and when the pattern reads a time of day.
    pub fn parse_date_days(&self, text: &str) -> Result<i32, ParseError> {
        let resolved = self.resolved(text)?;
        if let Some(part) = resolved.time_part() {
            return Err(self.error(text, ResolveError::Unwanted(part)));
        }
        self.days(text, &resolved)
    }

    /// Days since 1970-01-01 of a text that may hold a time of day too, which is dropped (`STRINGTODATE`).
    ///
    /// # Errors
    /// As [`Self::parse_timestamp_ms`].
    pub fn parse_date_part_days(&self, text: &str) -> Result<i32, ParseError> {
        let resolved = self.resolved(text)?;
        self.days(text, &resolved)
    }

    /// Milliseconds since midnight.
    ///
    /// # Errors
    /// As [`Self::parse_timestamp_ms`], and when the pattern reads a part of a date or the text no hour.
    pub fn parse_time_ms(&self, text: &str) -> Result<i32, ParseError> {
        let resolved = self.resolved(text)?;
        if let Some(part) = resolved.date_part() {
            return Err(self.error(text, ResolveError::Unwanted(part)));
        }
        let nanos = resolved
            .nanos
            .ok_or_else(|| self.error(text, ResolveError::Missing("time")))?;
        Ok(i32::try_from(nanos / 1_000_000).expect("a day has fewer milliseconds than an i32"))
    }

    /// Appends a timestamp, in milliseconds since the epoch, as it is in `zone`.
    ///
    /// # Errors
    /// When a number does not fit the pattern.
    pub fn format_timestamp(&self, epoch_ms: i64, zone: &Zone, out: &mut String) -> Result<(), FormatError> {
        let seconds = epoch_ms.div_euclid(1_000);
        let offset = zone.offset_at(seconds);
        let local = seconds + i64::from(offset);
        let moment = Moment {
            days: Some(local.div_euclid(86_400)),
            nanos: Some(local.rem_euclid(86_400) * 1_000_000_000 + epoch_ms.rem_euclid(1_000) * 1_000_000),
            zone: Some((zone, offset, seconds)),
        };
        print::print(&self.items, &moment, out)
    }

    /// Appends a date, in days since 1970-01-01.
    ///
    /// # Errors
    /// When the pattern asks for a time of day or a zone, or a number does not fit.
    pub fn format_date(&self, days: i32, out: &mut String) -> Result<(), FormatError> {
        let moment = Moment {
            days: Some(i64::from(days)),
            nanos: None,
            zone: None,
        };
        print::print(&self.items, &moment, out)
    }

    /// Appends a time of day, in milliseconds since midnight.
    ///
    /// # Errors
    /// When the pattern asks for a date or a zone, or the time is outside of a day.
    pub fn format_time(&self, day_ms: i32, out: &mut String) -> Result<(), FormatError> {
        let day_ms = i64::from(day_ms);
        if !(0..DAY_MS).contains(&day_ms) {
            return Err(FormatError::TooWide {
                field: "MilliOfDay",
                value: day_ms,
            });
        }
        let moment = Moment {
            days: None,
            nanos: Some(day_ms * 1_000_000),
            zone: None,
        };
        print::print(&self.items, &moment, out)
    }

    fn resolved(&self, text: &str) -> Result<Resolved, ParseError> {
        let parsed = parse::parse(&self.items, text).map_err(|mismatch| ParseError {
            text: text.to_owned(),
            pattern: self.pattern.clone(),
            reason: format!(
                "it differs from character {} on",
                text[..mismatch.0].chars().count() + 1
            ),
        })?;
        resolve::resolve(parsed).map_err(|error| self.error(text, error))
    }

    fn days(&self, text: &str, resolved: &Resolved) -> Result<i32, ParseError> {
        let days = resolved.date().map_err(|error| self.error(text, error))?;
        i32::try_from(days).map_err(|_| self.error(text, ResolveError::Unwanted("a year too far away")))
    }

    fn error(&self, text: &str, error: ResolveError) -> ParseError {
        ParseError {
            text: text.to_owned(),
            pattern: self.pattern.clone(),
            reason: error.to_string(),
        }
    }
}
