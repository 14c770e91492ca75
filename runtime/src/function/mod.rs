//! Floor 2: ksqlDB's functions, operators and casts as DataFusion functions.

pub mod java_time;
