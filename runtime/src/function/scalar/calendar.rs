//! Dates and times as numbers, and sums of them and durations.

use crate::function::column::{Date, Memo, Time, Timestamp, rows0, rows1, rows3};
use crate::function::definition::{Definition, define};
use crate::function::java_time::{DAY_MS, Zone};
use crate::function::row_error::Fault;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define("unix_timestamp", "now, or a timestamp, in milliseconds since 1970")
            .on("() -> BIGINT", |c| rows0(c, || c.clock.now_ms()))
            .on("(TIMESTAMP) -> BIGINT", |c| rows1(c, |t: Timestamp| Some(t.0)))
            .volatile(),
        define("unix_date", "today, or a date, in days since 1970")
            .on("() -> INT", |c| rows0(c, || days(c.clock.now_ms())))
            .on("(DATE) -> INT", |c| rows1(c, |d: Date| Some(d.0)))
            .volatile(),
        define("from_unixtime", "the timestamp of milliseconds since 1970")
            .on("(BIGINT) -> TIMESTAMP", |c| rows1(c, |ms: i64| Some(Timestamp(ms)))),
        define("from_days", "the date of days since 1970")
            .on("(INT) -> DATE", |c| rows1(c, |days: i32| Some(Date(days)))),
        define(
            "convert_tz",
            "a timestamp moved from one time zone to another: CONVERT_TZ(timestamp, from, to)",
        )
        .on("(TIMESTAMP, STRING, STRING) -> TIMESTAMP", |c| {
            let (mut from_zones, mut to_zones) = (Memo::new(), Memo::new());
            rows3(c, |t: Timestamp, from: &str, to: &str| {
                let from = from_zones
                    .get(from, Zone::parse)
                    .map_err(|e| Fault::from(e.to_string()))?;
                let to = to_zones.get(to, Zone::parse).map_err(|e| Fault::from(e.to_string()))?;
                let seconds = t.0.div_euclid(1_000);
                let shift = i64::from(to.offset_at(seconds)) - i64::from(from.offset_at(seconds));
                Ok::<_, Fault>(Some(Timestamp(t.0 + shift * 1_000)))
            })
        }),
        define("dateadd", "a date later by a duration: DATEADD(DAYS, 7, date)").on("(UNIT, INT, DATE) -> DATE", |c| {
            rows3(c, |u, n, d| date_plus(u, i64::from(n_of(n)), d))
        }),
        define("datesub", "a date earlier by a duration: DATESUB(DAYS, 7, date)")
            .on("(UNIT, INT, DATE) -> DATE", |c| {
                rows3(c, |u, n, d| date_plus(u, -i64::from(n_of(n)), d))
            }),
        define(
            "timeadd",
            "a time of day later by a duration, over midnight: TIMEADD(HOURS, 2, time)",
        )
        .on("(UNIT, INT, TIME) -> TIME", |c| {
            rows3(c, |u, n, t| time_plus(u, i64::from(n_of(n)), t))
        }),
        define(
            "timesub",
            "a time of day earlier by a duration, over midnight: TIMESUB(HOURS, 2, time)",
        )
        .on("(UNIT, INT, TIME) -> TIME", |c| {
            rows3(c, |u, n, t| time_plus(u, -i64::from(n_of(n)), t))
        }),
        define(
            "timestampadd",
            "a timestamp later by a duration: TIMESTAMPADD(MINUTES, 5, timestamp)",
        )
        .on("(UNIT, INT, TIMESTAMP) -> TIMESTAMP", |c| {
            rows3(c, |u, n, t| timestamp_plus(u, i64::from(n_of(n)), t))
        }),
        define(
            "timestampsub",
            "a timestamp earlier by a duration: TIMESTAMPSUB(MINUTES, 5, timestamp)",
        )
        .on("(UNIT, INT, TIMESTAMP) -> TIMESTAMP", |c| {
            rows3(c, |u, n, t| timestamp_plus(u, -i64::from(n_of(n)), t))
        }),
    ]
}

/// Gives the closures above the type of their number.
fn n_of(n: i32) -> i32 {
    n
}

fn days(epoch_ms: i64) -> i32 {
    i32::try_from(epoch_ms.div_euclid(DAY_MS)).unwrap_or(i32::MAX)
}

/// Milliseconds of a unit, singular or plural.
fn unit_ms(unit: &str) -> Result<i64, Fault> {
    Ok(match unit.to_ascii_uppercase().as_str() {
        "DAY" | "DAYS" => DAY_MS,
        "HOUR" | "HOURS" => 3_600_000,
        "MINUTE" | "MINUTES" => 60_000,
        "SECOND" | "SECONDS" => 1_000,
        "MILLISECOND" | "MILLISECONDS" => 1,
        _ => {
            let wanted = "use DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS";
            return Err(format!("unit '{unit}' is unknown: {wanted}").into());
        }
    })
}

fn plus(start_ms: i64, unit: &str, count: i64) -> Result<i64, Fault> {
    let duration = unit_ms(unit)?.saturating_mul(count);
    start_ms
        .checked_add(duration)
        .ok_or_else(|| "the result is beyond all timestamps".into())
}

/// Durations shorter than a day count only as whole days.
fn date_plus(unit: &str, count: i64, date: Date) -> Result<Option<Date>, Fault> {
    let ms = plus(i64::from(date.0) * DAY_MS, unit, count)?;
    // Towards 1970, as Java's conversion of units does.
    i32::try_from(ms / DAY_MS)
        .map(|days| Some(Date(days)))
        .map_err(|_| "the result is beyond all dates".into())
}

fn time_plus(unit: &str, count: i64, time: Time) -> Result<Option<Time>, Fault> {
    let ms = plus(i64::from(time.0), unit, count)?.rem_euclid(DAY_MS);
    Ok(Some(Time(
        i32::try_from(ms).expect("a day has fewer milliseconds than an i32"),
    )))
}

fn timestamp_plus(unit: &str, count: i64, timestamp: Timestamp) -> Result<Option<Timestamp>, Fault> {
    plus(timestamp.0, unit, count).map(|ms| Some(Timestamp(ms)))
}
