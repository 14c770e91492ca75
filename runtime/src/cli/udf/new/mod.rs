//! `waterwheel udf new`: a folder with a plugin to begin with. All that it takes is in the program.

mod rust_sdk;
mod templates;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::arguments::UdfNewArguments;
use crate::cli::{EXIT_OK, report};

/// One file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct File {
    path: String,
    text: String,
    is_program: bool,
}

pub(super) fn run(arguments: &UdfNewArguments) -> anyhow::Result<u8> {
    let directory = arguments
        .directory
        .clone()
        .unwrap_or_else(|| PathBuf::from(&arguments.name));
    let is_free = match std::fs::read_dir(&directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", directory.display())),
    };
    anyhow::ensure!(
        is_free,
        "{} is there and not empty: name another directory",
        directory.display()
    );
    for file in templates::files(arguments.language, &arguments.name) {
        write(&directory, &file)?;
    }
    report(&format!(
        "made {0}; go on with\n  cd {0}\n  ./build\n  waterwheel udf test plugins/{1}.wasm\n  waterwheel run pipeline.sql\nREADME.md says what must be installed",
        directory.display(),
        arguments.name
    ));
    Ok(EXIT_OK)
}

fn write(directory: &Path, file: &File) -> anyhow::Result<()> {
    let path = directory.join(&file.path);
    let cannot = || format!("cannot write {}", path.display());
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(cannot)?;
    }
    std::fs::write(&path, &file.text).with_context(cannot)?;
    #[cfg(unix)]
    if file.is_program {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).with_context(cannot)?;
    }
    Ok(())
}
