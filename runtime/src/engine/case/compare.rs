//! Whether what came out is what was expected, as ksqlDB's test runner judges: fields by name, numbers with their scale, records
//! by number and order.

use std::fmt::Write as _;

use serde_json::Value;

use super::decimal::Token;
use super::{Record, Window};
use crate::types::Headers;

/// How far numbers may be apart that are not compared exactly (ksqlDB's runner).
const DOUBLE_TOLERANCE: f64 = 1e-6;

/// What of a topic is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matching {
    /// Every record, in order, with timestamp (where expected) and headers.
    #[default]
    Changelog,
    /// The last value of each key and window; a deleted key is one that is not there.
    Final,
}

/// When numbers are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    /// With point or exponent: same value and scale. Whole ones: same value.
    Exact,
    /// The same value, whatever the scale, or nearly.
    Near,
}

/// A record as it came out.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) key: Value,
    pub(super) value: Value,
    pub(super) timestamp: i64,
    pub(super) window: Option<Window>,
    pub(super) headers: Headers,
}

/// How the numbers of a topic are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) keys: Numbers,
    pub(super) values: Numbers,
}

/// How the records of a topic differ from the expected ones; `None` where they do not.
pub(super) fn difference(seen: &[Seen], expected: &[&Record], rules: Rules, matching: Matching) -> Option<String> {
    match matching {
        Matching::Changelog => changelog_difference(seen, expected, rules),
        Matching::Final => final_difference(seen, expected, rules),
    }
}

fn changelog_difference(seen: &[Seen], expected: &[&Record], rules: Rules) -> Option<String> {
    for (number, (seen, expected)) in seen.iter().zip(expected).enumerate() {
        if let Some(what) = record_difference(seen, expected, rules) {
            return Some(format!(
                "record {}: {what}\n  expected {}\n  found    {}",
                number + 1,
                show_expected(expected),
                show(seen)
            ));
        }
    }
    let both = seen.len().min(expected.len());
    let counts = format!("{} records are expected, {} were found", expected.len(), seen.len());
    if let Some(missing) = expected.get(both) {
        return Some(format!("{counts}\n  missing  {}", show_expected(missing)));
    }
    seen.get(both)
        .map(|more| format!("{counts}\n  too many {}", show(more)))
}

fn final_difference(seen: &[Seen], expected: &[&Record], rules: Rules) -> Option<String> {
    let mut last_expected: Vec<&Record> = Vec::new();
    for record in expected {
        let same = |other: &&Record| other.key == record.key && other.window == record.window;
        last_expected.retain(|other| !same(other));
        last_expected.push(record);
    }
    let mut last_seen: Vec<&Seen> = Vec::new();
    for record in seen {
        last_seen.retain(|other| (&other.key, other.window) != (&record.key, record.window));
        last_seen.push(record);
    }
    for expected in &last_expected {
        let found = last_seen.iter().find(|seen| {
            seen.window == expected.window && at_difference("", &seen.key, &expected.key, rules.keys).is_none()
        });
        let value = found.map_or(&Value::Null, |seen| &seen.value);
        if let Some(what) = at_difference("value", value, &expected.value, rules.values) {
            let found = found.map_or_else(|| "nothing".to_owned(), |seen| show(seen));
            return Some(format!(
                "{what}\n  expected {}\n  found    {found}",
                show_expected(expected)
            ));
        }
    }
    let unexpected = last_seen.iter().find(|seen| {
        let is_key = |expected: &&Record| {
            seen.window == expected.window && at_difference("", &seen.key, &expected.key, rules.keys).is_none()
        };
        !seen.value.is_null() && !last_expected.iter().any(is_key)
    });
    unexpected.map(|seen| format!("a key that is not expected\n  found    {}", show(seen)))
}

fn record_difference(seen: &Seen, expected: &Record, rules: Rules) -> Option<String> {
    if let Some(what) = at_difference("key", &seen.key, &expected.key, rules.keys) {
        return Some(what);
    }
    if seen.window != expected.window {
        let text =
            |window: Option<Window>| window.map_or_else(|| "no window".to_owned(), |window| show_window(&window));
        return Some(format!(
            "expected {}, found {}",
            text(expected.window),
            text(seen.window)
        ));
    }
    if let Some(what) = at_difference("value", &seen.value, &expected.value, rules.values) {
        return Some(what);
    }
    if let Some(timestamp) = expected.timestamp.filter(|timestamp| *timestamp != seen.timestamp) {
        return Some(format!("timestamp: expected {timestamp}, found {}", seen.timestamp));
    }
    (seen.headers != expected.headers).then(|| {
        format!(
            "headers: expected {}, found {}",
            show_headers(&expected.headers),
            show_headers(&seen.headers)
        )
    })
}

