//! What a generated stream promises: the same rows always, keys in their partitions, speeds, and clear errors.

mod wrong_options;

use std::collections::BTreeMap;
use std::time::Duration;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Float64Type, Int64Type, TimestampMillisecondType};

use super::super::partitioner::partition_of_key;
use super::super::{ColumnBatch, PollLimits, Polled, ReadOptions, StartAt};
use super::*;
use crate::types::Clock;
use crate::types::clock::ManualClock;
use crate::types::schema::{Column, ColumnRole, SqlType};

const BIG: usize = 1 << 30;

fn column(name: &str, sql_type: SqlType) -> Column {
    Column {
        name: name.into(),
        sql_type,
        role: ColumnRole::Value,
    }
}

fn key(name: &str, sql_type: SqlType) -> Column {
    Column {
        role: ColumnRole::Key,
        ..column(name, sql_type)
    }
}

fn spec(columns: &[Column], options: &[(&str, &str)]) -> ConnectorSpec {
    ConnectorSpec {
        connector: "datagen".into(),
        topic: "TRADES".into(),
        columns: columns.to_vec(),
        options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        value_format: None,
    }
}

/// Opens and gives the readers.
fn open(
    spec: &ConnectorSpec,
    clock: &Arc<dyn Clock>,
    next_offsets: &BTreeMap<i32, i64>,
) -> Result<Vec<Box<dyn PartitionReader>>, Error> {
    let read = ReadOptions {
        is_alone: false,
        group: "g".into(),
        start_at: StartAt::Latest,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::Never,
        headers: false,
    };
    let opening = Opening {
        read: &read,
        clock,
        next_offsets,
    };
    let mut source = Datagen.open_source(spec, opening)?;
    Ok(source.poll_assignment()?.expect("the readers come at once").added)
}

fn standing_clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(5_000))
}

/// All rows of a reader, polled `rows_max` at a time.
fn drain(reader: &mut dyn PartitionReader, rows_max: usize) -> Vec<ColumnBatch> {
    let limits = PollLimits {
        rows_max,
        bytes_max: BIG,
    };
    let mut batches = Vec::new();
    loop {
        match reader.poll(limits).unwrap() {
            Polled::Columns(batch) => {
                assert!(batch.records.num_rows() <= rows_max && batch.records.num_rows() > 0);
                assert_eq!(batch.records.num_rows(), batch.offsets.len());
                assert_eq!(batch.records.num_rows(), batch.timestamps.len());
                batches.push(batch);
            }
            Polled::Idle { retry_after } => assert_eq!(retry_after, Some(Duration::ZERO)),
            Polled::End => return batches,
            Polled::Records(_) => panic!("columns are expected"),
        }
    }
}

/// The rows and offsets of batches, which may be cut elsewhere.
fn joined(batches: &[ColumnBatch]) -> (RecordBatch, Vec<i64>) {
    let records: Vec<_> = batches.iter().map(|batch| &batch.records).collect();
    (
        concat_batches(&records[0].schema(), records).unwrap(),
        batches
            .iter()
            .flat_map(|batch| batch.offsets.values().to_vec())
            .collect(),
    )
}

/// The rows of all partitions in the order of their row numbers, which must be all from 0 on.
fn all_rows(spec: &ConnectorSpec, rows_max: usize) -> Vec<(i64, i64, RecordBatch)> {
    let mut rows = Vec::new();
    for reader in &mut open(spec, &standing_clock(), &BTreeMap::new()).unwrap() {
        for batch in drain(&mut **reader, rows_max) {
            for row in 0..batch.records.num_rows() {
                rows.push((
                    batch.offsets.value(row),
                    batch.timestamps.value(row),
                    batch.records.slice(row, 1),
                ));
            }
        }
    }
    rows.sort_by_key(|(offset, _, _)| *offset);
    for (number, (offset, _, _)) in rows.iter().enumerate() {
        assert_eq!(*offset, number as i64, "every row once");
    }
    rows
}

