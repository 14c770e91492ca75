//! A producer, and the account of what each of its sinks has under way.
//!
//! librdkafka keeps several threads and buffers per producer, so all sinks of a process share one, except those of a query with
//! transactions, which has its own. Its own flush waits for everybody's records; so each sink counts its own here, by the number that
//! it sends them under.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rdkafka::config::ClientConfig;
use rdkafka::error::RDKafkaErrorCode;

use super::context::Context;
use super::health::Health;
use super::native::client::EventClient;
use super::takeover::Tenure;
use super::verdict;
use crate::connector::Error;
use crate::types::Retry;

/// A producer of any number of sinks.
#[derive(Debug)]
pub(crate) struct Producer {
    client: Arc<EventClient>,
    health: Arc<Health>,
    accounts: Arc<Accounts>,
    /// Where it writes in transactions.
    tenure: Option<Tenure>,
}

/// All sinks' accounts by number.
#[derive(Debug, Default)]
struct Accounts {
    next: AtomicUsize,
    open: Mutex<HashMap<usize, Arc<Account>>>,
    /// Is told of every delivery, so that a sink that found the buffer full goes on.
    room: Condvar,
    room_lock: Mutex<()>,
}

/// What one sink has under way.
#[derive(Debug, Default)]
pub(crate) struct Account {
    under_way: AtomicU64,
    state: Mutex<Failures>,
    settled: Condvar,
}

/// Records of a sink that were not stored.
#[derive(Debug, Default)]
struct Failures {
    first: Option<RDKafkaErrorCode>,
    count: u64,
}

/// A sink's number and account; closed when dropped.
#[derive(Debug)]
pub(crate) struct OpenAccount {
    number: usize,
    account: Arc<Account>,
    accounts: Arc<Accounts>,
}

impl Producer {
    /// Does not wait for a broker. With a `tenure` it writes in transactions.
    ///
    /// # Errors
    /// When the properties do not fit together.
    pub(crate) fn new(config: &ClientConfig, tenure: Option<Tenure>) -> Result<Self, Error> {
        let action = "write";
        let health = Arc::new(Health::new(action.to_owned(), None));
        let accounts = Arc::new(Accounts::default());
        let deliveries = {
            let (accounts, health) = (Arc::clone(&accounts), Arc::clone(&health));
            move |number, count, failure: Option<RDKafkaErrorCode>| {
                if failure.is_none() {
                    health.recover();
                }
                accounts.settle(number, count, failure);
            }
        };
        let context = Context::new(Arc::clone(&health));
        let client = EventClient::new(config, context, Box::new(deliveries))
            .map_err(|error| verdict::crate_error(action, None, &error))?;
        Ok(Self {
            client: Arc::new(client),
            health,
            accounts,
            tenure,
        })
    }

    /// How it stands with its transactions, where it has any.
    pub(crate) fn tenure(&self) -> Option<&Tenure> {
        self.tenure.as_ref()
    }

    /// The client that sends.
    pub(crate) fn client(&self) -> &Arc<EventClient> {
        &self.client
    }

    /// How the connection is doing.
    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    /// A new sink's account.
    pub(crate) fn open_account(&self) -> OpenAccount {
        let number = self.accounts.next.fetch_add(1, Ordering::Relaxed);
        let account = Arc::new(Account::default());
        self.accounts.open.lock().insert(number, Arc::clone(&account));
        OpenAccount {
            number,
            account,
            accounts: Arc::clone(&self.accounts),
        }
    }

    /// The first failure of any sink's records since the last look of that sink, of all sinks, and forgets them.
    pub(crate) fn take_failures(&self) -> Option<RDKafkaErrorCode> {
        let accounts: Vec<_> = self.accounts.open.lock().values().map(Arc::clone).collect();
        let failures = accounts.iter().map(|account| account.take_failures());
        failures.fold(None, |first, next| first.or(next.map(|(_, code)| code)))
    }

    /// Why this producer cannot be used any more, if so: an idempotent producer that lost track of its sequence, a transactional one that
    /// was fenced. The next one may do better, where the error lets try again.
    pub(crate) fn fatal_error(&self, action: &str) -> Option<Error> {
        let (code, reason) = self.client.fatal_error()?;
        Some(match &self.tenure {
            Some(tenure) => tenure.lost(action, code, &reason),
            None => Error::Kafka {
                action: action.to_owned(),
                reason,
                retry: Retry::Backoff,
            },
        })
    }
}

impl Accounts {
    fn settle(&self, number: usize, count: u64, failure: Option<RDKafkaErrorCode>) {
        let account = self.open.lock().get(&number).map(Arc::clone);
        // A sink that was dropped does not want to know.
        if let Some(account) = account {
            account.settle(count, failure);
        }
        let _guard = self.room_lock.lock();
        self.room.notify_all();
    }
}

impl Account {
    fn settle(&self, count: u64, failure: Option<RDKafkaErrorCode>) {
        let mut failures = self.state.lock();
        if let Some(code) = failure {
            failures.first.get_or_insert(code);
            failures.count += count;
        }
        if self.under_way.fetch_sub(count, Ordering::AcqRel) == count {
            self.settled.notify_all();
        }
    }

    fn take_failures(&self) -> Option<(u64, RDKafkaErrorCode)> {
        let mut failures = self.state.lock();
        let count = std::mem::take(&mut failures.count);
        failures.first.take().map(|code| (count, code))
    }
}

impl OpenAccount {
    /// The number to send under.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Counts records as under way, before they are sent.
    pub(crate) fn sending(&self, count: u64) {
        self.account.under_way.fetch_add(count, Ordering::AcqRel);
    }

    /// Takes back records that were counted and not sent.
    pub(crate) fn not_sent(&self, count: u64) {
        self.account.settle(count, None);
    }

    /// Records under way.
    pub(crate) fn under_way(&self) -> u64 {
        self.account.under_way.load(Ordering::Acquire)
    }

    /// Waits until nothing is under way, at most `wait`.
    pub(crate) fn wait_settled(&self, wait: Duration) {
        let mut failures = self.account.state.lock();
        if self.under_way() > 0 {
            self.account.settled.wait_for(&mut failures, wait);
        }
    }

    /// Waits until anybody's records were delivered, at most `wait`.
    pub(crate) fn wait_room(&self, wait: Duration) {
        let mut guard = self.accounts.room_lock.lock();
        self.accounts.room.wait_for(&mut guard, wait);
    }

    /// What was not stored since the last call: how many, and the first cause.
    pub(crate) fn take_failures(&self) -> Option<(u64, RDKafkaErrorCode)> {
        self.account.take_failures()
    }
}

impl Drop for OpenAccount {
    fn drop(&mut self) {
        self.accounts.open.lock().remove(&self.number);
    }
}
