//! The whole program from files to files, with its state in a directory or an object store: killed at every named place of a commit, and on disks
//! that run full. No Kafka is needed.

mod disk;
mod kills;
mod object_store;
mod outputs;
mod time_to_live;
mod trap;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
pub(crate) use outputs::lines;

/// How long the program may take for what a test waits for.
const PATIENCE: Duration = Duration::from_mins(3);

/// All cases.
pub(crate) fn trials() -> Vec<Trial> {
    type Case = (&'static str, fn());
    let cases: [Case; 6] = [
        (
            "files/kills at every place lose nothing and double nothing",
            kills::in_a_directory,
        ),
        ("files/state in an object store survives kills", object_store::case),
        ("files/a full disk under the state is waited for", disk::under_state),
        ("files/a full disk under the output is waited for", disk::under_output),
        ("files/a function that traps ends its query alone", trap::case),
        (
            "files/keys whose time to live is up are gone from the store",
            time_to_live::case,
        ),
    ];
    let trial = |(name, case): Case| Trial::test(name, move || crate::kafka_suite::guarded(case));
    cases.into_iter().map(trial).collect()
}

/// The program as a process.
#[derive(Debug)]
struct Program(Child);

impl Program {
    /// Runs `sql` on the state at `state`; what it says is added to `log`.
    fn start(sql: &str, state: &str, log: &Path, environment: &[(&str, &str)]) -> Self {
        Self::start_with(&[], sql, state, log, environment)
    }

    fn start_with(more: &[&str], sql: &str, state: &str, log: &Path, environment: &[(&str, &str)]) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log);
        let child = Command::new(env!("CARGO_BIN_EXE_waterwheel"))
            .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .args(["run", "--quiet", "--workers", "2", "--state", state, "-e", sql])
            .args(more)
            .env_remove("WATERWHEEL_CRASH_AT")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.expect("the directory is ours"))
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// Waits for its end; whether that was a good one.
    fn ends(mut self) -> bool {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("the program can be waited for") {
                return status.success();
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `is_so`.
fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: it does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}
