//! ksqlDB's aggregates, one entry each.

use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimeUnit,
    TimestampMillisecondType,
};
use datafusion::common::{internal_err, plan_err};
use datafusion::error::Result;

use super::accumulator::Accumulator;
use super::avg::Avg;
use super::by_offset::{ByOffset, Offset};
use super::collect::{Collect, CollectList, CollectSet};
use super::correlation::Correlation;
use super::count::Count;
use super::counted::{Attr, CountDistinct, Histogram};
use super::definition::{Definition, Literals, Planned, Typing, Undo};
use super::extremum::{CountedExtremum, End, KeyExtremum, NumberExtremum};
use super::grouped::Grouped;
use super::stddev::{Deviation, Stddev};
use super::sum::{DecimalSum, Sum, SumList};
use super::top::{CountedTop, Top};
use crate::function::signature::ArgType;
use crate::types::schema::SqlType;

type Made = Result<Box<dyn Accumulator>>;

const NUMBERS_TO_DOUBLE: Typing = Typing::Overloads(&["(INT) -> DOUBLE", "(BIGINT) -> DOUBLE", "(DOUBLE) -> DOUBLE"]);
const BY_OFFSET: Typing = Typing::Overloads(&[
    "(T) -> T",
    "(T, BOOLEAN) -> T",
    "(T, INT) -> ARRAY<T>",
    "(T, INT, BOOLEAN) -> ARRAY<T>",
]);
const EXTREMUM: Typing = Typing::Rule(extremum_types, &["(T) -> T"]);

