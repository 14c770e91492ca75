//! From the options of a column to what generates it: the kinds, and what holds without options.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};

use super::super::Error;
use super::column_options::{AllColumnOptions, ColumnOptions};
use super::draws::{Draws, threshold};
use super::generate::{
    Choice, DoubleSequence, EventTime, Generate, Nulls, RandomBoolean, RandomDouble, RandomTicks, Text, TextSequence,
    TickSequence, Uuid, WithNulls,
};
use super::nested::{ArrayOf, MapOf, StructOf};
use super::values::{default_tick_range, has_ticks, parse, parse_ticks, tick_range};
use super::walk::{Move, WalkSettings};
use crate::catalog::nearest;
use crate::types::schema::{Column, SqlType};

/// The names of the kinds.
const KINDS: [&str; 8] = [
    "random",
    "sequence",
    "choice",
    "random_walk",
    "time",
    "constant",
    "text",
    "uuid",
];
/// Letters of a text where no length is given.
const TEXT_LENGTH: usize = 8;
/// The longest text.
const TEXT_LENGTH_MAX: usize = 1 << 20;
/// Where event times start when nothing else is said; fixed, so that the same statement gives the same rows.
const TIME_START: &str = "2026-01-01T00:00:00Z";
/// The largest share by which a walk may change in a row; 3.5 times it is still below the whole value.
const VOLATILITY_MAX: f64 = 0.25;

/// What gives the values of a column.
#[derive(Debug)]
pub(super) enum ColumnKind {
    /// The row number alone decides.
    ByRow {
        generate: Arc<dyn Generate>,
        is_event_time: bool,
    },
    /// The rows before decide, too.
    Walk(Arc<WalkSettings>),
}

/// What the kinds need to know besides their own options.
#[derive(Debug)]
pub(super) struct KindBuilder<'a> {
    pub(super) seed: u64,
    /// What `start = 'now'` stands for.
    pub(super) now_ms: i64,
    /// Event times advance so many microseconds a row where nothing is said.
    pub(super) step_us: i64,
    pub(super) columns: &'a [Column],
    pub(super) options: AllColumnOptions<'a>,
}

