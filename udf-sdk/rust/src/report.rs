//! What went wrong in the last call, for the host to ask (ABI.md section 6).

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

/// The row number that stands for no row in particular.
pub const NO_ROW: u32 = u32::MAX;

/// Longer messages are cut: the host would cut them too.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// One report as the host reads it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Row number in the call, or [`NO_ROW`].
    pub row: u32,
    /// Address of the message.
    pub address: usize,
    /// Its length in bytes.
    pub bytes: usize,
}

#[derive(Default)]
struct Reports {
    entries: Vec<Report>,
    /// Owns the messages; a `String` keeps its bytes where they are when the list grows.
    messages: Vec<String>,
}

std::thread_local! {
    static REPORTS: RefCell<Reports> = const { RefCell::new(Reports { entries: Vec::new(), messages: Vec::new() }) };
}

/// Forgets the reports of the call before.
pub fn clear() {
    REPORTS.with_borrow_mut(|reports| {
        reports.entries.clear();
        reports.messages.clear();
    });
}

/// Reports that a row, or the whole call, failed.
#[cold]
pub fn add(row: u32, mut message: String) {
    let mut end = MESSAGE_BYTES_MAX.min(message.len());
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    REPORTS.with_borrow_mut(|reports| {
        // Often every row fails alike; then they share the message.
        if reports.messages.last() != Some(&message) {
            reports.messages.push(message);
        }
        if let Some(message) = reports.messages.last() {
            let (address, bytes) = (message.as_ptr().expose_provenance(), message.len());
            reports.entries.push(Report { row, address, bytes });
        }
    });
}

/// Where the reports are, and how many.
pub fn list() -> (usize, usize) {
    REPORTS.with_borrow(|reports| (reports.entries.as_ptr().expose_provenance(), reports.entries.len()))
}

/// Leaves the message of a panic where the host finds it after the trap that follows.
pub fn catch_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(alloc::boxed::Box::new(|info| {
            clear();
            add(NO_ROW, alloc::format!("{info}"));
        }));
    });
}

/// The reports in a form for tests.
#[cfg(test)]
pub(crate) fn texts() -> Vec<(u32, String)> {
    REPORTS.with_borrow(|reports| {
        let text = |report: &Report| {
            // SAFETY: address and length of a message that the list still owns.
            let bytes = unsafe { crate::descriptor::slice_at::<u8>(report.address, report.bytes) };
            String::from_utf8_lossy(bytes).into_owned()
        };
        reports
            .entries
            .iter()
            .map(|report| (report.row, text(report)))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_at_a_character() {
        clear();
        add(3, "é".repeat(600));
        add(4, "short".into());
        add(NO_ROW, "short".into());
        let texts = texts();
        assert_eq!(texts.len(), 3);
        assert_eq!(texts[0].1, "é".repeat(512));
        assert_eq!(texts[1], (4, "short".into()));
        assert_eq!(texts[2], (NO_ROW, "short".into()));
        REPORTS.with_borrow(|reports| assert_eq!(reports.messages.len(), 2));
        clear();
        assert_eq!(list().1, 0);
    }
}
