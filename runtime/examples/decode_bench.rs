//! How fast JSON is read and written, beside Arrow's own reader and writer, in rows per CPU-second.
//!
//! `cargo run --release -p waterwheel --example decode_bench [-- ROWS]`
//!
//! The records are bids as of Nexmark, about 132 bytes each, from a seeded generator. All ways run in turn, several
//! rounds, in one process, and the median counts: on a shared machine only the ratios within a run mean something.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, Fields, Schema};
use datafusion::arrow::json::{LineDelimitedWriter, ReaderBuilder};
use waterwheel::format::json::{JsonDecoder, Speculation};
use waterwheel::format::{Decoder as _, Format, FormatSpec, encoder};
use waterwheel::types::BytesColumn;
use waterwheel::types::schema::{Column, ColumnRole, SqlType};

const BATCH_ROWS: usize = 8_192;
const ROUNDS: usize = 7;

fn main() -> anyhow::Result<()> {
    let rows: usize = match std::env::args().nth(1) {
        Some(text) => text.parse().context("the argument is the number of rows")?,
        None => 500_000,
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{rows} rows, batches of {BATCH_ROWS}; million rows per CPU-second")?;
    let batches = bids(rows, Order::Fixed);
    for projection in [&[0][..], &[0, 4], &[0, 1, 2, 3, 4, 5]] {
        decode(&mut out, "", &batches, projection)?;
    }
    decode(
        &mut out,
        ", names in any order",
        &bids(rows, Order::Any),
        &[0, 1, 2, 3, 4, 5],
    )?;
    encode(&mut out, rows, &batches)
}

/// Reads the bids in three ways.
fn decode(
    out: &mut impl std::io::Write,
    what: &str,
    batches: &[BytesColumn],
    projection: &[usize],
) -> anyhow::Result<()> {
    let rows: usize = batches.iter().map(BytesColumn::len).sum();
    let bytes: usize = batches.iter().map(|batch| batch.data().len() - batch.len()).sum();
    let mut fast = JsonDecoder::new(&columns(), projection, true, Speculation::On)?;
    let mut general = JsonDecoder::new(&columns(), projection, true, Speculation::Off)?;
    let fields: Fields = projection.iter().map(|i| field(&columns()[*i])).collect();
    let mut arrow = ReaderBuilder::new(Arc::new(Schema::new(fields)))
        .with_batch_size(BATCH_ROWS)
        .build_decoder()?;
    let mut times = [vec![], vec![], vec![]];
    for _ in 0..ROUNDS {
        times[0].push(cpu_seconds(|| {
            for batch in batches {
                black_box(fast.decode(batch));
            }
            Ok(())
        })?);
        times[1].push(cpu_seconds(|| {
            for batch in batches {
                black_box(general.decode(batch));
            }
            Ok(())
        })?);
        times[2].push(cpu_seconds(|| {
            for batch in batches {
                let mut data = batch.data();
                while !data.is_empty() {
                    data = &data[arrow.decode(data)?..];
                }
                black_box(arrow.flush()?);
            }
            Ok(())
        })?);
    }
    let [fast_rate, general_rate, arrow_rate] = times.map(|times| rate(rows, times));
    writeln!(
        out,
        "decode {} of 6 columns{what}, {:.1} bytes a row: speculation on {fast_rate:.2} ({:.1} % of the rows by a \
         template), off {general_rate:.2}, arrow-json {arrow_rate:.2}: {:.1} and {:.1} times arrow-json",
        projection.len(),
        bytes as f64 / rows as f64,
        100.0 * fast.speculated_rows() as f64 / (rows * ROUNDS) as f64,
        fast_rate / arrow_rate,
        general_rate / arrow_rate,
    )?;
    Ok(())
}

/// Writes the bids again, with all columns.
fn encode(out: &mut impl std::io::Write, rows: usize, batches: &[BytesColumn]) -> anyhow::Result<()> {
    let all = [0, 1, 2, 3, 4, 5];
    let mut decoder = JsonDecoder::new(&columns(), &all, true, Speculation::On)?;
    let decoded: Vec<Vec<ArrayRef>> = batches.iter().map(|batch| decoder.decode(batch).columns).collect();
    let schema = Arc::new(Schema::new(columns().iter().map(field).collect::<Fields>()));
    let mut encoder = encoder(&FormatSpec::new(Format::Json), &columns())?;
    let mut records = BytesColumn::new();
    let mut buffer = Vec::new();
    let mut times = [vec![], vec![]];
    for _ in 0..ROUNDS {
        times[0].push(cpu_seconds(|| {
            for columns in &decoded {
                records.clear();
                encoder.encode(columns, columns[0].len(), None, &mut records)?;
                black_box(&records);
            }
            Ok(())
        })?);
        times[1].push(cpu_seconds(|| {
            for columns in &decoded {
                buffer.clear();
                let batch = RecordBatch::try_new(Arc::clone(&schema), columns.clone())?;
                LineDelimitedWriter::new(&mut buffer).write(&batch)?;
                black_box(&buffer);
            }
            Ok(())
        })?);
    }
    let [ours, arrow] = times.map(|times| rate(rows, times));
    writeln!(
        out,
        "encode 6 columns: ours {ours:.2}, arrow-json {arrow:.2}: {:.1} times arrow-json",
        ours / arrow
    )?;
    Ok(())
}

fn rate(rows: usize, mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    rows as f64 / seconds[seconds.len() / 2] / 1e6
}

/// The CPU time of this thread that `work` takes.
fn cpu_seconds(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let before = cpu_ns()?;
    work()?;
    Ok((cpu_ns()? - before) as f64 / 1e9)
}

/// Linux tells it in the first number of `schedstat`, in nanoseconds.
fn cpu_ns() -> anyhow::Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").context("this example needs Linux")?;
    let first = text.split_whitespace().next().context("schedstat is empty")?;
    Ok(first.parse()?)
}

