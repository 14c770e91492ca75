//! Dates and times as text in Java patterns, and back. Where no zone is given it is UTC.

use datafusion::arrow::array::ArrayRef;
use datafusion::error::Result;

use crate::function::column::{Call, Date, Memo, Read, Time, Timestamp, Write, rows2, text2};
use crate::function::definition::{Definition, define};
use crate::function::java_time::{JavaFormat, Zone};
use crate::function::row_error::Fault;

pub(super) fn functions() -> Vec<Definition> {
    vec![
        define(
            "format_date",
            "a date in a Java pattern: FORMAT_DATE(date, 'yyyy-MM-dd')",
        )
        .on("(DATE, STRING) -> STRING", |c| {
            write(c, |d: Date, f, out| f.format_date(d.0, out))
        }),
        define(
            "datetostring",
            "days since 1970 in a Java pattern (old: use FORMAT_DATE)",
        )
        .on("(INT, STRING) -> STRING", |c| {
            write(c, |d: i32, f, out| f.format_date(d, out))
        }),
        define(
            "format_time",
            "a time of day in a Java pattern: FORMAT_TIME(time, 'HH:mm')",
        )
        .on("(TIME, STRING) -> STRING", |c| {
            write(c, |t: Time, f, out| f.format_time(t.0, out))
        }),
        define(
            "format_timestamp",
            "a timestamp in a Java pattern: FORMAT_TIMESTAMP(timestamp, 'yyyy-MM-dd HH:mm', 'Europe/London')",
        )
        .on("(TIMESTAMP, STRING) -> STRING", |c| write_zoned(c, |t: Timestamp| t.0))
        .on("(TIMESTAMP, STRING, STRING) -> STRING", |c| {
            write_zoned(c, |t: Timestamp| t.0)
        }),
        define(
            "timestamptostring",
            "milliseconds since 1970 in a Java pattern (old: use FORMAT_TIMESTAMP)",
        )
        .on("(BIGINT, STRING) -> STRING", |c| write_zoned(c, |ms: i64| ms))
        .on("(BIGINT, STRING, STRING) -> STRING", |c| write_zoned(c, |ms: i64| ms)),
        define(
            "parse_date",
            "the date of a text in a Java pattern: PARSE_DATE(text, 'yyyy-MM-dd')",
        )
        .on("(STRING, STRING) -> DATE", |c| {
            read(c, |text, f| f.parse_date_days(text).map(Date))
        }),
        define(
            "stringtodate",
            "the days since 1970 of a text in a Java pattern (old: use PARSE_DATE)",
        )
        .on("(STRING, STRING) -> INT", |c| {
            read(c, |text, f| f.parse_date_part_days(text))
        }),
        define(
            "parse_time",
            "the time of day of a text in a Java pattern: PARSE_TIME(text, 'HH:mm')",
        )
        .on("(STRING, STRING) -> TIME", |c| {
            read(c, |text, f| f.parse_time_ms(text).map(Time))
        }),
        define(
            "parse_timestamp",
            "the timestamp of a text in a Java pattern: PARSE_TIMESTAMP(text, 'yyyy-MM-dd HH:mm', 'Europe/London')",
        )
        .on("(STRING, STRING) -> TIMESTAMP", |c| read_zoned(c, Timestamp))
        .on("(STRING, STRING, STRING) -> TIMESTAMP", |c| read_zoned(c, Timestamp)),
        define(
            "stringtotimestamp",
            "the milliseconds since 1970 of a text in a Java pattern (old: use PARSE_TIMESTAMP)",
        )
        .on("(STRING, STRING) -> BIGINT", |c| read_zoned(c, |ms| ms))
        .on("(STRING, STRING, STRING) -> BIGINT", |c| read_zoned(c, |ms| ms)),
    ]
}

fn pattern(text: &str) -> Result<JavaFormat, Fault> {
    JavaFormat::parse_pattern(text).map_err(|error| error.to_string().into())
}

fn zone(text: &str) -> Result<Zone, Fault> {
    Zone::parse(text).map_err(|error| error.to_string().into())
}

fn write<'a, T: Read<'a>, E: std::error::Error>(
    call: &Call<'a>,
    format: impl Fn(T, &JavaFormat, &mut String) -> Result<(), E>,
) -> Result<ArrayRef> {
    let mut formats = Memo::new();
    text2(call, |value: T, text: &str, out| {
        let java_format = formats.get(text, pattern)?;
        format(value, java_format, out).map_err(|error| Fault::from(error.to_string()))?;
        Ok::<_, Fault>(Some(()))
    })
}

/// The zone of each row: the third argument, or UTC.
fn zones<'a>(call: &Call<'a>) -> impl FnMut(usize, &mut Memo<Zone>) -> Option<Result<Zone, Fault>> + use<'a> {
    let given = (call.args.len() > 2).then(|| call.reader::<&str>(2));
    move |row, memo| match &given {
        None => Some(Ok(Zone::utc())),
        Some(reader) => Some(memo.get(reader.get(row)?, zone).cloned()),
    }
}

fn write_zoned<'a, T: Read<'a>>(call: &Call<'a>, epoch_ms: impl Fn(T) -> i64) -> Result<ArrayRef> {
    let (values, texts) = (call.reader::<T>(0), call.reader::<&str>(1));
    let (mut formats, mut memo) = (Memo::new(), Memo::new());
    let mut zone_of = zones(call);
    call.collect_text(|row, out| {
        let (Some(value), Some(text), Some(zone)) = (values.get(row), texts.get(row), zone_of(row, &mut memo)) else {
            return Ok(None);
        };
        let format = formats.get(text, pattern)?;
        format
            .format_timestamp(epoch_ms(value), &zone?, out)
            .map_err(|error| Fault::from(error.to_string()))?;
        Ok(Some(()))
    })
}

fn read<T: Write, E: std::error::Error>(
    call: &Call<'_>,
    parse: impl Fn(&str, &JavaFormat) -> Result<T, E>,
) -> Result<ArrayRef> {
    let mut formats = Memo::new();
    rows2(call, |value: &str, text: &str| {
        let format = formats.get(text, pattern)?;
        parse(value, format)
            .map(Some)
            .map_err(|error| Fault::from(error.to_string()))
    })
}

fn read_zoned<T: Write>(call: &Call<'_>, wrap: impl Fn(i64) -> T) -> Result<ArrayRef> {
    let (values, texts) = (call.reader::<&str>(0), call.reader::<&str>(1));
    let (mut formats, mut memo) = (Memo::new(), Memo::new());
    let mut zone_of = zones(call);
    call.collect(|row| {
        let (Some(value), Some(text), Some(zone)) = (values.get(row), texts.get(row), zone_of(row, &mut memo)) else {
            return Ok(None);
        };
        let format = formats.get(text, pattern)?;
        let ms = format
            .parse_timestamp_ms(value, &zone?)
            .map_err(|error| Fault::from(error.to_string()))?;
        Ok(Some(wrap(ms)))
    })
}
