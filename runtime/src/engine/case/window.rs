//! Windows in keys, as Kafka Streams stores them: behind the key's bytes, big-endian, the start of a time window, or the end and
//! the start of a session window.

use super::Window;
use super::model::WindowKind;

/// The key of a record with its window.
pub(super) fn with_window(key: Option<Vec<u8>>, window: Option<&Window>) -> Option<Vec<u8>> {
    let Some(window) = window else { return key };
    let mut bytes = key.unwrap_or_default();
    if window.kind == WindowKind::Session {
        bytes.extend_from_slice(&window.end.to_be_bytes());
    }
    bytes.extend_from_slice(&window.start.to_be_bytes());
    Some(bytes)
}

/// The key without its window, and the window. Keys of time windows do not hold the end: `size_ms` says it.
///
/// # Errors
/// When the key is too short.
pub(super) fn split(key: &[u8], kind: WindowKind, size_ms: i64) -> Result<(&[u8], Window), String> {
    let times = match kind {
        WindowKind::Time => 1,
        WindowKind::Session => 2,
    };
    let Some(at) = key.len().checked_sub(8 * times) else {
        return Err(format!("a key of {} bytes has no window behind it", key.len()));
    };
    let time = |from: usize| {
        let bytes = key[from..from + 8].try_into().expect("eight bytes were counted off");
        i64::from_be_bytes(bytes)
    };
    let start = time(key.len() - 8);
    let end = match kind {
        WindowKind::Time => start.saturating_add(size_ms),
        WindowKind::Session => time(at),
    };
    Ok((&key[..at], Window { start, end, kind }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_go_behind_the_key_and_come_back() {
        for (kind, length) in [(WindowKind::Time, 10), (WindowKind::Session, 18)] {
            let window = Window { start: 5, end: 15, kind };
            let bytes = with_window(Some(b"ab".to_vec()), Some(&window)).expect("a key");
            assert_eq!(bytes.len(), length);
            assert_eq!(split(&bytes, kind, 10), Ok((&b"ab"[..], window)));
        }
        assert!(split(b"short", WindowKind::Time, 10).is_err());
        assert_eq!(with_window(None, None), None);
    }
}
