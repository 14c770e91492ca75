//! Field values to a date, a time of day and an instant: the rules of Java's `ResolverStyle.SMART`.
//!
//! SMART means: every field is checked against its range, 31 April becomes 30 April, `24:00` is midnight of the next
//! day, missing minutes and seconds are zero, and fields that contradict each other are an error.

use super::calendar;
use super::field::Field;
use super::parse::Parsed;
use super::print::{date_field, time_field};
use super::zone::Zone;

/// Why fields make no date or time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    #[error("{field} {value} is out of range")]
    OutOfRange { field: &'static str, value: i64 },
    #[error("{field} {value} contradicts the rest")]
    Conflict { field: &'static str, value: i64 },
    #[error("day {day} does not exist in that year")]
    NoSuchDay { day: i64 },
    #[error("day 366 needs a year")]
    LeapDayWithoutYear,
    #[error("the text gives no {0}")]
    Missing(&'static str),
    #[error("the text has {0}, which the result cannot hold")]
    Unwanted(&'static str),
}

/// What the fields make.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    /// Days since 1970-01-01.
    pub(super) days: Option<i64>,
    /// Nanoseconds since midnight.
    pub(super) nanos: Option<i64>,
    /// Fields that alone make neither.
    pub(super) rest: Parsed,
}

/// Makes of the fields what they make.
pub(super) fn resolve(mut parsed: Parsed) -> Result<Resolved, ResolveError> {
    if let Some(offset) = parsed.get(Field::OffsetSeconds) {
        check(Field::OffsetSeconds, offset)?;
    }
    if let Some(day) = parsed.take(Field::LocalDayOfWeek) {
        // Counted from Sunday.
        let day = (check(Field::LocalDayOfWeek, day)? + 5) % 7 + 1;
        merge(&mut parsed, Field::DayOfWeek, day)?;
    }
    let days = resolve_date(&mut parsed)?;
    let (nanos, excess_days) = resolve_time(&mut parsed)?;
    let days = days.map(|days| days + excess_days);
    Ok(Resolved {
        days,
        nanos,
        rest: parsed,
    })
}

impl Resolved {
    /// Whether some part of a date was named.
    pub(super) fn date_part(&self) -> Option<&'static str> {
        self.part("a date", self.days.is_some(), Field::is_date_based)
    }

    /// Whether some part of a time of day was named.
    pub(super) fn time_part(&self) -> Option<&'static str> {
        self.part("a time", self.nanos.is_some(), Field::is_time_based)
    }

    fn part(&self, whole: &'static str, is_whole: bool, kind: fn(Field) -> bool) -> Option<&'static str> {
        if is_whole {
            return Some(whole);
        }
        OVERRIDES
            .iter()
            .find(|f| kind(**f) && self.rest.get(**f).is_some())
            .map(|f| f.name())
    }

    /// The date; a year and a month are its first day, a year alone its first of January.
    pub(super) fn date(&self) -> Result<i64, ResolveError> {
        match (self.days, self.rest.get(Field::Year)) {
            (Some(days), _) => Ok(days),
            (None, Some(year)) => {
                let month = self.rest.get(Field::MonthOfYear).unwrap_or(1);
                let day = self.rest.get(Field::DayOfMonth).unwrap_or(1);
                Ok(calendar::days_of_date(
                    year,
                    month,
                    day.min(calendar::days_in_month(year, month)),
                ))
            }
            (None, None) => Err(ResolveError::Missing("date")),
        }
    }

    /// Milliseconds since the epoch: what the text does not say is taken from 1970-01-01T00:00 in `default_zone`.
    pub(super) fn instant_ms(&self, default_zone: &Zone) -> Result<i64, ResolveError> {
        let (days, nanos) = match (self.days, self.nanos) {
            (Some(days), Some(nanos)) => (days, nanos),
            (days, nanos) => overridden(&self.rest, days, nanos)?,
        };
        let local = days * 86_400 + nanos.div_euclid(1_000_000_000);
        let seconds = match (self.rest.get(Field::OffsetSeconds), &self.rest.zone) {
            (Some(offset), _) => local - offset,
            (None, Some(zone)) => zone.instant_of_local(local),
            (None, None) => default_zone.instant_of_local(local),
        };
        Ok(seconds * 1_000 + nanos.rem_euclid(1_000_000_000) / 1_000_000)
    }
}

/// Java lays the fields over a default one by one, in this order.
const OVERRIDES: [Field; 19] = [
    Field::NanoOfSecond,
    Field::NanoOfDay,
    Field::MilliOfDay,
    Field::SecondOfMinute,
    Field::MinuteOfHour,
    Field::HourOfAmPm,
    Field::ClockHourOfAmPm,
    Field::HourOfDay,
    Field::ClockHourOfDay,
    Field::AmPmOfDay,
    Field::DayOfWeek,
    Field::AlignedDayOfWeekInMonth,
    Field::DayOfMonth,
    Field::DayOfYear,
    Field::ModifiedJulianDay,
    Field::MonthOfYear,
    Field::YearOfEra,
    Field::Year,
    Field::Era,
];

fn overridden(rest: &Parsed, days: Option<i64>, nanos: Option<i64>) -> Result<(i64, i64), ResolveError> {
    let (mut date, mut time) = (days.unwrap_or(0), nanos.unwrap_or(0));
    for field in OVERRIDES {
        let Some(value) = rest.get(field) else {
            continue;
        };
        if field.is_time_based() {
            if nanos.is_none() {
                time += (value - time_field(time, field)) * nanos_of(field);
            }
        } else if days.is_none() {
            date = with_date_field(rest, date, field, value)?;
        }
    }
    Ok((date, time))
}

fn with_date_field(rest: &Parsed, days: i64, field: Field, value: i64) -> Result<i64, ResolveError> {
    let (year, month, day) = calendar::date_of_days(days);
    let at = |year: i64, month: i64| calendar::days_of_date(year, month, day.min(calendar::days_in_month(year, month)));
    Ok(match field {
        Field::DayOfYear if value == 366 => {
            let year = rest.get(Field::Year).ok_or(ResolveError::LeapDayWithoutYear)?;
            if !calendar::is_leap_year(year) {
                return Err(ResolveError::NoSuchDay { day: value });
            }
            calendar::days_of_date(year, 1, 1) + 365
        }
        Field::DayOfYear => calendar::days_of_date(year, 1, 1) + value - 1,
        Field::DayOfMonth if value > calendar::days_in_month(year, month) => {
            return Err(ResolveError::NoSuchDay { day: value });
        }
        Field::DayOfMonth => calendar::days_of_date(year, month, value),
        Field::MonthOfYear => at(year, value),
        Field::Year | Field::YearOfEra => at(value, month),
        Field::Era => at(if value == 1 { year.max(1) } else { 1 - year.max(1) }, month),
        _ => days + value - date_field(days, field),
    })
}

fn nanos_of(field: Field) -> i64 {
    match field {
        Field::NanoOfSecond | Field::NanoOfDay => 1,
        Field::MilliOfDay => 1_000_000,
        Field::SecondOfMinute => 1_000_000_000,
        Field::MinuteOfHour => 60_000_000_000,
        Field::AmPmOfDay => 43_200_000_000_000,
        _ => 3_600_000_000_000,
    }
}

fn check(field: Field, value: i64) -> Result<i64, ResolveError> {
    let (first, last) = field.range();
    if (first..=last).contains(&value) {
        Ok(value)
    } else {
        Err(ResolveError::OutOfRange {
            field: field.name(),
            value,
        })
    }
}

fn merge(parsed: &mut Parsed, field: Field, value: i64) -> Result<(), ResolveError> {
    if parsed.set(field, value) {
        Ok(())
    } else {
        Err(ResolveError::Conflict {
            field: field.name(),
            value,
        })
    }
}

fn resolve_date(parsed: &mut Parsed) -> Result<Option<i64>, ResolveError> {
    if let Some(value) = parsed.take(Field::YearOfEra) {
        let year_of_era = check(Field::YearOfEra, value)?;
        let year = match parsed.take(Field::Era) {
            Some(era) if check(Field::Era, era)? == 0 => 1 - year_of_era,
            Some(_) => year_of_era,
            // Without an era the year, where there is one, says which.
            None if parsed.get(Field::Year).is_some_and(|y| y <= 0) => 1 - year_of_era,
            None => year_of_era,
        };
        merge(parsed, Field::Year, year)?;
    }
    let Some(days) = whole_date(parsed)? else {
        for field in OVERRIDES.into_iter().filter(|f| f.is_date_based()) {
            if let Some(value) = parsed.get(field) {
                check(field, value)?;
            }
        }
        return Ok(None);
    };
    // Whatever else was said about the date must agree with it.
    for field in (OVERRIDES.into_iter())
        .chain([
            Field::WeekOfMonth,
            Field::WeekOfWeekYear,
            Field::WeekYear,
            Field::QuarterOfYear,
        ])
        .filter(|f| f.is_date_based())
    {
        if let Some(value) = parsed.take(field) {
            agree(field, value, date_field(days, field))?;
        }
    }
    Ok(Some(days))
}

/// The date, where the fields make one.
fn whole_date(parsed: &mut Parsed) -> Result<Option<i64>, ResolveError> {
    if let Some(day) = parsed.take(Field::ModifiedJulianDay) {
        return Ok(Some(check(Field::ModifiedJulianDay, day)? - 40_587));
    }
    let local_day = parsed.get(Field::DayOfWeek).map(|d| d % 7 + 1);
    if let Some(year) = parsed.get(Field::Year) {
        let year = check(Field::Year, year)?;
        if let (Some(month), Some(day)) = (parsed.get(Field::MonthOfYear), parsed.get(Field::DayOfMonth)) {
            let month = check(Field::MonthOfYear, month)?;
            let day = check(Field::DayOfMonth, day)?;
            let day_in_month = day.min(calendar::days_in_month(year, month));
            parsed.take(Field::DayOfMonth);
            return Ok(Some(calendar::days_of_date(year, month, day_in_month)));
        }
        if let Some(day) = parsed.get(Field::DayOfYear) {
            let day = check(Field::DayOfYear, day)?;
            if day == 366 && !calendar::is_leap_year(year) {
                return Err(ResolveError::NoSuchDay { day });
            }
            return Ok(Some(calendar::days_of_date(year, 1, 1) + day - 1));
        }
        if let (Some(month), Some(week), Some(day)) = (
            parsed.get(Field::MonthOfYear),
            parsed.get(Field::WeekOfMonth),
            local_day,
        ) {
            let month = check(Field::MonthOfYear, month)?;
            let week = check(Field::WeekOfMonth, week)?;
            let first = calendar::days_of_date(year, month, 1);
            let start = first - (calendar::local_day_of_week(first) - 1);
            return Ok(Some(start + (week - 1) * 7 + check(Field::LocalDayOfWeek, day)? - 1));
        }
    }
    if let (Some(year), Some(week), Some(day)) = (
        parsed.get(Field::WeekYear),
        parsed.get(Field::WeekOfWeekYear),
        local_day,
    ) {
        let year = check(Field::WeekYear, year)?;
        let week = check(Field::WeekOfWeekYear, week)?;
        let day = check(Field::LocalDayOfWeek, day)?;
        return Ok(Some(calendar::week_year_start(year) + (week - 1) * 7 + day - 1));
    }
    Ok(None)
}

/// Splits clock hours, halves of days and counts since midnight into hour, minute, second and nanosecond.
fn split_time(parsed: &mut Parsed) -> Result<(), ResolveError> {
    if let Some(value) = parsed.take(Field::ClockHourOfDay) {
        let hour = if value == 0 {
            0
        } else {
            check(Field::ClockHourOfDay, value)?
        };
        merge(parsed, Field::HourOfDay, hour % 24)?;
    }
    if let Some(value) = parsed.take(Field::ClockHourOfAmPm) {
        let hour = if value == 0 {
            0
        } else {
            check(Field::ClockHourOfAmPm, value)?
        };
        merge(parsed, Field::HourOfAmPm, hour % 12)?;
    }
    if let (Some(half), Some(hour)) = (parsed.get(Field::AmPmOfDay), parsed.get(Field::HourOfAmPm)) {
        parsed.take(Field::AmPmOfDay);
        parsed.take(Field::HourOfAmPm);
        let hour = check(Field::AmPmOfDay, half)? * 12 + check(Field::HourOfAmPm, hour)?;
        merge(parsed, Field::HourOfDay, hour)?;
    }
    for (field, unit) in [(Field::NanoOfDay, 1), (Field::MilliOfDay, 1_000_000)] {
        if let Some(value) = parsed.take(field) {
            let nanos = check(field, value)? * unit;
            for part in [Field::HourOfDay, Field::MinuteOfHour, Field::SecondOfMinute] {
                merge(parsed, part, time_field(nanos, part))?;
            }
            if parsed.get(Field::NanoOfSecond).is_none() || unit == 1 {
                merge(parsed, Field::NanoOfSecond, time_field(nanos, Field::NanoOfSecond))?;
            }
        }
    }
    Ok(())
}

/// Nanoseconds since midnight, where the fields make a time, and the days beyond it (`24:00`).
fn resolve_time(parsed: &mut Parsed) -> Result<(Option<i64>, i64), ResolveError> {
    split_time(parsed)?;
    let fields = [
        Field::HourOfDay,
        Field::MinuteOfHour,
        Field::SecondOfMinute,
        Field::NanoOfSecond,
    ];
    let [hour, minute, second, nano] = fields.map(|f| parsed.get(f));
    let is_whole = hour.is_some()
        && (minute.is_some() || (second.is_none() && nano.is_none()))
        && (second.is_some() || nano.is_none());
    let is_midnight_after = hour == Some(24) && [minute, second, nano].iter().all(|v| v.unwrap_or(0) == 0);
    if is_whole && is_midnight_after {
        for field in fields {
            parsed.take(field);
        }
        return Ok((Some(0), 1));
    }
    for field in OVERRIDES.into_iter().filter(|f| f.is_time_based()) {
        if let Some(value) = parsed.get(field) {
            check(field, value)?;
        }
    }
    if !is_whole {
        let is_half_only = hour
            .or(minute)
            .or(second)
            .or(nano)
            .or(parsed.get(Field::HourOfAmPm))
            .is_none();
        return Ok((
            // AM and PM alone are the middle of their half.
            is_half_only
                .then(|| parsed.take(Field::AmPmOfDay))
                .flatten()
                .map(|half| (half * 12 + 6) * nanos_of(Field::HourOfDay)),
            0,
        ));
    }
    let nanos = fields.map(|f| parsed.take(f).unwrap_or(0) * nanos_of(f)).iter().sum();
    for field in [Field::AmPmOfDay, Field::HourOfAmPm] {
        if let Some(value) = parsed.take(field) {
            agree(field, value, time_field(nanos, field))?;
        }
    }
    Ok((Some(nanos), 0))
}

/// Fails where a field says something else than the rest of the text.
fn agree(field: Field, value: i64, found: i64) -> Result<(), ResolveError> {
    if value == found {
        return Ok(());
    }
    Err(ResolveError::Conflict {
        field: field.name(),
        value,
    })
}
