//! Writing a moment in the form of a pattern.

use std::fmt::Write;

use super::calendar;
use super::field::Field;
use super::pattern::{Item, Number, OffsetForm, Presence, Sign};
use super::text;
use super::zone::Zone;

/// Why a value cannot be written in a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The pattern asks for something that the value does not have: an hour of a `DATE`.
    #[error("the pattern asks for {0}, which the value does not have")]
    Missing(&'static str),
    /// A number has more digits than the pattern allows, or a sign.
    #[error("{field} {value} does not fit the pattern")]
    TooWide {
        /// The field.
        field: &'static str,
        /// Its value.
        value: i64,
    },
}

/// What is written: a date, a time of day, or both in a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    /// Days since 1970-01-01.
    pub(super) days: Option<i64>,
    /// Nanoseconds since midnight.
    pub(super) nanos: Option<i64>,
    /// Zone, offset in seconds and instant in epoch seconds.
    pub(super) zone: Option<(&'a Zone, i32, i64)>,
}

impl Moment<'_> {
    fn get(&self, field: Field) -> Result<i64, FormatError> {
        let missing = FormatError::Missing(field.name());
        if field.is_date_based() {
            return Ok(date_field(self.days.ok_or(missing)?, field));
        }
        if field.is_time_based() {
            return Ok(time_field(self.nanos.ok_or(missing)?, field));
        }
        self.zone.map(|(_, offset, _)| i64::from(offset)).ok_or(missing)
    }
}

/// A field of a date.
pub(super) fn date_field(days: i64, field: Field) -> i64 {
    let (year, month, day) = calendar::date_of_days(days);
    match field {
        Field::DayOfWeek => calendar::day_of_week(days),
        Field::LocalDayOfWeek => calendar::local_day_of_week(days),
        Field::AlignedDayOfWeekInMonth => (day - 1) % 7 + 1,
        Field::DayOfMonth => day,
        Field::DayOfYear => calendar::day_of_year(days),
        Field::ModifiedJulianDay => days + 40_587,
        Field::WeekOfMonth => {
            let first = calendar::local_day_of_week(days - day + 1);
            (day + first - 2) / 7 + 1
        }
        Field::WeekOfWeekYear => calendar::week_of_week_year(days).1,
        Field::WeekYear => calendar::week_of_week_year(days).0,
        Field::MonthOfYear => month,
        Field::QuarterOfYear => (month + 2) / 3,
        Field::YearOfEra => {
            if year >= 1 {
                year
            } else {
                1 - year
            }
        }
        Field::Era => i64::from(year >= 1),
        _ => year,
    }
}

/// A field of a time of day.
pub(super) fn time_field(nanos: i64, field: Field) -> i64 {
    let seconds = nanos / 1_000_000_000;
    let hour = seconds / 3_600;
    match field {
        Field::NanoOfSecond => nanos % 1_000_000_000,
        Field::NanoOfDay => nanos,
        Field::MilliOfDay => nanos / 1_000_000,
        Field::SecondOfMinute => seconds % 60,
        Field::MinuteOfHour => seconds / 60 % 60,
        Field::HourOfAmPm => hour % 12,
        Field::ClockHourOfAmPm => (hour + 11) % 12 + 1,
        Field::ClockHourOfDay => (hour + 23) % 24 + 1,
        Field::AmPmOfDay => hour / 12,
        _ => hour,
    }
}

/// Appends `moment` to `out`.
pub(super) fn print(items: &[Item], moment: &Moment<'_>, out: &mut String) -> Result<(), FormatError> {
    items.iter().try_for_each(|item| print_item(item, moment, out))
}

