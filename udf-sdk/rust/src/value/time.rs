//! DATE, TIME and TIMESTAMP.

use alloc::string::String;
use core::fmt;

use crate::argument::Fixed;

const DAY_MS: i64 = 86_400_000;

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Date(i32);

impl Date {
    /// Of days since 1970-01-01.
    pub fn from_days(days: i32) -> Date {
        Date(days)
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i32 {
        self.0
    }

    /// Of year, month (1 to 12) and day of the month in the Gregorian calendar; `None` where there is no such day.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Date> {
        if !(-5_000_000..=5_000_000).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > 31 {
            return None;
        }
        let date = Date(days_of(i64::from(year), month, day) as i32);
        (date.ymd() == (year, month, day)).then_some(date)
    }

    /// Year, month (1 to 12) and day of the month in the Gregorian calendar.
    pub fn ymd(self) -> (i32, u32, u32) {
        // Days since 0000-03-01, so that the leap day ends a year; then eras of 400 years, which all have 146,097 days.
        let days = i64::from(self.0) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year as i32, month as u32, day as u32)
    }
}

/// Days since 1970-01-01 of a day of the Gregorian calendar.
fn days_of(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march_month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let day_of_year = (153 * march_month + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A time of day, to the millisecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Time(i32);

impl Time {
    /// Of milliseconds since midnight; `None` outside of a day.
    pub fn from_millis(millis: i32) -> Option<Time> {
        (0..DAY_MS as i32).contains(&millis).then_some(Time(millis))
    }

    /// Milliseconds since midnight, 0 to 86,399,999.
    pub fn millis(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0 / 1_000, self.0 % 1_000);
        write!(
            f,
            "{:02}:{:02}:{:02}.{millis:03}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// A moment, to the millisecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Of milliseconds since 1970-01-01T00:00 UTC.
    pub fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis)
    }

    /// Milliseconds since 1970-01-01T00:00 UTC.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The day in UTC, the nearest that there is a number for.
    pub fn date(self) -> Date {
        Date(
            self.0
                .div_euclid(DAY_MS)
                .clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
        )
    }

    /// The time of day in UTC.
    pub fn time(self) -> Time {
        Time(self.0.rem_euclid(DAY_MS) as i32)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{}Z", self.date(), self.time())
    }
}

macro_rules! fixed {
    ($($rust:ty => $sql:literal),*) => {$(
        // SAFETY: transparent over the number that the ABI sends; `Time` is inside of its day by construction.
        unsafe impl Fixed for $rust {
            fn sql_type(out: &mut String) {
                out.push_str($sql);
            }
        }
    )*};
}
fixed!(Date => "DATE", Time => "TIME", Timestamp => "TIMESTAMP");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_calendar_agree() {
        assert_eq!(Date::from_days(0).ymd(), (1970, 1, 1));
        assert_eq!(Date::from_days(-1).ymd(), (1969, 12, 31));
        assert_eq!(Date::from_ymd(2000, 2, 29).map(Date::days), Some(11_016));
        assert_eq!(Date::from_ymd(1900, 2, 29), None);
        assert_eq!(Date::from_ymd(2024, 13, 1), None);
        assert_eq!(Date::from_ymd(2024, 4, 31), None);
        let mut previous = Date::from_days(-1_000_001).ymd();
        for days in -1_000_000..1_000_000 {
            let (year, month, day) = Date::from_days(days).ymd();
            assert!((year, month, day) > previous, "{days}");
            assert_eq!(Date::from_ymd(year, month, day), Some(Date::from_days(days)));
            previous = (year, month, day);
        }
        for days in [i32::MIN, i32::MAX] {
            let (year, month, day) = Date::from_days(days).ymd();
            assert_eq!(days_of(i64::from(year), month, day), i64::from(days));
        }
    }

    #[test]
    fn moments_before_1970_have_a_time_of_day() {
        let moment = Timestamp::from_millis(-1);
        assert_eq!(std::format!("{moment}"), "1969-12-31T23:59:59.999Z");
        assert_eq!(moment.time().millis(), 86_399_999);
    }

    #[test]
    fn time_stays_in_its_day() {
        assert_eq!(Time::from_millis(86_400_000), None);
        assert_eq!(Time::from_millis(-1), None);
        assert_eq!(
            Time::from_millis(3_723_004).map(|t| std::format!("{t}")).as_deref(),
            Some("01:02:03.004")
        );
    }
}
