//! The functions of the conformance vectors (`udf-sdk/conformance`), in Rust with the SDK.

use waterwheel_udf::{
    Argument, Date, Decimal, List, Map, Return, State, Time, Timestamp, aggregate, plugin, scalar, stream, table,
};

plugin!(
    conf_not,
    conf_add,
    conf_negate,
    conf_half,
    conf_twice,
    conf_next_day,
    conf_later,
    conf_hour,
    conf_upper,
    conf_reverse,
    conf_sum,
    conf_or_zero,
    conf_positive,
    conf_reciprocal,
    conf_spin,
    conf_trap,
    conf_hoard,
    conf_running,
    conf_previous,
    conf_nth,
    ConfTotal,
    ConfLongest,
    ConfReached,
    conf_words,
    conf_places,
    conf_many,
    conf_bulk,
    conf_echo,
    conf_sums,
    conf_scaled,
    conf_joined,
    conf_since,
    ConfMost,
    conf_wrapped,
    conf_last_two,
    ConfExtremes,
    conf_upgraded,
);

const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

#[scalar]
fn conf_not(x: bool) -> bool {
    !x
}

#[scalar]
fn conf_add(a: i32, b: i32) -> Result<i32, &'static str> {
    a.checked_add(b).ok_or("overflow")
}

#[scalar]
fn conf_negate(x: i64) -> i64 {
    -x
}

#[scalar]
fn conf_half(x: f64) -> f64 {
    x / 2.0
}

#[scalar]
fn conf_twice(x: Decimal<20, 4>) -> Option<Decimal<20, 4>> {
    x.checked_add(x)
}

#[scalar]
fn conf_next_day(day: Date) -> Date {
    Date::from_days(day.days() + 1)
}

#[scalar]
fn conf_later(at: Time, seconds: i32) -> Option<Time> {
    let later = i64::from(at.millis()) + 1_000 * i64::from(seconds);
    Time::from_millis(later.rem_euclid(DAY_MS) as i32)
}

#[scalar]
fn conf_hour(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis() - at.millis().rem_euclid(HOUR_MS))
}

#[scalar]
fn conf_upper(text: &str) -> String {
    text.to_ascii_uppercase()
}

#[scalar]
fn conf_reverse(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().rev().copied().collect()
}

#[scalar]
fn conf_sum(numbers: List<'_, Option<f64>>) -> f64 {
    numbers.iter().flatten().fold(0.0, |sum, number| sum + number)
}

#[scalar]
fn conf_or_zero(x: Option<f64>) -> f64 {
    x.unwrap_or_default()
}

#[scalar]
fn conf_positive(x: f64) -> Option<f64> {
    (x > 0.0).then_some(x)
}

#[scalar]
fn conf_reciprocal(x: f64) -> Result<f64, &'static str> {
    if x == 0.0 { Err("x is 0") } else { Ok(1.0 / x) }
}

#[scalar]
fn conf_spin(on: i32) -> i32 {
    while core::hint::black_box(on) != 0 {}
    0
}

#[scalar]
fn conf_trap(on: i32) -> i32 {
    assert!(on == 0, "as asked");
    0
}

#[scalar(volatile)]
fn conf_hoard(mib: i32) -> i32 {
    for _ in 0..mib {
        core::hint::black_box(Vec::leak(vec![1_u8; 1 << 20]));
    }
    mib
}

#[stream]
fn conf_running(sum: &mut f64, x: f64) -> Result<f64, &'static str> {
    if x < 0.0 {
        return Err("x is negative");
    }
    *sum += x;
    Ok(*sum)
}

#[stream]
fn conf_previous(previous: &mut Option<String>, text: &str) -> Option<String> {
    previous.replace(text.to_owned())
}

fn nth(n: i32) -> Result<i32, &'static str> {
    if n < 1 { Err("n must be at least 1") } else { Ok(0) }
}

