//! The English names of months, days, halves of a day and eras.

use super::field::Field;

/// How long a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextStyle {
    /// `Jan`.
    Short,
    /// `January`.
    Full,
    /// `J`.
    Narrow,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const QUARTERS_FULL: [&str; 4] = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
const QUARTERS_SHORT: [&str; 4] = ["Q1", "Q2", "Q3", "Q4"];

/// The name of `value`, or `None` where the field has no names: then Java writes the number.
pub(super) fn name(field: Field, value: i64, style: TextStyle) -> Option<&'static str> {
    let index = |first: i64| usize::try_from(value - first).ok();
    let full = match field {
        Field::MonthOfYear => *MONTHS.get(index(1)?)?,
        Field::DayOfWeek => *DAYS.get(index(1)?)?,
        // Counted from Sunday.
        Field::LocalDayOfWeek => *DAYS.get((index(1)? + 6) % 7)?,
        Field::AmPmOfDay => {
            return match (value, style) {
                (0, TextStyle::Narrow) => Some("a"),
                (1, TextStyle::Narrow) => Some("p"),
                (0, _) => Some("AM"),
                (1, _) => Some("PM"),
                _ => None,
            };
        }
        Field::Era => {
            return match (value, style) {
                (0, TextStyle::Full) => Some("Before Christ"),
                (1, TextStyle::Full) => Some("Anno Domini"),
                (0, TextStyle::Short) => Some("BC"),
                (1, TextStyle::Short) => Some("AD"),
                (0, TextStyle::Narrow) => Some("B"),
                (1, TextStyle::Narrow) => Some("A"),
                _ => None,
            };
        }
        Field::QuarterOfYear => {
            return match style {
                TextStyle::Full => QUARTERS_FULL.get(index(1)?).copied(),
                TextStyle::Short => QUARTERS_SHORT.get(index(1)?).copied(),
                TextStyle::Narrow => None,
            };
        }
        _ => return None,
    };
    Some(match style {
        TextStyle::Full => full,
        TextStyle::Short => &full[..3],
        TextStyle::Narrow => &full[..1],
    })
}

/// The value whose name stands at the start of `text` and the length of that name, the longest one first.
///
/// Narrow names are no names to read: several months share a letter, and Java then expects a number.
pub(super) fn read(field: Field, text: &str, style: TextStyle) -> Option<(i64, usize)> {
    if style == TextStyle::Narrow && field != Field::Era {
        return None;
    }
    let (first, last) = field.range();
    (first..=last)
        .filter_map(|value| {
            let name = name(field, value, style)?;
            let prefix = text.get(..name.len())?;
            prefix.eq_ignore_ascii_case(name).then_some((value, name.len()))
        })
        .max_by_key(|&(_, length)| length)
}

/// Whether Java reads this field by its names in this style.
pub(super) fn has_names(field: Field, style: TextStyle) -> bool {
    match field {
        Field::Era => true,
        _ => style != TextStyle::Narrow,
    }
}
