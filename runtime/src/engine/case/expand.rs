//! ksqlDB's test files: `{"tests": [...]}` with comments, each test once for each of its formats and configurations.

use serde_json::{Map, Value};

use super::json::case;
use super::{BadCase, Case};

/// Reads a test file; `stem` is its name without the ending, which begins each case's id.
///
/// # Errors
/// When it is not JSON, or a test in it is not one.
pub fn load_json(text: &str, stem: &str) -> Result<Vec<Case>, BadCase> {
    let file: Value = serde_json::from_str(&without_comments(text)).map_err(|error| BadCase(error.to_string()))?;
    let Some(tests) = file.get("tests").and_then(Value::as_array) else {
        return Err(BadCase("a test file is an object with a list `tests`".into()));
    };
    let mut cases = Vec::new();
    for (number, test) in tests.iter().enumerate() {
        let Some(test) = test.as_object() else {
            return Err(BadCase(format!("test number {} is no object", number + 1)));
        };
        let Some(name) = test.get("name").and_then(Value::as_str) else {
            return Err(BadCase(format!("test number {} has no name", number + 1)));
        };
        for (suffix, test) in expanded(test) {
            let id = format!("{stem} - {name}{suffix}");
            cases.push(case(&test, id).map_err(|BadCase(reason)| BadCase(format!("test `{name}`: {reason}")))?);
        }
    }
    let mut ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(BadCase(format!("two tests are called `{}`", pair[0]))),
        None => Ok(cases),
    }
}

/// The test for each format, and of these for each configuration, with what is added to its name.
fn expanded(test: &Map<String, Value>) -> Vec<(String, Map<String, Value>)> {
    let list = |name: &str| test.get(name).and_then(Value::as_array).filter(|list| !list.is_empty());
    let mut all = vec![(String::new(), test.clone())];
    if let Some(formats) = list("format") {
        all = formats
            .iter()
            .map(|format| with_format(test, &text_of(format)))
            .collect();
    }
    if let Some(configs) = list("config") {
        let pairs = all
            .iter()
            .flat_map(|one| configs.iter().map(move |config| (one, config)));
        all = pairs
            .map(|((suffix, test), config)| with_config(suffix, test, config))
            .collect();
    }
    all
}

fn with_format(test: &Map<String, Value>, format: &str) -> (String, Map<String, Value>) {
    let mut test = test.clone();
    if let Some(statements) = test.get_mut("statements").and_then(Value::as_array_mut) {
        for statement in statements {
            if let Value::String(text) = statement {
                *text = text.replace("{FORMAT}", format);
            }
        }
    }
    (format!(" - {format}"), test)
}

fn with_config(suffix: &str, test: &Map<String, Value>, config: &Value) -> (String, Map<String, Value>) {
    let mut test = test.clone();
    let mut name = String::new();
    if let Some(properties) = test.get_mut("properties").and_then(Value::as_object_mut) {
        for (property, value) in properties {
            if value == "{CONFIG}" {
                *value = config.clone();
                name.clone_from(property);
            }
        }
    }
    (format!("{suffix} - {name}={}", text_of(config)), test)
}

/// A JSON value as ksqlDB prints it: texts without quotes.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The text with `//` and `/* */` comments made spaces; places in errors stay true.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match rest.as_bytes() {
            [b'"', ..] => string_length(rest),
            [b'/', b'/', ..] => rest.find('\n').unwrap_or(rest.len()),
            [b'/', b'*', ..] => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            _ => 1,
        };
        let (token, after) = rest.split_at(length);
        if token.starts_with("//") || token.starts_with("/*") {
            out.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            out.push_str(token);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Bytes of the JSON string at the beginning of `text`, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::case::Body;

    #[test]
    fn comments_are_left_out_but_not_in_texts() {
        let text = "{\"a\": \"http://x\\\"//\", // one\n \"b\": 1 /* two\n */}";
        let value: Value = serde_json::from_str(&without_comments(text)).expect("JSON");
        assert_eq!(value["a"], "http://x\"//");
        assert_eq!(value["b"], 1);
        assert_eq!(without_comments(text).lines().count(), text.lines().count());
    }

    #[test]
    fn a_test_is_there_for_each_format_and_configuration() {
        let text = r#"{"tests": [{"name": "n", "format": ["JSON", "DELIMITED"], "config": [true, false],
            "properties": {"p": "{CONFIG}"}, "statements": ["CREATE STREAM s (a INT) WITH (value_format='{FORMAT}');"],
            "inputs": [], "outputs": []}]}"#;
        let cases = load_json(text, "file").expect("a test file");
        let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "file - n - JSON - p=true",
                "file - n - JSON - p=false",
                "file - n - DELIMITED - p=true",
                "file - n - DELIMITED - p=false"
            ]
        );
        let Body::Records {
            statements, properties, ..
        } = &cases[3].body
        else {
            panic!("records are expected");
        };
        assert!(statements.contains("'DELIMITED'"), "{statements}");
        assert_eq!(properties["p"], "false");
    }

    #[test]
    fn two_tests_of_one_name_are_refused() {
        let one = r#"{"name": "n", "statements": []}"#;
        let error = load_json(&format!("{{\"tests\": [{one}, {one}]}}"), "file").expect_err("two of a name");
        assert_eq!(error.0, "two tests are called `file - n`");
    }
}
