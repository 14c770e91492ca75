//! Names of what a query keeps beyond its run: they follow from its sink, so that a statement put in front of others changes none.

use super::storage::Options;
use super::{Error, QueryKind, Session};
use crate::sql::ast::{SourceKind, WithOptions};
use crate::state::MemoryBackend;

/// What a persistent query is called.
#[derive(Debug)]
pub(crate) struct Naming {
    pub(crate) id: String,
    pub(crate) durable: String,
    pub(crate) creates_sink: bool,
    /// Where state is kept that ends with the process.
    pub(crate) memory: MemoryBackend,
}

/// The durable name of the query that makes a stream or table.
pub(crate) fn durable_of_maker(kind: SourceKind, name: &str) -> String {
    let prefix = match kind {
        SourceKind::Stream => "CSAS",
        SourceKind::Table => "CTAS",
    };
    format!("{prefix}_{name}")
}

/// The durable name of the next query that inserts into `sink`.
pub(crate) fn next_insert(session: &mut Session, sink: &str) -> String {
    let name = peek_insert(session, sink);
    *session.inserts.entry(sink.to_owned()).or_default() += 1;
    name
}

/// The name that [`next_insert`] will give.
pub(crate) fn peek_insert(session: &Session, sink: &str) -> String {
    let before = session.inserts.get(sink).copied().unwrap_or_default();
    format!("INSERT_{sink}_{}", before + 1)
}

/// Two queries of one name would share state, groups and transactions; `id` is the one that is to have it.
pub(crate) fn check_durable_name(session: &Session, id: &str, durable: &str) -> Result<(), Error> {
    let queries = session.queries.values();
    let queries = queries.filter(|query| query.info.kind == QueryKind::Persistent);
    let queries = queries.map(|query| (&query.info.id, &query.info.durable));
    let waiting = session.waiting.values();
    let waiting = waiting.map(|waiting| (&waiting.info.id, &waiting.durable));
    let waiting = waiting.filter(|(other, _)| *other != id);
    match queries.chain(waiting).find(|(_, other)| *other == durable) {
        None => Ok(()),
        Some((other, _)) => Err(Error::user(
            "query-exists",
            format!("the query {other} keeps its state under the name `{durable}` already"),
        )
        .help(format!("TERMINATE {other} first, or choose another QUERY_ID"))),
    }
}

/// The name that `WITH (QUERY_ID = ...)` gives a query, in capitals as in ksqlDB.
pub(crate) fn named_id(session: &Session, with: &WithOptions) -> Result<Option<String>, Error> {
    let mut options = Options::new(with);
    let given = options.spanned("QUERY_ID");
    options.rest(None)?;
    let Some((id, span)) = given else {
        return Ok(None);
    };
    let id = id.to_uppercase();
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        let message = format!("QUERY_ID is letters, digits and `_`, not `{id}`");
        return Err(Error::user("wrong-option-value", message).at(span));
    }
    if is_query(session, &id) {
        return Err(Error::user("query-exists", format!("there is a query `{id}` already"))
            .at(span)
            .help(format!("TERMINATE {id} first, or choose another name")));
    }
    Ok(Some(id))
}

/// Names that people see count up over the session. One that QUERY_ID has given away is passed over. What outlives the process goes by
/// [`QueryInfo::durable`].
pub(crate) fn next_id(session: &mut Session, prefix: &str) -> String {
    loop {
        session.next_query += 1;
        let id = format!("{prefix}_{}", session.next_query);
        if !is_query(session, &id) {
            return id;
        }
    }
}

/// Whether there is a query of this name, be it one that waits.
fn is_query(session: &Session, id: &str) -> bool {
    session.queries.contains_key(id) || session.waiting.contains_key(id)
}