#[stream(start = nth)]
fn conf_nth(seen: &mut i32, x: f64, #[constant] n: i32) -> Option<f64> {
    *seen += 1;
    if *seen < n {
        return None;
    }
    *seen = 0;
    Some(x)
}

#[derive(Default, State)]
struct ConfTotal {
    sum: f64,
    rows: i64,
}

#[aggregate]
impl ConfTotal {
    fn update(&mut self, x: f64) -> Result<(), &'static str> {
        if x < 0.0 {
            return Err("x is negative");
        }
        self.sum += x;
        self.rows += 1;
        Ok(())
    }

    fn retract(&mut self, x: f64) {
        self.sum -= x;
        self.rows -= 1;
    }

    fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.rows += other.rows;
    }

    fn finish(&self) -> Result<Option<f64>, &'static str> {
        if self.sum > 1e300 {
            return Err("the total is too large");
        }
        Ok((self.rows != 0).then_some(self.sum))
    }
}

#[derive(Default, State)]
struct ConfLongest {
    text: Option<String>,
}

#[aggregate]
impl ConfLongest {
    fn update(&mut self, text: &str) {
        if self.text.as_ref().is_none_or(|longest| text.len() > longest.len()) {
            self.text = Some(text.to_owned());
        }
    }

    fn merge(&mut self, other: &Self) {
        if let Some(text) = &other.text {
            self.update(text);
        }
    }

    fn finish(&self) -> Option<String> {
        self.text.clone()
    }
}

#[derive(Clone, Default, State)]
struct ConfReached {
    rows: i64,
}

fn reached(least: f64) -> Result<ConfReached, &'static str> {
    if least < 0.0 {
        Err("least must be at least 0")
    } else {
        Ok(ConfReached::default())
    }
}

#[aggregate(start = reached)]
impl ConfReached {
    fn update(&mut self, x: f64, #[constant] least: f64) {
        self.rows += i64::from(x >= least);
    }

    fn retract(&mut self, x: f64, #[constant] least: f64) {
        self.rows -= i64::from(x >= least);
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
    }

    fn finish(&self) -> i64 {
        self.rows
    }
}

#[table]
fn conf_words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// A word and where it begins; that of ? is unknown.
#[derive(Return)]
struct Place {
    word: String,
    at: Option<i32>,
}

#[table]
fn conf_places(text: &str) -> Result<Option<Vec<Place>>, &'static str> {
    if text == "null" {
        return Ok(None);
    }
    let mut at = 0;
    let mut places = Vec::new();
    for word in text.split(' ') {
        if word.starts_with('!') {
            return Err("no word");
        }
        if !word.is_empty() {
            let at = (!word.starts_with('?')).then_some(at);
            let word = word.to_owned();
            places.push(Place { word, at });
        }
        at += 1 + word.len() as i32;
    }
    Ok(Some(places))
}

#[table]
fn conf_many(n: Option<i32>) -> Result<Vec<Option<i64>>, &'static str> {
    match n {
        None => Ok(vec![None]),
        Some(n) if n < 0 => Err("n is negative"),
        Some(n) => Ok((0..i64::from(n)).map(Some).collect()),
    }
}

#[table]
fn conf_bulk(mib: i32) -> Vec<String> {
    (0..mib).map(|_| "x".repeat(1 << 20)).collect()
}

#[derive(Argument, Return)]
struct Everything<'a> {
    b: Option<bool>,
    i: Option<i32>,
    l: Option<i64>,
    d: Option<f64>,
    n: Option<Decimal<20, 4>>,
    s: Option<&'a str>,
    y: Option<&'a [u8]>,
    t: Option<Time>,
    a: Option<Date>,
    ts: Option<Timestamp>,
    lists: Option<List<'a, Option<List<'a, Option<&'a str>>>>>,
    counts: Option<Map<'a, &'a str, Option<i64>>>,
}

