//! Disks that run full under a running query, and have room again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Program, await_that, outputs};

/// A file system of a few megabytes in memory.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where this process may not mount one.
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
            .arg(directory.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it to the last byte.
    fn fill(&self) -> PathBuf {
        let filler = self.path().join("filler");
        let mut file = std::fs::File::create(&filler).expect("it is mounted");
        for size in [64 << 10, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

pub(super) fn under_state() {
    case("the state", |disk, directory| {
        (disk.join("state"), directory.to_path_buf())
    });
}

pub(super) fn under_output() {
    case("the output", |disk, directory| {
        (directory.join("state"), disk.to_path_buf())
    });
}

/// `places` says where state and output are, of the small disk and another directory.
fn case(what: &str, places: impl Fn(&Path, &Path) -> (PathBuf, PathBuf)) {
    let Some(disk) = SmallDisk::mount() else {
        println!("SKIPPED a full disk under {what}: this process may not mount a tmpfs");
        return;
    };
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let (state, output) = places(disk.path(), directory.path());
    let (input, log) = (directory.path().join("input.json"), directory.path().join("log"));
    let add = |range: std::ops::Range<i64>| {
        let lines: String = range.map(|n| format!("{{\"n\":{n}}}\n")).collect();
        let file = std::fs::File::options().create(true).append(true).open(&input);
        let written = file.and_then(|mut file| file.write_all(lines.as_bytes()));
        written.expect("this disk is large");
    };
    add(0..10);
    let sql = format!(
        "SET 'commit.interval.ms' = '20';
        CREATE STREAM input (n BIGINT) WITH (CONNECTOR='file', PATH='{}', FOLLOW=TRUE);
        CREATE STREAM copied WITH (CONNECTOR='file', PATH='{}') AS SELECT n FROM input;",
        input.display(),
        output.join("copied.json").display()
    );
    let program = Program::start(&sql, &state.display().to_string(), &log, &[]);
    let rows = || outputs::json_numbers(&output, "copied");
    await_that("the first rows", || rows().len() >= 10);
    let filler = disk.fill();
    add(10..20_000);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    await_that("the full disk", || said().contains("begins again from its last commit"));
    assert!(said().contains("No space left on device"), "{}", said());
    assert_eq!(
        rows(),
        (0..10).collect::<Vec<_>>(),
        "nothing of the failed commit is seen"
    );
    std::fs::remove_file(filler).expect("it is ours");
    add(20_000..20_010);
    await_that("the rest", || rows().len() >= 20_010);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(rows(), (0..20_010).collect::<Vec<_>>());
    drop(program);
}
