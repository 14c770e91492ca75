//! Floor 2: operators, the nodes of a dataflow.
//!
//! An operator is synchronous and single-threaded. It knows neither Kafka nor tokio nor the wall clock: it takes change
//! batches and the watermark and gives change batches.
