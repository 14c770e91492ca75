//! Names of what a query keeps beyond its run: they follow from its sink, so that a statement put in front of others changes none.

use super::{Error, QueryKind, Session};
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

/// The durable name of the next query that inserts into `sink`.
pub(crate) fn next_insert(session: &mut Session, sink: &str) -> String {
    let count = session.inserts.entry(sink.to_owned()).or_default();
    *count += 1;
    format!("INSERT_{sink}_{count}")
}

/// Two queries of one name would share state, groups and transactions.
pub(crate) fn check_durable_name(session: &Session, durable: &str) -> Result<(), Error> {
    let mut queries = session.queries.values();
    match queries.find(|query| query.info.kind == QueryKind::Persistent && query.info.durable == durable) {
        None => Ok(()),
        Some(query) => Err(Error::user(
            "query-exists",
            format!(
                "the query {} keeps its state under the name `{durable}` already",
                query.info.id
            ),
        )
        .help(format!("TERMINATE {} first, or choose another QUERY_ID", query.info.id))),
    }
}
