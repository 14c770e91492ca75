//! The calendar and clock fields that pattern letters stand for, with their ranges.

/// A field of a date, of a time of day, or of an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Field {
    NanoOfSecond,
    NanoOfDay,
    MilliOfDay,
    SecondOfMinute,
    MinuteOfHour,
    HourOfAmPm,
    ClockHourOfAmPm,
    HourOfDay,
    ClockHourOfDay,
    AmPmOfDay,
    DayOfWeek,
    LocalDayOfWeek,
    AlignedDayOfWeekInMonth,
    DayOfMonth,
    DayOfYear,
    ModifiedJulianDay,
    WeekOfMonth,
    WeekOfWeekYear,
    MonthOfYear,
    QuarterOfYear,
    WeekYear,
    YearOfEra,
    Year,
    Era,
    OffsetSeconds,
}

/// How many fields there are.
pub(super) const FIELDS: usize = Field::OffsetSeconds as usize + 1;

impl Field {
    /// Its name as Java spells it, for messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NanoOfSecond => "NanoOfSecond",
            Self::NanoOfDay => "NanoOfDay",
            Self::MilliOfDay => "MilliOfDay",
            Self::SecondOfMinute => "SecondOfMinute",
            Self::MinuteOfHour => "MinuteOfHour",
            Self::HourOfAmPm => "HourOfAmPm",
            Self::ClockHourOfAmPm => "ClockHourOfAmPm",
            Self::HourOfDay => "HourOfDay",
            Self::ClockHourOfDay => "ClockHourOfDay",
            Self::AmPmOfDay => "AmPmOfDay",
            Self::DayOfWeek => "DayOfWeek",
            Self::LocalDayOfWeek => "localized DayOfWeek",
            Self::AlignedDayOfWeekInMonth => "AlignedDayOfWeekInMonth",
            Self::DayOfMonth => "DayOfMonth",
            Self::DayOfYear => "DayOfYear",
            Self::ModifiedJulianDay => "ModifiedJulianDay",
            Self::WeekOfMonth => "WeekOfMonth",
            Self::WeekOfWeekYear => "WeekOfWeekBasedYear",
            Self::MonthOfYear => "MonthOfYear",
            Self::QuarterOfYear => "QuarterOfYear",
            Self::WeekYear => "WeekBasedYear",
            Self::YearOfEra => "YearOfEra",
            Self::Year => "Year",
            Self::Era => "Era",
            Self::OffsetSeconds => "OffsetSeconds",
        }
    }

    /// Smallest and largest value that it may have at all; a month or year may allow less.
    pub(super) fn range(self) -> (i64, i64) {
        match self {
            Self::NanoOfSecond => (0, 999_999_999),
            Self::NanoOfDay => (0, 86_399_999_999_999),
            Self::MilliOfDay => (0, 86_399_999),
            Self::SecondOfMinute | Self::MinuteOfHour => (0, 59),
            Self::HourOfAmPm => (0, 11),
            Self::ClockHourOfAmPm => (1, 12),
            Self::HourOfDay => (0, 23),
            Self::ClockHourOfDay => (1, 24),
            Self::AmPmOfDay | Self::Era => (0, 1),
            Self::DayOfWeek | Self::LocalDayOfWeek | Self::AlignedDayOfWeekInMonth => (1, 7),
            Self::DayOfMonth => (1, 31),
            Self::DayOfYear => (1, 366),
            Self::ModifiedJulianDay => (-365_243_219_162, 365_241_780_471),
            Self::WeekOfMonth => (0, 6),
            Self::WeekOfWeekYear => (1, 54),
            Self::MonthOfYear => (1, 12),
            Self::QuarterOfYear => (1, 4),
            Self::YearOfEra => (1, 1_000_000_000),
            Self::Year | Self::WeekYear => (-999_999_999, 999_999_999),
            Self::OffsetSeconds => (-64_800, 64_800),
        }
    }

    /// A part of a date rather than of a time of day.
    pub(super) fn is_date_based(self) -> bool {
        (Self::DayOfWeek as usize..=Self::Era as usize).contains(&(self as usize))
    }

    /// A part of a time of day.
    pub(super) fn is_time_based(self) -> bool {
        self as usize <= Self::AmPmOfDay as usize
    }
}
