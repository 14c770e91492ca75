//! A query beside one whose plugin holds its worker for a tenth of a second and more with each call: it goes on nevertheless.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Failed, Trial};

/// Each row of the neighbour turns a loop so often, so a call takes a tenth of a second, or several on a machine with other work.
const TURNS: u32 = 15_000;
/// More than a hundred jobs of the pool: if each of them waited for a call of the neighbour, they would take more than ten seconds.
const ROWS: u32 = 500_000;
/// What they may take. By themselves they take a tenth of a second.
const MOST: Duration = Duration::from_secs(6);

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test(
        "neighbours::long_calls_hold_nobody_up",
        long_calls_hold_nobody_up,
    )]
}

fn long_calls_hold_nobody_up() -> Result<(), Failed> {
    let sql = format!(
        "CREATE STREAM theirs (k BIGINT) WITH (CONNECTOR='datagen', SEED=1, 'k.kind'='sequence');
         CREATE STREAM mine (k BIGINT, v DOUBLE) WITH (CONNECTOR='datagen', ROWS={ROWS}, SEED=2, 'k.kind'='sequence');
         CREATE STREAM other WITH (CONNECTOR='blackhole') AS SELECT SPIN(k, {TURNS}) AS x FROM theirs;
         SELECT 'begun' AS word;
         SELECT COUNT(*) AS rows_read, SUM(v) AS s FROM mine;"
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_waterwheel"))
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .args(["run", "--quiet", "--output", "csv", "--workers", "1", "--plugins"])
        .arg(crate::root().join("tests/bench/hostile/plugins"))
        .args(["-e", &sql])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    let mut begun = None;
    let mut took = None;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if line.starts_with("begun") {
            begun = Some(Instant::now());
        }
        if line.starts_with(&format!("{ROWS},")) {
            took = begun.map(|begun| begun.elapsed());
            break;
        }
    }
    child.kill()?;
    child.wait()?;
    match took {
        Some(took) if took < MOST => Ok(()),
        Some(took) => Err(format!("{ROWS} rows took {took:?} beside long calls, at most {MOST:?} are due").into()),
        None => Err("the query gave no result".into()),
    }
}
