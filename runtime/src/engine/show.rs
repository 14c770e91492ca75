//! SHOW: what there is, as rows of text.

use super::create::kind_word;
use super::describe::window_words;
use super::plugins::plugin_table;
use super::properties::PROPERTIES;
use super::waiting::Waiting;
use super::{Engine, Error, Outcome, QueryKind, Session, Table};
use crate::exec::State;
use crate::sql::ast::{Show, SourceKind};
use crate::types::schema::SqlType;
use crate::udf::FunctionInfo;

impl Engine {
    pub(crate) fn show(&self, session: &Session, show: Show) -> Result<Outcome, Error> {
        match show {
            Show::Streams { extended: true } => return self.describe_all(session, SourceKind::Stream, true),
            Show::Tables { extended: true } => return self.describe_all(session, SourceKind::Table, true),
            _ => {}
        }
        Ok(Outcome::Table(match show {
            Show::Streams { .. } => sources(session, SourceKind::Stream),
            Show::Tables { .. } => sources(session, SourceKind::Table),
            Show::Topics { .. } => self.topic_list()?,
            Show::Queries { .. } => queries(session),
            Show::Functions => self.function_list(session),
            Show::Plugins => plugin_table(&session.registry),
            Show::Properties => properties(session),
            Show::Types => types(session),
            Show::Variables => variables(session),
            Show::Connectors | Show::ConnectorPlugins => connectors(),
        }))
    }

    fn topic_list(&self) -> Result<Table, Error> {
        let mut table = Table::new(&["Topic", "Partitions", "Replicas"]);
        for topic in self.topics.log().list()? {
            table.rows.push(vec![
                topic.name,
                topic.partitions.to_string(),
                topic.replicas.to_string(),
            ]);
        }
        Ok(table)
    }
}

/// `risk_score(price DOUBLE, volume BIGINT) RETURNS DOUBLE`.
#[must_use]
pub fn function_signature(info: &FunctionInfo) -> String {
    let name_of = |data_type| SqlType::from_arrow(data_type).map_or_else(|| data_type.to_string(), |t| t.to_string());
    format!("{}({}) RETURNS {}", info.name, info.arguments(), name_of(&info.returns))
}

fn sources(session: &Session, kind: SourceKind) -> Table {
    let mut table = Table::new(&["Name", "Kind", "From", "Key format", "Value format", "Windowed"]);
    for definition in session.catalog.sources().filter(|definition| definition.kind == kind) {
        let storage = &definition.storage;
        let from = match &storage.connector {
            Some(connector) => format!("connector {connector}"),
            None => format!("topic {}", storage.topic),
        };
        table.rows.push(vec![
            definition.name.clone(),
            kind_word(kind).into(),
            from,
            storage.key_format.format.to_string(),
            storage.value_format.format.to_string(),
            storage.key_window.map_or_else(|| "no".into(), window_words),
        ]);
    }
    table
}

fn queries(session: &Session) -> Table {
    let mut table = Table::new(&[
        "Query",
        "Kind",
        "State",
        "Rows in",
        "Rows out",
        "Bad records",
        "Statement",
    ]);
    for query in session.queries.values() {
        let totals = query.pipeline.metrics().totals();
        let kind = match query.info.kind {
            QueryKind::Persistent => "persistent",
            QueryKind::Push => "push",
            QueryKind::Pull => "pull",
        };
        let state = match query.pipeline.state() {
            State::Held => "HELD".into(),
            State::Running => "RUNNING".into(),
            State::Paused => "PAUSED".into(),
            State::Restarting(reason) => format!("RESTARTING: {reason}"),
            State::Finished => "FINISHED".into(),
            State::Stopped => "STOPPED".into(),
            State::Failed(reason) => format!("FAILED: {reason}"),
        };
        table.rows.push(vec![
            query.info.id.clone(),
            kind.into(),
            state,
            totals.rows_in.to_string(),
            totals.rows_out.to_string(),
            totals.bad_records.to_string(),
            one_line(&query.info.statement),
        ]);
    }
    for Waiting { info, .. } in session.waiting.values() {
        let state = format!("WAITING: {}", info.reason);
        let none = || "0".to_owned();
        let statement = one_line(&info.statement);
        let row = [
            info.id.clone(),
            "persistent".into(),
            state,
            none(),
            none(),
            none(),
            statement,
        ];
        table.rows.push(row.into());
    }
    table.rows.sort();
    table
}

fn one_line(statement: &str) -> String {
    statement.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn properties(session: &Session) -> Table {
    let mut table = Table::new(&["Property", "Value", "Set by", "Meaning"]);
    for property in PROPERTIES {
        let set_by = if session.properties.is_set(property.name) {
            "session"
        } else {
            "default"
        };
        table.rows.push(vec![
            property.name.into(),
            session.properties.get(property.name).into(),
            set_by.into(),
            property.meaning.into(),
        ]);
    }
    table
}

fn types(session: &Session) -> Table {
    let mut table = Table::new(&["Type", "Definition"]);
    for (name, sql_type) in session.catalog.custom_types() {
        table.rows.push(vec![name.clone(), sql_type.to_string()]);
    }
    table
}

fn variables(session: &Session) -> Table {
    let mut table = Table::new(&["Variable", "Value"]);
    for (name, value) in session.variables.iter() {
        table.rows.push(vec![name.to_owned(), value.to_owned()]);
    }
    table
}

fn connectors() -> Table {
    let mut table = Table::new(&["Connector", "What it is"]);
    for connector in crate::connector::registry::connectors() {
        table
            .rows
            .push(vec![connector.name().into(), connector.summary().into()]);
    }
    table
}