/// The first place below `path` where two JSON values differ, and how.
fn at_difference(path: &str, seen: &Value, expected: &Value, numbers: Numbers) -> Option<String> {
    let differs = || Some(format!("{path}: expected {expected}, found {seen}"));
    match (seen, expected) {
        (Value::Object(fields), Value::Object(wanted)) => {
            if fields.len() != wanted.len() {
                return Some(format!(
                    "{path}: expected the fields {}, found {}",
                    names(wanted.keys()),
                    names(fields.keys())
                ));
            }
            wanted.iter().find_map(|(name, wanted)| {
                let field = fields.get(name).filter(|value| !value.is_null());
                let field = field
                    .or_else(|| fields.get(&name.to_uppercase()))
                    .unwrap_or(&Value::Null);
                at_difference(&format!("{path}.{name}"), field, wanted, numbers)
            })
        }
        (Value::Array(items), Value::Array(wanted)) => {
            if items.len() != wanted.len() {
                return differs();
            }
            let pairs = items.iter().zip(wanted).enumerate();
            pairs
                .into_iter()
                .find_map(|(at, (item, wanted))| at_difference(&format!("{path}[{at}]"), item, wanted, numbers))
        }
        (Value::Number(number), Value::Number(wanted)) => {
            if same_number(&number.to_string(), &wanted.to_string(), numbers) {
                None
            } else {
                differs()
            }
        }
        // ksqlDB's runner takes a text for a number with a scale, since not every number survives JSON.
        (Value::Number(number), Value::String(wanted)) => {
            let same = match (Token::parse(&number.to_string()), Token::parse(wanted)) {
                (Some(number), Some(wanted)) => !number.is_integer && number.same_scale(&wanted),
                _ => false,
            };
            if same { None } else { differs() }
        }
        (seen, expected) if seen == expected => None,
        _ => differs(),
    }
}

