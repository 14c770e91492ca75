//! One embedded topic: its partitions, who writes to it, who waits for it, and what its groups have read.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::super::{Error, NewTopic, TopicInfo, Waker};
use super::partition::Partition;
use super::retention::Retention;

/// What all topics of one log share.
#[derive(Debug, Default)]
pub(super) struct LogState {
    /// The append order that the next record gets.
    pub(super) next_order: AtomicU64,
    /// No new writer may come any more.
    pub(super) sealed: AtomicBool,
}

/// One topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) info: TopicInfo,
    pub(super) partitions: Vec<Mutex<Partition>>,
    pub(super) log: Arc<LogState>,
    /// Records without a key that were appended one by one, for dealing them out in turn.
    pub(super) unkeyed: AtomicUsize,
    deleted: AtomicBool,
    writers: AtomicUsize,
    /// True when some source found nothing and wants to be woken.
    someone_waits: AtomicBool,
    waiting: Mutex<Vec<Weak<WakeSlot>>>,
    /// Next offset of each partition, by group; -1 where nothing was committed.
    groups: Mutex<HashMap<String, Vec<i64>>>,
}

impl Topic {
    pub(super) fn new(new: &NewTopic, log: Arc<LogState>) -> Result<Self, Error> {
        let retention = Retention::from_config(&new.config)?;
        Ok(Self {
            info: TopicInfo {
                name: new.name.clone(),
                partitions: new.partitions,
                replicas: new.replicas.unwrap_or(1),
            },
            partitions: (0..new.partitions)
                .map(|_| Mutex::new(Partition::new(retention)))
                .collect(),
            log,
            unkeyed: AtomicUsize::new(0),
            deleted: AtomicBool::new(false),
            writers: AtomicUsize::new(0),
            someone_waits: AtomicBool::new(false),
            waiting: Mutex::new(Vec::new()),
            groups: Mutex::new(HashMap::new()),
        })
    }

    /// The error for a topic that was deleted while somebody held it.
    pub(super) fn check_exists(&self) -> Result<(), Error> {
        if self.deleted.load(Ordering::SeqCst) {
            return Err(Error::UnknownTopic {
                topic: self.info.name.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn delete(&self) {
        self.deleted.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Counts a writer in, unless the log was sealed. To be ended by [`Topic::remove_writer`].
    pub(super) fn add_writer(&self) -> Result<(), Error> {
        // Counted before the look at the seal: a reader that sees the seal and no writer can be sure that none comes.
        self.writers.fetch_add(1, Ordering::SeqCst);
        if self.log.sealed.load(Ordering::SeqCst) {
            self.remove_writer();
            return Err(Error::Sealed {
                topic: self.info.name.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn remove_writer(&self) {
        if self.writers.fetch_sub(1, Ordering::SeqCst) == 1 && self.log.sealed.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    /// True when no record will ever come any more. To be asked under the lock of a partition whose end was reached.
    pub(super) fn has_ended(&self) -> bool {
        self.log.sealed.load(Ordering::SeqCst) && self.writers.load(Ordering::SeqCst) == 0
    }

    /// Makes `slot` known, so that it is woken when it waits.
    pub(super) fn add_waiting(&self, slot: &Arc<WakeSlot>) {
        let mut waiting = self.waiting.lock();
        waiting.retain(|slot| slot.strong_count() > 0);
        waiting.push(Arc::downgrade(slot));
    }

    /// Remembers that `slot` found nothing. To be called under the lock of the partition that was empty, so that no
    /// append falls between the look and the wait.
    pub(super) fn wait(&self, slot: &WakeSlot) {
        slot.waits.store(true, Ordering::SeqCst);
        self.someone_waits.store(true, Ordering::SeqCst);
    }

    /// Wakes who waits. To be called without any lock, after an append.
    pub(super) fn wake(&self) {
        if !self.someone_waits.swap(false, Ordering::SeqCst) {
            return;
        }
        let slots: Vec<_> = self.waiting.lock().iter().filter_map(Weak::upgrade).collect();
        for slot in slots {
            slot.wake();
        }
    }

    /// The committed offsets of `group`, one a partition, -1 where there is none.
    pub(super) fn committed(&self, group: &str) -> Option<Vec<i64>> {
        self.groups.lock().get(group).cloned()
    }

    /// Removes what `group` has committed.
    pub(super) fn forget_group(&self, group: &str) {
        self.groups.lock().remove(group);
    }

    pub(super) fn commit(&self, group: &str, next_offsets: &[(i32, i64)]) {
        // No name, no group: a pull query reads everything each time.
        if group.is_empty() {
            return;
        }
        let mut groups = self.groups.lock();
        let offsets = groups
            .entry(group.to_owned())
            .or_insert_with(|| vec![-1; self.partitions.len()]);
        for (partition, next_offset) in next_offsets {
            if let Some(offset) = usize::try_from(*partition).ok().and_then(|p| offsets.get_mut(p)) {
                *offset = *next_offset;
            }
        }
    }
}

/// Where one source of a topic waits.
#[derive(Default)]
pub(super) struct WakeSlot {
    waits: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl WakeSlot {
    pub(super) fn set(&self, waker: Waker) {
        *self.waker.lock() = Some(waker);
    }

    fn wake(&self) {
        if self.waits.swap(false, Ordering::SeqCst) {
            let waker = self.waker.lock().clone();
            if let Some(waker) = waker {
                waker();
            }
        }
    }
}

impl std::fmt::Debug for WakeSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WakeSlot")
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}
