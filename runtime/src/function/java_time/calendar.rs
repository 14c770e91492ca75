//! The proleptic ISO calendar on plain numbers: days since 1970-01-01 to year, month, day and back.
//!
//! chrono's `NaiveDate` would do for most of it, but Java's range of years is wider than chrono's, and a formatter
//! must not fail on a value only because it is far away.

/// Days from 1970-01-01 to the given date. `month` is 1 to 12, `day` may lie outside of the month.
pub(super) fn days_of_date(year: i64, month: i64, day: i64) -> i64 {
    // Years are counted from March, so that the leap day is the last day of a year.
    let march_year = if month <= 2 { year - 1 } else { year };
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month (1 to 12) and day of month of a number of days since 1970-01-01.
pub(super) fn date_of_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
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
    (year, month, day)
}

/// Whether `year` has 366 days.
pub(super) fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of `month` (1 to 12) in `year`.
pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Day of the week, 1 for Monday to 7 for Sunday.
pub(super) fn day_of_week(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// Day of the year, from 1.
pub(super) fn day_of_year(days: i64) -> i64 {
    days - days_of_date(date_of_days(days).0, 1, 1) + 1
}

/// Day of the week counted from Sunday as 1, the American order that ksqlDB's servers use.
pub(super) fn local_day_of_week(days: i64) -> i64 {
    day_of_week(days) % 7 + 1
}

/// The first day of the first week of a week-based year: weeks start on Sunday, and the week of 1 January is the first.
pub(super) fn week_year_start(year: i64) -> i64 {
    let first = days_of_date(year, 1, 1);
    first - (local_day_of_week(first) - 1)
}

/// Week-based year of a day and the number of its week, from 1.
pub(super) fn week_of_week_year(days: i64) -> (i64, i64) {
    let year = date_of_days(days).0;
    let (year, start) = if days >= week_year_start(year + 1) {
        (year + 1, week_year_start(year + 1))
    } else {
        (year, week_year_start(year))
    };
    (year, (days - start) / 7 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        for days in (-1_000_000..1_000_000)
            .step_by(997)
            .chain([-719_528, -1, 0, 11_016, 11_017])
        {
            let (year, month, day) = date_of_days(days);
            assert_eq!(days_of_date(year, month, day), days);
            assert!((1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month));
        }
        assert_eq!(date_of_days(0), (1970, 1, 1));
        assert_eq!(date_of_days(11_016), (2000, 2, 29));
        assert_eq!(days_of_date(1969, 12, 31), -1);
        assert_eq!(days_of_date(0, 1, 1), -719_528);
    }

    #[test]
    fn weeks_start_on_sunday() {
        assert_eq!(day_of_week(0), 4);
        assert_eq!(local_day_of_week(0), 5);
        assert_eq!(week_of_week_year(days_of_date(2018, 9, 5)), (2018, 36));
        assert_eq!(week_of_week_year(days_of_date(2020, 12, 31)), (2021, 1));
        assert_eq!(week_of_week_year(days_of_date(2021, 1, 1)), (2021, 1));
        assert_eq!(day_of_year(days_of_date(2020, 12, 31)), 366);
    }
}
