//! `waterwheel udf new` as a new user meets it: for each language whose tools are here, the folder is made, built, checked,
//! tested and run, by the commands of its README.
//!
//! Tools are found as `udf-sdk/toolchain` finds them; a language without is SKIPPED, which CI does not allow.

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};

/// Languages, each with lines of bash that fail without its tools, else print what the build needs in its environment.
const LANGUAGES: [(&str, &str); 7] = [
    (
        "rust",
        r#"source udf-sdk/toolchain/rust-wasm-env
        find_rust_wasm
        name=CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN
        echo "RUSTC=$RUST_WASM_RUSTC"
        [ -z "$RUST_WASM_LINKER" ] || echo "${name}_LINKER=$RUST_WASM_LINKER"
        [ -z "${RUST_WASM_FLAGS[*]}" ] || echo "${name}_RUSTFLAGS=${RUST_WASM_FLAGS[*]} -Ctarget-feature=+simd128"
        echo CARGO_NET_OFFLINE=true"#,
    ),
    ("c", "clang=$(find_clang) && echo CLANG=$clang"),
    (
        "zig",
        "toolchain_id zig >/dev/null && echo ZIG=$TOOLCHAINS/zig/bin/python -m ziglang",
    ),
    (
        "assemblyscript",
        "toolchain_id assemblyscript >/dev/null && echo ASC=$TOOLCHAINS/assemblyscript/node_modules/.bin/asc",
    ),
    (
        "go",
        "go=$(find_go) && echo GO=$go && echo GOTOOLCHAIN=local && echo GOPROXY=off",
    ),
    (
        "python",
        "toolchain_id python >/dev/null && echo COMPONENTIZE_PY=$TOOLCHAINS/python/bin/componentize-py",
    ),
    (
        "javascript",
        "toolchain_id javascript >/dev/null && echo COMPONENTIZE_JS=$TOOLCHAINS/javascript",
    ),
];

/// Loading a plugin with an interpreter takes 10 to 20 seconds, so that these are not loaded once more to be listed.
const SLOW: [&str; 2] = ["python", "javascript"];

/// The last rows of the pipeline: whatever the language, the same.
const VWAP: [&str; 3] = [
    r#"{"SYMBOL":"ACME","MINUTE":1767258000000,"VWAP":96.92}"#,
    r#"{"SYMBOL":"BOLT","MINUTE":1767258000000,"VWAP":107.31}"#,
    r#"{"SYMBOL":"CORE","MINUTE":1767258000000,"VWAP":104.38}"#,
];

/// One test per language, and one of the plugin in C without the SDK.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials: Vec<Trial> = LANGUAGES
        .iter()
        .map(|(language, tools)| {
            Trial::test(format!("udf-new/{language}"), move || {
                check(language, tools).map_err(Failed::from)
            })
        })
        .collect();
    trials.push(Trial::test("udf-new/c without the SDK", || {
        without_sdk().map_err(Failed::from)
    }));
    trials
}

fn check(language: &str, tools: &str) -> Result<(), String> {
    let Some(tools) = find(tools) else {
        println!("SKIPPED udf-new/{language}: its tools are not here; see udf-sdk/toolchain");
        return Ok(());
    };
    // The same place in each run, where cargo finds what it has built.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("udf-new");
    let folder = place.join(language);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
    }
    std::fs::create_dir_all(&place).map_err(|e| e.to_string())?;
    output(waterwheel(
        &place,
        &["udf", "new", "--language", language, "prices", language],
    ))?;
    let mut build = Command::new("./build");
    build.current_dir(&folder).envs(tools);
    build
        .env("CARGO_TARGET_DIR", place.join("target"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    output(build)?;
    let plugin = "plugins/prices.wasm";
    if !SLOW.contains(&language) {
        let listed = output(waterwheel(&folder, &["udf", "check", plugin]))?;
        for name in ["diff(", "moving_avg(", "risk_score(", "vwap("] {
            if !listed.contains(name) {
                return Err(format!("{name} is not in\n{listed}"));
            }
        }
    }
    let tested = output(waterwheel(&folder, &["udf", "test", plugin]))?;
    if !tested.ends_with("7 passed, 0 failed\n") {
        return Err(tested);
    }
    let ran = output(waterwheel(
        &folder,
        &["run", "--quiet", "--output", "json", "pipeline.sql"],
    ))?;
    let (mut vwap, scored): (Vec<&str>, Vec<&str>) = ran.lines().partition(|line| line.contains("VWAP"));
    vwap.sort_unstable();
    if vwap != VWAP || scored.len() != 8 {
        return Err(format!("the pipeline gave\n{ran}"));
    }
    Ok(())
}

/// What ABI.md says is enough to write a plugin by hand, in fewer than 60 lines, with nothing but a compiler.
fn without_sdk() -> Result<(), String> {
    let source = crate::root().join("udf-sdk/c/example/without_sdk.c");
    let text = std::fs::read_to_string(&source).map_err(|e| e.to_string())?;
    let lines = text.lines().count();
    if lines >= 60 {
        return Err(format!("{} has {lines} lines", source.display()));
    }
    let Some(tools) = find("clang=$(find_clang) && echo CLANG=$clang") else {
        println!("SKIPPED udf-new/c without the SDK: clang with wasm-ld is not here");
        return Ok(());
    };
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let plugin = directory.path().join("without_sdk.wasm");
    let mut build = Command::new(&tools[0].1);
    build.args(["--target=wasm32", "-O2", "-nostdlib", "-Wl,--no-entry", "-o"]);
    output({
        build.arg(&plugin).arg(&source);
        build
    })?;
    let vectors = crate::root().join("udf-sdk/conformance/vectors-examples/without_sdk.json");
    let mut test = waterwheel(directory.path(), &["udf", "test"]);
    test.arg(&plugin).arg(vectors);
    output(test).map(|_| ())
}

/// The environment that the tools need; none where they are not here.
fn find(tools: &str) -> Option<Vec<(String, String)>> {
    let script = format!("set -euo pipefail; source udf-sdk/toolchain/languages; {tools}");
    let found = Command::new("bash")
        .args(["-c", &script])
        .current_dir(crate::root())
        .output()
        .ok()?;
    let text = String::from_utf8(found.stdout).ok()?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    found.status.success().then(|| pairs.collect())
}

fn waterwheel(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_waterwheel")));
    // Compiled code is kept with what else the build makes.
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(arguments).current_dir(directory);
    command
}

/// What a command prints; an error with all of it when it fails.
fn output(mut command: Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(format!(
        "{command:?}:\n{}{}",
        text(&output.stdout),
        text(&output.stderr)
    ))
}
