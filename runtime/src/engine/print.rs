//! PRINT: the records of a topic as they lie there, whatever they mean.

use std::sync::Arc;

use super::durable_name::next_id;
use super::query_info::query_info;
use super::{Engine, Error, Outcome, PushQuery, QueryKind, Session, ShownAs};
use crate::catalog::nearest;
use crate::connector::StopAt;
use crate::exec::{ShardSink, change_channel};
use crate::plan::{self, Printing};
use crate::sql::ast::{Name, SourceKind};

impl Engine {
    /// `PRINT topic [FROM BEGINNING] [INTERVAL n] [LIMIT n]`: a push query over the topic's records.
    pub(crate) fn print(
        &self,
        session: &mut Session,
        topic: &Name,
        from_beginning: bool,
        printing: Printing,
        text: &str,
    ) -> Result<Outcome, Error> {
        if self.topics.log().describe(&topic.value)?.is_none() {
            let error = Error::user("unknown-topic", format!("topic `{}` does not exist", topic.value)).at(topic.span);
            let topics = self.topics.log().list()?;
            return Err(
                match nearest(&topic.value, topics.iter().map(|topic| topic.name.as_str())) {
                    Some(near) => error.help(format!("did you mean `{near}`?")),
                    None => error.help("SHOW TOPICS lists them"),
                },
            );
        }
        let dataflow = plan::print(&topic.value, printing)?;
        let id = next_id(session, "PRINT");
        let (sender, receiver) = change_channel();
        let schema = Arc::clone(&dataflow.root().schema);
        let sinks = (0..self.config.workers)
            .map(|_| ShardSink::Columns(Box::new(sender.clone())))
            .collect();
        let info = query_info(id.clone(), QueryKind::Push, text, &dataflow, None);
        let start = if from_beginning { "earliest" } else { "latest" };
        let properties = session.properties.clone();
        session.properties.set("auto.offset.reset", start)?;
        let parts = self.parts(session, &info, dataflow, sinks, StopAt::Never);
        session.properties = properties;
        let mut parts = parts?;
        parts.gate = Some(sender);
        let pipeline = self.start_transient(session, info, parts)?;
        let value = schema.fields().len() - 1;
        Ok(Outcome::Query(PushQuery {
            id,
            kind: QueryKind::Push,
            schema,
            // A record without a value has all the rest.
            shown: ShownAs {
                kind: SourceKind::Stream,
                key: (0..value).collect(),
            },
            changes: receiver,
            pipeline,
        }))
    }
}
