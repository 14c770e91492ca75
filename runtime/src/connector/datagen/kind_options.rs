//! The options of each kind of column: read, checked, and made into what generates it.

use super::super::Error;
use super::super::draws::{Draws, threshold};
use super::column_options::ColumnOptions;
use super::generate::{Choice, DoubleSequence, Generate, RandomDouble, RandomTicks, Text, TextSequence, TickSequence};
use super::values::{default_tick_range, has_ticks, parse, parse_ticks};
use super::walk::Move;
use crate::types::schema::SqlType;

/// Letters of a text where no length is given.
const TEXT_LENGTH: usize = 8;
/// The longest text.
const TEXT_LENGTH_MAX: usize = 1 << 20;
/// The largest share by which a walk may change in a row; 3.5 times it is still below the whole value.
const VOLATILITY_MAX: f64 = 0.25;

pub(super) fn random_ticks(
    options: &mut ColumnOptions<'_>,
    draws: Draws,
    sql_type: &SqlType,
) -> Result<Box<dyn Generate>, Error> {
    let (default_min, default_max) = default_tick_range(sql_type);
    let mut bound = |name: &'static str| match options.take(name) {
        Some(text) => parse_ticks(sql_type, text)
            .map(Some)
            .map_err(|reason| options.wrong(name, reason)),
        None => Ok(None),
    };
    let (min, max) = match (bound("MIN")?, bound("MAX")?) {
        (Some(min), Some(max)) => (min, max),
        (Some(min), None) => (min, default_max.max(min)),
        (None, Some(max)) => (default_min.min(max), max),
        (None, None) => (default_min, default_max),
    };
    if min > max {
        return Err(options.wrong("MIN", "is more than MAX"));
    }
    Ok(Box::new(RandomTicks {
        sql_type: sql_type.clone(),
        draws,
        min,
        max,
    }))
}

pub(super) fn random_double(options: &mut ColumnOptions<'_>, draws: Draws) -> Result<Box<dyn Generate>, Error> {
    let (min, max) = match (options.take_number("MIN")?, options.take_number("MAX")?) {
        (Some(min), Some(max)) => (min, max),
        (Some(min), None) => (min, min.max(100.0)),
        (None, Some(max)) => (max.min(0.0), max),
        (None, None) => (0.0, 100.0),
    };
    if min > max {
        return Err(options.wrong("MIN", "is more than MAX"));
    }
    Ok(Box::new(RandomDouble {
        draws,
        min,
        max,
        rounding: rounding(options, &SqlType::Double)?,
    }))
}

/// `DECIMALS` of a DOUBLE as a power of ten.
pub(super) fn rounding(options: &mut ColumnOptions<'_>, sql_type: &SqlType) -> Result<Option<f64>, Error> {
    if *sql_type != SqlType::Double {
        return Ok(None);
    }
    match options.take_parsed::<u8>("DECIMALS", "a whole number from 0 to 15")? {
        Some(decimals) if decimals > 15 => {
            Err(options.wrong("DECIMALS", "a DOUBLE has no more than 15 decimal digits"))
        }
        Some(decimals) => Ok(Some(10_f64.powi(i32::from(decimals)))),
        None => Ok(None),
    }
}

pub(super) fn text(
    options: &mut ColumnOptions<'_>,
    draws: Draws,
    sql_type: &SqlType,
) -> Result<Box<dyn Generate>, Error> {
    let length = options
        .take_parsed("LENGTH", "a whole number from 0 on")?
        .unwrap_or(TEXT_LENGTH);
    if length > TEXT_LENGTH_MAX {
        return Err(options.wrong("LENGTH", format!("{length} is more than {TEXT_LENGTH_MAX}")));
    }
    Ok(Box::new(Text {
        draws,
        length,
        as_bytes: *sql_type == SqlType::Bytes,
    }))
}

