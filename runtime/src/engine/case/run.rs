//! Runs cases and says what came of each.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::records::RecordsCase;
use super::{Body, Case, ExpectedError, Matching};
use crate::engine::{Config, Engine, QueryStart};
use crate::exec::StepRows;
use crate::types::clock::ManualClock;
use crate::udf::CodeCachePlace;

/// Where the clock of every case stands, milliseconds since the epoch.
const CLOCK_MS: i64 = 1_700_000_000_000;
/// How long one query of a case may run.
pub(super) const QUERY_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs cases, each in an engine of its own. May be used by several threads.
#[derive(Debug, Clone, Default)]
pub struct Runner {
    /// The directory of plugins whose functions statements may call.
    pub plugins: Option<PathBuf>,
    /// Where the compiled code of plugins is kept.
    pub code_cache: CodeCachePlace,
    /// What of a topic is compared.
    pub matching: Matching,
    /// Whether an expected error must have the expected message, or only stand at the right place.
    pub strict_messages: bool,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Passed(Option<Refusal>),
    /// Not as expected: why, in one line or more.
    Failed(String, Option<Refusal>),
    /// Not run: why.
    Skipped(String),
}

/// How a case that must fail has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// By its last statement, or by a query while it ran; not by an earlier statement.
    pub in_place: bool,
    /// The message, where one is expected, holds the expected text.
    pub message_matches: Option<bool>,
    /// The message.
    pub message: String,
}

/// Why a case stopped.
#[derive(Debug)]
pub(super) enum Failure {
    /// A statement was refused.
    Statement { message: String, is_last: bool },
    /// A query failed while it ran.
    Query(String),
    /// The output is another one.
    Difference(String),
    /// The case itself is wrong, or could not be run.
    Case(String),
}

impl Failure {
    pub(super) fn case(error: impl std::fmt::Display) -> Self {
        Self::Case(error.to_string())
    }
}

impl Runner {
    /// Runs one case.
    #[must_use]
    pub fn run(&self, case: &Case) -> Verdict {
        if let Some(reason) = &case.skip {
            return Verdict::Skipped(reason.clone());
        }
        let outcome = match &case.body {
            Body::Records {
                statements,
                properties,
                topics,
                inputs,
                outputs,
                sources,
                loose_numbers,
            } => {
                let records = RecordsCase {
                    statements,
                    topics,
                    inputs,
                    outputs,
                    sources,
                    loose_numbers: *loose_numbers,
                };
                let config = Config {
                    queries: QueryStart::Held,
                    properties: properties.clone(),
                    ..self.config()
                };
                self.engine(config)
                    .and_then(|engine| records.run(&engine, self.matching))
            }
            Body::Script { statements } => {
                let mut config = self.config();
                // As in ksqlDB's runner, a query sees what is inserted after it.
                config.properties.insert("auto.offset.reset".into(), "latest".into());
                self.engine(config)
                    .and_then(|engine| super::script::run(&engine, statements))
            }
        };
        self.judge(outcome, case.expected_error.as_ref())
    }

    fn config(&self) -> Config {
        Config {
            workers: 1,
            step_rows: StepRows::One,
            plugins: self.plugins.clone(),
            code_cache: self.code_cache.clone(),
            ..Config::default()
        }
    }

    fn engine(&self, config: Config) -> Result<Engine, Failure> {
        Engine::start(config, Arc::new(ManualClock::at(CLOCK_MS))).map_err(Failure::case)
    }

    fn judge(&self, outcome: Result<(), Failure>, expected: Option<&ExpectedError>) -> Verdict {
        let Some(expected) = expected else {
            return match outcome {
                Ok(()) => Verdict::Passed(None),
                Err(Failure::Statement { message, .. }) => Verdict::Failed(format!("refused: {message}"), None),
                Err(Failure::Query(message)) => Verdict::Failed(format!("a query failed: {message}"), None),
                Err(Failure::Difference(message) | Failure::Case(message)) => Verdict::Failed(message, None),
            };
        };
        let wanted = expected.message.as_deref().unwrap_or("an error");
        let (message, in_place) = match outcome {
            Ok(()) => return Verdict::Failed(format!("no error, but expected: {wanted}"), None),
            Err(Failure::Difference(message) | Failure::Case(message)) => {
                return Verdict::Failed(format!("no error, but expected: {wanted}\n  instead: {message}"), None);
            }
            Err(Failure::Statement { message, is_last }) => (message, is_last),
            Err(Failure::Query(message)) => (message, true),
        };
        let refusal = Refusal {
            in_place,
            message_matches: expected.message.as_ref().map(|text| message.contains(text)),
            message,
        };
        if !refusal.in_place {
            let reason = format!("refused before the last statement: {}", refusal.message);
            return Verdict::Failed(reason, Some(refusal));
        }
        if self.strict_messages && refusal.message_matches == Some(false) {
            let reason = format!("another error\n  expected {wanted}\n  found    {}", refusal.message);
            return Verdict::Failed(reason, Some(refusal));
        }
        Verdict::Passed(Some(refusal))
    }
}
