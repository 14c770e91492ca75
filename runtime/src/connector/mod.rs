//! Floor 2: where records come from and go to.
//!
//! A pipeline owns one [`Source`] per topic (or file set) that it reads. The source says which partitions are its own
//! now and hands out one [`PartitionReader`] for each; the data plane deals the readers to its shards and polls them,
//! without waiting, once a step. Sinks take what a step gave. Topics live in a [`TopicLog`]: Kafka, or the embedded one.

pub mod blackhole;
pub mod datagen;
mod draws;
pub mod embedded;
pub mod file;
pub mod fixed_source;
mod key_partition;
pub mod nexmark;
pub mod options;
mod pace;
pub mod partitioner;
pub mod registry;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::{Int64Array, RecordBatch};

use crate::types::{ChangeBatch, Class, RawRecords, Retry};

pub mod kafka;

/// Where a reader starts when its group has no committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// The first record that the topic still holds.
    Earliest,
    /// Only what comes from now on.
    Latest,
}

/// Where a reader stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAt {
    /// Never: a continuous query.
    Never,
    /// At the end that each partition has when it is opened: a pull query.
    CurrentEnd,
}

/// What one poll of a partition gave.
#[derive(Debug)]
pub enum Polled {
    /// Encoded records.
    Records(RawRecords),
    /// Rows that need no decoding.
    Columns(ColumnBatch),
    /// Nothing now. `retry_after` says when it is worth asking again; `None`: the source wakes the pipeline itself or
    /// wants to be asked at the ordinary pace.
    Idle {
        /// Pause before the next poll.
        retry_after: Option<Duration>,
    },
    /// Nothing more will ever come.
    End,
}

/// Rows from a source that has columns of its own (Parquet, datagen): all declared columns in declared order.
#[derive(Debug, Clone)]
pub struct ColumnBatch {
    /// Partition number.
    pub partition: i32,
    /// The declared columns, by position.
    pub records: RecordBatch,
    /// Milliseconds since the epoch of each row (the moment of reading where the source has no time).
    pub timestamps: Int64Array,
    /// Offset of each row.
    pub offsets: Int64Array,
}

/// What one reader may give in one poll.
#[derive(Debug, Clone, Copy)]
pub struct PollLimits {
    /// Rows at most.
    pub rows_max: usize,
    /// Bytes of keys and values together at most, but always at least one record.
    pub bytes_max: usize,
}

/// Reads one partition, in order. Used by one shard at a time; never blocks.
pub trait PartitionReader: Send + Debug {
    /// The partition it reads.
    fn partition(&self) -> i32;

    /// Takes what is there, up to `limits`.
    ///
    /// # Errors
    /// When the source fails; [`Error::retry`] says whether polling again can help.
    fn poll(&mut self, limits: PollLimits) -> Result<Polled, Error>;

    /// Records that are known to wait behind the last polled one (Kafka: the lag), if known.
    fn lag(&self) -> Option<u64> {
        None
    }

    /// False while rows may be on their way that nobody knows of here (Kafka: before the first answer of the broker, behind a backlog that does
    /// not come, while the broker is away), so that a partition that is slow is not taken for a silent one.
    fn is_at_end(&self) -> bool {
        true
    }

    /// The append order of the next waiting record across all partitions of all topics, where the log keeps one (the
    /// embedded log does). With one row per step, rows are taken in this order.
    fn next_order(&mut self) -> Option<u64> {
        None
    }
}

/// How the partitions of a pipeline changed.
#[derive(Debug, Default)]
pub struct AssignmentChange {
    /// Partitions that are this pipeline's from now on.
    pub added: Vec<Box<dyn PartitionReader>>,
    /// Partitions that are no longer this pipeline's; their readers must be dropped.
    pub removed: Vec<i32>,
}

/// Called from any thread when a source that was idle has something new to poll. Must return at once and may be called
/// more often than needed.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// One topic (or file set) as one pipeline reads it.
pub trait Source: Send + Debug {
    /// What changed since the last call; called between steps, never blocks. `None`: nothing changed.
    ///
    /// # Errors
    /// When the source fails for good or for now.
    fn poll_assignment(&mut self) -> Result<Option<AssignmentChange>, Error>;

    /// True when the partitions are known: from then on, no reader left means that the source has ended.
    fn is_assigned(&self) -> bool;

    /// Remembers that everything before these offsets (partition, next offset to read) has taken effect.
    ///
    /// # Errors
    /// When the offsets could not be stored.
    fn commit(&mut self, next_offsets: &[(i32, i64)]) -> Result<(), Error>;

    /// The consumer group that this source is a member of, where its offsets can become part of a transaction of its log.
    fn group_member(&self) -> Option<GroupMember> {
        None
    }

    /// Has `waker` called when any partition that was polled idle has records again, or comes to its end. Set it
    /// before the first poll. Sources that cannot tell keep this default and are polled at the ordinary pace.
    fn set_waker(&mut self, waker: Waker) {
        drop(waker);
    }
}

