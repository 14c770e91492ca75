//! What a stream of events promises: the benchmark's shares and ids, the same rows always, and clear errors.

use std::collections::BTreeMap;
use std::time::Duration;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Int64Type, TimestampMillisecondType};

use super::super::{ColumnBatch, PollLimits, Polled, ReadOptions, StartAt};
use super::*;
use crate::types::Clock;
use crate::types::clock::ManualClock;
use crate::types::schema::{Column, ColumnRole, SqlType};

fn column(name: &str, sql_type: SqlType) -> Column {
    Column {
        name: name.into(),
        sql_type,
        role: ColumnRole::Value,
    }
}

fn key(name: &str) -> Column {
    Column {
        role: ColumnRole::Key,
        ..column(name, SqlType::Bigint)
    }
}

fn persons() -> Vec<Column> {
    let mut columns = vec![key("ID")];
    columns.extend(["NAME", "EMAILADDRESS", "CREDITCARD", "CITY", "STATE"].map(|name| column(name, SqlType::String)));
    columns.push(column("DATETIME", SqlType::Timestamp));
    columns.push(column("EXTRA", SqlType::String));
    columns
}

fn auctions() -> Vec<Column> {
    let mut columns = vec![key("ID")];
    columns.extend(["ITEMNAME", "DESCRIPTION", "EXTRA"].map(|name| column(name, SqlType::String)));
    columns
        .extend(["INITIALBID", "RESERVE", "SELLER", "CATEGORY", "EXPIRES"].map(|name| column(name, SqlType::Bigint)));
    columns.push(column("DATETIME", SqlType::Timestamp));
    columns
}

fn bids() -> Vec<Column> {
    let mut columns = vec![key("AUCTION")];
    columns.extend(["BIDDER", "PRICE", "DATETIME"].map(|name| column(name, SqlType::Bigint)));
    columns.extend(["CHANNEL", "URL", "EXTRA"].map(|name| column(name, SqlType::String)));
    columns
}

fn spec(columns: &[Column], options: &[(&str, &str)]) -> ConnectorSpec {
    ConnectorSpec {
        connector: "nexmark".into(),
        topic: "BIDS".into(),
        columns: columns.to_vec(),
        options: options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        value_format: None,
    }
}

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
    let mut source = Nexmark.open_source(spec, opening)?;
    Ok(source.poll_assignment()?.expect("the readers come at once").added)
}

fn standing_clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(5_000))
}

fn limits(rows_max: usize) -> PollLimits {
    PollLimits {
        rows_max,
        bytes_max: 1 << 30,
    }
}

fn drain(reader: &mut dyn PartitionReader, rows_max: usize) -> Vec<ColumnBatch> {
    let mut batches = Vec::new();
    loop {
        match reader.poll(limits(rows_max)).unwrap() {
            Polled::Columns(batch) => {
                assert!((1..=rows_max).contains(&batch.records.num_rows()));
                batches.push(batch);
            }
            Polled::Idle { retry_after } => assert_eq!(retry_after, Some(Duration::ZERO)),
            Polled::End => return batches,
            Polled::Records(_) => panic!("columns are expected"),
        }
    }
}

/// All rows, by row number: offset, timestamp, columns.
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

/// The rows and offsets of batches, which may be cut elsewhere.
fn joined(batches: &[ColumnBatch]) -> (RecordBatch, Vec<i64>) {
    let records: Vec<_> = batches.iter().map(|batch| &batch.records).collect();
    let offsets = batches.iter().flat_map(|batch| batch.offsets.values().to_vec());
    (
        concat_batches(&records[0].schema(), records).unwrap(),
        offsets.collect(),
    )
}

fn one_batch(columns: &[Column], options: &[(&str, &str)]) -> RecordBatch {
    let rows = all_rows(&spec(columns, options), 5_000);
    concat_batches(&rows[0].2.schema(), rows.iter().map(|(_, _, row)| row)).unwrap()
}