fn print_item(item: &Item, moment: &Moment<'_>, out: &mut String) -> Result<(), FormatError> {
    match item {
        Item::Literal(text) => out.push_str(text),
        Item::Number(number) => print_number(number, moment.get(number.field)?, out)?,
        Item::Text { field, style } => {
            let value = moment.get(*field)?;
            match text::name(*field, value, *style) {
                Some(name) => out.push_str(name),
                None => write(out, format_args!("{value}")),
            }
        }
        Item::Offset(form) => print_offset(*form, moment.get(Field::OffsetSeconds)?, out),
        Item::LocalizedOffset { full } => print_localized_offset(*full, moment.get(Field::OffsetSeconds)?, out),
        Item::ZoneId => out.push_str(moment.zone.ok_or(FormatError::Missing("a time zone"))?.0.id()),
        Item::ZoneName { full, generic } => {
            let (zone, _, instant) = moment.zone.ok_or(FormatError::Missing("a time zone"))?;
            out.push_str(&zone.name_at(instant, *full, *generic));
        }
        Item::Padded { item, width } => {
            let start = out.len();
            print_item(item, moment, out)?;
            let length = out[start..].encode_utf16().count();
            if length > *width {
                return Err(FormatError::Missing("enough pad width"));
            }
            out.insert_str(start, &" ".repeat(width - length));
        }
        Item::Optional(items) => {
            // An optional section that cannot be written is left out.
            let start = out.len();
            if print(items, moment, out).is_err() {
                out.truncate(start);
            }
        }
    }
    Ok(())
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string does not fail");
}

fn print_number(number: &Number, value: i64, out: &mut String) -> Result<(), FormatError> {
    let width = number.min_width;
    if number.fraction {
        let digits = value / 10_i64.pow(9 - u32::try_from(width).unwrap_or(9));
        write(out, format_args!("{digits:0width$}"));
        return Ok(());
    }
    let too_wide = FormatError::TooWide {
        field: number.field.name(),
        value,
    };
    if number.reduced {
        let two = if (2000..2100).contains(&value) {
            value % 100
        } else {
            value.abs() % 100
        };
        write(out, format_args!("{two:02}"));
        return Ok(());
    }
    let digits = value.unsigned_abs();
    if digits.checked_ilog10().map_or(1, |d| d as usize + 1) > number.max_width {
        return Err(too_wide);
    }
    match (number.sign, value < 0) {
        (Sign::Never, true) => return Err(too_wide),
        (_, true) => out.push('-'),
        (Sign::ExceedsPad, false) if width < 19 && digits >= 10_u64.pow(u32::try_from(width).unwrap_or(19)) => {
            out.push('+');
        }
        _ => {}
    }
    write(out, format_args!("{digits:0width$}"));
    Ok(())
}

fn split_offset(seconds: i64) -> (char, i64, i64, i64) {
    let total = seconds.abs();
    let sign = if seconds < 0 { '-' } else { '+' };
    (sign, total / 3_600, total / 60 % 60, total % 60)
}

fn print_offset(form: OffsetForm, seconds: i64, out: &mut String) {
    let (sign, h, m, s) = split_offset(seconds);
    let is_there = |presence: Presence, value: i64| match presence {
        Presence::Always => true,
        Presence::NonZero => value > 0,
        Presence::Never => false,
    };
    let with_minutes = is_there(form.minutes, m);
    let with_seconds = with_minutes && is_there(form.seconds, s);
    if seconds == 0 || (h == 0 && (!with_minutes || m == 0) && (!with_seconds || s == 0)) {
        out.push_str(form.zero);
        return;
    }
    let colon = if form.colon { ":" } else { "" };
    write(out, format_args!("{sign}{h:02}"));
    if with_minutes {
        write(out, format_args!("{colon}{m:02}"));
    }
    if with_seconds {
        write(out, format_args!("{colon}{s:02}"));
    }
}

fn print_localized_offset(full: bool, seconds: i64, out: &mut String) {
    let (sign, h, m, s) = split_offset(seconds);
    out.push_str("GMT");
    if seconds == 0 {
        return;
    }
    if full {
        write(out, format_args!("{sign}{h:02}:{m:02}"));
    } else {
        write(out, format_args!("{sign}{h}"));
        if m != 0 || s != 0 {
            write(out, format_args!(":{m:02}"));
        }
    }
    if s != 0 {
        write(out, format_args!(":{s:02}"));
    }
}
