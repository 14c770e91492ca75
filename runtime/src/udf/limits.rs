//! The limits of one sandbox, so that tests and a plugin's sidecar can set them.
//!
//! Limits that the ABI promises to guests (rows per call, ...) are constants of `types::limits` and not here.

use crate::types::limits;

/// What a plugin may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory of one instance.
    pub memory_bytes: usize,
    /// The same for a plugin that carries the runtime of its language: a component, a module of Go.
    pub runtime_memory_bytes: usize,
    /// Milliseconds of one call.
    pub call_ms: u64,
    /// Milliseconds of starting an instance, and of start and manifest together.
    pub start_ms: u64,
    /// Bytes of stack.
    pub stack_bytes: usize,
    /// Bytes of a plugin file.
    pub file_bytes: usize,
    /// Bytes of a manifest.
    pub manifest_bytes: usize,
    /// Functions of a plugin.
    pub functions: usize,
    /// Arguments of a function.
    pub args: usize,
    /// Characters of a name.
    pub name_chars: usize,
    /// Levels of a type.
    pub type_depth: usize,
    /// Types in a type.
    pub type_nodes: usize,
    /// Tables of a module.
    pub tables: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// Bytes of one result.
    pub result_bytes: usize,
    /// Bytes of the results of all calls for one batch together.
    pub batch_result_bytes: usize,
    /// Bytes of the states of one instance that are not in its memory.
    pub state_bytes: usize,
    /// Bytes of a message.
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: limits::PLUGIN_MEMORY_BYTES_MAX,
            runtime_memory_bytes: limits::PLUGIN_RUNTIME_MEMORY_BYTES_MAX,
            call_ms: limits::PLUGIN_CALL_MS_MAX,
            start_ms: limits::PLUGIN_START_MS_MAX,
            stack_bytes: limits::PLUGIN_STACK_BYTES_MAX,
            file_bytes: limits::PLUGIN_FILE_BYTES_MAX,
            manifest_bytes: limits::PLUGIN_MANIFEST_BYTES_MAX,
            functions: limits::PLUGIN_FUNCTIONS_MAX,
            args: limits::PLUGIN_ARGS_MAX,
            name_chars: limits::PLUGIN_NAME_CHARS_MAX,
            type_depth: limits::PLUGIN_TYPE_DEPTH_MAX,
            type_nodes: limits::PLUGIN_TYPE_NODES_MAX,
            tables: limits::PLUGIN_TABLES_MAX,
            table_elements: limits::PLUGIN_TABLE_ELEMENTS_MAX,
            result_bytes: limits::PLUGIN_RESULT_BYTES_MAX,
            batch_result_bytes: limits::PLUGIN_BATCH_RESULT_BYTES_MAX,
            state_bytes: limits::PLUGIN_STATE_BYTES_MAX,
            message_bytes: limits::PLUGIN_MESSAGE_BYTES_MAX,
        }
    }
}

/// A number of bytes as people read it: `16 MiB`, `512 KiB`, `100 bytes`.
pub(super) fn bytes_text(bytes: usize) -> String {
    match bytes {
        b if b >= 1 << 30 && b.is_multiple_of(1 << 30) => format!("{} GiB", b >> 30),
        b if b >= 1 << 20 && b.is_multiple_of(1 << 20) => format!("{} MiB", b >> 20),
        b if b >= 1 << 10 && b.is_multiple_of(1 << 10) => format!("{} KiB", b >> 10),
        b => format!("{b} bytes"),
    }
}