/// The rows of the only partition in one batch.
fn one_batch(columns: &[Column], options: &[(&str, &str)]) -> RecordBatch {
    let spec = spec(columns, options);
    let mut readers = open(&spec, &standing_clock(), &BTreeMap::new()).unwrap();
    assert_eq!(readers.len(), 1);
    let batches = drain(&mut *readers[0], 1_000);
    let records: Vec<_> = batches.iter().map(|batch| &batch.records).collect();
    concat_batches(&records[0].schema(), records).unwrap()
}

fn trades() -> Vec<Column> {
    vec![
        key("SYMBOL", SqlType::String),
        column("PRICE", SqlType::Double),
        column("INDEX_LEVEL", SqlType::Decimal(10, 2)),
        column("VOLUME", SqlType::Integer),
        column("ID", SqlType::Bigint),
        column("TS", SqlType::Timestamp),
        column("NOTE", SqlType::String),
    ]
}

const TRADES: &[(&str, &str)] = &[
    ("ROWS", "3000"),
    ("SEED", "42"),
    ("SYMBOL.VALUES", "ACME, BOLT ,\"C,D\",EVE,FOO"),
    ("SYMBOL.WEIGHTS", "5,1,1,1,0.5"),
    ("PRICE.KIND", "random_walk"),
    ("PRICE.PER", "symbol"),
    ("PRICE.START", "50"),
    ("PRICE.VOLATILITY", "0.01"),
    ("PRICE.MIN", "40"),
    ("PRICE.MAX", "60"),
    ("PRICE.DECIMALS", "2"),
    ("INDEX_LEVEL.KIND", "random_walk"),
    ("INDEX_LEVEL.STEP", "0.5"),
    ("VOLUME.MIN", "1"),
    ("VOLUME.MAX", "6"),
    ("VOLUME.NULL_RATE", "0.1"),
    ("ID.START", "100"),
    ("ID.STEP", "10"),
    ("TS.JITTER_MS", "20"),
    ("TS.STEP_MS", "2.5"),
    ("NOTE.LENGTH", "11"),
];

fn with<'a>(options: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    options.iter().chain(more).copied().collect()
}

#[test]
fn the_rows_do_not_depend_on_batches_or_partitions() {
    let columns = trades();
    let expected = all_rows(&spec(&columns, TRADES), 3_000);
    assert_eq!(expected.len(), 3_000);
    for (partitions, rows_max) in [("1", 1), ("1", 7), ("2", 1_000), ("3", 1), ("5", 64)] {
        let options = with(TRADES, &[("PARTITIONS", partitions)]);
        assert_eq!(
            all_rows(&spec(&columns, &options), rows_max),
            expected,
            "{partitions} {rows_max}"
        );
    }
    let other_seed: Vec<_> = TRADES.iter().copied().filter(|(name, _)| *name != "SEED").collect();
    assert_ne!(all_rows(&spec(&columns, &other_seed), 3_000), expected);
}

#[test]
fn a_resumed_stream_goes_on_where_it_was() {
    let columns = trades();
    for partitions in ["1", "3"] {
        let spec = spec(&columns, &with(TRADES, &[("PARTITIONS", partitions)]));
        for mut reader in open(&spec, &standing_clock(), &BTreeMap::new()).unwrap() {
            let partition = reader.partition();
            let all = drain(&mut *reader, 500);
            let resume = BTreeMap::from([(partition, all[0].offsets.values().last().unwrap() + 1)]);
            let mut again = open(&spec, &standing_clock(), &resume).unwrap();
            let rest = drain(&mut *again[partition as usize], 500);
            assert_eq!(joined(&rest), joined(&all[1..]));
        }
    }
    let mut finished = open(
        &spec(&columns, TRADES),
        &standing_clock(),
        &BTreeMap::from([(0, 3_000)]),
    )
    .unwrap();
    assert!(drain(&mut *finished[0], 10).is_empty());
}

