//! The conformance vectors of `udf-sdk/conformance` against the plugins that each SDK builds.
//!
//! A vector names a function as SQL declares it and gives steps: calls with what they must give or which rows must fail,
//! saves that a new instance loads, slots that are dropped. The built plugins are kept in git; [`locked`] compares them
//! and their sources with `udf-sdk/conformance/built.lock`, so that a changed SDK cannot pass with an old plugin. Those that
//! are too large for git are built beside them by a script, with the hashes of their sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, UInt32Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::json::ReaderBuilder;
use datafusion::scalar::ScalarValue;
use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use waterwheel::engine::function_signature;
use waterwheel::udf::{
    AggregateInstance, Error, FunctionInfo, FunctionSource, Kind, Limits, Outcome, Registry, RowFailure,
};

const LOCK: &str = "udf-sdk/conformance/built.lock";
const BUILD: &str = "udf-sdk/toolchain/build-conformance";
const LARGE: &str = "udf-sdk/conformance/large";
const BUILD_LARGE: &str = "udf-sdk/toolchain/build-large";
/// The languages whose plugins are not in git.
const LARGE_LANGUAGES: &[&str] = &["go", "javascript", "python", "rust"];

/// One function, and what is done with it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    /// As `waterwheel udf list` prints it: names and types are compared, too.
    function: String,
    /// A value for each argument that is a constant of the query.
    #[serde(default)]
    constants: Vec<Value>,
    /// Of an aggregate function: rows can be taken back.
    #[serde(default)]
    retracts: bool,
    /// The constants are refused, with this message.
    refused: Option<String>,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Columns of arguments.
    call: Option<Vec<Vec<Value>>>,
    /// Takes rows into an aggregate function, or back.
    update: Option<Vec<Vec<Value>>>,
    retract: Option<Vec<Vec<Value>>>,
    /// Adds the states of the slots in the second list to those in the first.
    merge: Option<[Vec<u32>; 2]>,
    /// Asks for the values of these slots.
    finish: Option<Vec<u32>>,
    /// The slot of each row; only of functions with state.
    #[serde(default)]
    slots: Vec<u32>,
    /// So many copies of the rows in one call; 1 without it.
    times: Option<u32>,
    /// The result.
    gives: Option<Vec<Value>>,
    /// The rows that fail, and a part of their messages.
    #[serde(default)]
    fails: BTreeMap<u32, String>,
    /// The call ends with an error that contains this.
    ends: Option<String>,
    /// Saves these slots, and goes on with a new instance that loaded them.
    restart: Option<Vec<u32>>,
    /// Forgets these slots.
    drop: Option<Vec<u32>>,
}

#[derive(Deserialize)]
struct Lock {
    /// SHA-256 of each built plugin.
    built: BTreeMap<String, String>,
    /// SHA-256 of each file that they are built from.
    sources: BTreeMap<String, String>,
}

/// One test per built plugin and file of vectors, and one of the lock.
pub(crate) fn trials(root: &Path) -> Vec<Trial> {
    let root = root.to_path_buf();
    let vectors = files(&root.join("udf-sdk/conformance/vectors"), "json");
    let mut trials = Vec::new();
    for plugin in files(&root.join("udf-sdk/conformance/built"), "wasm") {
        for vectors in &vectors {
            let (plugin, vectors) = (plugin.clone(), vectors.clone());
            let name = format!("udf-sdk/{} {}", stem(&plugin), stem(&vectors));
            trials.push(Trial::test(name, move || {
                check(&plugin, &[vectors], 500).map_err(Failed::from)
            }));
        }
    }
    for plugin in files(&root.join("udf-sdk/conformance/built-examples"), "wasm") {
        let own = format!("udf-sdk/conformance/vectors-examples/{}.json", stem(&plugin));
        let all = "udf-sdk/conformance/vectors-examples/trades.json";
        let vectors = root.join(if root.join(&own).is_file() { &own } else { all });
        let name = format!("udf-sdk/example {}", stem(&plugin));
        trials.push(Trial::test(name, move || {
            check(&plugin, &[vectors], 500).map_err(Failed::from)
        }));
    }
    let examples = vec![root.join("udf-sdk/conformance/vectors-examples/trades.json")];
    for language in LARGE_LANGUAGES {
        for (part, vectors) in [("conformance", &vectors), ("example", &examples)] {
            let (root, vectors) = (root.clone(), vectors.clone());
            trials.push(Trial::test(format!("udf-sdk/{language} {part}"), move || {
                check_large(&root, language, part, &vectors).map_err(Failed::from)
            }));
        }
    }
    trials.push(Trial::test("udf-sdk/built plugins match their sources", move || {
        locked(&root).map_err(Failed::from)
    }));
    trials
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let paths = entries.map(|entry| entry.unwrap_or_else(|e| panic!("{}: {e}", dir.display())).path());
    let mut files: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}