pub(super) fn sequence(options: &mut ColumnOptions<'_>, sql_type: &SqlType) -> Result<Box<dyn Generate>, Error> {
    if *sql_type == SqlType::Double {
        return Ok(Box::new(DoubleSequence {
            start: options.take_number("START")?.unwrap_or(0.0),
            step: options.take_number("STEP")?.unwrap_or(1.0),
        }));
    }
    if *sql_type == SqlType::String {
        return Ok(Box::new(TextSequence {
            prefix: options.take("PREFIX").unwrap_or_default().to_owned(),
            start: options.take_parsed("START", "a whole number")?.unwrap_or(0),
            step: options.take_parsed("STEP", "a whole number")?.unwrap_or(1),
        }));
    }
    if !has_ticks(sql_type) {
        return Err(options.wrong(
            "KIND",
            format!("a column of type {sql_type} cannot be of kind sequence"),
        ));
    }
    let start = match options.take("START") {
        Some(text) => parse_ticks(sql_type, text).map_err(|reason| options.wrong("START", reason))?,
        None => default_tick_range(sql_type).0,
    };
    // The step of a DECIMAL is a DECIMAL; of dates and times it is days and milliseconds.
    let step = match (sql_type, options.take("STEP")) {
        (SqlType::Decimal(_, scale), None) => 10_i64.checked_pow(u32::from(scale.unsigned_abs())).unwrap_or(1),
        (_, None) => 1,
        (SqlType::Decimal(_, _), Some(text)) => {
            parse_ticks(sql_type, text).map_err(|reason| options.wrong("STEP", reason))?
        }
        (_, Some(text)) => text
            .trim()
            .parse()
            .map_err(|_| options.wrong("STEP", format!("`{text}` is not a whole number")))?,
    };
    Ok(Box::new(TickSequence {
        sql_type: sql_type.clone(),
        start,
        step,
    }))
}

pub(super) fn choice(
    options: &mut ColumnOptions<'_>,
    draws: Draws,
    sql_type: &SqlType,
) -> Result<Box<dyn Generate>, Error> {
    let Some(listed) = options.take("VALUES") else {
        return Err(options.wrong("VALUES", "a column of kind choice needs its values: 'A,B,C'"));
    };
    let texts = list(listed).map_err(|reason| options.wrong("VALUES", reason))?;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let values = parse(sql_type, &texts).map_err(|reason| options.wrong("VALUES", reason))?;
    let thresholds = match options.take("WEIGHTS") {
        None => Vec::new(),
        Some(weights) => thresholds(weights, texts.len()).map_err(|reason| options.wrong("WEIGHTS", reason))?,
    };
    Ok(Box::new(Choice {
        draws,
        values,
        thresholds,
    }))
}

pub(super) fn constant(
    options: &mut ColumnOptions<'_>,
    draws: Draws,
    sql_type: &SqlType,
) -> Result<Box<dyn Generate>, Error> {
    let Some(text) = options.take("VALUE") else {
        return Err(options.wrong("VALUE", "a column of kind constant needs its value"));
    };
    Ok(Box::new(Choice {
        draws,
        values: parse(sql_type, &[text]).map_err(|reason| options.wrong("VALUE", reason))?,
        thresholds: Vec::new(),
    }))
}

/// The entries of `A,B,C`; one with a comma in it stands in double quotes.
fn list(text: &str) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let entries: Vec<String> = match reader.records().next() {
        Some(Ok(record)) => record.iter().map(|entry| entry.trim().to_owned()).collect(),
        Some(Err(error)) => return Err(error.to_string()),
        None => return Err("names no value".to_owned()),
    };
    Ok(entries)
}

/// For each weight the draw below which it or one before it is meant.
fn thresholds(weights: &str, count: usize) -> Result<Vec<u64>, String> {
    let weights = list(weights)?
        .iter()
        .map(|text| match text.parse::<f64>() {
            Ok(weight) if weight.is_finite() && weight >= 0.0 => Ok(weight),
            _ => Err(format!("`{text}` is not a number from 0 on")),
        })
        .collect::<Result<Vec<f64>, _>>()?;
    if weights.len() != count {
        return Err(format!("{} weights for {count} values", weights.len()));
    }
    let total: f64 = weights.iter().sum();
    if total <= 0.0 || !total.is_finite() {
        return Err("at least one weight must be more than 0".to_owned());
    }
    let mut sum = 0.0;
    Ok(weights
        .into_iter()
        .map(|weight| {
            sum += weight;
            threshold(sum / total)
        })
        .collect())
}

/// How a walk moves: by a step, by a share, by a step of up to 1 where nothing is said.
pub(super) fn walk_move(options: &mut ColumnOptions<'_>) -> Result<Move, Error> {
    match (options.take_number("STEP")?, options.take_number("VOLATILITY")?) {
        (Some(_), Some(_)) => Err(options.wrong("STEP", "a walk has either a STEP or a VOLATILITY")),
        (Some(step), None) if step < 0.0 => Err(options.wrong("STEP", "must not be negative")),
        (Some(step), None) => Ok(Move::Step(step)),
        (None, Some(share)) if !(0.0..=VOLATILITY_MAX).contains(&share) => Err(options.wrong(
            "VOLATILITY",
            format!("{share} is not between 0 and {VOLATILITY_MAX}, a share of the value"),
        )),
        (None, Some(share)) => Ok(Move::Volatility(share)),
        (None, None) => Ok(Move::Step(1.0)),
    }
}
