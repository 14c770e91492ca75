//! A case as JSON: the fields of ksqlDB's test files.

use serde_json::{Map, Value};

use super::expand::text_of;
use super::model::WindowKind;
use super::{BadCase, Body, Case, ExpectedError, ExpectedSource, Record, TopicWish, Window};
use crate::types::Headers;
use crate::types::storage::SourceKind;

/// Formats whose schemas are kept in a schema registry.
const REGISTRY_FORMATS: [&str; 4] = ["AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR"];
/// Words of a statement, besides the formats, that ask a schema registry.
const REGISTRY_WORDS: [&str; 2] = ["KEY_SCHEMA_ID", "VALUE_SCHEMA_ID"];
/// Property of ksqlDB's test runner, not of its engine.
const EXACT_NUMBERS: &str = "use.exact.numeric.comparison";

/// Reads one line of a `.jsonl` file: a case whose formats and configurations are expanded already, with its `id`.
///
/// # Errors
/// When it is not JSON, or not a case.
pub fn load_line(text: &str) -> Result<Case, BadCase> {
    let value: Value = serde_json::from_str(text).map_err(|error| BadCase(error.to_string()))?;
    let Some(fields) = value.as_object() else {
        return Err(BadCase("a case is a JSON object".into()));
    };
    let id = ["id", "name"].iter().find_map(|name| fields.get(*name)?.as_str());
    let Some(id) = id else {
        return Err(BadCase("a case has an `id` or a `name`".into()));
    };
    case(fields, id.to_owned()).map_err(|BadCase(reason)| BadCase(format!("case `{id}`: {reason}")))
}

/// The case of a test's fields. Fields that say nothing here (comments, versions, issues) are left alone.
pub(super) fn case(fields: &Map<String, Value>, id: String) -> Result<Case, BadCase> {
    let statements = list(fields, "statements")?
        .iter()
        .map(|statement| {
            statement
                .as_str()
                .ok_or_else(|| BadCase("a statement is no text".into()))
        })
        .collect::<Result<Vec<_>, _>>()?
        .join("\n");
    let mut properties = std::collections::BTreeMap::new();
    let mut loose_numbers = false;
    if let Some(given) = object(fields, "properties")? {
        for (name, value) in given {
            let value = text_of(value);
            if name == EXACT_NUMBERS {
                loose_numbers = value.eq_ignore_ascii_case("false");
            } else {
                properties.insert(name.clone(), value);
            }
        }
    }
    let expected_error = object(fields, "expectedException")?.map(|expected| {
        let text = |name: &str| expected.get(name).and_then(Value::as_str).map(str::to_owned);
        ExpectedError {
            class: text("type"),
            message: text("message"),
        }
    });
    Ok(Case {
        id,
        skip: skip(fields, &statements),
        expected_error,
        body: Body::Records {
            statements,
            properties,
            topics: topics(fields)?,
            inputs: records(fields, "inputs")?,
            outputs: records(fields, "outputs")?,
            sources: sources(fields)?,
            loose_numbers,
        },
    })
}

/// Why a case cannot be run here.
fn skip(fields: &Map<String, Value>, statements: &str) -> Option<String> {
    if fields.get("enabled") == Some(&Value::Bool(false)) {
        return Some("disabled".into());
    }
    let needs_registry = match fields.get("tags").and_then(|tags| tags.get("registry_free")) {
        Some(free) => *free == Value::Bool(false),
        None => asks_registry(fields, statements),
    };
    needs_registry.then(|| "needs a schema registry".into())
}

/// Whether a statement or topic names a format of the schema registry.
fn asks_registry(fields: &Map<String, Value>, statements: &str) -> bool {
    let upper = statements.to_uppercase();
    let mut words = upper.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let in_statements = words.any(|word| REGISTRY_FORMATS.contains(&word) || REGISTRY_WORDS.contains(&word));
    let topics = fields.get("topics").and_then(Value::as_array).into_iter().flatten();
    let has_schema = |topic: &Value| {
        let schema = |name: &str| topic.get(name).is_some_and(|schema| !schema.is_null());
        let format = |name: &str| {
            let format = topic.get(name).and_then(Value::as_str).unwrap_or_default();
            REGISTRY_FORMATS.contains(&format.to_uppercase().as_str())
        };
        schema("keySchema") || schema("valueSchema") || format("keyFormat") || format("valueFormat")
    };
    in_statements || topics.into_iter().any(has_schema)
}

