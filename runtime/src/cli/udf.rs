//! `waterwheel udf`: plugins from the first line to the figures.

mod arguments;
mod bench;
mod new;
mod test;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

pub use self::arguments::{UdfBenchArguments, UdfCommand, UdfLanguage, UdfNewArguments, UdfTestArguments};
use super::render::write_table;
use super::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, OutputFormat, report};
use crate::engine::{Table, function_signature, plugin_table};
use crate::udf::{CodeCachePlace, FunctionSource, Kind, Limits, Registry};

pub(crate) fn run(command: &UdfCommand) -> u8 {
    let result = match command {
        UdfCommand::List { plugins, code_cache } => list(plugins, &code_cache.place(None)),
        UdfCommand::Check { files, code_cache } => check(files, &code_cache.place(None)),
        UdfCommand::New(arguments) => new::run(arguments),
        UdfCommand::Test(arguments) => test::run(arguments),
        UdfCommand::Bench(arguments) => bench::run(arguments),
    };
    result.unwrap_or_else(|error| {
        report(&format!("error: {error:#}"));
        EXIT_USAGE
    })
}

fn list(directory: &Path, code_cache: &CodeCachePlace) -> anyhow::Result<u8> {
    let registry = Registry::new(Limits::default())?
        .with_code_cache(code_cache)
        .with_directory(directory)?;
    let mut table = table();
    add_functions(&registry, &mut table);
    let mut out = std::io::stdout().lock();
    write_table(&plugin_table(&registry), OutputFormat::Table, &mut out)?;
    write_table(&table, OutputFormat::Table, &mut out)?;
    let is_broken = registry
        .plugins()
        .iter()
        .any(|plugin| plugin.broken.is_some() || !plugin.skipped.is_empty());
    Ok(if is_broken { EXIT_FAILED } else { EXIT_OK })
}

fn check(files: &[PathBuf], code_cache: &CodeCachePlace) -> anyhow::Result<u8> {
    let mut worst = EXIT_OK;
    for file in files {
        // Each file by itself, so that functions of one do not hide those of another.
        let mut registry = Registry::new(Limits::default())?.with_code_cache(code_cache);
        registry.add_file(file);
        let mut table = table();
        add_functions(&registry, &mut table);
        if !table.rows.is_empty() {
            write_table(&table, OutputFormat::Table, &mut std::io::stdout().lock())?;
        }
        worst = worst.max(report_trouble(&registry));
    }
    Ok(worst)
}

/// A plugin by itself; none when it is broken, which is said. A file that is not there is the caller's mistake.
fn load(file: &Path, code_cache: &CodeCachePlace) -> anyhow::Result<Option<Registry>> {
    std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut registry = Registry::new(Limits::default())?.with_code_cache(code_cache);
    let is_broken = registry.add_file(file).broken.is_some();
    report_trouble(&registry);
    Ok((!is_broken).then_some(registry))
}

fn table() -> Table {
    let columns = ["Function", "Kind", "Plugin", "Version", "What it does"];
    Table {
        columns: columns.map(str::to_owned).to_vec(),
        rows: vec![],
    }
}

fn add_functions(registry: &Registry, table: &mut Table) {
    for info in registry.functions() {
        table.rows.push(vec![
            function_signature(&info),
            kind_word(info.kind).into(),
            info.plugin.clone(),
            info.version.clone().unwrap_or_default(),
            info.doc.clone().unwrap_or_default(),
        ]);
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Scalar => "scalar",
        Kind::Stream => "stream",
        Kind::Aggregate => "aggregate",
        Kind::Table => "table",
    }
}

/// Says which files or functions cannot be used; gives the exit code.
fn report_trouble(registry: &Registry) -> u8 {
    let mut code = EXIT_OK;
    for plugin in registry.plugins() {
        if let Some(reason) = &plugin.broken {
            report(&format!("{}: broken: {reason}", plugin.path.display()));
            code = EXIT_FAILED;
        }
        for skipped in &plugin.skipped {
            report(&format!("{}: {skipped}", plugin.path.display()));
            code = EXIT_FAILED;
        }
    }
    code
}