fn locked(root: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(root.join(LOCK)).map_err(|e| format!("{LOCK}: {e}"))?;
    let lock: Lock = toml::from_str(&text).map_err(|e| format!("{LOCK}: {e}"))?;
    let mut there: Vec<String> = ["built", "built-examples"]
        .iter()
        .flat_map(|dir| {
            let dir = format!("udf-sdk/conformance/{dir}");
            let files = files(&root.join(&dir), "wasm");
            files
                .iter()
                .map(|path| format!("{dir}/{}.wasm", stem(path)))
                .collect::<Vec<_>>()
        })
        .collect();
    there.sort();
    let known: Vec<String> = lock.built.keys().cloned().collect();
    if there != known {
        return Err(format!("{there:?} are built, {LOCK} knows {known:?}: run {BUILD}"));
    }
    same_files(root, lock.sources.iter().chain(&lock.built)).map_err(|e| format!("{e} of {LOCK}: run {BUILD}"))
}

/// Runs all vectors against a plugin that is not in git. Compiling one takes long, so it is done once.
fn check_large(root: &Path, language: &str, part: &str, vectors: &[PathBuf]) -> Result<(), String> {
    let plugin = root.join(LARGE).join(format!("{language}-{part}.wasm"));
    let sources = root.join(LARGE).join(format!("{language}.toml"));
    if !plugin.is_file() || !sources.is_file() {
        println!("SKIPPED udf-sdk/{language} {part}: it is not built; run {BUILD_LARGE} {language}");
        return Ok(());
    }
    let text = std::fs::read_to_string(&sources).map_err(|e| format!("{}: {e}", sources.display()))?;
    let sources: BTreeMap<String, String> = toml::from_str(&text).map_err(|e| e.to_string())?;
    same_files(root, sources.iter())
        .map_err(|e| format!("{e} that {LARGE} was built from: run {BUILD_LARGE} {language}"))?;
    check(&plugin, vectors, 2_000)
}

fn same_files<'a>(root: &Path, files: impl Iterator<Item = (&'a String, &'a String)>) -> Result<(), String> {
    for (file, expected) in files {
        let bytes = std::fs::read(root.join(file)).map_err(|e| format!("{file}: {e}"))?;
        let hash: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if hash != *expected {
            return Err(format!("{file} is not the one"));
        }
    }
    Ok(())
}

fn check(plugin: &Path, vectors: &[PathBuf], call_ms: u64) -> Result<(), String> {
    let limits = Limits {
        call_ms,
        ..Limits::default()
    };
    let mut registry = Registry::new(limits).map_err(|e| e.to_string())?;
    let loaded = registry.add_file(plugin);
    if let Some(reason) = &loaded.broken {
        return Err(format!("broken: {reason}"));
    }
    if let Some(skipped) = loaded.skipped.first() {
        return Err(skipped.to_string());
    }
    for vectors in vectors {
        let text = std::fs::read_to_string(vectors).map_err(|e| e.to_string())?;
        let vectors: Vec<Vector> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        for vector in &vectors {
            run(&registry, vector).map_err(|e| format!("{}: {e}", vector.function))?;
        }
    }
    Ok(())
}