/// A member of a consumer group on one topic.
pub struct GroupMember {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// What the log itself knows of the member (Kafka: its generation, by which a member that was thrown out is fenced); `None` where no
    /// consumer stands behind it.
    pub handle: Option<Box<dyn Any + Send>>,
}

impl Debug for GroupMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("GroupMember");
        debug.field("group", &self.group).field("topic", &self.topic);
        debug.finish_non_exhaustive()
    }
}

/// What a transaction says of one source.
#[derive(Debug)]
pub struct OffsetsOfMember {
    /// Whose offsets.
    pub member: GroupMember,
    /// Partition and next offset to read.
    pub next_offsets: Vec<(i32, i64)>,
}

/// What a consumer group has committed for a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// Next offset by partition; partitions without a committed offset are left out.
    pub next_offsets: BTreeMap<i32, i64>,
    /// The largest epoch that stands beside an offset.
    pub epoch: Option<u64>,
}

/// Writes records of one query so that those of an epoch, the offsets that they came from and the number of the epoch become visible together,
/// or not at all.
pub trait Transactions: Send + Debug {
    /// A sink that writes into the transaction that is open. Its `flush` only says whether the log has refused anything so far.
    ///
    /// # Errors
    /// When the options are wrong.
    fn sink(&self, topic: &str) -> Result<Box<dyn RecordSink>, Error>;

    /// Opens a transaction; sinks may write from then on.
    ///
    /// # Errors
    /// When the log refuses.
    fn begin(&mut self) -> Result<(), Error>;

    /// Waits until all records are stored, adds the offsets with the number of the epoch beside each, and commits. After an error that
    /// [`Error::retry`] lets try again, nothing of the transaction counts: everything goes on from the last epoch, with new `Transactions`.
    ///
    /// # Errors
    /// When the log refuses, or a newer writer of the same id has taken over.
    fn commit(&mut self, epoch: u64, offsets: Vec<OffsetsOfMember>) -> Result<(), Error>;

    /// Throws the open transaction away.
    ///
    /// # Errors
    /// When the log refuses.
    fn abort(&mut self) -> Result<(), Error>;
}

/// Takes encoded records. The topic's own partitioner deals them out by key.
pub trait RecordSink: Send + Debug {
    /// Hands records over; they need not be durable yet. `partition` of the records is ignored.
    ///
    /// # Errors
    /// When the sink refuses them.
    fn write(&mut self, records: &RawRecords) -> Result<(), Error>;

    /// Waits until everything written is durable.
    ///
    /// # Errors
    /// When any record since the last flush was not stored.
    fn flush(&mut self) -> Result<(), Error>;

    /// What the last flush has stored counts from now on, as this epoch: it becomes visible, where it is not yet.
    ///
    /// # Errors
    /// When it cannot be made visible now; it is not lost, but becomes visible when the sink is opened again.
    fn publish(&mut self, epoch: u64) -> Result<(), Error> {
        let _ = epoch;
        Ok(())
    }

    /// Flushes and ends the output (closes a file, tells an embedded topic that no more comes).
    ///
    /// # Errors
    /// As [`RecordSink::flush`].
    fn close(&mut self) -> Result<(), Error>;
}

/// Takes columns: Parquet files, terminal tables, `blackhole`.
pub trait ColumnSink: Send + Debug {
    /// Hands rows over.
    ///
    /// # Errors
    /// When the sink refuses them.
    fn write(&mut self, changes: &ChangeBatch) -> Result<(), Error>;

    /// Waits until everything written is durable.
    ///
    /// # Errors
    /// When any row since the last flush was not stored.
    fn flush(&mut self) -> Result<(), Error>;

    /// What the last flush has stored counts from now on, as this epoch: it becomes visible, where it is not yet.
    ///
    /// # Errors
    /// When it cannot be made visible now; it is not lost, but becomes visible when the sink is opened again.
    fn publish(&mut self, epoch: u64) -> Result<(), Error> {
        let _ = epoch;
        Ok(())
    }

    /// Flushes and ends the output.
    ///
    /// # Errors
    /// As [`ColumnSink::flush`].
    fn close(&mut self) -> Result<(), Error>;
}

/// One sink of one shard.
#[derive(Debug)]
pub enum Sink {
    /// Encoded records.
    Records(Box<dyn RecordSink>),
    /// Columns.
    Columns(Box<dyn ColumnSink>),
}

/// What a topic log knows of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each partition.
    pub replicas: i16,
}

/// How a topic is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions.
    pub partitions: i32,
    /// Copies of each partition; `None`: the broker's default.
    pub replicas: Option<i16>,
    /// Topic configuration, as `retention.ms`, `cleanup.policy`.
    pub config: BTreeMap<String, String>,
}

/// How a source is opened.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Consumer group.
    pub group: String,
    /// Whether one process has the whole group: who opens it next takes it over at once, also from one that has died, and one that still
    /// runs is shut out.
    pub is_alone: bool,
    /// Where to start without a committed offset.
    pub start_at: StartAt,
    /// Where to start on these partitions, whatever the group has committed.
    pub next_offsets: BTreeMap<i32, i64>,
    /// Where to stop.
    pub stop_at: StopAt,
    /// Whether headers are wanted.
    pub headers: bool,
}

