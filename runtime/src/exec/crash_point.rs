//! Named places at which the process can be told to die at once, as by `kill -9`, so that tests can try what is left behind.
//!
//! `WATERWHEEL_CRASH_AT=NAME:N` dies at the N-th time that the place is passed (1 when `:N` is left out). Nobody sets it but tests.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A commit has begun; nothing of it is written.
pub(crate) const COMMIT_BEGUN: &str = "commit-begun";
/// The results are stored where no transaction stores them; the state store and the log know nothing.
pub(crate) const RESULTS_STORED: &str = "results-stored";
/// The epoch is pending in the state store; the log knows nothing.
pub(crate) const STATE_PENDING: &str = "state-pending";
/// The log has the results and the offsets; the state store does not know it yet.
pub(crate) const LOG_COMMITTED: &str = "log-committed";
/// A commit is over.
pub(crate) const COMMIT_OVER: &str = "commit-over";
/// At a start: the state is loaded, nothing was read yet.
pub(crate) const STATE_LOADED: &str = "state-loaded";

struct Wish {
    name: String,
    passes_left: AtomicU64,
}

#[allow(
    clippy::disallowed_methods,
    reason = "no part of the configuration: only tests set it, for a process that they start"
)]
static WISH: LazyLock<Option<Wish>> = LazyLock::new(|| {
    let text = std::env::var("WATERWHEEL_CRASH_AT").ok()?;
    let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
    Some(Wish {
        name: name.to_owned(),
        passes_left: AtomicU64::new(count.parse().unwrap_or(1)),
    })
});

/// Dies here when this is the place and the time.
pub(crate) fn pass(name: &str) {
    if let Some(wish) = &*WISH
        && wish.name == name
        && wish.passes_left.fetch_sub(1, Ordering::AcqRel) == 1
    {
        tracing::error!("dies at {name}, as WATERWHEEL_CRASH_AT asks");
        std::process::abort();
    }
}
