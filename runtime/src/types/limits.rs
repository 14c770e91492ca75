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
/// How deep scripts may run each other by RUN SCRIPT.
pub const SCRIPT_DEPTH_MAX: usize = 8;
/// Push and pull queries that have ended and that SHOW QUERIES still shows.
pub const ENDED_QUERIES_MAX: usize = 64;
/// Bad records that are logged one by one for each query and step; the rest is only counted.
pub const BAD_RECORDS_LOGGED_PER_STEP_MAX: usize = 3;
/// Late rows of one query that wait for being written to a dead-letter topic; more are only counted.
pub const LATE_ROWS_KEPT_MAX: usize = 65_536;
/// Characters of a bad record that a log line shows.
pub const BAD_RECORD_EXCERPT_CHARS_MAX: usize = 120;
/// After how long without rows a partition no longer holds the watermark back, in milliseconds.
pub const PARTITION_IDLE_MS: u64 = 1_000;
/// When a partition that was read further than the other side of a join is looked at again, where that side has nothing.
pub const PARTITION_AHEAD_RETRY: std::time::Duration = std::time::Duration::from_millis(1);
/// The commit interval where none is set.
pub const COMMIT_INTERVAL_MS: u64 = 200;

/// The same for queries that write a file for each epoch.
pub const FILE_COMMIT_INTERVAL: std::time::Duration = std::time::Duration::from_secs(10);

/// The pause before a query begins again after an error that can pass.
pub const RESTART_PAUSE_MIN: std::time::Duration = std::time::Duration::from_millis(200);
/// The longest such pause; each is twice the one before.
pub const RESTART_PAUSE_MAX: std::time::Duration = std::time::Duration::from_secs(30);
/// How long a query must have run for its next pause to be the shortest again.
pub const RESTART_CALM: std::time::Duration = std::time::Duration::from_mins(1);

/// Bytes of changed state that a store gathers in memory before it writes them as one sorted table.
pub const STATE_TABLE_BYTES: usize = 16 << 20;
/// Bytes that a scan of a store reads ahead.
pub const STATE_READ_AHEAD_BYTES: usize = 4 << 20;
/// Threads on which all stores of the process work.
pub const STATE_RUNTIME_THREADS: usize = 2;
/// How often the object store below a state store is asked again before the query begins anew: with growing pauses some two seconds.
pub const STATE_RETRIES_MAX: u32 = 5;
/// Bytes of one piece of a pending epoch.
pub const STATE_PENDING_PIECE_BYTES: usize = 1 << 20;

/// Values that COLLECT_LIST or COLLECT_SET collects for one group where no property says otherwise.
pub const COLLECTED_VALUES_MAX: usize = 1_000;
/// Texts that HISTOGRAM counts for one group.
pub const HISTOGRAM_KEYS_MAX: usize = 1_000;

