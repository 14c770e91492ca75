//! How one client is doing: turns the stream of complaints from librdkafka into one log line per change and, where
//! somebody has to act, into an error that the next poll returns.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rdkafka::error::RDKafkaErrorCode;

use super::verdict::{self, Verdict};
use crate::connector::Error;

/// How long a client that was connected before bears refused logins: brokers that restart refuse them for a moment.
const LOGIN_PATIENCE: Duration = Duration::from_mins(1);

/// How long records that were fetched before an outage may still come out of the queues.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// What is known of one client's connection.
#[derive(Debug)]
pub(crate) struct Health {
    /// Who it is in log lines and errors: `read topic trades`.
    action: String,
    topic: Option<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Something worked once.
    connected: bool,
    trouble: Option<Trouble>,
    /// What somebody has to act upon.
    error: Option<(RDKafkaErrorCode, String)>,
    /// Since when the topic is said not to be there.
    topic_unknown_since: Option<Instant>,
}

#[derive(Debug)]
struct Trouble {
    code: RDKafkaErrorCode,
    reason: String,
    since: Instant,
}

impl Trouble {
    fn new(code: RDKafkaErrorCode, reason: &str) -> Self {
        Self {
            code,
            reason: reason.to_owned(),
            since: Instant::now(),
        }
    }
}

impl Health {
    pub(crate) fn new(action: String, topic: Option<String>) -> Self {
        Self {
            action,
            topic,
            state: Mutex::new(State::default()),
        }
    }

    /// True when something is wrong that nothing has come after.
    pub(crate) fn complains(&self) -> bool {
        self.state.lock().trouble.is_some()
    }

    /// Takes note of a complaint.
    pub(crate) fn complain(&self, code: RDKafkaErrorCode, reason: &str) {
        let mut state = self.state.lock();
        let began = state.trouble.is_none();
        let verdict = verdict::verdict(code);
        let trouble = state.trouble.get_or_insert_with(|| Trouble::new(code, reason));
        // Why the brokers are down is worth more than that they are.
        if code != RDKafkaErrorCode::AllBrokersDown {
            trouble.code = code;
            reason.clone_into(&mut trouble.reason);
        }
        let for_long = trouble.since.elapsed() >= LOGIN_PATIENCE;
        match verdict {
            Verdict::UnknownTopic => {
                state.topic_unknown_since.get_or_insert_with(Instant::now);
            }
            Verdict::Final => state.error = Some((code, reason.to_owned())),
            Verdict::Login if for_long || !state.connected => state.error = Some((code, reason.to_owned())),
            Verdict::Login | Verdict::Transient => {}
        }
        drop(state);
        // An unknown topic becomes an error if it stays unknown, so it is not said twice.
        if began && verdict != Verdict::UnknownTopic {
            tracing::warn!(action = %self.action, %reason, "kafka trouble, waiting for it to pass");
        } else {
            tracing::debug!(action = %self.action, %reason, "kafka trouble");
        }
    }

    /// Whether something worked once.
    pub(crate) fn was_connected(&self) -> bool {
        self.state.lock().connected
    }

    /// Takes note that something worked.
    pub(crate) fn recover(&self) {
        let mut state = self.state.lock();
        state.connected = true;
        state.topic_unknown_since = None;
        state.error = None;
        // Right after a connection broke, what works are records that were fetched before.
        if state
            .trouble
            .as_ref()
            .is_none_or(|trouble| trouble.since.elapsed() < LEFTOVERS)
        {
            return;
        }
        let Some(trouble) = state.trouble.take() else { return };
        drop(state);
        let after_ms = u64::try_from(trouble.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(action = %self.action, after_ms, "kafka trouble has passed");
    }

    /// The error that somebody has to act upon, until something works again.
    pub(crate) fn error(&self) -> Option<Error> {
        let state = self.state.lock();
        let (code, reason) = state.error.as_ref()?;
        Some(verdict::error(&self.action, self.topic.as_deref(), *code, reason))
    }

    /// How long the topic is said not to be there, if it is.
    pub(crate) fn topic_unknown_for(&self) -> Option<Duration> {
        self.state.lock().topic_unknown_since.map(|since| since.elapsed())
    }

    /// The last complaint that nothing has answered since, for the message of a timeout.
    pub(crate) fn last_complaint(&self) -> Option<(RDKafkaErrorCode, String)> {
        let state = self.state.lock();
        state
            .trouble
            .as_ref()
            .map(|trouble| (trouble.code, trouble.reason.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health::new("read topic t".to_owned(), Some("t".to_owned()))
    }

    #[test]
    fn an_outage_is_no_error() {
        let health = health();
        health.complain(RDKafkaErrorCode::BrokerTransportFailure, "connection refused");
        health.complain(RDKafkaErrorCode::AllBrokersDown, "1/1 brokers are down");
        assert!(health.error().is_none());
        let (code, reason) = health.last_complaint().expect("there is one");
        assert_eq!(
            (code, reason.as_str()),
            (RDKafkaErrorCode::BrokerTransportFailure, "connection refused")
        );
        health.recover();
        assert!(
            health.last_complaint().is_some(),
            "that may have been a record fetched before"
        );
        std::thread::sleep(LEFTOVERS);
        health.recover();
        assert!(health.last_complaint().is_none());
    }

    #[test]
    fn a_refused_login_is_an_error_only_before_the_first_connection() {
        let fresh = health();
        fresh.complain(RDKafkaErrorCode::Authentication, "bad password");
        let error = fresh.error().expect("the user has to act");
        assert_eq!(error.to_string(), "kafka: read topic t: bad password");
        assert!(fresh.error().is_some(), "it stays");
        fresh.recover();
        assert!(fresh.error().is_none(), "until the password is mended");

        let connected = health();
        connected.recover();
        connected.complain(RDKafkaErrorCode::Authentication, "bad password");
        assert!(connected.error().is_none());
    }

    #[test]
    fn lost_rights_are_an_error_at_any_time() {
        let health = health();
        health.recover();
        health.complain(RDKafkaErrorCode::TopicAuthorizationFailed, "not allowed");
        assert!(health.error().is_some());
    }

    #[test]
    fn an_unknown_topic_is_timed_until_it_is_seen() {
        let health = health();
        assert!(health.topic_unknown_for().is_none());
        health.complain(RDKafkaErrorCode::UnknownTopicOrPartition, "unknown");
        assert!(health.topic_unknown_for().is_some());
        health.recover();
        assert!(health.topic_unknown_for().is_none());
    }
}