fn numbers(batch: &RecordBatch, name: &str) -> Vec<i64> {
    batch
        .column_by_name(name)
        .unwrap()
        .as_primitive::<Int64Type>()
        .values()
        .to_vec()
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|text| text.unwrap().to_owned()).collect()
}

const BID: (&str, &str) = ("EVENT", "bid");
const AUCTION: (&str, &str) = ("EVENT", "Auction");
const PERSON: (&str, &str) = ("EVENT", "person");

#[test]
fn the_rows_do_not_depend_on_batches_or_partitions() {
    for (kind, columns) in [(PERSON, persons()), (AUCTION, auctions()), (BID, bids())] {
        let expected = all_rows(&spec(&columns, &[kind, ("ROWS", "500")]), 500);
        assert_eq!(expected.len(), 500);
        for (partitions, rows_max) in [("1", 1), ("1", 7), ("2", 500), ("5", 64)] {
            let options = [kind, ("ROWS", "500"), ("PARTITIONS", partitions)];
            assert_eq!(
                all_rows(&spec(&columns, &options), rows_max),
                expected,
                "{partitions} {rows_max}"
            );
        }
        assert_ne!(
            all_rows(&spec(&columns, &[kind, ("ROWS", "500"), ("SEED", "1")]), 500),
            expected
        );
    }
}

#[test]
fn a_resumed_stream_goes_on_where_it_was() {
    for partitions in ["1", "3"] {
        let spec = spec(&bids(), &[BID, ("ROWS", "300"), ("PARTITIONS", partitions)]);
        for mut reader in open(&spec, &standing_clock(), &BTreeMap::new()).unwrap() {
            let partition = reader.partition();
            let all = drain(&mut *reader, 10);
            let next = all[2].offsets.value(0);
            let mut readers = open(&spec, &standing_clock(), &BTreeMap::from([(partition, next)])).unwrap();
            let resumed = drain(&mut *readers[usize::try_from(partition).unwrap()], 7);
            assert_eq!(joined(&resumed), joined(&all[2..]));
        }
    }
}

#[test]
fn of_fifty_events_one_is_a_person_and_three_are_auctions() {
    for (kind, columns, rows) in [(PERSON, persons(), 3), (AUCTION, auctions(), 7), (BID, bids(), 92)] {
        // Two rounds, then a person and an auction.
        let rows_found = all_rows(&spec(&columns, &[kind, ("EVENTS", "102")]), 100);
        assert_eq!(rows_found.len(), rows, "{kind:?}");
    }
    // 10,000 events a second: the first bid is event 4, after 0.4 ms; the first of the second round event 54.
    let found = all_rows(&spec(&bids(), &[BID, ("EVENTS", "100"), ("BASE_TIME", "1000")]), 100);
    assert_eq!((found[0].1, found[46].1), (1_000, 1_005));
}

#[test]
fn ids_count_up_and_refer_to_those_around() {
    let persons = one_batch(&persons(), &[PERSON, ("EVENTS", "100000")]);
    assert_eq!(numbers(&persons, "ID"), (1_000..3_000).collect::<Vec<_>>());
    let auctions = one_batch(&auctions(), &[AUCTION, ("EVENTS", "100000")]);
    assert_eq!(numbers(&auctions, "ID"), (1_000..7_000).collect::<Vec<_>>());
    assert!(
        numbers(&auctions, "CATEGORY")
            .iter()
            .all(|category| (10..15).contains(category))
    );
    let sellers = numbers(&auctions, "SELLER");
    let hot_sellers = sellers.iter().filter(|seller| *seller % 100 == 0).count();
    assert!((4_200..4_800).contains(&hot_sellers), "three of four: {hot_sellers}");
    let ends = numbers(&auctions, "RESERVE")
        .into_iter()
        .zip(numbers(&auctions, "INITIALBID"));
    assert!(ends.clone().all(|(reserve, initial)| reserve >= initial + 100));
    let opened = auctions
        .column_by_name("DATETIME")
        .unwrap()
        .as_primitive::<TimestampMillisecondType>();
    let lengths: Vec<i64> = numbers(&auctions, "EXPIRES")
        .iter()
        .zip(opened.values())
        .map(|(expires, opened)| expires - opened)
        .collect();
    // 100 auctions in flight are 1,666 events, 166 ms; at most twice that.
    assert!(lengths.iter().all(|length| (1..=336).contains(length)));
    let bids = one_batch(&bids(), &[BID, ("EVENTS", "100000")]);
    for (row, (auction, bidder)) in numbers(&bids, "AUCTION")
        .into_iter()
        .zip(numbers(&bids, "BIDDER"))
        .enumerate()
    {
        let round = row as i64 / 46;
        assert!((1_000..=1_000 + round * 3 + 12).contains(&auction), "{row}: {auction}");
        assert!((1_000..=1_000 + round + 10).contains(&bidder), "{row}: {bidder}");
    }
    let hot_auctions = numbers(&bids, "AUCTION")
        .iter()
        .filter(|auction| *auction % 100 == 0)
        .count();
    assert!(
        (45_000..48_000).contains(&hot_auctions),
        "half and a few by chance: {hot_auctions}"
    );
}

