//! What a sidecar gives, through the SDK of each language: an asset, the clock, random bytes, a line in the log; and a plugin that asks
//! for more than its sidecar grants.
//!
//! The plugins are `udf-sdk/LANGUAGE/tests/host`, all with the same two functions. They are built beside those of the vectors
//! (`sdk_vectors.rs`), in git where they are small.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::Int64Type;
use libtest_mimic::{Failed, Trial};
use parking_lot::Mutex;
use waterwheel::udf::{FunctionSource, Limits, Registry, ScalarFunction, Volatility};

use crate::sdk_vectors::{self, LARGE_LANGUAGES};

const ALL: &str = "grants = { clock = true, random = true, log = true }\nassets.words = \"words.txt\"\n";
const NO_RANDOM: &str = "grants = { clock = true, log = true }\nassets.words = \"words.txt\"\n";

/// One test per language.
pub(crate) fn trials(root: &Path) -> Vec<Trial> {
    let mut trials = Vec::new();
    for plugin in sdk_vectors::files(&root.join("udf-sdk/conformance/built-host"), "wasm") {
        trials.push(Trial::test(
            format!("udf-sdk/{} host", sdk_vectors::stem(&plugin)),
            move || check(&plugin, Limits::default()).map_err(Failed::from),
        ));
    }
    for language in LARGE_LANGUAGES {
        let root = root.to_path_buf();
        trials.push(Trial::test(format!("udf-sdk/{language} host"), move || {
            match sdk_vectors::large(&root, language, "host")? {
                // An interpreter takes its time, on a machine with other work.
                Some(plugin) => check(
                    &plugin,
                    Limits {
                        call_ms: 10_000,
                        ..Limits::default()
                    },
                )
                .map_err(Failed::from),
                None => Ok(()),
            }
        }));
    }
    trials
}

fn check(plugin: &Path, limits: Limits) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = dir.path().join("host.wasm");
    std::fs::copy(plugin, &file).map_err(|e| e.to_string())?;
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).map_err(|e| e.to_string());
    put("words.txt", "first second")?;

    put("host.toml", NO_RANDOM)?;
    let mut registry = Registry::new(limits.clone()).map_err(|e| e.to_string())?;
    let refused = registry.add_file(&file).broken.clone().unwrap_or_default();
    if !refused.contains("random = true under [grants]") {
        return Err(format!("without the grant random it is refused with: {refused:?}"));
    }

    put("host.toml", ALL)?;
    let mut registry = Registry::new(limits).map_err(|e| e.to_string())?;
    if let Some(reason) = &registry.add_file(&file).broken {
        return Err(format!("with all grants it is broken: {reason}"));
    }
    clock_dice_and_log(&*function(&registry, "clock_and_dice"));
    assets(&*function(&registry, "asset"));
    Ok(())
}

fn function(registry: &Registry, name: &str) -> Arc<dyn ScalarFunction> {
    let mut functions = registry.scalar(name);
    assert_eq!(functions.len(), 1, "scalar functions {name}");
    functions.remove(0)
}

fn clock_dice_and_log(function: &dyn ScalarFunction) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let now = tracing::subscriber::with_default(subscriber, || function.call(&[], &[], 1)).expect("all is granted");
    assert!(now.as_primitive::<Int64Type>().value(0) > 1_700_000_000_000, "{now:?}");
    let lines = String::from_utf8_lossy(&lines.0.lock()).into_owned();
    let of_plugin = lines.lines().find(|line| line.contains("host: the dice are drawn"));
    assert!(of_plugin.is_some_and(|line| line.contains("DEBUG")), "{lines}");
}

fn assets(function: &dyn ScalarFunction) {
    // Immutable by its manifest, but with the clock granted it may look at it.
    assert_eq!(function.info().volatility, Volatility::Volatile);
    let names: ArrayRef = Arc::new(StringArray::from(vec!["words", "none"]));
    let given = function.call_rows(&[names], &[false], 2).expect("one row fails");
    assert_eq!(given.values.as_string::<i32>().value(0), "first second");
    assert_eq!(given.failed.len(), 1);
    let message = &given.failed[0].message;
    assert!(message.contains("the sidecar has no asset"), "{message}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