fn columns() -> Vec<Column> {
    [
        ("AUCTION", SqlType::Bigint),
        ("BIDDER", SqlType::Bigint),
        ("PRICE", SqlType::Bigint),
        ("CHANNEL", SqlType::String),
        ("TS", SqlType::Bigint),
        ("EXTRA", SqlType::String),
    ]
    .into_iter()
    .map(|(name, sql_type)| Column {
        name: name.into(),
        sql_type,
        role: ColumnRole::Value,
    })
    .collect()
}

/// The Arrow field as the records name it.
fn field(column: &Column) -> Field {
    Field::new(column.name.to_lowercase(), column.sql_type.to_arrow(), true)
}

/// In which order the names of a bid stand.
#[derive(Clone, Copy)]
enum Order {
    Fixed,
    /// Another one in each record.
    Any,
}

/// Bids in batches, a line each, so that Arrow's reader can take the same buffers.
fn bids(rows: usize, order: Order) -> Vec<BytesColumn> {
    let mut random = SplitMix(42);
    let mut batches = Vec::new();
    for start in (0..rows).step_by(BATCH_ROWS) {
        let mut batch = BytesColumn::new();
        for row in start..rows.min(start + BATCH_ROWS) {
            let from = batch.position();
            write_bid(row as u64, order, &mut random, batch.buffer());
            batch.end_row(from);
            batch.buffer().push(b'\n');
        }
        batches.push(batch);
    }
    batches
}

fn write_bid(row: u64, order: Order, random: &mut SplitMix, out: &mut Vec<u8>) {
    let auction = 1_000 + row / 15 + random.below(100);
    let bidder = 1_000 + row / 46 + random.below(1_000);
    let price = (10_f64.powf(random.below(1_000_000) as f64 / 1e6 * 6.0) * 100.0).round() as u64;
    let channel = match random.below(8) {
        0 => "Google".to_owned(),
        1 => "Facebook".to_owned(),
        2 => "Baidu".to_owned(),
        3 => "Apple".to_owned(),
        _ => format!("channel-{}", random.below(10_000)),
    };
    let ts = 1_700_000_000_000 + row / 10;
    let length = 24 + random.below(16);
    let extra: String = (0..length).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
    let mut members = [
        format!("\"auction\":{auction}"),
        format!("\"bidder\":{bidder}"),
        format!("\"price\":{price}"),
        format!("\"channel\":\"{channel}\""),
        format!("\"ts\":{ts}"),
        format!("\"extra\":\"{extra}\""),
    ];
    if let Order::Any = order {
        for i in 1..members.len() {
            members.swap(i, random.below(i as u64 + 1) as usize);
        }
    }
    write!(out, "{{{}}}", members.join(",")).expect("a Vec takes all bytes");
}

/// The splitmix64 generator: the same bids in every run.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ (z >> 31)) >> 32) * bound) >> 32
    }
}
