//! The command line as a user meets it: `tests/cli/NAME/` holds `args` (one argument a line), and optionally `stdin`,
//! `expected.out` (stdout to the letter), `expected.parts` (texts that stdout must hold, one a line), `expected.err` (lines that stderr must hold, each somewhere), `unexpected.err` (lines that
//! it must not hold) and `code`.
//!
//! The command runs in the directory of the case; `$TMP` in an argument is a fresh directory, `$ROOT` the repository.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Failed, Trial};

/// One test for each case.
pub(crate) fn trials(directory: &Path) -> Vec<Trial> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(directory)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    cases.retain(|path| path.join("args").is_file());
    cases.sort();
    assert!(!cases.is_empty(), "{} holds no cases", directory.display());
    let trial = |case: PathBuf| {
        let name = format!("cli/{}", case.file_name().unwrap_or_default().to_string_lossy());
        Trial::test(name, move || run(&case))
    };
    cases.into_iter().map(trial).collect()
}

fn run(case: &Path) -> Result<(), Failed> {
    let read = |name: &str| std::fs::read_to_string(case.join(name)).ok();
    let temporary = tempfile::tempdir()?;
    let fill = |text: &str| {
        let text = text.replace("$TMP", &temporary.path().display().to_string());
        text.replace("$ROOT", &crate::root().display().to_string())
    };
    let arguments: Vec<String> = read("args").unwrap_or_default().lines().map(fill).collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_waterwheel"))
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .args(&arguments)
        .current_dir(case)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(fill(&read("stdin").unwrap_or_default()).as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let mut problems = Vec::new();
    let code: i32 = read("code").and_then(|code| code.trim().parse().ok()).unwrap_or(0);
    if output.status.code() != Some(code) {
        problems.push(format!("exit code {:?}, expected {code}", output.status.code()));
    }
    if let Some(expected) = read("expected.out")
        && fill(&expected) != stdout
    {
        problems.push(format!("stdout differs; expected:\n{expected}"));
    }
    for line in read("expected.parts").unwrap_or_default().lines() {
        if !stdout.contains(line) {
            problems.push(format!("stdout has no `{line}`"));
        }
    }
    for line in read("expected.err").unwrap_or_default().lines().map(fill) {
        if !stderr.contains(&line) {
            problems.push(format!("stderr has no `{line}`"));
        }
    }
    for line in read("unexpected.err").unwrap_or_default().lines() {
        if stderr.contains(line) {
            problems.push(format!("stderr has `{line}`"));
        }
    }
    for line in read("expected.files").unwrap_or_default().lines() {
        // `$TMP/name = expected`: a file that the command must have written, compared with one of the case.
        let (written, expected) = line.split_once(" = ").ok_or("expected.files: `path = file` a line")?;
        let (written, expected) = (std::fs::read_to_string(fill(written)), read(expected));
        if written.as_ref().ok() != expected.as_ref() {
            problems.push(format!("{line}: got {written:?}"));
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nstdout:\n{stdout}\nstderr:\n{stderr}", problems.join("\n")).into())
}
