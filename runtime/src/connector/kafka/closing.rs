//! How a consumer ends: leaves its group, and never waits for ever.
//!
//! While it ends, librdkafka still tells of rebalances and waits for each answer. Two faults of it are kept off here. The
//! crate's own drop waits without a bound. And an answer that arrives when the group part has just ended is thrown
//! away while its sender waits for the reply (`rd_kafka_cgrp_op_serve` of librdkafka 2.12); so answers are sent from a
//! thread of their own, which is left behind in that case.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;
use rdkafka::consumer::Consumer as _;

use super::context::Consumer;

/// How long a consumer may take to end; leaving the group is one request, which is not waited for when nobody answers.
const CLOSE_WAIT: Duration = Duration::from_secs(15);
/// How long one look at a closing consumer waits for its events.
const CLOSE_POLL: Duration = Duration::from_millis(5);
/// How long an answer may still be on its way after the consumer has ended.
const LATE_ANSWER_WAIT: Duration = Duration::from_millis(500);

/// Leaves the group and ends the consumer, whose readers may still exist.
pub(super) fn close(consumer: &Arc<Consumer>, topic: &str) {
    if let Err(error) = consumer.close_queue() {
        tracing::debug!(topic, %error, "closing a consumer");
    }
    let start = Instant::now();
    loop {
        // One answer for each rebalance. While it ends, librdkafka reads any answer as giving everything up.
        while let Some(rebalance) = consumer.context().next_rebalance() {
            tracing::debug!(topic, ?rebalance, "a rebalance while closing");
            give_up_all(consumer, topic);
        }
        if consumer.closed() {
            return;
        }
        if start.elapsed() > CLOSE_WAIT {
            tracing::error!(topic, "a kafka consumer does not end, its memory is lost");
            std::mem::forget(Arc::clone(consumer)); // its own drop would wait for ever
            return;
        }
        consumer.poll(CLOSE_POLL);
    }
}

/// Answers a rebalance, unless the consumer has ended.
fn give_up_all(consumer: &Arc<Consumer>, topic: &str) {
    if consumer.closed() {
        return;
    }
    let (done, answered) = crossbeam_channel::bounded(1);
    let answering = Arc::clone(consumer);
    let spawned = std::thread::Builder::new().name("kafka-close".to_owned()).spawn(move || {
        // Nobody listens any more if this took too long.
        let _ = done.send(answering.unassign());
    });
    if let Err(error) = spawned {
        tracing::error!(topic, %error, "cannot start a thread to close a consumer");
        return;
    }
    let mut closed_since = None;
    loop {
        match answered.recv_timeout(CLOSE_POLL) {
            Ok(Ok(())) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Err(error)) => {
                tracing::debug!(topic, %error, "giving up partitions while closing");
                return;
            }
            Err(RecvTimeoutError::Timeout) if consumer.closed() => {
                let since = *closed_since.get_or_insert_with(Instant::now);
                if since.elapsed() > LATE_ANSWER_WAIT {
                    tracing::debug!(topic, "a consumer ended while it was answered, a thread is left behind");
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