/// Bytes of linear memory of one instance of a plugin.
pub const PLUGIN_MEMORY_BYTES_MAX: usize = 16 << 20;
/// Bytes of linear memory of one instance of a plugin that carries the runtime of its language (Python, JavaScript, Go).
pub const PLUGIN_RUNTIME_MEMORY_BYTES_MAX: usize = 64 << 20;
/// Tables of such a plugin; the linker of a component gives each of its modules some.
pub const PLUGIN_RUNTIME_TABLES_MAX: usize = 32;
/// How long one call into a plugin may take.
pub const PLUGIN_CALL_MS_MAX: u64 = 1_000;
/// How long a plugin may take to start and to describe itself.
pub const PLUGIN_START_MS_MAX: u64 = 1_000;
/// Bytes of stack that a plugin's functions may use.
pub const PLUGIN_STACK_BYTES_MAX: usize = 512 << 10;
/// Bytes of a plugin file.
pub const PLUGIN_FILE_BYTES_MAX: usize = 64 << 20;
/// Plugin files in one directory.
pub const PLUGIN_FILES_MAX: usize = 1_024;
/// How long the plugin directory must lie still before it is read again: a file that is being written is not loaded in between.
pub const PLUGIN_QUIET: std::time::Duration = std::time::Duration::from_millis(150);
/// How long a directory that never lies still waits.
pub const PLUGIN_QUIET_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// How often the plugin directory is looked at where the system does not say what changes: on network file systems for example.
pub const PLUGIN_POLL: std::time::Duration = std::time::Duration::from_secs(2);
/// Lines about changed plugins that wait for being shown; older ones are forgotten.
pub const PLUGIN_NEWS_MAX: usize = 1_024;
/// Functions that a line about a plugin names.
pub const PLUGIN_NEWS_FUNCTIONS_MAX: usize = 8;
/// Bytes of a plugin's manifest.
pub const PLUGIN_MANIFEST_BYTES_MAX: usize = 64 << 10;
/// Bytes of compiled code that are kept on disk; what was not used for longest makes room.
pub const CODE_CACHE_BYTES_MAX: u64 = 1 << 30;
/// Functions of one plugin.
pub const PLUGIN_FUNCTIONS_MAX: usize = 256;
/// Arguments of one function of a plugin.
pub const PLUGIN_ARGS_MAX: usize = 32;
/// Characters of a name (function, argument, field, export) in a plugin.
pub const PLUGIN_NAME_CHARS_MAX: usize = 64;
/// Levels of an argument or result type of a plugin.
pub const PLUGIN_TYPE_DEPTH_MAX: usize = 8;
/// Types in an argument or result type of a plugin, itself and its fields' included.
pub const PLUGIN_TYPE_NODES_MAX: usize = 256;
/// Tables of a plugin's module.
pub const PLUGIN_TABLES_MAX: usize = 4;
/// Elements of one table of a plugin's module.
pub const PLUGIN_TABLE_ELEMENTS_MAX: usize = 65_536;
/// Bytes of the columns that one call into a plugin gives back.
pub const PLUGIN_RESULT_BYTES_MAX: usize = 16 << 20;
/// Bytes of the columns that all calls for one batch give back together; one Arrow column holds 2 GiB.
pub const PLUGIN_BATCH_RESULT_BYTES_MAX: usize = 1 << 30;
/// Bytes of the states of one instance of a plugin that its memory does not hold, and the host does.
pub const PLUGIN_STATE_BYTES_MAX: usize = 1 << 30;
/// Bytes of a plugin's sidecar.
pub const PLUGIN_SIDECAR_BYTES_MAX: usize = 64 << 10;
/// Assets of a plugin.
pub const PLUGIN_ASSETS_MAX: usize = 64;
/// Bytes of the assets of a plugin together; all its instances share them.
pub const PLUGIN_ASSET_BYTES_MAX: usize = 256 << 20;
/// What a sidecar may allow at most as memory of one instance: what WebAssembly of 32 bits can address.
pub const PLUGIN_MEMORY_BYTES_CEILING: usize = 4 << 30;
/// What a sidecar may allow at most for one call, for the start, in milliseconds.
pub const PLUGIN_CALL_MS_CEILING: u64 = 600_000;
/// What a sidecar may allow at most as stack: half of what a thread has, as the host's own frames stand there too.
pub const PLUGIN_STACK_BYTES_CEILING: usize = 1 << 20;
/// What a sidecar may allow at most as one result: what an Arrow column can hold.
pub const PLUGIN_RESULT_BYTES_CEILING: usize = 1 << 30;
/// What a sidecar may allow at most as state that the host keeps for one instance.
pub const PLUGIN_STATE_BYTES_CEILING: usize = 64 << 30;
/// Lines that a plugin may write to the log in a second; more are counted and left out.
pub const PLUGIN_LOG_LINES_PER_SECOND_MAX: u32 = 100;
/// Random bytes that one call of a plugin into the host gives.
pub const PLUGIN_RANDOM_BYTES_MAX: usize = 1 << 20;
/// Bytes of an error message or doc line of a plugin; the rest is cut off.
pub const PLUGIN_MESSAGE_BYTES_MAX: usize = 1_024;
/// Rows that one call hands to a plugin.
pub const PLUGIN_ROWS_PER_CALL_MAX: usize = 8_192;
/// Instances of a plugin's functions without state that are made anew after traps without a wait, and a second in the long run.
pub const PLUGIN_REPLACED_AT_ONCE_MAX: u32 = 1_000;
/// See [`PLUGIN_REPLACED_AT_ONCE_MAX`].
pub const PLUGIN_REPLACED_PER_SECOND_MAX: u32 = 10_000;
/// Slots whose state one call saves or loads.
pub const PLUGIN_SLOTS_PER_SAVE_MAX: usize = 256;
/// Elements of an array that CUBE_EXPLODE combines: each one doubles the rows.
pub const CUBE_ELEMENTS_MAX: usize = 12;
/// Rows that one call of a table function gets: each can give many.
pub const TABLE_FUNCTION_ROWS_PER_CALL_MAX: usize = 256;
/// Rows that a frame of OVER, LAG or LEAD reaches back or ahead.
pub const OVER_ROWS_MAX: u64 = 1_000_000;
/// Rows that a Top-N query keeps of each key.
pub const TOP_N_ROWS_MAX: u64 = 10_000;