#[test]
fn texts_have_the_benchmarks_shape() {
    let bids = one_batch(&bids(), &[BID, ("ROWS", "20000")]);
    let (channels, urls, extras) = (texts(&bids, "CHANNEL"), texts(&bids, "URL"), texts(&bids, "EXTRA"));
    let hot = channels
        .iter()
        .filter(|channel| !channel.starts_with("channel-"))
        .count();
    assert!((9_500..10_500).contains(&hot), "{hot}");
    let with_id = urls.iter().filter(|url| url.contains("&channel_id=")).count();
    assert!(
        (8_500..9_500).contains(&with_id),
        "nine of ten of the others: {with_id}"
    );
    let mut by_channel: BTreeMap<&str, &str> = BTreeMap::new();
    for (channel, url) in channels.iter().zip(&urls) {
        assert_eq!(url.split('/').count(), 7, "{url}");
        assert_eq!(
            *by_channel.entry(channel).or_insert(url),
            url,
            "a channel has one address"
        );
    }
    let average = extras.iter().map(String::len).sum::<usize>() / extras.len();
    assert!((60..76).contains(&average), "{average}");
    let persons = one_batch(&persons(), &[PERSON, ("ROWS", "100")]);
    for (mail, card) in texts(&persons, "EMAILADDRESS")
        .iter()
        .zip(texts(&persons, "CREDITCARD"))
    {
        assert!(
            mail.len() == 17 && mail.contains('@') && &mail[13..] == ".com",
            "{mail}"
        );
        assert!(card.len() == 19 && card.split(' ').count() == 4, "{card}");
    }
    let auctions = one_batch(&auctions(), &[AUCTION, ("ROWS", "1000")]);
    let sizes = texts(&auctions, "EXTRA").iter().map(String::len).sum::<usize>() / 1_000;
    assert!((350..420).contains(&sizes), "{sizes}");
}

#[test]
fn prices_span_six_powers_of_ten() {
    let mut prices = numbers(&one_batch(&bids(), &[BID, ("ROWS", "20000")]), "PRICE");
    prices.sort_unstable();
    assert!(prices[0] >= 100 && prices[0] < 110);
    assert!(prices[19_999] > 90_000_000 && prices[19_999] <= 100_000_000);
    assert!(
        (80_000..125_000).contains(&prices[10_000]),
        "the middle is 10^5: {}",
        prices[10_000]
    );
}

#[test]
fn times_are_shuffled_within_groups_only() {
    let options = [BID, ("EVENTS", "5000"), ("EVENT_TIME_RATE", "1000"), ("BASE_TIME", "0")];
    let in_order = all_rows(&spec(&bids(), &options), 5_000);
    assert!(in_order.is_sorted_by_key(|(_, time, _)| *time));
    let shuffled = all_rows(
        &spec(&bids(), &[&options[..], &[("OUT_OF_ORDER", "100")]].concat()),
        5_000,
    );
    assert!(!shuffled.is_sorted_by_key(|(_, time, _)| *time));
    for ((_, before, _), (_, after, _)) in in_order.iter().zip(&shuffled) {
        assert_eq!(before / 100, after / 100);
    }
}