fn run(registry: &Registry, vector: &Vector) -> Result<(), String> {
    let name = vector.function.split('(').next().unwrap_or_default();
    let functions = registry.functions();
    let info = functions
        .iter()
        .find(|info| info.name.eq_ignore_ascii_case(name))
        .ok_or("the plugin does not have it")?;
    let signature = function_signature(info);
    if signature != vector.function {
        return Err(format!("it is {signature}"));
    }
    if info.kind == Kind::Scalar {
        let function = registry.scalar(name).remove(0);
        for (i, step) in vector.steps.iter().enumerate() {
            let args = arguments(info, step)?;
            let rows = args.first().map_or(0, datafusion::arrow::array::Array::len);
            let outcome = function.call_rows(&args, &vec![false; args.len()], rows);
            compare(info, step, outcome).map_err(|e| format!("step {i}: {e}"))?;
        }
        return Ok(());
    }
    if info.kind == Kind::Aggregate {
        return run_aggregate(registry, info, vector);
    }
    let start = || registry.stream(&info.name)[0].instance(&constants(info, vector));
    let Some(mut instance) = started(start(), vector)? else {
        return Ok(());
    };
    for (i, step) in vector.steps.iter().enumerate() {
        if let Some(slots) = &step.restart {
            let saved = instance.save(slots).map_err(|e| e.to_string())?;
            instance = start().map_err(|e| e.to_string())?;
            instance.load(slots, &saved).map_err(|e| e.to_string())?;
            if instance.save(slots).map_err(|e| e.to_string())? != saved {
                return Err(format!("step {i}: what was loaded is not saved with the same bytes"));
            }
        } else if let Some(slots) = &step.drop {
            instance.drop_slots(slots).map_err(|e| e.to_string())?;
        } else {
            let outcome = instance.push_rows(&step.slots, &arguments(info, step)?);
            compare(info, step, outcome).map_err(|e| format!("step {i}: {e}"))?;
        }
    }
    Ok(())
}

/// The instance, unless the vector says that its constants are refused, and they are.
fn started<I>(instance: Result<I, Error>, vector: &Vector) -> Result<Option<I>, String> {
    match (instance, &vector.refused) {
        (Ok(instance), None) => Ok(Some(instance)),
        (Err(e), Some(message)) if e.to_string().contains(message) => Ok(None),
        (Err(e), _) => Err(e.to_string()),
        (Ok(_), Some(_)) => Err("takes constants that it should refuse".into()),
    }
}

fn run_aggregate(registry: &Registry, info: &FunctionInfo, vector: &Vector) -> Result<(), String> {
    let function = registry.aggregate(&info.name).remove(0);
    if function.retracts() != vector.retracts {
        return Err(format!("that rows can be taken back is {}", function.retracts()));
    }
    let start = || function.instance(&constants(info, vector));
    let Some(mut instance) = started(start(), vector)? else {
        return Ok(());
    };
    for (i, step) in vector.steps.iter().enumerate() {
        let done = if let Some(slots) = &step.restart {
            let saved = instance.save(slots).map_err(|e| e.to_string())?;
            instance = start().map_err(|e| e.to_string())?;
            let loaded = instance.load(slots, &saved, function.state_version());
            loaded.map_err(|e| e.to_string())?;
            if instance.save(slots).map_err(|e| e.to_string())? != saved {
                return Err(format!("step {i}: what was loaded is not saved with the same bytes"));
            }
            Ok(())
        } else {
            aggregate_step(&mut *instance, info, step)
        };
        done.map_err(|e| format!("step {i}: {e}"))?;
    }
    Ok(())
}

fn aggregate_step(instance: &mut dyn AggregateInstance, info: &FunctionInfo, step: &Step) -> Result<(), String> {
    if let Some(slots) = &step.finish {
        return compare(info, step, instance.finish(slots).map(Outcome::from));
    }
    let done = if let Some([into, from]) = &step.merge {
        instance.merge(into, from)
    } else if let Some(slots) = &step.drop {
        instance.drop_slots(slots)
    } else if let Some(rows) = &step.update {
        instance.update(&step.slots, &columns(info, rows, 1)?)
    } else if let Some(rows) = &step.retract {
        instance.retract(&step.slots, &columns(info, rows, 1)?)
    } else {
        return Err("it is none of an aggregate function".into());
    };
    match (done, step.fails.first_key_value()) {
        (Ok(()), None) => Ok(()),
        // Of several rows that fail the first is told.
        (Err(Error::Row { row, message, .. }), Some((due, part))) if row == *due && message.contains(part) => Ok(()),
        (done, fails) => Err(format!("gave {done:?}, rows that fail are {fails:?}")),
    }
}

