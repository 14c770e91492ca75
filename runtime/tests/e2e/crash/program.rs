//! The program as a process that dies.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::script;

/// How long the program may take to end in good order.
const END_WAIT: Duration = Duration::from_mins(1);

/// One life of the program.
#[derive(Debug)]
pub(super) struct Life(Child);

impl Life {
    /// Starts it on the state in `directory`; `die_at` names the place where it dies by itself, see `exec/crash_point.rs`.
    pub(super) fn start(brokers: &str, directory: &Path, die_at: Option<&str>) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(directory.join("log"))
            .expect("the directory is ours");
        let mut command = Command::new(env!("CARGO_BIN_EXE_waterwheel"));
        command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
        command
            .args(["run", "--quiet", "--brokers", brokers, "--application-id", "crash"])
            // A member that died is missed sooner, so that a life costs seconds and not ten.
            .args([
                "--kafka",
                "session.timeout.ms=2000",
                "--kafka",
                "heartbeat.interval.ms=500",
            ])
            .arg("--plugins")
            .arg(crate::root().join("examples/plugins"))
            .args(["-e", &script::sql(directory)])
            .env("XDG_STATE_HOME", directory)
            .env_remove("WATERWHEEL_CRASH_AT")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(place) = die_at {
            command.env("WATERWHEEL_CRASH_AT", place);
        }
        Self(command.spawn().expect("the program starts"))
    }

    /// Waits until it is dead, at most `wait`.
    pub(super) fn dies_within(&mut self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            if self.0.try_wait().expect("the program can be waited for").is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// `kill -9`.
    pub(super) fn kill(mut self) {
        self.0.kill().expect("it is ours");
        self.0.wait().expect("the program can be waited for");
    }

    /// As Ctrl-C does.
    pub(super) fn stop(mut self) {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "it was running");
        assert!(self.dies_within(END_WAIT), "it ends after ctrl-c");
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
