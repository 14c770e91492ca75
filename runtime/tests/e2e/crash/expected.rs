//! What the output topics must hold, worked out from the input topics with plain code that knows nothing of the engine.

use std::collections::BTreeMap;

use super::input;
use super::script::{GRACE_MS, HOPPING_MS, SESSION_MS, TUMBLING_MS, WITHIN_MS};
use super::topic::Record;

/// Rows of a topic as texts: as many as there are of each for a stream, one of each key for a table.
pub(super) type Rows = Vec<String>;

/// The inputs as they were written.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) orders: Vec<Record>,
    pub(super) bids: Vec<Record>,
    pub(super) scores: Vec<Record>,
}

/// An order in the order of its partition.
struct Order {
    key: String,
    n: i64,
    price: f64,
    at: i64,
    /// The largest event time of the rows before it in its partition.
    stream_time: i64,
}

/// How a number is written, here and for what was read.
pub(super) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| format!("{value:.3}"))
}

fn orders(inputs: &Inputs) -> Vec<Order> {
    let mut times: BTreeMap<i32, i64> = BTreeMap::new();
    let order = |record: &Record| {
        let time = times.entry(record.partition).or_insert(i64::MIN);
        let stream_time = *time;
        *time = stream_time.max(record.timestamp);
        Order {
            key: record.key_text(0),
            n: record.int("n"),
            price: record.float("price").expect("all have one"),
            at: record.timestamp,
            stream_time,
        }
    };
    inputs.orders.iter().map(order).collect()
}

/// What every output must hold, by its name; sorted.
pub(super) fn all(inputs: &Inputs) -> BTreeMap<&'static str, Rows> {
    let orders = orders(inputs);
    let mut all = BTreeMap::from([
        ("copied", copied(&orders)),
        ("filed", copied(&orders)),
        ("changed", changed(&orders)),
        ("ranked", ranked(&orders)),
        ("joined", joined(&orders, &inputs.bids)),
        ("enriched", enriched(&orders)),
        ("tumbled", windowed(&orders, TUMBLING_MS, TUMBLING_MS, GRACE_MS)),
        ("hopped", windowed(&orders, HOPPING_MS.0, HOPPING_MS.1, 86_400_000)),
        ("priced", priced(&orders)),
        ("visits", visits(&orders)),
        ("digits", digits(&orders)),
        ("cities", cities(&inputs.scores)),
    ]);
    for rows in all.values_mut() {
        rows.sort();
    }
    all
}

fn copied(orders: &[Order]) -> Rows {
    let kept = orders.iter().filter(|order| order.n % 10 != 3);
    kept.map(|order| format!("{} {} {}", order.key, order.n, number(Some(order.price))))
        .collect()
}

/// The price less the one before; the mean of the last four.
fn changed(orders: &[Order]) -> Rows {
    let mut seen: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut rows = Rows::new();
    for order in orders {
        let prices = seen.entry(&order.key).or_default();
        let change = prices.last().map(|last| order.price - last);
        prices.push(order.price);
        let last: Vec<f64> = prices.iter().rev().take(4).copied().collect();
        let mean = last.iter().sum::<f64>() / last.len() as f64;
        rows.push(format!(
            "{} {} {} {}",
            order.key,
            order.n,
            number(change),
            number(Some(mean))
        ));
    }
    rows
}

fn ranked(orders: &[Order]) -> Rows {
    let mut seen: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut rows = Rows::new();
    for order in orders {
        let prices = seen.entry(&order.key).or_default();
        prices.push(order.price);
        let sum: f64 = prices.iter().rev().take(5).sum();
        rows.push(format!(
            "{} {} {} {}",
            order.key,
            order.n,
            prices.len(),
            number(Some(sum))
        ));
    }
    rows
}

fn joined(orders: &[Order], bids: &[Record]) -> Rows {
    let mut of_key: BTreeMap<String, BTreeMap<i64, Vec<i64>>> = BTreeMap::new();
    for bid in bids {
        let times = of_key.entry(bid.key_text(0)).or_default();
        times.entry(bid.timestamp).or_default().push(bid.int("n"));
    }
    let mut rows = Rows::new();
    for order in orders {
        let Some(times) = of_key.get(&order.key) else { continue };
        for bid in times
            .range(order.at - WITHIN_MS..=order.at + WITHIN_MS)
            .flat_map(|(_, bids)| bids)
        {
            rows.push(format!("{} {} {bid}", order.key, order.n));
        }
    }
    rows
}

