//! `bids ROWS FILE [FILE...]` writes bids as JSON, one object a line, row i into file i modulo the number of files.
//!
//! The bids are like Nexmark's, without its persons and auctions: ids advance as if for each 50 events one were a person, three
//! were auctions and 46 bids, at 10,000 events a second. Half of the bids go to a hot auction, three quarters come
//! from a hot bidder, prices are spread evenly over their magnitudes. The same rows everywhere and always.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Error, ErrorKind, Result, Write as _};

/// Event time of the first event, milliseconds since 1970.
const START_MS: u64 = 1_700_000_000_000;
const EVENTS_PER_MS: u64 = 10;
/// Events after which the kinds repeat: first a person, then three auctions, then bids.
const ROUND: u64 = 50;
const AUCTIONS_PER_ROUND: u64 = 3;
const FIRST_ID: u64 = 1_000;
const HOT_CHANNELS: [&str; 4] = ["Google", "Facebook", "Baidu", "Apple"];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || Error::new(ErrorKind::InvalidInput, "usage: bids ROWS FILE [FILE...]");
    let (rows, files) = arguments.split_first().ok_or_else(usage)?;
    let rows: usize = rows.parse().map_err(|_| usage())?;
    if files.is_empty() {
        return Err(usage());
    }
    let create = |file| Ok(BufWriter::with_capacity(1 << 20, File::create(file)?));
    let mut files = files.iter().map(create).collect::<Result<Vec<_>>>()?;
    let count = files.len();
    let mut random = Random(42);
    let mut line = String::new();
    let bids = (0u64..).filter(|event| event % ROUND > AUCTIONS_PER_ROUND);
    for (row, event) in bids.take(rows).enumerate() {
        line.clear();
        write_bid(&mut line, event, &mut random);
        files[row % count].write_all(line.as_bytes())?;
    }
    files.iter_mut().try_for_each(std::io::Write::flush)
}

fn write_bid(line: &mut String, event: u64, random: &mut Random) {
    let round = event / ROUND;
    let auction = FIRST_ID + auction(round, random);
    let bidder = FIRST_ID + bidder(round, random);
    let price = (10f64.powf(random.fraction() * 6.0) * 100.0).round() as u64;
    let ts = START_MS + event / EVENTS_PER_MS;
    let written = write!(
        line,
        r#"{{"auction":{auction},"bidder":{bidder},"price":{price},"channel":""#
    )
    .and_then(|()| match random.below(2) {
        0 => write!(line, "channel-{}", random.below(10_000)),
        _ => line.write_str(HOT_CHANNELS[random.below(4) as usize]),
    })
    .and_then(|()| write!(line, r#"","ts":{ts},"extra":""#));
    written.expect("writing to a string cannot fail");
    let letters = 24 + random.below(16);
    line.extend((0..letters).map(|_| char::from(b'a' + random.below(26) as u8)));
    line.push_str("\"}\n");
}

/// Half of the bids go to the first auction of the current hundred, the rest to the last hundred and a few that are to come.
fn auction(round: u64, random: &mut Random) -> u64 {
    let last = round * AUCTIONS_PER_ROUND + AUCTIONS_PER_ROUND - 1;
    if random.below(2) > 0 {
        return last / 100 * 100;
    }
    let first = last.saturating_sub(100);
    first + random.below(last - first + 11)
}

/// Three quarters come from one person of the current hundred, the rest from the last thousand and a few that are to come.
fn bidder(round: u64, random: &mut Random) -> u64 {
    if random.below(4) > 0 {
        return round / 100 * 100 + 1;
    }
    let people = round + 1;
    let active = people.min(1_000);
    people - active + random.below(active + 10)
}

/// SplitMix64: the same numbers on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `end`, that one left out.
    fn below(&mut self, end: u64) -> u64 {
        ((self.next() >> 32) * end) >> 32
    }

    /// A number from 0 to 1, that one left out.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
