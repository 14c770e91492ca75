//! The crash suite: the whole program on the real Kafka, killed again and again, at random and at named places, while rows come in. In the
//! end every output must be what the input implies: nothing lost, nothing twice.
//!
//! `CRASH_KILLS` says how often it is killed (20), `CRASH_SEED` which kills they are.

mod expected;
mod input;
mod outputs;
mod program;
mod script;
mod topic;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::kafka::{Broker, BrokerOptions, create};
use expected::{Inputs, Rows};
use input::{KEYS, Writer};
use program::Life;

type Case = (&'static str, fn());

/// Cases, each with brokers of its own. That of three brokers, which die as well, is run only where `CRASH_BROKERS` is set.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = vec![("kills lose nothing and double nothing", || run(false))];
    if std::env::var_os("CRASH_BROKERS").is_some() {
        cases.push(("kills and dying brokers lose nothing and double nothing", || run(true)));
    }
    cases
}

/// Kills without `CRASH_KILLS`.
const KILLS: u64 = 20;
/// The shortest and longest life in milliseconds.
const LIFE_MS: (u64, u64) = (500, 8_000);
/// How long a life may last that is to end at a named place, which it may never pass.
const NAMED_LIFE: Duration = Duration::from_secs(10);
/// How long rows still come after the last kill.
const LAST_ROWS: Duration = Duration::from_secs(3);
/// How long the last life may take for what is left.
const LAST_WAIT: Duration = Duration::from_mins(2);
/// How long users may take until they are known.
const USERS_WAIT: Duration = Duration::from_mins(2);
/// The named places, see `exec/crash_point.rs`.
const PLACES: [&str; 6] = [
    "commit-begun",
    "results-stored",
    "state-pending",
    "log-committed",
    "commit-over",
    "state-loaded",
];

#[allow(
    clippy::disallowed_methods,
    reason = "how long the suite runs is said by whoever starts it"
)]
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a whole number, not {text}")),
    )
}

fn run(brokers_die: bool) {
    let kills = setting("CRASH_KILLS").unwrap_or(KILLS);
    let seed = setting("CRASH_SEED").unwrap_or_else(rand::random);
    println!("crash suite: CRASH_KILLS={kills} CRASH_SEED={seed}");
    let broker = Broker::start(BrokerOptions {
        cluster: brokers_die,
        ..BrokerOptions::default()
    });
    let log = broker.log(&[]);
    for topic in script::INPUTS {
        create(&log, topic, script::PARTITIONS);
    }
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    input::write_users(broker.addresses());
    let mut life = Life::start(broker.addresses(), directory.path(), None);
    await_users(broker.addresses());
    let writer = Writer::start(broker.addresses(), seed);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut end = End::random(&mut rng, brokers_die);
    end.place = None; // the first life had no such place
    for kill in 0..kills {
        end.come(&broker, life, kill);
        end = End::random(&mut rng, brokers_die);
        let place = end.place.as_deref().filter(|_| kill + 1 < kills);
        life = Life::start(broker.addresses(), directory.path(), place);
    }
    std::thread::sleep(LAST_ROWS);
    writer.stop();
    if let Err(difference) = last_life(broker.addresses(), directory.path(), life) {
        let kept = directory.keep();
        panic!(
            "CRASH_SEED={seed} CRASH_KILLS={kills}: {difference}\nlog and state: {}",
            kept.display()
        );
    }
}

/// Writes rows to be joined until all are.
fn await_users(brokers: &str) {
    let start = Instant::now();
    for round in 0.. {
        input::write_probes(brokers, round);
        std::thread::sleep(Duration::from_secs(2));
        if outputs::probes_answered(brokers, round) == KEYS {
            return;
        }
        assert!(start.elapsed() < USERS_WAIT, "users are not known");
    }
}

/// How a life ends.
#[derive(Debug)]
struct End {
    /// At a named place, if it comes there: name and how often it must be passed.
    place: Option<String>,
    /// By `kill -9`, after so long.
    lasts: Duration,
    /// The broker that dies in the middle of it.
    node: Option<u32>,
}

impl End {
    fn random(rng: &mut ChaCha8Rng, brokers_die: bool) -> Self {
        let place = rng.random_bool(0.5).then(|| {
            let name = PLACES[rng.random_range(0..PLACES.len())];
            // Many queries pass the places of a commit often, and that of a start once each.
            let most: u32 = if name == "state-loaded" { 10 } else { 200 };
            format!("{name}:{}", rng.random_range(1..=most))
        });
        Self {
            lasts: match place {
                Some(_) => NAMED_LIFE,
                None => Duration::from_millis(rng.random_range(LIFE_MS.0..LIFE_MS.1)),
            },
            place,
            node: (brokers_die && rng.random_bool(0.3)).then(|| rng.random_range(1..=3)),
        }
    }

    /// Ends the life; a broker that died comes back.
    fn come(&self, broker: &Broker, mut life: Life, kill: u64) {
        if let Some(node) = self.node {
            life.dies_within(self.lasts / 2);
            broker.kill(Some(node));
        }
        let died = life.dies_within(self.lasts);
        println!("life {kill}: {self:?}, died by itself: {died}");
        assert!(!died || self.place.is_some(), "the program ended by itself");
        life.kill();
        if let Some(node) = self.node {
            broker.restart(Some(node));
        }
    }
}

/// Lets it come to the end of the input, then compares.
fn last_life(brokers: &str, directory: &Path, life: Life) -> Result<(), String> {
    let inputs = Inputs {
        orders: topic::read(brokers, "orders"),
        bids: topic::read(brokers, "bids"),
        scores: topic::read(brokers, "scores"),
    };
    let expected = expected::all(&inputs);
    for (topic, rows) in &expected {
        assert!(
            !rows.is_empty(),
            "nothing is expected in {topic}: such a test proves nothing"
        );
    }
    println!(
        "{} orders, {} rows to be joined",
        inputs.orders.len(),
        expected["joined"].len()
    );
    let start = Instant::now();
    while outputs::all(brokers, directory) != expected && start.elapsed() < LAST_WAIT {
        std::thread::sleep(Duration::from_secs(2));
    }
    println!("the rest took {:?}", start.elapsed());
    // What would come twice may still come.
    std::thread::sleep(Duration::from_secs(1));
    life.stop();
    match difference(&expected, &outputs::all(brokers, directory)) {
        text if text.is_empty() => Ok(()),
        text => Err(text),
    }
}

/// What is missing and what is too much, topic by topic; empty when nothing is.
fn difference(expected: &BTreeMap<&str, Rows>, found: &BTreeMap<&str, Rows>) -> String {
    let mut text = String::new();
    for (topic, rows) in expected {
        let (lost, doubled) = (less(rows, &found[topic]), less(&found[topic], rows));
        if !lost.is_empty() || !doubled.is_empty() {
            let some = |rows: &[String]| rows.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
            text += &format!(
                "\n{topic}: of {} rows {} are lost ({}) and {} are too many ({})",
                rows.len(),
                lost.len(),
                some(&lost),
                doubled.len(),
                some(&doubled)
            );
        }
    }
    text
}

/// What `all` has more often than `taken`; both sorted.
fn less(all: &[String], taken: &[String]) -> Rows {
    let mut taken = taken.iter().peekable();
    let mut left = Rows::new();
    for row in all {
        while taken.next_if(|other| *other < row).is_some() {}
        if taken.next_if(|other| *other == row).is_none() {
            left.push(row.clone());
        }
    }
    left
}