#[scalar]
fn conf_echo(x: Everything<'_>) -> Everything<'_> {
    x
}

#[derive(Return)]
struct Sum {
    name: String,
    total: i64,
}

#[scalar]
fn conf_sums(groups: Map<'_, &str, Option<List<'_, i32>>>) -> Result<Vec<Sum>, &'static str> {
    let sum = |(name, numbers): (&str, Option<List<'_, i32>>)| {
        let total = numbers.ok_or("a group is NULL")?.iter().map(i64::from).sum();
        Ok(Sum {
            name: name.to_owned(),
            total,
        })
    };
    groups.iter().map(sum).collect()
}

#[scalar]
fn conf_scaled(x: f64, #[default(10)] factor: f64, #[default] plus: Option<i64>) -> f64 {
    x * factor + plus.unwrap_or_default() as f64
}

#[scalar]
fn conf_joined(separator: &str, #[variadic] texts: List<'_, Option<&str>>) -> String {
    let texts: Vec<&str> = texts.iter().map(|text| text.unwrap_or("?")).collect();
    texts.join(separator)
}

fn since(start: f64) -> Result<f64, &'static str> {
    Ok(start)
}

#[stream(start = since)]
fn conf_since(
    sum: &mut f64,
    x: f64,
    #[constant]
    #[default(100)]
    _start: f64,
) -> f64 {
    *sum += x;
    *sum
}

#[derive(Default, State)]
struct ConfMost {
    most: Option<f64>,
}

#[aggregate]
impl ConfMost {
    fn update(&mut self, #[variadic] xs: List<'_, Option<f64>>) {
        self.most = xs.iter().flatten().chain(self.most).reduce(f64::max);
    }

    fn merge(&mut self, other: &Self) {
        self.most = self.most.into_iter().chain(other.most).reduce(f64::max);
    }

    fn finish(&self) -> Option<f64> {
        self.most
    }
}

#[stream]
fn conf_last_two(last: &mut Option<f64>, x: f64) -> Result<Vec<f64>, &'static str> {
    if x < 0.0 {
        return Err("x is negative");
    }
    Ok(last.replace(x).into_iter().chain([x]).collect())
}

#[derive(Default, State)]
struct ConfExtremes {
    low: Option<f64>,
    high: Option<f64>,
}

/// The lowest and the highest number.
#[derive(Return)]
struct Pair {
    low: f64,
    high: f64,
}

#[aggregate]
impl ConfExtremes {
    fn update(&mut self, x: f64) {
        self.low = Some(self.low.map_or(x, |low| low.min(x)));
        self.high = Some(self.high.map_or(x, |high| high.max(x)));
    }

    fn merge(&mut self, other: &Self) {
        other.low.into_iter().chain(other.high).for_each(|x| self.update(x));
    }

    fn finish(&self) -> Result<Option<Pair>, &'static str> {
        match (self.low, self.high) {
            (_, Some(high)) if high > 1e300 => Err("the highest is too large"),
            (Some(low), Some(high)) => Ok(Some(Pair { low, high })),
            _ => Ok(None),
        }
    }
}

/// The size of a circle of numbers.
struct Size(i64);

impl Size {
    fn new(size: i64) -> Result<Size, &'static str> {
        if size < 1 {
            Err("size must be at least 1")
        } else {
            Ok(Size(size))
        }
    }
}

#[scalar(start = Size::new)]
fn conf_wrapped(size: &Size, x: i64, #[constant] _size: i64) -> i64 {
    x.rem_euclid(size.0)
}

#[derive(Default, State)]
struct Upgraded {
    sum: f64,
    since: f64,
}

impl Upgraded {
    /// Format 1 was that of `conf_running`.
    fn of_sum(sum: f64) -> Upgraded {
        Upgraded { sum, since: 1000.0 }
    }
}

#[stream(state_version = 2, upgrade(1 = Upgraded::of_sum))]
fn conf_upgraded(state: &mut Upgraded, x: f64) -> f64 {
    state.sum += x;
    state.sum + state.since
}
