//! Every bound of the engine by name, so that a limit that bites can be found and named in its error.

/// Rows that one shard takes from its sources in one step.
pub const BATCH_ROWS_MAX: usize = 8_192;
/// Bytes of encoded records that one shard takes from one partition in one step.
pub const BATCH_BYTES_MAX: usize = 4 << 20;
/// The longest single record (key and value together) that a source accepts.
pub const RECORD_BYTES_MAX: usize = 16 << 20;
/// How deep a JSON document or a declared type may nest.
pub const NESTING_DEPTH_MAX: usize = 64;
/// Workers of one process.
pub const WORKERS_MAX: usize = 256;
/// Partitions of one embedded topic.
pub const EMBEDDED_PARTITIONS_MAX: i32 = 1_024;
/// Batches that a push query holds for a slow reader before its pipeline waits.
pub const PUSH_QUERY_BATCHES_MAX: usize = 64;
/// Bad records that are logged one by one for each query and step; the rest is only counted.
pub const BAD_RECORDS_LOGGED_PER_STEP_MAX: usize = 3;
/// Characters of a bad record that a log line shows.
pub const BAD_RECORD_EXCERPT_CHARS_MAX: usize = 120;
/// The commit interval where none is set.
pub const COMMIT_INTERVAL_MS: u64 = 200;