#[test]
fn keys_are_where_kafka_puts_them() {
    for (sql_type, options) in [
        (SqlType::String, vec![]),
        (SqlType::Integer, vec![("K.KIND", "sequence")]),
        (SqlType::Bigint, vec![("K.MAX", "50")]),
        (SqlType::Double, vec![]),
        (SqlType::Bytes, vec![]),
    ] {
        let columns = [key("K", sql_type.clone()), column("V", SqlType::Integer)];
        let spec = spec(&columns, &with(&options, &[("ROWS", "500"), ("PARTITIONS", "4")]));
        for mut reader in open(&spec, &standing_clock(), &BTreeMap::new()).unwrap() {
            for batch in drain(&mut *reader, 100) {
                assert_eq!(batch.partition, reader.partition());
                let keys = batch.records.column(0);
                for row in 0..keys.len() {
                    let bytes = match sql_type {
                        SqlType::String => keys.as_string::<i32>().value(row).as_bytes().to_vec(),
                        SqlType::Bytes => keys.as_binary::<i32>().value(row).to_vec(),
                        SqlType::Integer => keys
                            .as_primitive::<datafusion::arrow::datatypes::Int32Type>()
                            .value(row)
                            .to_be_bytes()
                            .to_vec(),
                        SqlType::Bigint => keys.as_primitive::<Int64Type>().value(row).to_be_bytes().to_vec(),
                        _ => keys.as_primitive::<Float64Type>().value(row).to_be_bytes().to_vec(),
                    };
                    assert_eq!(partition_of_key(&bytes, 4), batch.partition);
                }
            }
        }
    }
}

#[test]
fn equal_keys_of_several_columns_and_odd_types_share_a_partition() {
    let columns = [
        key("A", SqlType::Integer),
        key("B", SqlType::Date),
        column("V", SqlType::Integer),
    ];
    let options = [
        ("ROWS", "2000"),
        ("PARTITIONS", "3"),
        ("A.MAX", "3"),
        ("B.VALUES", "2026-01-01,2026-01-02"),
        ("A.NULL_RATE", "0.2"),
    ];
    let spec = spec(&columns, &options);
    let mut home: BTreeMap<String, i32> = BTreeMap::new();
    for mut reader in open(&spec, &standing_clock(), &BTreeMap::new()).unwrap() {
        for batch in drain(&mut *reader, 100) {
            for row in 0..batch.records.num_rows() {
                let name = format!("{:?}", batch.records.project(&[0, 1]).unwrap().slice(row, 1));
                assert_eq!(*home.entry(name).or_insert(batch.partition), batch.partition);
            }
        }
    }
    assert_eq!(home.len(), 10);
    assert!(home.values().collect::<std::collections::BTreeSet<_>>().len() > 1);
}

#[test]
fn a_partition_that_no_key_reaches_ends_at_once() {
    let columns = [key("K", SqlType::String), column("V", SqlType::Integer)];
    let spec = spec(&columns, &[("PARTITIONS", "8"), ("K.VALUES", "A,B")]);
    let homes = [partition_of_key(b"A", 8), partition_of_key(b"B", 8)];
    let limits = PollLimits {
        rows_max: 100,
        bytes_max: BIG,
    };
    for mut reader in open(&spec, &standing_clock(), &BTreeMap::new()).unwrap() {
        let ended = matches!(reader.poll(limits).unwrap(), Polled::End);
        assert_eq!(ended, !homes.contains(&reader.partition()));
    }
}

