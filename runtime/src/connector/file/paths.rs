//! From the `PATH` option to the files that are meant.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::Error;
use super::super::options::wrong;
use super::super::registry::ShardOf;
use super::output::PARTIAL_SUFFIX;
use super::{failed, malformed};

/// Extensions of files that no reader here can unpack.
const PACKED_EXTENSIONS: [&str; 6] = ["gz", "zst", "bz2", "xz", "lz4", "zip"];

/// The files that `path` means, sorted by name; each can be opened for reading.
pub(super) fn input_files(path: &str) -> Result<Vec<PathBuf>, Error> {
    let given = Path::new(path);
    let files = match fs::metadata(given) {
        Ok(metadata) if metadata.is_dir() => listed(given, "*")?,
        Ok(_) => vec![given.to_owned()],
        Err(_) if is_pattern(path) => {
            let pattern = given
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let directory = match given.parent() {
                Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
                Some(parent) => parent,
                None => Path::new("."),
            };
            if is_pattern(&directory.to_string_lossy()) {
                return Err(wrong(
                    "PATH",
                    format!("`{path}`: `*` and `?` may stand in the file name only, not in a directory's"),
                ));
            }
            listed(directory, &pattern)?
        }
        Err(error) => return Err(failed(given, error)),
    };
    if files.is_empty() {
        return Err(malformed(given, "no file is there to be read"));
    }
    for file in &files {
        check_readable(file)?;
    }
    Ok(files)
}

/// The file that one shard writes: `out.json`, or `out-0.json`, `out-1.json`, ... where several write.
pub(super) fn output_file(path: &str, shard: ShardOf) -> Result<PathBuf, Error> {
    let given = Path::new(path);
    if given.is_dir() || path.ends_with('/') {
        return Err(wrong(
            "PATH",
            format!("`{path}` is a directory; a sink needs the name of a file"),
        ));
    }
    if is_pattern(path) {
        return Err(wrong(
            "PATH",
            format!("`{path}`: a sink needs the name of one file, without `*` or `?`"),
        ));
    }
    if shard.count <= 1 {
        return Ok(given.to_owned());
    }
    let stem = given
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name = match given.extension() {
        Some(extension) => format!("{stem}-{}.{}", shard.index, extension.to_string_lossy()),
        None => format!("{stem}-{}", shard.index),
    };
    Ok(given.with_file_name(name))
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// The files of `directory` whose names match, without hidden and unfinished ones.
fn listed(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(|error| failed(directory, error))? {
        let path = entry.map_err(|error| failed(directory, error))?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let is_wanted = !name.starts_with('.') && !name.ends_with(PARTIAL_SUFFIX) && matches(&name, pattern);
        if is_wanted && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// True when `name` matches `pattern`, where `*` stands for any characters and `?` for one.
fn matches(name: &str, pattern: &str) -> bool {
    let (name, pattern): (Vec<char>, Vec<char>) = (name.chars().collect(), pattern.chars().collect());
    let (mut n, mut p) = (0, 0);
    // Where to go on when a mismatch follows a `*`: its place, and how much of the name it has eaten.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                n += 1;
                p += 1;
            }
            _ => match &mut star {
                Some((at, eaten)) => {
                    *eaten += 1;
                    (n, p) = (*eaten, *at + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

fn check_readable(file: &Path) -> Result<(), Error> {
    let extension = file
        .extension()
        .map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    if let Some(packed) = extension.filter(|extension| PACKED_EXTENSIONS.contains(&extension.as_str())) {
        return Err(malformed(
            file,
            format!("compressed files (.{packed}) are not read; unpack it first"),
        ));
    }
    // The metadata comes first: opening a pipe would wait for its writer.
    if !fs::metadata(file).map_err(|error| failed(file, error))?.is_file() {
        return Err(malformed(file, "is not a regular file"));
    }
    fs::File::open(file).map_err(|error| failed(file, error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (name, pattern, expected) in [
            ("a.json", "*.json", true),
            ("a.jsonl", "*.json", false),
            ("a.b.json", "a*b*json", true),
            ("abc", "a?c", true),
            ("ac", "a?c", false),
            ("aab", "*ab", true),
            ("", "*", true),
            ("äß", "??", true),
            ("ababab", "*aba?", true),
            ("ababab", "*aba", false),
            ("x", "", false),
        ] {
            assert_eq!(matches(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn shards_get_their_number_before_the_extension() {
        let name = |path, index, count| {
            output_file(path, ShardOf { index, count })
                .unwrap()
                .display()
                .to_string()
        };
        assert_eq!(name("out/x.json", 0, 1), "out/x.json");
        assert_eq!(name("out/x.json", 1, 2), "out/x-1.json");
        assert_eq!(name("x.tar.gz", 0, 3), "x.tar-0.gz");
        assert_eq!(name("plain", 2, 3), "plain-2");
        assert!(output_file("out/*.json", ShardOf { index: 0, count: 1 }).is_err());
    }
}