fn same_number(seen: &str, expected: &str, numbers: Numbers) -> bool {
    let (Some(seen_token), Some(expected_token)) = (Token::parse(seen), Token::parse(expected)) else {
        return seen == expected;
    };
    match numbers {
        Numbers::Exact if seen_token.is_integer => seen_token.same_value(&expected_token),
        // A whole number stands for one without digits behind the point, as 1.0E12 is for Java: its scale is -11.
        Numbers::Exact if expected_token.is_integer => {
            !seen_token.has_fraction_digits() && seen_token.same_value(&expected_token)
        }
        Numbers::Exact => seen_token.same_scale(&expected_token),
        Numbers::Near if seen_token.same_value(&expected_token) => true,
        Numbers::Near => match (seen.parse::<f64>(), expected.parse::<f64>()) {
            (Ok(seen), Ok(expected)) => (seen - expected).abs() <= DOUBLE_TOLERANCE,
            _ => false,
        },
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

fn show(seen: &Seen) -> String {
    show_parts(&seen.key, &seen.value, seen.window, Some(seen.timestamp), &seen.headers)
}

fn show_expected(record: &Record) -> String {
    show_parts(
        &record.key,
        &record.value,
        record.window,
        record.timestamp,
        &record.headers,
    )
}

fn show_parts(key: &Value, value: &Value, window: Option<Window>, timestamp: Option<i64>, headers: &Headers) -> String {
    let mut text = format!("key {key}");
    if let Some(window) = window {
        let _ = write!(text, " {}", show_window(&window));
    }
    let _ = write!(text, " value {value}");
    if let Some(timestamp) = timestamp {
        let _ = write!(text, " timestamp {timestamp}");
    }
    if !headers.is_empty() {
        let _ = write!(text, " headers {}", show_headers(headers));
    }
    text
}

fn show_window(window: &Window) -> String {
    format!("window {}..{}", window.start, window.end)
}

fn show_headers(headers: &Headers) -> String {
    let headers = headers.iter().map(|(key, value)| match value {
        Some(value) => format!("{key}={}", String::from_utf8_lossy(value)),
        None => format!("{key}=null"),
    });
    format!("[{}]", headers.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Rules = Rules {
        keys: Numbers::Exact,
        values: Numbers::Exact,
    };

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    fn differs(seen: &str, expected: &str) -> Option<String> {
        at_difference("value", &json(seen), &json(expected), Numbers::Exact)
    }

    fn seen(key: &str, value: &str) -> Seen {
        Seen {
            key: json(key),
            value: json(value),
            timestamp: 0,
            window: None,
            headers: Headers::new(),
        }
    }

    fn expected(key: &str, value: &str) -> Record {
        Record {
            topic: "T".into(),
            key: json(key),
            value: json(value),
            timestamp: None,
            window: None,
            headers: Headers::new(),
        }
    }

    #[test]
    fn scale_matters_for_numbers_with_a_point() {
        assert_eq!(
            differs("1.10", "1.1").as_deref(),
            Some("value: expected 1.1, found 1.10")
        );
        assert!(differs("5.0", "5").is_some());
        assert!(differs("1.0E12", "1000000000000").is_none());
        assert!(differs("5", "5.0").is_none());
        assert!(differs("1E+2", "1e2").is_none());
        assert!(differs("5.00", "\"5.00\"").is_none());
        assert!(differs("5", "\"5\"").is_some());
    }

    #[test]
    fn fields_are_found_by_name_or_upper_cased_name() {
        assert!(differs(r#"{"A": 1, "b": 2}"#, r#"{"b": 2, "a": 1}"#).is_none());
        assert_eq!(
            differs(r#"{"A": {"B": [1, 2]}}"#, r#"{"A": {"B": [1, 3]}}"#).as_deref(),
            Some("value.A.B[1]: expected 3, found 2")
        );
        assert_eq!(
            differs(r#"{"A": 1}"#, "{}").as_deref(),
            Some("value: expected the fields none, found A")
        );
        assert!(differs("null", "{}").is_some());
    }

    #[test]
    fn a_changelog_is_compared_record_by_record() {
        let wanted = [expected("1", "1"), expected("1", "null")];
        let wanted: Vec<&Record> = wanted.iter().collect();
        let all = [seen("1", "1"), seen("1", "null"), seen("2", "2")];
        assert_eq!(difference(&all[..2], &wanted, EXACT, Matching::Changelog), None);
        let less = difference(&all[..1], &wanted, EXACT, Matching::Changelog).expect("one is missing");
        assert!(less.starts_with("2 records are expected, 1 were found"), "{less}");
        let more = difference(&all, &wanted, EXACT, Matching::Changelog).expect("one is too many");
        assert!(more.contains("too many key 2 value 2"), "{more}");
    }

    #[test]
    fn timestamps_and_headers_count_where_they_are_expected() {
        let mut wanted = expected("1", "1");
        wanted.timestamp = Some(5);
        let found = difference(&[seen("1", "1")], &[&wanted], EXACT, Matching::Changelog).expect("another time");
        assert!(found.contains("timestamp: expected 5, found 0"), "{found}");
        let mut with_header = seen("1", "1");
        with_header.headers = vec![("a".into(), None)];
        let found = difference(&[with_header], &[&expected("1", "1")], EXACT, Matching::Changelog).expect("a header");
        assert!(found.contains("headers: expected [], found [a=null]"), "{found}");
    }

    #[test]
    fn the_last_values_are_compared_by_key() {
        let wanted = [
            expected("1", "1"),
            expected("2", "9"),
            expected("2", "2"),
            expected("3", "null"),
        ];
        let wanted: Vec<&Record> = wanted.iter().collect();
        let all = [seen("2", "2"), seen("1", "7"), seen("1", "1"), seen("4", "null")];
        assert_eq!(difference(&all, &wanted, EXACT, Matching::Final), None);
        let found = difference(&all[..2], &wanted, EXACT, Matching::Final).expect("7 is not 1");
        assert!(found.starts_with("value: expected 1, found 7"), "{found}");
        let more = [seen("2", "2"), seen("1", "1"), seen("5", "5")];
        let found = difference(&more, &wanted, EXACT, Matching::Final).expect("5 is too many");
        assert!(found.starts_with("a key that is not expected"), "{found}");
    }

    #[test]
    fn near_numbers() {
        assert!(same_number("5.0", "5", Numbers::Near));
        assert!(same_number("9007199254740993.0", "9007199254740993", Numbers::Near));
        assert!(!same_number("0.1", "0.2", Numbers::Near));
        assert!(!same_number("0.1", "0.10", Numbers::Exact));
    }
}
