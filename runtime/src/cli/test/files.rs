//! Finds the files of cases and reads them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::engine::case::{Case, load_json, load_line, load_sql};

/// The cases of files and directories, in order, whose ids hold `filter`.
///
/// # Errors
/// When a file cannot be read or is wrong, or no case is left.
pub(super) fn cases(paths: &[PathBuf], filter: Option<&str>) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for path in paths {
        for file in files(path)? {
            cases.extend(read(&file).with_context(|| file.display().to_string())?);
        }
    }
    if cases.is_empty() {
        bail!("there is no case in the given files; cases are in .json, .jsonl and .sql files");
    }
    if let Some(filter) = filter {
        cases.retain(|case| case.id.contains(filter));
        if cases.is_empty() {
            bail!("no case has `{filter}` in its name");
        }
    }
    Ok(cases)
}

/// The file itself, or the files of cases below a directory, by name.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut entries = std::fs::read_dir(path)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<std::io::Result<Vec<_>>>()
        })
        .with_context(|| format!("cannot read {}", path.display()))?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            found.extend(files(&entry)?);
        } else if kind(&entry).is_some() {
            found.push(entry);
        }
    }
    Ok(found)
}

/// The forms of files.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Json,
    Lines,
    Sql,
}

fn kind(path: &Path) -> Option<Kind> {
    match path.extension()?.to_str()? {
        "json" => Some(Kind::Json),
        "jsonl" => Some(Kind::Lines),
        "sql" => Some(Kind::Sql),
        _ => None,
    }
}

fn read(path: &Path) -> Result<Vec<Case>> {
    let Some(kind) = kind(path) else {
        bail!("a file of cases ends in .json, .jsonl or .sql");
    };
    let text = std::fs::read_to_string(path).context("cannot be read")?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(match kind {
        Kind::Json => load_json(&text, &stem)?,
        Kind::Sql => load_sql(&text, &stem)?,
        Kind::Lines => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            lines
                .map(|(number, line)| load_line(line).with_context(|| format!("line {}", number + 1)))
                .collect::<Result<_>>()?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_searched_and_filtered() {
        let root = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        write(
            "b.jsonl",
            "{\"id\": \"b - 1\", \"statements\": []}\n\n{\"name\": \"b - 2\"}\n",
        );
        write("a/a.json", "{\"tests\": [{\"name\": \"x\"}]}");
        write("c.sql", "--@test: y\nSELECT 1;");
        write("readme.md", "no cases");
        let ids = |filter| -> Vec<String> {
            let cases = cases(&[root.path().to_path_buf()], filter).expect("cases");
            cases.into_iter().map(|case| case.id).collect()
        };
        assert_eq!(ids(None), ["a - x", "b - 1", "b - 2", "c - y"]);
        assert_eq!(ids(Some("b - ")), ["b - 1", "b - 2"]);
        let error = cases(&[root.path().to_path_buf()], Some("zzz")).expect_err("none left");
        assert_eq!(error.to_string(), "no case has `zzz` in its name");
        assert!(cases(&[root.path().join("readme.md")], None).is_err());
    }
}