#[test]
fn events_come_at_their_rate_and_carry_the_time_that_is_asked_for() {
    let clock = Arc::new(ManualClock::at(10_000));
    let shared: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let options = [BID, ("RATE", "100"), ("ROWTIME", "processing")];
    let mut readers = open(&spec(&bids(), &options), &shared, &BTreeMap::new()).unwrap();
    // The first bid is event 4, due after 40 ms.
    match readers[0].poll(limits(10)).unwrap() {
        Polled::Idle { retry_after } => assert_eq!(retry_after, Some(Duration::from_millis(40))),
        other => panic!("{other:?}"),
    }
    clock.set(10_060);
    match readers[0].poll(limits(10)).unwrap() {
        Polled::Columns(batch) => {
            assert_eq!(batch.records.num_rows(), 3);
            assert!(batch.timestamps.iter().all(|time| time == Some(10_060)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn mistakes_are_named_with_what_was_meant() {
    let error =
        |columns: &[Column], options: &[(&str, &str)]| Nexmark.check(&spec(columns, options)).unwrap_err().to_string();
    for (options, expected) in [
        (&[][..], "option EVENT: is missing: 'person', 'auction' or 'bid'"),
        (
            &[("EVENT", "bit")],
            "option EVENT: there is no event `bit`; did you mean `bid`?",
        ),
        (
            &[("EVENT", "sale")],
            "option EVENT: there is no event `sale`; there are person, auction and bid",
        ),
        (
            &[BID, ("ROWZ", "1")],
            "option ROWZ: connector `nexmark` has no such option; did you mean `ROWS`?",
        ),
        (
            &[BID, ("ROWS", "1"), ("EVENTS", "1")],
            "option ROWS: stands beside EVENTS; only one of them can hold",
        ),
        (&[BID, ("EVENTS", "-1")], "option EVENTS: -1 is not between 0 and"),
        (&[BID, ("RATE", "0")], "option RATE: 0 is not between"),
        (
            &[BID, ("BASE_TIME", "soon")],
            "option BASE_TIME: `soon` is no time; write",
        ),
        (&[BID, ("OUT_OF_ORDER", "0")], "option OUT_OF_ORDER: 0 is no group"),
        (
            &[BID, ("ROWTIME", "mine")],
            "option ROWTIME: `mine` is neither 'event' nor 'processing'",
        ),
    ] {
        let found = error(&bids(), options);
        assert!(found.starts_with(expected), "{found}");
    }
    let found = error(&[column("PRIZE", SqlType::Bigint)], &[BID]);
    assert_eq!(found, "option EVENT: a bid has no `PRIZE`; did you mean `price`?");
    let found = error(&[column("PRICE", SqlType::Double)], &[BID]);
    assert_eq!(found, "option EVENT: `price` of a bid is BIGINT, not DOUBLE");
    let found = error(&[column("DATETIME", SqlType::String)], &[BID]);
    assert_eq!(
        found,
        "option EVENT: `dateTime` of a bid is TIMESTAMP or BIGINT, not STRING"
    );
}

#[test]
fn what_has_no_end_is_not_read_to_its_end() {
    let read = ReadOptions {
        is_alone: false,
        group: String::new(),
        start_at: StartAt::Earliest,
        next_offsets: BTreeMap::new(),
        stop_at: StopAt::CurrentEnd,
        headers: false,
    };
    let opening = Opening {
        read: &read,
        clock: &standing_clock(),
        next_offsets: &BTreeMap::new(),
    };
    let error = Nexmark.open_source(&spec(&bids(), &[BID]), opening).unwrap_err();
    assert!(error.to_string().contains("`BIDS` has no end"), "{error}");
}