#[test]
fn choices_walks_and_bounds_are_as_told() {
    let rows = one_batch(&trades(), TRADES);
    let symbols = rows.column(0).as_string::<i32>();
    let count = |symbol: &str| symbols.iter().filter(|value| *value == Some(symbol)).count();
    assert!((1_600..2_000).contains(&count("ACME")), "{}", count("ACME"));
    assert!(count("BOLT") > 250 && count("C,D") > 250 && count("FOO") > 100);
    // Each symbol's price begins at its start and moves by little, though the rows of the symbols alternate.
    let prices = rows.column(1).as_primitive::<Float64Type>();
    let mut last: BTreeMap<&str, f64> = BTreeMap::new();
    for (symbol, price) in symbols.iter().zip(prices.values()) {
        let before = last.insert(symbol.unwrap(), *price).unwrap_or(*price);
        assert!((price - before).abs() <= before * 0.036 && (40.0..=60.0).contains(price));
        assert!((price * 100.0 - (price * 100.0).round()).abs() < 1e-6, "two digits");
    }
    assert!(
        (prices.value(0) - 50.0).abs() < 1e-9,
        "the first row of a walk is its start"
    );
    assert!(last.values().any(|price| (price - 50.0).abs() > 1.0), "it walks");
    let levels = rows
        .column(2)
        .as_primitive::<datafusion::arrow::datatypes::Decimal128Type>();
    assert!(levels.values().windows(2).all(|pair| (pair[0] - pair[1]).abs() <= 51));
    assert_eq!(levels.value(0), 10_000);
    let volumes = rows.column(3).as_primitive::<datafusion::arrow::datatypes::Int32Type>();
    assert!((200..400).contains(&volumes.null_count()), "{}", volumes.null_count());
    let seen: std::collections::BTreeSet<_> = volumes.iter().flatten().collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let ids = rows.column(4).as_primitive::<Int64Type>();
    assert_eq!((ids.value(0), ids.value(2_999)), (100, 100 + 29_990));
    let times = rows.column(5).as_primitive::<TimestampMillisecondType>();
    let start = 1_767_225_600_000;
    for (row, time) in times.values().iter().enumerate() {
        let steady = start + row as i64 * 5 / 2;
        assert!((steady..=steady + 20).contains(time));
    }
    assert!(times.values().windows(2).any(|pair| pair[0] > pair[1]), "out of order");
    assert!(
        rows.column(6)
            .as_string::<i32>()
            .iter()
            .flatten()
            .all(|text| { text.len() == 11 && text.bytes().all(|byte| byte.is_ascii_lowercase()) })
    );
}

#[test]
fn event_times_are_the_timestamps_and_else_the_clock_is() {
    let rows = all_rows(&spec(&trades(), TRADES), 100);
    for (_, timestamp, row) in &rows {
        assert_eq!(
            *timestamp,
            row.column(5).as_primitive::<TimestampMillisecondType>().value(0)
        );
    }
    let rows = all_rows(&spec(&[column("V", SqlType::Integer)], &[("ROWS", "3")]), 100);
    assert!(rows.iter().all(|(_, timestamp, _)| *timestamp == 5_000));
    let columns = [column("TS", SqlType::Bigint)];
    let options = [
        ("ROWS", "3"),
        ("TS.KIND", "time"),
        ("TS.START", "now"),
        ("ROWS_PER_SECOND", "1000000"),
    ];
    let clock = ManualClock::at(5_000);
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let mut reader = open(&spec(&columns, &options), &clock, &BTreeMap::new())
        .unwrap()
        .remove(0);
    let limits = PollLimits {
        rows_max: 1,
        bytes_max: BIG,
    };
    let Polled::Columns(first) = reader.poll(limits).unwrap() else {
        panic!("the first row is due at once")
    };
    assert_eq!(first.timestamps.value(0), 5_000);
}

#[test]
fn every_sql_type_has_values_without_options() {
    let columns: Vec<Column> = [
        SqlType::Boolean,
        SqlType::Integer,
        SqlType::Bigint,
        SqlType::Double,
        SqlType::Decimal(4, 2),
        SqlType::Decimal(38, 20),
        SqlType::Decimal(1, 1),
        SqlType::String,
        SqlType::Bytes,
        SqlType::Time,
        SqlType::Date,
        SqlType::Timestamp,
        SqlType::Array(Box::new(SqlType::Array(Box::new(SqlType::Double)))),
        SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Timestamp)),
        SqlType::Map(Box::new(SqlType::Integer), Box::new(SqlType::Boolean)),
        SqlType::Struct(vec![
            ("A".into(), SqlType::Integer),
            ("B".into(), SqlType::Struct(vec![("C".into(), SqlType::String)])),
        ]),
    ]
    .into_iter()
    .enumerate()
    .map(|(number, sql_type)| column(&format!("C{number}"), sql_type))
    .collect();
    let options = [
        ("ROWS", "200"),
        ("C15.A.MAX", "9"),
        ("C15.B.C.VALUES", "x,y"),
        ("C15.B.C.NULL_RATE", "0.5"),
        ("C12.NULL_RATE", "0.5"),
    ];
    let rows = one_batch(&columns, &options);
    assert_eq!(rows.num_rows(), 200);
    assert_eq!(rows.schema(), crate::types::schema::arrow_schema(&columns));
    let text = |column: usize, row: usize| format!("{:?}", rows.column(column).slice(row, 1));
    for (number, declared) in columns.iter().enumerate() {
        rows.column(number).to_data().validate_full().unwrap();
        let distinct: std::collections::BTreeSet<_> = (0..200).map(|row| text(number, row)).collect();
        assert!(distinct.len() > 1, "{} varies", declared.sql_type);
    }
    let (array, fields) = (rows.column(12), rows.column(15).as_struct());
    assert!((50..150).contains(&array.null_count()));
    assert!((50..150).contains(&fields.column(1).as_struct().column(0).null_count()));
    let maps = rows.column(13).as_map();
    for row in 0..200 {
        let entries = maps.value(row);
        let keys = entries.column(0).as_string::<i32>();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len(), "the keys of one map differ");
    }
}

