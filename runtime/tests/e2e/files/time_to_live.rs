//! Keys whose time to live is up are gone from the store, too: `state inspect` counts what is there.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use super::Program;

/// Each of a key of its own, a second after the one before it.
const ROWS: usize = 2_000;
const TTL_S: usize = 100;

pub(crate) fn case() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut rows = String::new();
    for row in 0..ROWS {
        writeln!(rows, "{{\"K\":\"k{row}\",\"T\":{}}}", 1_000_000 + row * 1_000).expect("text can be written");
    }
    std::fs::write(directory.path().join("in.json"), rows).expect("the file can be written");
    assert_eq!(saved_keys(directory.path(), "all", ""), ROWS, "without a time to live");
    let ttl = format!(", STATE_TTL='{TTL_S} SECONDS'");
    let left = saved_keys(directory.path(), "some", &ttl);
    // Those of the last hundred seconds, those of the part of the time to live that is not over, and a mark of each shard.
    assert!((TTL_S..TTL_S + TTL_S / 10 + 2).contains(&left), "{left} keys are saved");
}

/// Runs the query from its beginning to its end; the number of entries that its state has then.
fn saved_keys(directory: &Path, name: &str, option: &str) -> usize {
    let path = |name: &str| directory.join(name).display().to_string();
    let (state, log) = (path(&format!("{name}-state")), directory.join("log"));
    let sql = format!(
        "CREATE STREAM i (k STRING, t BIGINT) WITH (CONNECTOR='file', PATH='{}', FORMAT='JSON', TIMESTAMP='t');
         CREATE STREAM o WITH (CONNECTOR='file', PATH='{}'{option}) AS
             SELECT k, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ROWTIME) AS n FROM i;",
        path("in.json"),
        path(&format!("{name}.json")),
    );
    let ended_well = Program::start(&sql, &state, &log, &[]).ends();
    assert!(ended_well, "{}", std::fs::read_to_string(&log).unwrap_or_default());
    let shown = Command::new(env!("CARGO_BIN_EXE_waterwheel"))
        .args(["state", "inspect", &format!("{state}/waterwheel/CSAS_O")])
        .output()
        .expect("the program starts");
    let shown = String::from_utf8(shown.stdout).expect("it says text");
    // Operator, shard, entries, bytes, form.
    let entries = |line: &str| -> Option<usize> {
        let columns: Vec<&str> = line.split('┆').collect();
        (columns.len() == 5).then(|| columns[2].trim().parse().ok())?
    };
    shown.lines().filter_map(entries).sum()
}