fn constants(info: &FunctionInfo, vector: &Vector) -> Vec<Option<ScalarValue>> {
    let value = |value: &Value, data_type: &DataType| {
        let column = column(std::slice::from_ref(value), data_type, 1).expect("a constant of a vector");
        ScalarValue::try_from_array(&column, 0).expect("it has a row")
    };
    (info.args.iter().enumerate())
        .map(|(i, (_, data_type))| {
            let constant = vector.constants.get(i).filter(|constant| !constant.is_null())?;
            Some(value(constant, data_type))
        })
        .collect()
}

fn arguments(info: &FunctionInfo, step: &Step) -> Result<Vec<ArrayRef>, String> {
    let rows = step.call.as_ref().ok_or("a step is a call, a restart or a drop")?;
    columns(info, rows, step.times.unwrap_or(1))
}

fn columns(info: &FunctionInfo, columns: &[Vec<Value>], times: u32) -> Result<Vec<ArrayRef>, String> {
    (columns.iter().zip(&info.args))
        .map(|(values, (_, data_type))| column(values, data_type, times))
        .collect()
}

fn compare(info: &FunctionInfo, step: &Step, outcome: Result<Outcome, Error>) -> Result<(), String> {
    let outcome = match (outcome, &step.ends) {
        // A guest that meets its memory limit may as well report it as trap.
        (Err(e), Some(part)) if e.to_string().contains(part) => return Ok(()),
        (Ok(outcome), Some(part)) if part.is_empty() && !outcome.failed.is_empty() => return Ok(()),
        (Err(e), _) => return Err(e.to_string()),
        (Ok(outcome), Some(part)) => return Err(format!("should end with '{part}', gave {:?}", outcome.values)),
        (Ok(outcome), None) => outcome,
    };
    let times = step.times.unwrap_or(1);
    let gives = step.gives.as_ref().ok_or("the step does not say what it gives")?;
    let expected = column(gives, &info.returns, times)?;
    if *outcome.values != *expected {
        return Err(format!("gave {:?}, expected {expected:?}", outcome.values));
    }
    let rows = u32::try_from(gives.len()).map_err(|e| e.to_string())?;
    let fails: Vec<RowFailure> = (0..times)
        .flat_map(|time| {
            step.fails
                .iter()
                .map(move |(row, message)| (time * rows + row, message))
        })
        .map(|(row, message)| RowFailure {
            row,
            message: message.clone(),
        })
        .collect();
    // Every failed row is named; a guest with much to report may shorten messages after the first thousand.
    let same = outcome.failed.len() == fails.len()
        && outcome
            .failed
            .iter()
            .zip(&fails)
            .enumerate()
            .all(|(i, (failed, expected))| {
                failed.row == expected.row && (failed.message.contains(&expected.message) || i > 1_000)
            });
    if same {
        Ok(())
    } else {
        Err(format!("failed rows are {:?}, expected {fails:?}", outcome.failed))
    }
}

/// The column of these values, `times` times one after the other. Dates and times are texts, bytes are hexadecimal.
fn column(values: &[Value], data_type: &DataType, times: u32) -> Result<ArrayRef, String> {
    let schema = Arc::new(Schema::new(vec![Field::new("v", data_type.clone(), true)]));
    let mut decoder = ReaderBuilder::new(schema).build_decoder().map_err(|e| e.to_string())?;
    let rows: Vec<Value> = values.iter().map(|value| serde_json::json!({ "v": value })).collect();
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    decoder.decode(text.as_bytes()).map_err(|e| e.to_string())?;
    let batch = decoder
        .flush()
        .map_err(|e| e.to_string())?
        .ok_or("a column without rows")?;
    let one = u32::try_from(values.len()).map_err(|e| e.to_string())?;
    let order: UInt32Array = (0..times).flat_map(|_| 0..one).collect();
    take(batch.column(0), &order, None).map_err(|e| e.to_string())
}
