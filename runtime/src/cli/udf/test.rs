//! `waterwheel udf test`: vectors against a plugin.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::arguments::UdfTestArguments;
use super::load;
use crate::cli::{EXIT_FAILED, EXIT_OK};
use crate::engine::vectors;

pub(super) fn run(arguments: &UdfTestArguments) -> anyhow::Result<u8> {
    // First of all: where it was never built, or lies elsewhere, talk of its vectors would lead astray.
    std::fs::metadata(&arguments.file).with_context(|| format!("cannot read {}", arguments.file.display()))?;
    let files = files(&arguments.file, &arguments.vectors)?;
    // All files before the first function is called, so that a mistake in the last one is not found late.
    let mut read = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let vectors = vectors::parse(&text).map_err(|e| anyhow::anyhow!("{}: {e}", file.display()))?;
        read.push((file, vectors));
    }
    let Some(registry) = load(&arguments.file, &arguments.code_cache.place(None))? else {
        return Ok(EXIT_FAILED);
    };
    let mut out = std::io::stdout().lock();
    let (mut passed, mut failed) = (0, 0);
    for (file, vectors) in &read {
        writeln!(out, "{}", file.display())?;
        for vector in vectors {
            match vectors::run(&registry, vector) {
                Ok(()) => {
                    passed += 1;
                    writeln!(out, "  ok      {}", vector.function)?;
                }
                Err(difference) => {
                    failed += 1;
                    writeln!(out, "  FAILED  {}", vector.function)?;
                    writeln!(out, "          {}", difference.replace("; ", "\n          "))?;
                }
            }
        }
    }
    writeln!(out, "{passed} passed, {failed} failed")?;
    Ok(if failed == 0 { EXIT_OK } else { EXIT_FAILED })
}

/// The files of vectors, those of directories by name.
fn files(plugin: &Path, given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let given = if given.is_empty() {
        let directory = plugin.parent().unwrap_or(Path::new(""));
        let above = directory.parent().map(|above| above.join("tests"));
        let places = [Some(directory.join("tests")), above];
        let found = places.into_iter().flatten().find(|place| place.is_dir());
        vec![
            found
                .context("there is no directory `tests` beside the plugin or beside its directory: name the vectors")?,
        ]
    } else {
        given.to_vec()
    };
    let mut files = Vec::new();
    for path in given {
        if !path.is_dir() {
            files.push(path);
            continue;
        }
        let entries = std::fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut there = Vec::new();
        for entry in entries {
            there.push(entry.with_context(|| format!("cannot read {}", path.display()))?.path());
        }
        there.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        there.sort();
        anyhow::ensure!(!there.is_empty(), "{} holds no vectors (.json)", path.display());
        files.extend(there);
    }
    Ok(files)
}
