//! Time zones as `java.time.ZoneId` takes them: offsets, `UTC+2`, and names of the tz database.

use chrono::{NaiveDateTime, Offset, TimeZone};
use chrono_tz::{OffsetName, Tz};

use super::zone_names;

/// A time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    id: String,
    rules: Rules,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// Seconds east of UTC.
    Fixed(i32),
    Named(Tz),
}

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone '{0}': use a name like 'UTC' or 'Europe/London', or an offset like '+02:00'")]
pub struct UnknownZone(pub String);

impl Zone {
    /// UTC, the zone that ksqlDB's servers run in by convention and that functions use where none is given.
    #[must_use]
    pub fn utc() -> Self {
        Self {
            id: "UTC".into(),
            rules: Rules::Fixed(0),
        }
    }

    /// A fixed offset in seconds east of UTC, named as Java names it (`Z`, `+02:00`).
    #[must_use]
    pub fn of_offset(seconds: i32) -> Self {
        Self {
            id: offset_id(seconds),
            rules: Rules::Fixed(seconds),
        }
    }

    /// Reads a zone id: `Z`, `+h`, `+hh`, `+hh:mm`, `+hhmm`, `+hh:mm:ss`, `UTC`, `GMT+2`, `America/Los_Angeles`.
    ///
    /// # Errors
    /// When the text is none of these. Names are case-sensitive, as in Java.
    pub fn parse(id: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone(id.to_owned());
        if id == "Z" || id.starts_with(['+', '-']) {
            return parse_offset(id).map(Self::of_offset).ok_or_else(unknown);
        }
        for prefix in ["UTC", "GMT", "UT"] {
            if let Some(rest) = id.strip_prefix(prefix) {
                if rest.is_empty() {
                    return Ok(Self {
                        id: id.into(),
                        rules: Rules::Fixed(0),
                    });
                }
                if rest.starts_with(['+', '-']) {
                    let seconds = parse_offset(rest).ok_or_else(unknown)?;
                    let id = if seconds == 0 {
                        prefix.to_owned()
                    } else {
                        format!("{prefix}{}", offset_id(seconds))
                    };
                    return Ok(Self {
                        id,
                        rules: Rules::Fixed(seconds),
                    });
                }
            }
        }
        let tz: Tz = id.parse().map_err(|_| unknown())?;
        Ok(Self {
            id: id.into(),
            rules: Rules::Named(tz),
        })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Seconds east of UTC at an instant, given in seconds since the epoch.
    #[must_use]
    pub fn offset_at(&self, epoch_seconds: i64) -> i32 {
        match self.rules {
            Rules::Fixed(seconds) => seconds,
            Rules::Named(tz) => tz
                .offset_from_utc_datetime(&naive(epoch_seconds))
                .fix()
                .local_minus_utc(),
        }
    }

    /// Seconds since the epoch of a local date and time, itself given as seconds as if it were UTC.
    ///
    /// Where clocks are put back, the earlier of the two instants; where they are put forward over the local time, it
    /// is moved forward by the length of the gap. That is what Java does.
    #[must_use]
    pub fn instant_of_local(&self, local_seconds: i64) -> i64 {
        match self.rules {
            Rules::Fixed(seconds) => local_seconds - i64::from(seconds),
            Rules::Named(tz) => match tz.offset_from_local_datetime(&naive(local_seconds)).earliest() {
                Some(offset) => local_seconds - i64::from(offset.fix().local_minus_utc()),
                // In a gap the offset before it gives the instant that Java gives.
                None => local_seconds - i64::from(self.offset_at(local_seconds - 86_400)),
            },
        }
    }

    /// Its short (`PDT`) or full (`Pacific Daylight Time`) English name at an instant; `generic` names do not tell
    /// summer from winter (`PT`).
    pub(super) fn name_at(&self, epoch_seconds: i64, full: bool, generic: bool) -> String {
        match self.rules {
            Rules::Fixed(_) => zone_names::of_fixed(&self.id, full).unwrap_or(&self.id).to_owned(),
            Rules::Named(tz) => {
                let offset = tz.offset_from_utc_datetime(&naive(epoch_seconds));
                let short = zone_names::short(tz.name(), offset.abbreviation().unwrap_or(""));
                let name = match (full, generic) {
                    (false, false) => Some(short),
                    (false, true) => zone_names::generic(short, false),
                    (true, false) => zone_names::full(short, tz.name()),
                    (true, true) => zone_names::generic(short, true),
                };
                name.map_or_else(|| self.id.clone(), str::to_owned)
            }
        }
    }
}

fn naive(epoch_seconds: i64) -> NaiveDateTime {
    let clamped = epoch_seconds.clamp(-8_000_000_000_000, 8_000_000_000_000);
    chrono::DateTime::from_timestamp(clamped, 0)
        .expect("clamped to the range of chrono")
        .naive_utc()
}

/// An offset as Java prints it as an id.
fn offset_id(seconds: i32) -> String {
    if seconds == 0 {
        return "Z".into();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let total = seconds.unsigned_abs();
    let (h, m, s) = (total / 3600, total / 60 % 60, total % 60);
    if s == 0 {
        format!("{sign}{h:02}:{m:02}")
    } else {
        format!("{sign}{h:02}:{m:02}:{s:02}")
    }
}

/// The seconds of `Z`, `+h`, `+hh`, `+hh:mm`, `+hhmm`, `+hh:mm:ss` or `+hhmmss`, at most 18 hours.
fn parse_offset(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let negative = text.starts_with('-');
    let rest = &text[1..];
    let digits: String = match rest.len() {
        1 => format!("0{rest}"),
        2 | 4 | 6 => rest.to_owned(),
        5 | 8 => {
            if rest.bytes().skip(2).step_by(3).any(|c| c != b':') {
                return None;
            }
            rest.replace(':', "")
        }
        _ => return None,
    };
    if !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| -> i32 { digits.get(from..from + 2).and_then(|d| d.parse().ok()).unwrap_or(0) };
    let (h, m, s) = (part(0), part(2), part(4));
    let total = h * 3600 + m * 60 + s;
    (m < 60 && s < 60 && total <= 64_800).then_some(if negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_java_reads_them() {
        for (id, printed, offset) in [
            ("Z", "Z", 0),
            ("UTC", "UTC", 0),
            ("+2", "+02:00", 7_200),
            ("+0200", "+02:00", 7_200),
            ("-05:30", "-05:30", -19_800),
            ("+01:02:03", "+01:02:03", 3_723),
            ("GMT+2", "GMT+02:00", 7_200),
            ("UTC+0", "UTC", 0),
            ("Europe/London", "Europe/London", 3_600),
            ("America/Los_Angeles", "America/Los_Angeles", -25_200),
            ("EST5EDT", "EST5EDT", -14_400),
        ] {
            let zone = Zone::parse(id).unwrap();
            assert_eq!(zone.id(), printed, "{id}");
            assert_eq!(zone.offset_at(1_530_000_000), offset, "{id}");
        }
        for bad in [
            "",
            "PST",
            "utc",
            "Mars/Phobos",
            "+25",
            "+1:00",
            "+19:00",
            "+ab",
            "UTC+99",
        ] {
            assert!(Zone::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn gaps_and_overlaps_follow_java() {
        let london = Zone::parse("Europe/London").unwrap();
        // 2021-03-28T01:30 does not exist there: 02:30 summer time.
        assert_eq!(london.instant_of_local(1_616_895_000), 1_616_895_000);
        // 2021-10-31T01:30 exists twice: the first.
        assert_eq!(london.instant_of_local(1_635_643_800), 1_635_640_200);
        assert_eq!(london.instant_of_local(1_622_548_800), 1_622_545_200);
    }
}
