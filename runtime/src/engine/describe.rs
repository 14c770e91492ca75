//! DESCRIBE: one stream, table or function.

use super::create::kind_word;
use super::show::function_signature;
use super::{Engine, Error, Outcome, Session};
use crate::catalog::{Definition, nearest};
use crate::sql::ast::{Name, SourceKind, Span};
use crate::types::schema::{ColumnRole, WINDOWEND, WINDOWSTART};
use crate::types::storage::KeyWindow;
use crate::udf::{FunctionSource, Kind};

impl Engine {
    pub(crate) fn describe(&self, session: &Session, name: &Name, extended: bool) -> Result<Outcome, Error> {
        let Some(definition) = session.catalog.source(&name.value) else {
            let error = Error::user(
                "unknown-source",
                format!("stream or table `{}` does not exist", name.value),
            )
            .at(name.span);
            return Err(match session.catalog.nearest_source(&name.value) {
                Some(near) => error.help(format!("did you mean `{near}`?")),
                None => error.help("SHOW STREAMS and SHOW TABLES list what there is"),
            });
        };
        let mut text = format!("{} {}\n", kind_word(definition.kind), definition.name);
        let width = definition
            .columns
            .iter()
            .map(|column| column.name.chars().count())
            .chain(definition.storage.key_window.map(|_| WINDOWSTART.len()))
            .max()
            .unwrap_or(0);
        for column in &definition.columns {
            let role = match &column.role {
                ColumnRole::Value => String::new(),
                ColumnRole::Key if definition.kind == crate::sql::ast::SourceKind::Table => " (primary key)".into(),
                ColumnRole::Key => " (key)".into(),
                ColumnRole::Headers => " (headers)".into(),
                ColumnRole::Header(key) => format!(" (header '{key}')"),
            };
            text.push_str(&format!("  {:width$}  {}{role}\n", column.name, column.sql_type));
        }
        let storage = &definition.storage;
        if let Some(window) = storage.key_window {
            for bound in [WINDOWSTART, WINDOWEND] {
                text.push_str(&format!("  {bound:width$}  BIGINT (window of the key)\n"));
            }
            text.push_str(&format!("each key has {}\n", window_words(window)));
        }
        match &storage.connector {
            Some(connector) => text.push_str(&format!("from connector {connector}\n")),
            None => text.push_str(&format!(
                "from topic {}, keys {}, values {}\n",
                storage.topic, storage.key_format.format, storage.value_format.format
            )),
        }
        if let Some(event_time) = &definition.event_time {
            text.push_str(&format!("event time from column {}\n", event_time.column));
        }
        if extended {
            text.push_str(&users(session, definition));
            text.push_str(&format!("made by {}\n", definition.statement));
        }
        Ok(Outcome::Text(text))
    }

    /// DESCRIBE STREAMS and DESCRIBE TABLES: each of them.
    pub(crate) fn describe_all(&self, session: &Session, kind: SourceKind, extended: bool) -> Result<Outcome, Error> {
        let mut texts = Vec::new();
        for definition in session.catalog.sources().filter(|definition| definition.kind == kind) {
            let name = Name {
                value: definition.name.clone(),
                span: Span::default(),
            };
            if let Outcome::Text(text) = self.describe(session, &name, extended)? {
                texts.push(text);
            }
        }
        if texts.is_empty() {
            texts.push(format!("there is no {}\n", kind_word(kind)));
        }
        Ok(Outcome::Text(texts.join("\n")))
    }

    pub(crate) fn describe_function(&self, session: &Session, name: &Name) -> Result<Outcome, Error> {
        let plugins = session.registry.totals();
        let own = plugins
            .iter()
            .filter(|(info, _)| info.name.eq_ignore_ascii_case(&name.value));
        let mut text = String::new();
        for (info, totals) in own {
            let kind = match info.kind {
                Kind::Scalar => "scalar function",
                Kind::Stream => "stream function, state per key: use OVER (PARTITION BY key)",
                Kind::Aggregate => "aggregate function: use GROUP BY",
                Kind::Table => "table function, a row for each value: use it in FROM or in the SELECT list",
            };
            let version = info
                .version
                .as_ref()
                // A file that is named after its version says it already.
                .filter(|_| !info.plugin.contains('@'))
                .map(|version| format!(" {version}"))
                .unwrap_or_default();
            text.push_str(&format!(
                "{}\n  {kind}, from plugin {}{version}\n",
                function_signature(info),
                info.plugin
            ));
            if let Some(doc) = &info.doc {
                text.push_str(&format!("  {doc}\n"));
            }
            if totals.calls > 0 {
                text.push_str(&format!("  so far: {totals}\n"));
            }
        }
        if text.is_empty() {
            text = self.built_in.describe(&name.value).ok_or_else(|| {
                let names: Vec<String> = self.built_in.built_in().map(|(name, _)| name).collect();
                let known = names
                    .iter()
                    .map(String::as_str)
                    .chain(plugins.iter().map(|(info, _)| info.name.as_str()));
                let error =
                    Error::user("unknown-function", format!("there is no function `{}`", name.value)).at(name.span);
                match nearest(&name.value, known) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help("SHOW FUNCTIONS lists them"),
                }
            })?;
        }
        Ok(Outcome::Text(text))
    }
}

/// The queries that write and read a stream or table, a line each.
fn users(session: &Session, definition: &Definition) -> String {
    let mut text = String::new();
    for query in session.queries.values() {
        let info = &query.info;
        let totals = query.pipeline.metrics().totals();
        let word = match (&info.sink, info.sources.contains(&definition.name)) {
            (Some(sink), _) if *sink == definition.name => "written by",
            (_, true) => "read by",
            _ => continue,
        };
        text.push_str(&format!(
            "{word} {}: {} rows in, {} rows out, {} bad records, {}\n",
            info.id,
            totals.rows_in,
            totals.rows_out,
            totals.bad_records,
            query.pipeline.commit_words()
        ));
    }
    for waiting in session.waiting.values() {
        let word = match waiting.sources.contains(&definition.name) {
            _ if waiting.sink == definition.name => "written by",
            true => "read by",
            false => continue,
        };
        let info = &waiting.info;
        text.push_str(&format!("{word} {}, which does not run: {}\n", info.id, info.reason));
    }
    text
}

/// `a window of 10000 ms`, `a session`.
pub(super) fn window_words(window: KeyWindow) -> String {
    match window {
        KeyWindow::Time { size_ms } => format!("a window of {size_ms} ms"),
        KeyWindow::Session => "a session".into(),
    }
}