/// All users were known before the first order that counts.
fn enriched(orders: &[Order]) -> Rows {
    let town = |key: &str| input::town(key[1..].parse().expect("keys are k and a number"));
    let counted = orders.iter().filter(|order| order.n >= 0);
    counted
        .map(|order| format!("{} {} {}", order.key, order.n, town(&order.key)))
        .collect()
}

/// The mean of prices where each weighs one more than itself.
#[derive(Default)]
struct Mean {
    money: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, price: f64) {
        self.money += price * (price + 1.0);
        self.weight += price + 1.0;
    }

    fn text(&self) -> String {
        number(Some(self.money / self.weight))
    }
}

/// Of each window and key: how many, their prices together, and their mean. A row is late for a window whose end and grace are not after the time that
/// its partition had reached before it.
fn windowed(orders: &[Order], size: i64, advance: i64, grace: i64) -> Rows {
    let mut windows: BTreeMap<(&str, i64), (u64, f64, Mean)> = BTreeMap::new();
    for order in orders {
        let mut start = order.at.div_euclid(advance) * advance;
        while start > order.at - size {
            if start + size + grace > order.stream_time {
                let window = windows.entry((&order.key, start)).or_default();
                window.0 += 1;
                window.1 += order.price;
                window.2.add(order.price);
            }
            start -= advance;
        }
    }
    let row = |((key, start), (count, sum, mean)): (&(&str, i64), &(u64, f64, Mean))| {
        format!("{key} {start} {count} {} {}", number(Some(*sum)), mean.text())
    };
    windows.iter().map(row).collect()
}

/// Of each hopping window and key: how many, and the mean of their prices weighted by 1 + |n|, by a plugin's aggregate.
fn priced(orders: &[Order]) -> Rows {
    let (size, advance) = HOPPING_MS;
    let mut windows: BTreeMap<(&str, i64), (u64, f64, f64)> = BTreeMap::new();
    for order in orders {
        let weight = 1.0 + order.n.abs() as f64;
        let mut start = order.at.div_euclid(advance) * advance;
        while start > order.at - size {
            let window = windows.entry((&order.key, start)).or_default();
            window.0 += 1;
            window.1 += order.price * weight;
            window.2 += weight;
            start -= advance;
        }
    }
    let row = |((key, start), (count, money, volume)): (&(&str, i64), &(u64, f64, f64))| {
        format!("{key} {start} {count} {}", number(Some(money / volume)))
    };
    windows.iter().map(row).collect()
}

/// Sessions: rows of a key that are no more than the gap apart.
fn visits(orders: &[Order]) -> Rows {
    let mut of_key: BTreeMap<&str, Vec<&Order>> = BTreeMap::new();
    for order in orders {
        of_key.entry(&order.key).or_default().push(order);
    }
    let mut rows = Rows::new();
    for (key, mut orders) in of_key {
        orders.sort_by_key(|order| order.at);
        for session in orders.chunk_by(|before, after| after.at - before.at <= SESSION_MS) {
            let (first, last) = (session[0].at, session[session.len() - 1].at);
            let mut mean = Mean::default();
            for order in session {
                mean.add(order.price);
            }
            rows.push(format!("{key} {first} {last} {} {}", session.len(), mean.text()));
        }
    }
    rows
}

fn digits(orders: &[Order]) -> Rows {
    let mut groups: BTreeMap<i64, (u64, f64)> = BTreeMap::new();
    for order in orders {
        let group = groups.entry(order.n % 7).or_default();
        group.0 += 1;
        group.1 += order.price;
    }
    let row = |(digit, (count, sum)): (&i64, &(u64, f64))| format!("{digit} {count} {}", number(Some(*sum)));
    groups.iter().map(row).collect()
}

/// The table of the last score of each key, counted by city. A city that nobody has any more stays with a count of none, as in ksqlDB.
fn cities(scores: &[Record]) -> Rows {
    let mut table: BTreeMap<String, (String, i64)> = BTreeMap::new();
    let ever: Vec<String> = scores.iter().filter_map(|record| record.text("city")).collect();
    for record in scores {
        let key = record.key_text(0);
        match record.text("city") {
            Some(city) => table.insert(key, (city, record.int("score"))),
            None => table.remove(&key),
        };
    }
    let mut groups: BTreeMap<&str, (u64, i64)> = ever.iter().map(|city| (city.as_str(), (0, 0))).collect();
    for (city, score) in table.values() {
        let group = groups.entry(city).or_default();
        group.0 += 1;
        group.1 += score;
    }
    groups
        .iter()
        .map(|(city, (count, sum))| {
            let mean = (*count > 0).then(|| *sum as f64 / *count as f64);
            format!("{city} {count} {sum} {}", number(mean))
        })
        .collect()
}