impl KindBuilder<'_> {
    /// What generates column `position`.
    pub(super) fn column(&mut self, position: usize) -> Result<ColumnKind, Error> {
        let column = &self.columns[position];
        let path = column.name.to_uppercase();
        let mut options = self.options.take(&path);
        let kind = kind_of(&mut options, &column.sql_type)?;
        let nulls = self.nulls(&mut options)?;
        if kind == "random_walk" {
            let mut walk = self.walk(&mut options, &column.sql_type)?;
            options.finish(kind)?;
            walk.nulls = nulls;
            return Ok(ColumnKind::Walk(Arc::new(walk)));
        }
        let generate = self.by_row(kind, options, &column.sql_type)?;
        Ok(ColumnKind::ByRow {
            is_event_time: kind == "time" && nulls.is_none(),
            generate: match nulls {
                Some(nulls) => Arc::new(WithNulls { inner: generate, nulls }),
                None => Arc::from(generate),
            },
        })
    }

    /// The same for a part of a column.
    fn part(&mut self, path: String, sql_type: &SqlType) -> Result<Box<dyn Generate>, Error> {
        let mut options = self.options.take(&path);
        let kind = kind_of(&mut options, sql_type)?;
        if kind == "random_walk" {
            return Err(options.wrong("KIND", "only a whole column can be a random_walk, not a field of one"));
        }
        let nulls = self.nulls(&mut options)?;
        let inner = self.by_row(kind, options, sql_type)?;
        Ok(match nulls {
            Some(nulls) => Box::new(WithNulls { inner, nulls }),
            None => inner,
        })
    }

    fn nulls(&self, options: &mut ColumnOptions<'_>) -> Result<Option<Nulls>, Error> {
        match options.take_number("NULL_RATE")? {
            Some(rate) if !(0.0..=1.0).contains(&rate) => {
                Err(options.wrong("NULL_RATE", format!("{rate} is not between 0 and 1")))
            }
            Some(rate) if rate > 0.0 => Ok(Some(Nulls {
                draws: Draws::new(self.seed, &format!("{}\0null", options.path)),
                threshold: threshold(rate),
            })),
            _ => Ok(None),
        }
    }

    fn by_row(
        &mut self,
        kind: &'static str,
        mut options: ColumnOptions<'_>,
        sql_type: &SqlType,
    ) -> Result<Box<dyn Generate>, Error> {
        let draws = Draws::new(self.seed, &options.path);
        let generate: Box<dyn Generate> = match (kind, sql_type) {
            ("random", SqlType::Array(_) | SqlType::Map(_, _) | SqlType::Struct(_)) => {
                let path = options.path.clone();
                options.finish(kind)?;
                return self.nested(path, draws, sql_type);
            }
            ("random", SqlType::Boolean) => Box::new(RandomBoolean { draws }),
            ("random", SqlType::Double) => random_double(&mut options, draws)?,
            ("random", ticks) if has_ticks(ticks) => random_ticks(&mut options, draws, ticks)?,
            ("random" | "text", SqlType::String | SqlType::Bytes) => text(&mut options, draws, sql_type)?,
            ("sequence", _) => sequence(&mut options, sql_type)?,
            ("choice", _) => choice(&mut options, draws, sql_type)?,
            ("constant", _) => constant(&mut options, draws, sql_type)?,
            ("time", SqlType::Timestamp | SqlType::Bigint) => self.event_time(&mut options, draws, sql_type)?,
            ("uuid", SqlType::String) => Box::new(Uuid { draws }),
            (kind, sql_type) => {
                return Err(options.wrong("KIND", format!("a column of type {sql_type} cannot be of kind {kind}")));
            }
        };
        options.finish(kind)?;
        Ok(generate)
    }

    fn nested(&mut self, path: String, draws: Draws, sql_type: &SqlType) -> Result<Box<dyn Generate>, Error> {
        Ok(match (sql_type, sql_type.to_arrow()) {
            (SqlType::Array(element), DataType::List(item)) => Box::new(ArrayOf {
                draws,
                item,
                element: self.part(format!("{path}[]"), element)?,
            }),
            (SqlType::Map(key, value), DataType::Map(entries, _)) => Box::new(MapOf {
                draws,
                fields: struct_fields(&entries),
                entries,
                key: map_key(&path, key)?,
                value: self.part(format!("{path}{{}}"), value)?,
            }),
            (SqlType::Struct(fields), DataType::Struct(arrow_fields)) => Box::new(StructOf {
                fields: arrow_fields,
                columns: fields
                    .iter()
                    .map(|(name, field)| self.part(format!("{path}.{}", name.to_uppercase()), field))
                    .collect::<Result<_, _>>()?,
            }),
            _ => unreachable!("only nested types come here, and each has its one Arrow form"),
        })
    }

    fn event_time(
        &self,
        options: &mut ColumnOptions<'_>,
        draws: Draws,
        sql_type: &SqlType,
    ) -> Result<Box<dyn Generate>, Error> {
        let start = options.take("START").unwrap_or(TIME_START).trim();
        let start_ms = if start.eq_ignore_ascii_case("now") {
            self.now_ms
        } else if let Ok(millis) = start.parse() {
            millis
        } else {
            parse_ticks(&SqlType::Timestamp, start).map_err(|reason| {
                options.wrong(
                    "START",
                    format!("{reason}; write '2026-01-01T00:00:00Z', milliseconds since the epoch, or 'now'"),
                )
            })?
        };
        let step_us = match options.take_number("STEP_MS")? {
            Some(step_ms) if step_ms >= 0.0 && step_ms <= 1e12 => (step_ms * 1_000.0).round() as i64,
            Some(step_ms) => return Err(options.wrong("STEP_MS", format!("{step_ms} is not between 0 and 1e12"))),
            None => self.step_us,
        };
        Ok(Box::new(EventTime {
            sql_type: sql_type.clone(),
            draws,
            start_ms,
            step_us,
            jitter_ms: options
                .take_parsed::<u32>("JITTER_MS", "a whole number from 0 on")?
                .unwrap_or(0)
                .into(),
        }))
    }

    fn walk(&self, options: &mut ColumnOptions<'_>, sql_type: &SqlType) -> Result<WalkSettings, Error> {
        let type_bounds = match sql_type {
            SqlType::Double => (f64::NEG_INFINITY, f64::INFINITY),
            SqlType::Integer | SqlType::Bigint | SqlType::Decimal(_, _) => {
                let (min, max) = tick_range(sql_type);
                let scale = match sql_type {
                    SqlType::Decimal(_, scale) => 10_f64.powi(i32::from(*scale)),
                    _ => 1.0,
                };
                (min as f64 / scale, max as f64 / scale)
            }
            _ => {
                return Err(options.wrong(
                    "KIND",
                    format!("a column of type {sql_type} cannot be of kind random_walk, only one of numbers"),
                ));
            }
        };
        let min = options.take_number("MIN")?.unwrap_or(type_bounds.0).max(type_bounds.0);
        let max = options.take_number("MAX")?.unwrap_or(type_bounds.1).min(type_bounds.1);
        if min > max {
            return Err(options.wrong("MIN", format!("{min} is more than the largest value, {max}")));
        }
        let start = match options.take_number("START")? {
            Some(start) if !(min..=max).contains(&start) => {
                return Err(options.wrong("START", format!("{start} is not between {min} and {max}")));
            }
            Some(start) => start,
            None => 100_f64.clamp(min, max),
        };
        Ok(WalkSettings {
            sql_type: sql_type.clone(),
            draws: Draws::new(self.seed, &options.path),
            start,
            each: walk_move(options)?,
            min,
            max,
            rounding: rounding(options, sql_type)?,
            per: self.walk_per(options)?,
            nulls: None,
        })
    }

    /// The column that `PER` names.
    fn walk_per(&self, options: &mut ColumnOptions<'_>) -> Result<Option<usize>, Error> {
        let Some(per) = options.take("PER") else {
            return Ok(None);
        };
        let names = self.columns.iter().map(|column| column.name.as_str());
        let position = names
            .clone()
            .position(|name| name == per.trim())
            .or_else(|| names.clone().position(|name| name.eq_ignore_ascii_case(per.trim())));
        match position {
            Some(position) => Ok(Some(position)),
            None => Err(options.wrong(
                "PER",
                match nearest(per, names) {
                    Some(near) => format!("there is no column `{per}`; did you mean `{near}`?"),
                    None => format!("there is no column `{per}`"),
                },
            )),
        }
    }
}

