//! The part of the Kafka connector that calls librdkafka's C interface itself, and the only one with `unsafe`.
//!
//! The rdkafka crate has no batch consume, allocates for each message, loses what a broker says about a refused topic
//! and waits in slices of 100 ms for a flush; so these few calls are made here, each file one idea behind a safe
//! interface. Everything else goes through the crate.

pub(crate) mod admin;
pub(crate) mod client;
pub(crate) mod names;
pub(crate) mod produce;
pub(crate) mod queue;
