//! Functions over trades: diff, moving_avg and running_vwap keep state per key, vwap per group, risk_score sees one row, fills gives several for one.

use waterwheel_udf::{Return, State, aggregate, plugin, scalar, stream, table};

plugin!(diff, moving_avg, running_vwap, risk_score, Vwap, fills);

/// the price less the price before; NULL in a key's first row
#[stream]
fn diff(previous: &mut Option<f64>, price: f64) -> Option<f64> {
    previous.replace(price).map(|previous| price - previous)
}

fn last(rows: i32) -> Result<Vec<f64>, &'static str> {
    if (1..=10_000).contains(&rows) {
        Ok(Vec::new())
    } else {
        Err("rows must be 1 to 10000")
    }
}

/// the mean of a key's last prices
#[stream(start = last)]
fn moving_avg(last: &mut Vec<f64>, price: f64, #[constant] rows: i32) -> f64 {
    if last.len() == rows as usize {
        last.remove(0);
    }
    last.push(price);
    last.iter().sum::<f64>() / last.len() as f64
}

#[derive(Default, State)]
struct Traded {
    money: f64,
    volume: f64,
}

/// the mean price of a key so far, weighted by volume
#[stream]
fn running_vwap(traded: &mut Traded, price: f64, volume: i64) -> Result<f64, &'static str> {
    if volume <= 0 {
        // Before the state is changed: a row that fails leaves it as it was.
        return Err("volume must be more than 0");
    }
    traded.money += price * volume as f64;
    traded.volume += volume as f64;
    Ok(traded.money / traded.volume)
}

/// how unusual a trade is, 0 to 1
#[scalar]
fn risk_score(price: f64, average: f64, volume: i64) -> Result<f64, &'static str> {
    // Not `average <= 0.0`: a NaN is refused, too.
    if !average.is_finite() || average <= 0.0 {
        return Err("average must be more than 0");
    }
    let strain = (price / average - 1.0).abs() * (1.0 + volume as f64 / 10_000.0);
    Ok(strain / (strain + 0.05))
}

#[derive(Default, State)]
struct Vwap {
    money: f64,
    volume: f64,
}

/// the mean price of a group, weighted by volume
#[aggregate]
impl Vwap {
    fn update(&mut self, price: f64, volume: i64) -> Result<(), &'static str> {
        if volume <= 0 {
            return Err("volume must be more than 0");
        }
        self.money += price * volume as f64;
        self.volume += volume as f64;
        Ok(())
    }

    fn retract(&mut self, price: f64, volume: i64) {
        self.money -= price * volume as f64;
        self.volume -= volume as f64;
    }

    fn merge(&mut self, other: &Self) {
        self.money += other.money;
        self.volume += other.volume;
    }

    fn finish(&self) -> Option<f64> {
        (self.volume > 0.0).then(|| self.money / self.volume)
    }
}

/// A part of an order that was carried out.
#[derive(Debug, PartialEq, Return)]
struct Fill {
    price: f64,
    volume: i64,
}

/// the fills of an order, written as `price x volume; price x volume; ...`
#[table]
fn fills(report: &str) -> Result<Vec<Fill>, String> {
    let fill = |text: &str| {
        let (price, volume) = text.split_once('x')?;
        let (price, volume) = (price.trim().parse().ok()?, volume.trim().parse().ok()?);
        Some(Fill { price, volume })
    };
    let texts = report.split(';').map(str::trim).filter(|text| !text.is_empty());
    texts
        .map(|text| fill(text).ok_or_else(|| format!("`{text}` is no price x volume")))
        .collect()
}

#[test]
fn fills_are_taken_apart() {
    let (price, volume) = (10.5, 100);
    assert_eq!(fills("10.5 x 100;"), Ok(vec![Fill { price, volume }]));
    assert!(fills("10.5").is_err() && fills("").unwrap().is_empty());
}