/// The kind that was named, or the one that the options can only mean, or the one of the type.
fn kind_of(options: &mut ColumnOptions<'_>, sql_type: &SqlType) -> Result<&'static str, Error> {
    if let Some(named) = options.take("KIND") {
        let folded = named.trim().to_ascii_lowercase();
        return KINDS.iter().find(|kind| **kind == folded).copied().ok_or_else(|| {
            options.wrong(
                "KIND",
                match nearest(&folded, KINDS.into_iter()) {
                    Some(near) => format!("there is no kind `{named}`; did you mean `{near}`?"),
                    None => format!("there is no kind `{named}`; there are {}", KINDS.join(", ")),
                },
            )
        });
    }
    let telling = [
        ("VALUES", "choice"),
        ("VALUE", "constant"),
        ("VOLATILITY", "random_walk"),
        ("PER", "random_walk"),
        ("STEP_MS", "time"),
        ("JITTER_MS", "time"),
        ("LENGTH", "text"),
        ("PREFIX", "sequence"),
    ];
    if let Some((_, kind)) = telling.iter().find(|(option, _)| options.has(option)) {
        return Ok(kind);
    }
    Ok(match sql_type {
        SqlType::Timestamp if !options.has("MIN") && !options.has("MAX") => "time",
        SqlType::String | SqlType::Bytes if !options.has("START") => "text",
        _ if options.has("START") || options.has("STEP") => "sequence",
        _ => "random",
    })
}

fn random_ticks(options: &mut ColumnOptions<'_>, draws: Draws, sql_type: &SqlType) -> Result<Box<dyn Generate>, Error> {
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

fn random_double(options: &mut ColumnOptions<'_>, draws: Draws) -> Result<Box<dyn Generate>, Error> {
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
fn rounding(options: &mut ColumnOptions<'_>, sql_type: &SqlType) -> Result<Option<f64>, Error> {
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

fn text(options: &mut ColumnOptions<'_>, draws: Draws, sql_type: &SqlType) -> Result<Box<dyn Generate>, Error> {
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

fn sequence(options: &mut ColumnOptions<'_>, sql_type: &SqlType) -> Result<Box<dyn Generate>, Error> {
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

fn choice(options: &mut ColumnOptions<'_>, draws: Draws, sql_type: &SqlType) -> Result<Box<dyn Generate>, Error> {
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

fn constant(options: &mut ColumnOptions<'_>, draws: Draws, sql_type: &SqlType) -> Result<Box<dyn Generate>, Error> {
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
fn walk_move(options: &mut ColumnOptions<'_>) -> Result<Move, Error> {
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

/// The keys of maps: the first three of a sequence, so that those of one map differ.
fn map_key(path: &str, key: &SqlType) -> Result<Box<dyn Generate>, Error> {
    match key {
        SqlType::String => Ok(Box::new(TextSequence {
            prefix: "k".to_owned(),
            start: 0,
            step: 1,
        })),
        SqlType::Double => Ok(Box::new(DoubleSequence { start: 0.0, step: 1.0 })),
        ticks if has_ticks(ticks) => Ok(Box::new(TickSequence {
            sql_type: ticks.clone(),
            start: default_tick_range(ticks).0,
            step: 1,
        })),
        other => Err(super::super::options::wrong(
            path,
            format!("maps whose key is {other} cannot be generated"),
        )),
    }
}

fn struct_fields(entries: &FieldRef) -> Fields {
    match entries.data_type() {
        DataType::Struct(fields) => fields.clone(),
        _ => Fields::empty(),
    }
}
