//! `waterwheel state`: what stores hold.

use super::arguments::StateCommand;
use super::render::write_table;
use super::{EXIT_OK, EXIT_USAGE, OutputFormat, report};
use crate::engine::Table;
use crate::state::{Location, Store};

/// What belongs to no shard is stored under this number.
const NO_SHARD: u16 = u16::MAX;

pub(crate) fn run(command: &StateCommand) -> u8 {
    let StateCommand::Inspect { location } = command;
    inspect(location).unwrap_or_else(|error| {
        report(&format!("error: {error:#}"));
        EXIT_USAGE
    })
}

fn inspect(location: &str) -> anyhow::Result<u8> {
    let store = Store::inspect(&Location::parse(location)?)?;
    let mut out = std::io::stdout().lock();
    let mut about = table(&["What", "Value"]);
    if let Some(form) = store.form() {
        about.rows.extend([
            row(["application", &form.application]),
            row(["query", &form.query]),
            row([
                "statement",
                &form.statement.split_whitespace().collect::<Vec<_>>().join(" "),
            ]),
            row(["shards", &form.shards.to_string()]),
            row(["format", &form.format_version.to_string()]),
            row(["made by version", &form.program_version]),
        ]);
    }
    about.rows.push(row(["last epoch", &store.done().number.to_string()]));
    let pending = store
        .pending()
        .map_or("none".to_owned(), |epoch| epoch.number.to_string());
    about.rows.push(row(["pending epoch", &pending]));
    write_table(&about, OutputFormat::Table, &mut out)?;

    let mut positions = table(&["Source", "Partition", "Next offset"]);
    for position in &store.pending().unwrap_or_else(|| store.done()).positions {
        let (partition, next) = (position.partition.to_string(), position.next_offset.to_string());
        positions.rows.push(vec![position.topic.clone(), partition, next]);
    }
    write_table(&positions, OutputFormat::Table, &mut out)?;

    let mut operators = table(&["Operator", "Shard", "Entries", "Bytes", "Form"]);
    for ((operator, shard), (entries, bytes)) in store.sizes()? {
        let forms = store.form().into_iter().flat_map(|form| &form.operators);
        let form = forms
            .filter(|form| form.number == operator)
            .map(|form| form.form.as_str())
            .next();
        operators.rows.push(vec![
            if form.is_some() {
                operator.to_string()
            } else {
                "event times".to_owned()
            },
            if shard == NO_SHARD {
                "all".to_owned()
            } else {
                shard.to_string()
            },
            entries.to_string(),
            bytes.to_string(),
            form.unwrap_or_default().to_owned(),
        ]);
    }
    write_table(&operators, OutputFormat::Table, &mut out)?;
    Ok(EXIT_OK)
}

fn table(columns: &[&str]) -> Table {
    Table {
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        rows: vec![],
    }
}

fn row(cells: [&str; 2]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}