const fn entry(name: &'static str, doc: &'static str, typing: Typing, make: fn(&Planned<'_>) -> Made) -> Definition {
    Definition {
        name,
        doc,
        typing,
        literals: Literals::None,
        undo: Undo::Always,
        make,
    }
}

/// All of them.
pub(super) const FUNCTIONS: &[Definition] = &[
    entry(
        "attr",
        "the value that all rows have; NULL where they differ",
        Typing::Overloads(&["(T) -> T"]),
        |p| Ok(Grouped::boxed(Attr(p.types[0].clone()))),
    ),
    entry(
        "avg",
        "the average of the values that are not NULL; 0.0 where there are none",
        NUMBERS_TO_DOUBLE,
        avg,
    ),
    entry(
        "collect_list",
        "all values as an array, NULLs too, up to ksql.functions.collect_list.limit",
        Typing::Overloads(&["(T) -> ARRAY<T>"]),
        |p| Ok(Grouped::boxed(CollectList(collect(p, p.limits.collect_list)))),
    ),
    Definition {
        undo: Undo::Never,
        ..entry(
            "collect_set",
            "the different values as an array, NULL too, up to ksql.functions.collect_set.limit",
            Typing::Overloads(&["(T) -> ARRAY<T>"]),
            |p| Ok(Grouped::boxed(CollectSet(collect(p, p.limits.collect_set)))),
        )
    },
    entry(
        "correlation",
        "Pearson's correlation coefficient of two columns",
        Typing::Overloads(&["(DOUBLE, DOUBLE) -> DOUBLE"]),
        |_| Ok(Grouped::boxed(Correlation)),
    ),
    entry(
        "count",
        "how many rows there are; with arguments, how many in which none is NULL",
        Typing::Overloads(&["() -> BIGINT", "(ANY, ANY...) -> BIGINT"]),
        |_| Ok(Grouped::boxed(Count)),
    ),
    entry(
        "count_distinct",
        "how many different values there are that are not NULL, exactly",
        Typing::Overloads(&["(T) -> BIGINT"]),
        |_| Ok(Grouped::boxed(CountDistinct)),
    ),
    Definition {
        literals: Literals::AfterFirst,
        undo: Undo::Never,
        ..entry(
            "earliest_by_offset",
            "the first value, or the first N as an array; the flag says whether NULLs are ignored, true without it",
            BY_OFFSET,
            |p| by_offset(p, Offset::Earliest),
        )
    },
    entry(
        "histogram",
        "how often each text is there, as a map of up to 1,000 texts",
        Typing::Overloads(&["(STRING) -> MAP<STRING, BIGINT>"]),
        |_| Ok(Grouped::boxed(Histogram)),
    ),
    Definition {
        literals: Literals::AfterFirst,
        undo: Undo::Never,
        ..entry(
            "latest_by_offset",
            "the last value, or the last N as an array; the flag says whether NULLs are ignored, true without it",
            BY_OFFSET,
            |p| by_offset(p, Offset::Latest),
        )
    },
    Definition {
        undo: Undo::WhenAsked,
        ..entry("max", "the largest value", EXTREMUM, extremum::<true>)
    },
    Definition {
        undo: Undo::WhenAsked,
        ..entry("min", "the smallest value", EXTREMUM, extremum::<false>)
    },
    entry(
        "stddev_samp",
        "the variance of a sample, as ksqlDB computes it under this name; STDDEV_SAMPLE is its root",
        NUMBERS_TO_DOUBLE,
        |p| stddev(p, Deviation::Variance),
    ),
    entry(
        "stddev_sample",
        "the standard deviation of a sample",
        NUMBERS_TO_DOUBLE,
        |p| stddev(p, Deviation::Standard),
    ),
    entry(
        "sum",
        "the sum of the values that are not NULL, in their type; 0 where there are none",
        Typing::Rule(
            sum_types,
            &[
                "(INTEGER) -> INTEGER",
                "(BIGINT) -> BIGINT",
                "(DECIMAL) -> DECIMAL",
                "(DOUBLE) -> DOUBLE",
            ],
        ),
        sum,
    ),
    entry(
        "sum_list",
        "the sum of all elements of all arrays",
        Typing::Overloads(&[
            "(ARRAY<INT>) -> INT",
            "(ARRAY<BIGINT>) -> BIGINT",
            "(ARRAY<DOUBLE>) -> DOUBLE",
        ]),
        sum_list,
    ),
    Definition {
        literals: Literals::Last,
        undo: Undo::WhenAsked,
        ..entry(
            "topk",
            "the K largest values as an array; with further columns as structs of SORT_COL, COL0, COL1, ...",
            Typing::Rule(
                topk_types,
                &["(T, INTEGER) -> ARRAY<T>", "(T, ANY..., INTEGER) -> ARRAY<STRUCT>"],
            ),
            |p| top(p, false),
        )
    },
    Definition {
        literals: Literals::Last,
        undo: Undo::WhenAsked,
        ..entry(
            "topkdistinct",
            "the K largest different values as an array",
            Typing::Rule(topk_distinct_types, &["(T, INTEGER) -> ARRAY<T>"]),
            |p| top(p, true),
        )
    },
];

fn avg(planned: &Planned<'_>) -> Made {
    Ok(match planned.types[0] {
        DataType::Int32 => Grouped::boxed(Avg::<Int32Type>::default()),
        DataType::Int64 => Grouped::boxed(Avg::<Int64Type>::default()),
        DataType::Float64 => Grouped::boxed(Avg::<Float64Type>::default()),
        ref other => return internal_err!("AVG of {other}"),
    })
}

fn stddev(planned: &Planned<'_>, deviation: Deviation) -> Made {
    Ok(match planned.types[0] {
        DataType::Int32 => Grouped::boxed(Stddev::<Int32Type>::new(deviation)),
        DataType::Int64 => Grouped::boxed(Stddev::<Int64Type>::new(deviation)),
        DataType::Float64 => Grouped::boxed(Stddev::<Float64Type>::new(deviation)),
        ref other => return internal_err!("STDDEV of {other}"),
    })
}

fn sum_types(types: &[ArgType]) -> Option<(Vec<SqlType>, SqlType)> {
    let ty = match types {
        [Some(ty @ (SqlType::Integer | SqlType::Bigint | SqlType::Double | SqlType::Decimal(..)))] => ty.clone(),
        [None] => SqlType::Integer,
        _ => return None,
    };
    Some((vec![ty.clone()], ty))
}

fn sum(planned: &Planned<'_>) -> Made {
    Ok(match planned.types[0] {
        DataType::Int32 => Grouped::boxed(Sum::<Int32Type>::default()),
        DataType::Int64 => Grouped::boxed(Sum::<Int64Type>::default()),
        DataType::Float64 => Grouped::boxed(Sum::<Float64Type>::default()),
        DataType::Decimal128(precision, scale) => Grouped::boxed(DecimalSum::new(precision, scale)),
        ref other => return internal_err!("SUM of {other}"),
    })
}

fn sum_list(planned: &Planned<'_>) -> Made {
    Ok(match planned.result {
        DataType::Int32 => Grouped::boxed(SumList::<Int32Type>::default()),
        DataType::Int64 => Grouped::boxed(SumList::<Int64Type>::default()),
        DataType::Float64 => Grouped::boxed(SumList::<Float64Type>::default()),
        other => return internal_err!("SUM_LIST of {other}"),
    })
}

/// Whether values of this type have an order. NULL is taken for a text.
fn is_ordered(ty: &SqlType) -> bool {
    !matches!(ty, SqlType::Array(_) | SqlType::Map(..) | SqlType::Struct(_))
}

fn extremum_types(types: &[ArgType]) -> Option<(Vec<SqlType>, SqlType)> {
    let [ty] = types else { return None };
    let ty = ty.clone().unwrap_or(SqlType::String);
    is_ordered(&ty).then(|| (vec![ty.clone()], ty))
}

#[expect(clippy::unnecessary_wraps, reason = "all entries of the table are made in one form")]
fn extremum<const MAX: bool>(planned: &Planned<'_>) -> Made {
    let end = if MAX { End::Max } else { End::Min };
    let data_type = planned.types[0].clone();
    if planned.retracting {
        return Ok(Grouped::boxed(CountedExtremum { end, data_type }));
    }
    Ok(match data_type {
        DataType::Int32 => Grouped::boxed(NumberExtremum::<Int32Type, MAX>::new(data_type)),
        DataType::Int64 => Grouped::boxed(NumberExtremum::<Int64Type, MAX>::new(data_type)),
        DataType::Float64 => Grouped::boxed(NumberExtremum::<Float64Type, MAX>::new(data_type)),
        DataType::Decimal128(..) => Grouped::boxed(NumberExtremum::<Decimal128Type, MAX>::new(data_type)),
        DataType::Date32 => Grouped::boxed(NumberExtremum::<Date32Type, MAX>::new(data_type)),
        DataType::Time32(TimeUnit::Millisecond) => {
            Grouped::boxed(NumberExtremum::<Time32MillisecondType, MAX>::new(data_type))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Grouped::boxed(NumberExtremum::<TimestampMillisecondType, MAX>::new(data_type))
        }
        _ => Grouped::boxed(KeyExtremum { end, data_type }),
    })
}

fn collect(planned: &Planned<'_>, limit: usize) -> Collect {
    Collect {
        limit,
        data_type: planned.types[0].clone(),
        result: planned.result.clone(),
    }
}

fn by_offset(planned: &Planned<'_>, offset: Offset) -> Made {
    let is_array = planned.types.get(1).is_some_and(DataType::is_integer);
    let flag = if is_array { 2 } else { 1 };
    Ok(Grouped::boxed(ByOffset {
        offset,
        count: is_array.then(|| planned.count(1)).transpose()?,
        ignore_nulls: planned.types.len() <= flag || planned.flag(flag)?,
        data_type: planned.types[0].clone(),
        result: planned.result.clone(),
        next: 1,
    }))
}

fn topk_types(types: &[ArgType]) -> Option<(Vec<SqlType>, SqlType)> {
    let (count, columns) = types.split_last()?;
    if !matches!(count, None | Some(SqlType::Integer | SqlType::Bigint)) {
        return None;
    }
    let mut taken: Vec<SqlType> = columns.iter().map(|ty| ty.clone().unwrap_or(SqlType::String)).collect();
    let (first, others) = taken.split_first().filter(|(first, _)| is_ordered(first))?;
    let element = if others.is_empty() {
        first.clone()
    } else {
        // The names are ksqlDB's.
        let mut fields = vec![("sort_col".to_owned(), first.clone())];
        fields.extend(
            others
                .iter()
                .enumerate()
                .map(|(index, ty)| (format!("col{index}"), ty.clone())),
        );
        SqlType::Struct(fields)
    };
    taken.push(SqlType::Integer);
    Some((taken, SqlType::Array(Box::new(element))))
}

fn topk_distinct_types(types: &[ArgType]) -> Option<(Vec<SqlType>, SqlType)> {
    topk_types(types).filter(|_| types.len() == 2)
}

fn top(planned: &Planned<'_>, distinct: bool) -> Made {
    let Some((_, columns)) = planned.types.split_last() else {
        return plan_err!("{} needs a column and a number", planned.name.to_uppercase());
    };
    let top = Top {
        count: planned.count(columns.len())?,
        distinct,
        types: columns.to_vec(),
        result: planned.result.clone(),
    };
    Ok(if planned.retracting {
        Grouped::boxed(CountedTop(top))
    } else {
        Grouped::boxed(top)
    })
}
