//! The part of the Kafka connector that calls librdkafka's C interface itself, and the only one with `unsafe`.
//!
//! The rdkafka crate has no batch consume, allocates for each message, loses what a broker says about a refused topic
//! and waits in slices of 100 ms for a flush; so these few calls are made here, each file one idea behind a safe
//! interface. Everything else goes through the crate.
#![expect(unsafe_code, reason = "the guard below destroys what C made")]

pub(crate) mod admin;
pub(crate) mod client;
pub(crate) mod commit;
pub(crate) mod groups;
pub(crate) mod names;
pub(crate) mod produce;
pub(crate) mod queue;
pub(crate) mod transactions;

/// Something that librdkafka made and that has to be destroyed.
struct Owned<T> {
    ptr: *mut T,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: whoever made this gave the pointer with its own destructor, and nobody else destroys it.
        unsafe { (self.destroy)(self.ptr) };
    }
}
