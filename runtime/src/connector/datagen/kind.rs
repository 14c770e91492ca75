//! From the options of a column to what generates it: the kinds, and what holds without options.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};

use super::super::Error;
use super::super::draws::{Draws, threshold};
use super::column_options::{AllColumnOptions, ColumnOptions};
use super::generate::{
    DoubleSequence, EventTime, Generate, Nulls, RandomBoolean, TextSequence, TickSequence, Uuid, WithNulls,
};
use super::kind_options::{choice, constant, random_double, random_ticks, rounding, sequence, text, walk_move};
use super::nested::{ArrayOf, MapOf, StructOf};
use super::values::{default_tick_range, has_ticks, parse_ticks, tick_range};
use super::walk::WalkSettings;
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
/// Where event times start when nothing else is said; fixed, so that the same statement gives the same rows.
const TIME_START: &str = "2026-01-01T00:00:00Z";

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
            #[expect(clippy::cast_possible_truncation, reason = "the bounds are far inside of 64 bits")]
            Some(step_ms) if (0.0..=1e12).contains(&step_ms) => (step_ms * 1_000.0).round() as i64,
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