fn list<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], BadCase> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(BadCase(format!("`{name}` is no list"))),
    }
}

fn object<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Map<String, Value>>, BadCase> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(BadCase(format!("`{name}` is no object"))),
    }
}

fn topics(fields: &Map<String, Value>) -> Result<Vec<TopicWish>, BadCase> {
    let mut topics = Vec::new();
    for topic in list(fields, "topics")? {
        let Some(name) = topic.get("name").and_then(Value::as_str) else {
            return Err(BadCase("a topic has no name".into()));
        };
        let partitions = topic.get("partitions").and_then(Value::as_i64).unwrap_or(1);
        topics.push(TopicWish {
            name: name.to_owned(),
            partitions: i32::try_from(partitions).map_err(|_| BadCase(format!("{partitions} partitions")))?,
        });
    }
    Ok(topics)
}

/// `post.sources`.
fn sources(fields: &Map<String, Value>) -> Result<Vec<ExpectedSource>, BadCase> {
    let Some(post) = object(fields, "post")? else {
        return Ok(Vec::new());
    };
    let text = |source: &Value, name: &str| source.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut sources = Vec::new();
    for source in list(post, "sources")? {
        let kind = match text(source, "type").unwrap_or_default().to_lowercase().as_str() {
            "stream" => SourceKind::Stream,
            "table" => SourceKind::Table,
            _ => return Err(BadCase("the type of a source is neither stream nor table".into())),
        };
        sources.push(ExpectedSource {
            name: text(source, "name").ok_or_else(|| BadCase("a source has no name".into()))?,
            kind,
            schema: text(source, "schema"),
        });
    }
    Ok(sources)
}

fn records(fields: &Map<String, Value>, name: &str) -> Result<Vec<Record>, BadCase> {
    let records = list(fields, name)?.iter().enumerate();
    records
        .map(|(number, fields)| {
            record(fields).map_err(|BadCase(reason)| BadCase(format!("{name}, record {}: {reason}", number + 1)))
        })
        .collect()
}

fn record(fields: &Value) -> Result<Record, BadCase> {
    let Some(topic) = fields.get("topic").and_then(Value::as_str) else {
        return Err(BadCase("it has no topic".into()));
    };
    let timestamp = match fields.get("timestamp") {
        None | Some(Value::Null) => None,
        Some(given) => Some(
            given
                .as_i64()
                .ok_or_else(|| BadCase("its timestamp is no number of milliseconds".into()))?,
        ),
    };
    Ok(Record {
        topic: topic.to_owned(),
        key: fields.get("key").cloned().unwrap_or_default(),
        value: fields.get("value").cloned().unwrap_or_default(),
        timestamp,
        window: fields
            .get("window")
            .filter(|window| !window.is_null())
            .map(window)
            .transpose()?,
        headers: headers(fields)?,
    })
}

fn window(fields: &Value) -> Result<Window, BadCase> {
    let time = |name: &str| {
        let time = fields.get(name).and_then(Value::as_i64);
        time.ok_or_else(|| BadCase(format!("the {name} of its window is no number of milliseconds")))
    };
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    Ok(Window {
        start: time("start")?,
        end: time("end")?,
        kind: match kind.to_lowercase().as_str() {
            "time" => WindowKind::Time,
            "session" => WindowKind::Session,
            _ => return Err(BadCase("the type of its window is neither time nor session".into())),
        },
    })
}

fn headers(fields: &Value) -> Result<Headers, BadCase> {
    let mut headers = Headers::new();
    for header in fields.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let Some(key) = header.get("KEY").and_then(Value::as_str) else {
            return Err(BadCase("a header has no KEY".into()));
        };
        let value = match header.get("VALUE") {
            None | Some(Value::Null) => None,
            Some(value) => Some(
                value
                    .as_str()
                    .and_then(crate::format::base64_bytes)
                    .ok_or_else(|| BadCase(format!("the VALUE of header {key} is not base64")))?,
            ),
        };
        headers.push((key.to_owned(), value));
    }
    Ok(headers)
}
