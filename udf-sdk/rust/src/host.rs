//! What the plugin's sidecar gives it: assets, and where it grants them the clock, random bytes and lines in the log (section 12 of ABI.md).
//!
//! A plugin imports only what it calls, and is not loaded where a grant for that is missing. In tests on your own machine there are no
//! assets, and the rest is the machine's.

use alloc::string::String;
use alloc::vec::Vec;

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What is of interest to who runs it.
    Info,
    /// What is of interest to who writes it.
    Debug,
}

/// The content of the asset that the sidecar gives this name; `None`: there is none.
#[must_use]
pub fn asset(name: &str) -> Option<Vec<u8>> {
    system::asset(name)
}

/// The asset of this name as text.
///
/// # Errors
/// When there is none, or it is not UTF-8.
pub fn asset_text(name: &str) -> Result<String, String> {
    let bytes = asset(name).ok_or_else(|| alloc::format!("the sidecar has no asset '{name}'"))?;
    String::from_utf8(bytes).map_err(|_| alloc::format!("the asset '{name}' is not UTF-8"))
}

/// Milliseconds since 1970-01-01T00:00 UTC. Needs the grant `clock`.
#[must_use]
pub fn now_ms() -> i64 {
    system::now_ms()
}

/// Fills the bytes, at most 1 MiB, with random ones. Needs the grant `random`.
pub fn random(bytes: &mut [u8]) {
    system::random(bytes);
}

/// Writes a line to the log for each line of the text. Needs the grant `log`.
pub fn log(level: Level, text: &str) {
    system::log(level, text);
}

#[cfg(target_arch = "wasm32")]
mod system {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::Level;

    #[link(wasm_import_module = "ww")]
    unsafe extern "C" {
        fn asset_bytes(name: *const u8, name_bytes: usize) -> i64;
        fn asset_read(name: *const u8, name_bytes: usize, from: u64, at: *mut u8, count: usize) -> i32;
        #[link_name = "now_ms"]
        safe fn host_now_ms() -> i64;
        #[link_name = "random"]
        fn host_random(at: *mut u8, bytes: usize);
        #[link_name = "log"]
        fn host_log(level: u32, at: *const u8, bytes: usize);
    }

    pub(super) fn asset(name: &str) -> Option<Vec<u8>> {
        // SAFETY: the host reads the bytes of `name` and nothing else.
        let size = unsafe { asset_bytes(name.as_ptr(), name.len()) };
        let mut content = vec![0; usize::try_from(size).ok()?];
        let mut read = 0;
        while read < content.len() {
            let rest = &mut content[read..];
            // SAFETY: the host writes at most as many bytes as `rest` has.
            let count = unsafe { asset_read(name.as_ptr(), name.len(), read as u64, rest.as_mut_ptr(), rest.len()) };
            read += usize::try_from(count).ok().filter(|count| *count > 0)?;
        }
        Some(content)
    }

    pub(super) fn now_ms() -> i64 {
        host_now_ms()
    }

    pub(super) fn random(bytes: &mut [u8]) {
        // SAFETY: the host writes as many bytes as there are.
        unsafe { host_random(bytes.as_mut_ptr(), bytes.len()) }
    }

    pub(super) fn log(level: Level, text: &str) {
        // SAFETY: the host reads the bytes of `text`.
        unsafe { host_log(level as u32, text.as_ptr(), text.len()) }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod system {
    use std::collections::hash_map::RandomState;
    use std::hash::{BuildHasher, Hasher};
    use std::time::{SystemTime, UNIX_EPOCH};
    use std::vec::Vec;

    use super::Level;

    pub(super) fn asset(_name: &str) -> Option<Vec<u8>> {
        None
    }

    pub(super) fn now_ms() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn random(bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            let drawn = RandomState::new().build_hasher().finish().to_le_bytes();
            piece.copy_from_slice(&drawn[..piece.len()]);
        }
    }

    pub(super) fn log(level: Level, text: &str) {
        std::eprintln!("{level:?}: {text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_tests_it_is_the_machines() {
        assert!(now_ms() > 1_700_000_000_000);
        assert_eq!(asset("model"), None);
        assert_eq!(asset_text("model"), Err("the sidecar has no asset 'model'".into()));
        let mut drawn = [[0; 11]; 2];
        for bytes in &mut drawn {
            random(bytes);
        }
        assert_ne!(drawn[0], drawn[1]);
    }
}
