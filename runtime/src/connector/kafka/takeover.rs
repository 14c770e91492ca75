//! Why a transactional producer may write no more: another process has taken over, or the brokers have ended a transaction that lasted
//! too long. Brokers give one answer for both.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::error::RDKafkaErrorCode;

use super::committed::Groups;
use super::verdict;
use crate::connector::Error;
use crate::types::Retry;
use crate::types::clock::{Clock as _, SystemClock};

/// What has happened to who is shut out, and what to do.
pub(super) const TAKEN_OVER: &str = "another process with the same application id has taken over this query; stop one of the two, or give it another --application-id";
/// No transaction has a record.
const NOT_WRITTEN: i64 = i64::MIN;

/// How it stands with the transactions of one producer.
#[derive(Debug)]
pub(crate) struct Tenure {
    /// How long the brokers let a transaction be open.
    timeout: Duration,
    /// When the open transaction got its first record, in milliseconds since the epoch. Not `Instant`, which stands still while a machine
    /// sleeps; the brokers' clock does not.
    first_write_ms: AtomicI64,
    last_commit: Mutex<Option<LastCommit>>,
    groups: Groups,
}

/// Where the number of the last epoch stands.
#[derive(Debug, Clone)]
pub(crate) struct LastCommit {
    pub(crate) group: String,
    pub(crate) topic: String,
    pub(crate) epoch: u64,
}

impl Tenure {
    pub(crate) fn new(timeout: Duration, groups: Groups) -> Self {
        Self {
            timeout,
            first_write_ms: AtomicI64::new(NOT_WRITTEN),
            last_commit: Mutex::default(),
            groups,
        }
    }

    /// Takes note that something goes into the transaction.
    pub(crate) fn written(&self) {
        if self.first_write_ms.load(Ordering::Relaxed) == NOT_WRITTEN {
            self.first_write_ms.store(SystemClock.now_ms(), Ordering::Relaxed);
        }
    }

    /// Takes note that the transaction is over.
    pub(crate) fn ended(&self) {
        self.first_write_ms.store(NOT_WRITTEN, Ordering::Relaxed);
    }

    /// Takes note of a commit.
    pub(crate) fn committed(&self, commit: LastCommit) {
        *self.last_commit.lock() = Some(commit);
    }

    /// The error of a producer that failed for good.
    pub(crate) fn lost(&self, action: &str, code: RDKafkaErrorCode, reason: &str) -> Error {
        let (reason, retry) = match code {
            RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch => {
                if self.is_overdue() && !self.somebody_went_on() {
                    let timeout_ms = self.timeout.as_millis();
                    let reason = format!(
                        "the transaction was open for longer than transaction.timeout.ms ({timeout_ms} ms), so the brokers have ended it"
                    );
                    (reason, Retry::Backoff)
                } else {
                    (TAKEN_OVER.to_owned(), Retry::Never)
                }
            }
            // Anything that a new producer mends, as an id that the brokers have forgotten.
            RDKafkaErrorCode::Fatal => (reason.to_owned(), Retry::Backoff),
            _ => (reason.to_owned(), verdict::retry(code)),
        };
        Error::Kafka {
            action: action.to_owned(),
            reason,
            retry,
        }
    }

    fn is_overdue(&self) -> bool {
        let first = self.first_write_ms.load(Ordering::Relaxed);
        let open_ms = SystemClock.now_ms().saturating_sub(first);
        first != NOT_WRITTEN && u128::try_from(open_ms).is_ok_and(|open_ms| open_ms >= self.timeout.as_millis())
    }

    /// Whether later epochs were committed, by whomever.
    fn somebody_went_on(&self) -> bool {
        let Some(last) = self.last_commit.lock().clone() else {
            return false;
        };
        let found = self.groups.committed(&last.group, &last.topic);
        found.is_ok_and(|found| found.epoch.is_some_and(|epoch| epoch > last.epoch))
    }
}