#[test]
fn constants_uuids_and_texts() {
    let columns = [
        column("C", SqlType::Decimal(5, 2)),
        column("U", SqlType::String),
        column("S", SqlType::String),
        column("E", SqlType::String),
        column("N", SqlType::Boolean),
        column("D", SqlType::Date),
        column("F", SqlType::Double),
    ];
    let options = [
        ("ROWS", "50"),
        ("C.VALUE", "1.50"),
        ("U.KIND", "uuid"),
        ("S.PREFIX", "order-"),
        ("S.START", "7"),
        ("E.LENGTH", "0"),
        ("N.NULL_RATE", "1"),
        ("D.START", "2026-02-28"),
        ("F.START", "0.5"),
        ("F.STEP", "-0.25"),
    ];
    let rows = one_batch(&columns, &options);
    let c = rows
        .column(0)
        .as_primitive::<datafusion::arrow::datatypes::Decimal128Type>();
    assert!(c.values().iter().all(|value| *value == 150));
    let uuids: std::collections::BTreeSet<_> = rows.column(1).as_string::<i32>().iter().flatten().collect();
    assert_eq!(uuids.len(), 50);
    for uuid in uuids {
        let parts: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uuid.as_bytes()[19]));
    }
    assert_eq!(rows.column(2).as_string::<i32>().value(3), "order-10");
    assert_eq!(rows.column(3).as_string::<i32>().value(49), "");
    assert_eq!(rows.column(4).null_count(), 50);
    let days = rows
        .column(5)
        .as_primitive::<datafusion::arrow::datatypes::Date32Type>();
    assert_eq!(days.value_as_date(1).unwrap().to_string(), "2026-03-01");
    assert!((rows.column(6).as_primitive::<Float64Type>().value(3) + 0.25).abs() < 1e-9);
}

#[test]
fn speed_is_kept_by_the_clock_alone() {
    let clock = Arc::new(ManualClock::at(1_000));
    let handed: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let columns = [column("V", SqlType::Bigint)];
    let options = [("ROWS_PER_SECOND", "4"), ("V.KIND", "sequence"), ("ROWS", "100")];
    let mut reader = open(&spec(&columns, &options), &handed, &BTreeMap::new())
        .unwrap()
        .remove(0);
    let limits = PollLimits {
        rows_max: 10,
        bytes_max: BIG,
    };
    let mut poll = || match reader.poll(limits).unwrap() {
        Polled::Columns(batch) => Ok(batch.records.num_rows()),
        Polled::Idle { retry_after } => Err(retry_after),
        other => panic!("{other:?}"),
    };
    let millis = |ms| Err(Some(Duration::from_millis(ms)));
    assert_eq!(poll(), Ok(1), "the first row is due at once");
    assert_eq!(poll(), millis(250));
    clock.set(1_249);
    assert_eq!(poll(), millis(1));
    clock.set(1_250);
    assert_eq!(poll(), Ok(1));
    clock.set(500);
    assert_eq!(poll(), millis(500), "a clock that was put back makes no rows");
    clock.set(3_000);
    assert_eq!(poll(), Ok(7), "what was missed comes at once");
    clock.set(1_000_000);
    assert_eq!(poll(), Ok(10), "but within the limits");
}