/// Where topics live: Kafka, or the embedded log of this process.
pub trait TopicLog: Send + Sync + Debug {
    /// What is known of `topic`; `None` where there is no such topic.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn describe(&self, topic: &str) -> Result<Option<TopicInfo>, Error>;

    /// All topics, by name.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn list(&self) -> Result<Vec<TopicInfo>, Error>;

    /// Makes a topic.
    ///
    /// # Errors
    /// When it exists already, or the log refuses.
    fn create(&self, topic: &NewTopic) -> Result<(), Error>;

    /// Removes a topic and its records.
    ///
    /// # Errors
    /// When there is no such topic, or the log refuses.
    fn delete(&self, topic: &str) -> Result<(), Error>;

    /// Opens `topic` for one pipeline. Never waits for the broker: a broker that is down shows in the source's polls.
    ///
    /// # Errors
    /// When the options are wrong.
    fn source(&self, topic: &str, options: &ReadOptions) -> Result<Box<dyn Source>, Error>;

    /// Opens `topic` for writing by one shard of one pipeline.
    ///
    /// # Errors
    /// When the options are wrong.
    fn sink(&self, topic: &str) -> Result<Box<dyn RecordSink>, Error>;

    /// Opens the transactions of the one writer that goes by `id`, and fences all earlier ones of that id: what they left open is thrown away,
    /// what they write from now on is refused. `None` where the log has no transactions.
    ///
    /// # Errors
    /// When the log cannot be reached.
    fn transactions(&self, id: &str) -> Result<Option<Box<dyn Transactions>>, Error> {
        let _ = id;
        Ok(None)
    }

    /// The first offset that each partition still has. Nothing where the log does not drop records.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn first_offsets(&self, topic: &str) -> Result<BTreeMap<i32, i64>, Error> {
        let _ = topic;
        Ok(BTreeMap::new())
    }

    /// The offset behind the last record of each partition. Nothing where offsets do not outlive the process.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn end_offsets(&self, topic: &str) -> Result<BTreeMap<i32, i64>, Error> {
        let _ = topic;
        Ok(BTreeMap::new())
    }

    /// What `group` has committed for `topic`; waits for a transaction that is being ended. Nothing where the log does not keep it.
    ///
    /// # Errors
    /// When the log cannot be asked.
    fn committed(&self, group: &str, topic: &str) -> Result<Committed, Error> {
        let _ = (group, topic);
        Ok(Committed::default())
    }

    /// Removes what `group` has committed, once its members are gone.
    ///
    /// # Errors
    /// When the log refuses, or a member stays.
    fn forget_group(&self, group: &str) -> Result<(), Error> {
        let _ = group;
        Ok(())
    }
}

/// Why a connector fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A topic that does not exist.
    #[error("topic `{topic}` does not exist")]
    UnknownTopic {
        /// Its name.
        topic: String,
    },
    /// A topic that exists already.
    #[error("topic `{topic}` exists already")]
    TopicExists {
        /// Its name.
        topic: String,
    },
    /// A topic of the embedded log that takes no records any more.
    #[error("topic `{topic}` takes no more records: the log was sealed when the last statement had run")]
    Sealed {
        /// Its name.
        topic: String,
    },
    /// An option in WITH, `--kafka` or the configuration file is wrong.
    #[error("option {option}: {reason}")]
    Option {
        /// Its name.
        option: String,
        /// Why.
        reason: String,
    },
    /// Reading or writing a file failed.
    #[error("{path}: {source}")]
    File {
        /// The path.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The data of a file is not what its format says.
    #[error("{path}: {reason}")]
    FileFormat {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// Kafka refused or could not be reached.
    #[error("kafka: {action}: {reason}")]
    Kafka {
        /// What was tried.
        action: String,
        /// What Kafka or the client said.
        reason: String,
        /// Whether trying again can help.
        retry: Retry,
    },
}

impl Error {
    /// Whose fault it is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::UnknownTopic { .. }
            | Self::TopicExists { .. }
            | Self::Sealed { .. }
            | Self::Option { .. }
            | Self::FileFormat { .. } => Class::User,
            Self::File { .. } | Self::Kafka { .. } => Class::External,
        }
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Kafka { retry, .. } => *retry,
            Self::File { source, .. } => file_retry(source),
            _ => Retry::Never,
        }
    }
}

/// A full disk, a disk that went away for a while and a process with too many open files can pass; a file that is not there, or not ours, cannot.
fn file_retry(error: &std::io::Error) -> Retry {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull
        | ErrorKind::QuotaExceeded
        | ErrorKind::Interrupted
        | ErrorKind::TimedOut
        | ErrorKind::ResourceBusy
        | ErrorKind::StaleNetworkFileHandle
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => Retry::Backoff,
        _ => match error.raw_os_error() {
            // EIO, ENFILE, EMFILE: they have no kind of their own.
            Some(5 | 23 | 24) => Retry::Backoff,
            _ => Retry::Never,
        },
    }
}