#[test]
fn partitions_share_the_speed() {
    let clock = Arc::new(ManualClock::at(0));
    let handed: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let columns = [column("V", SqlType::Bigint)];
    let options = [("ROWS_PER_SECOND", "1000"), ("PARTITIONS", "2")];
    let mut readers = open(&spec(&columns, &options), &handed, &BTreeMap::new()).unwrap();
    clock.set(999);
    let limits = PollLimits {
        rows_max: 10_000,
        bytes_max: BIG,
    };
    let mut rows = 0;
    for reader in &mut readers {
        let Polled::Columns(batch) = reader.poll(limits).unwrap() else {
            panic!("rows are due")
        };
        rows += batch.records.num_rows();
    }
    assert_eq!(rows, 1_000);
}

#[test]
fn polls_keep_to_their_bytes() {
    let columns = [column("T", SqlType::String)];
    let spec = spec(&columns, &[("T.LENGTH", "1000")]);
    let mut reader = open(&spec, &standing_clock(), &BTreeMap::new()).unwrap().remove(0);
    for (bytes_max, rows) in [(10_040, 10), (1, 1)] {
        let limits = PollLimits {
            rows_max: 8_192,
            bytes_max,
        };
        let Polled::Columns(batch) = reader.poll(limits).unwrap() else {
            panic!("rows are there")
        };
        assert_eq!(batch.records.num_rows(), rows);
    }
}

#[test]
fn a_pull_query_needs_an_end() {
    let clock = standing_clock();
    let read = ReadOptions {
        is_alone: false,
        group: "g".into(),
        start_at: StartAt::Earliest,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::CurrentEnd,
        headers: false,
    };
    let opening = Opening {
        read: &read,
        clock: &clock,
        next_offsets: &BTreeMap::new(),
    };
    let columns = [column("V", SqlType::Bigint)];
    let error = Datagen.open_source(&spec(&columns, &[]), opening).unwrap_err();
    assert!(error.to_string().contains("set ROWS"), "{error}");
    Datagen.open_source(&spec(&columns, &[("ROWS", "5")]), opening).unwrap();
}

#[test]
fn decimals_and_whole_types_keep_their_bounds() {
    let columns = [
        column("A", SqlType::Bigint),
        column("B", SqlType::Decimal(3, 1)),
        column("C", SqlType::Integer),
        column("D", SqlType::Double),
        column("T", SqlType::Timestamp),
    ];
    let options = [
        ("ROWS", "2000"),
        ("A.MIN", "-9223372036854775808"),
        ("A.MAX", "9223372036854775807"),
        ("B.KIND", "random_walk"),
        ("B.STEP", "50"),
        ("B.START", "99"),
        ("C.KIND", "sequence"),
        ("C.START", "2147483647"),
        ("D.MIN", "-1.7e308"),
        ("D.MAX", "1.7e308"),
        ("T.MIN", "2026-05-01"),
        ("T.MAX", "2026-05-02"),
    ];
    let rows = one_batch(&columns, &options);
    let a = rows.column(0).as_primitive::<Int64Type>();
    assert!(a.values().iter().any(|v| *v < i64::MIN / 2) && a.values().iter().any(|v| *v > i64::MAX / 2));
    let b = rows
        .column(1)
        .as_primitive::<datafusion::arrow::datatypes::Decimal128Type>();
    assert!(b.values().iter().all(|v| (-999..=999).contains(v)));
    assert!(b.values().iter().any(|v| *v < -900), "it reaches its lower bound");
    let c = rows.column(2).as_primitive::<datafusion::arrow::datatypes::Int32Type>();
    assert_eq!((c.value(0), c.value(1)), (i32::MAX, i32::MIN));
    assert!(
        rows.column(3)
            .as_primitive::<Float64Type>()
            .values()
            .iter()
            .all(|v| v.is_finite())
    );
    let t = rows.column(4).as_primitive::<TimestampMillisecondType>();
    assert!(
        t.values()
            .iter()
            .all(|v| (1_777_593_600_000..=1_777_680_000_000).contains(v))
    );
}
