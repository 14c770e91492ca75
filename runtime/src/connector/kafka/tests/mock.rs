//! The mock cluster, made by hand: the crate's wrapper does not let a group start without its delay of three seconds.
#![expect(unsafe_code, reason = "the mock cluster's settings are only reachable through C")]

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::sync::Arc;

use rdkafka::bindings;
use rdkafka::client::Client;
use rdkafka::config::ClientConfig;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr, RDKafkaType};

use crate::connector::kafka::context::Context;
use crate::connector::kafka::health::Health;

/// Brokers in this process.
pub(super) struct MockBrokers {
    cluster: NonNull<bindings::rd_kafka_mock_cluster_t>,
    _client: Client<Context>,
}

impl MockBrokers {
    /// One broker.
    pub(super) fn start() -> Self {
        let config = ClientConfig::new();
        let native = config.create_native_config().unwrap();
        let context = Context::new(Arc::new(Health::new("mock".to_owned(), None)));
        let client = Client::new(&config, native, RDKafkaType::RD_KAFKA_PRODUCER, context).unwrap();
        // SAFETY: the client is alive and outlives the cluster, which is destroyed in `drop`.
        let cluster = unsafe {
            let cluster = NonNull::new(bindings::rd_kafka_mock_cluster_new(client.native_ptr(), 1)).unwrap();
            bindings::rd_kafka_mock_group_initial_rebalance_delay_ms(cluster.as_ptr(), 0);
            cluster
        };
        Self {
            cluster,
            _client: client,
        }
    }

    pub(super) fn with_topic(name: &str, partitions: i32) -> Self {
        let brokers = Self::start();
        brokers.create_topic(name, partitions);
        brokers
    }

    pub(super) fn addresses(&self) -> String {
        // SAFETY: the cluster is alive and owns the string, which is copied.
        unsafe { CStr::from_ptr(bindings::rd_kafka_mock_cluster_bootstraps(self.cluster.as_ptr())) }
            .to_str()
            .unwrap()
            .to_owned()
    }

    pub(super) fn create_topic(&self, name: &str, partitions: i32) {
        let name = CString::new(name).unwrap();
        // SAFETY: the cluster and the name are alive.
        let err = unsafe { bindings::rd_kafka_mock_topic_create(self.cluster.as_ptr(), name.as_ptr(), partitions, 1) };
        assert_eq!(err, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    }

    /// Has the topic answer with an error when it is asked about.
    pub(super) fn break_topic(&self, name: &str, error: RDKafkaRespErr) {
        let name = CString::new(name).unwrap();
        // SAFETY: the cluster and the name are alive.
        unsafe { bindings::rd_kafka_mock_topic_set_error(self.cluster.as_ptr(), name.as_ptr(), error) };
    }

    /// Takes the broker away.
    pub(super) fn down(&self) {
        // SAFETY: the cluster is alive; -1 means all brokers.
        unsafe { bindings::rd_kafka_mock_broker_set_down(self.cluster.as_ptr(), -1) };
    }

    /// Brings the broker back.
    pub(super) fn up(&self) {
        // SAFETY: as in `down`.
        unsafe { bindings::rd_kafka_mock_broker_set_up(self.cluster.as_ptr(), -1) };
    }

    /// Has the next requests of a kind fail.
    pub(super) fn fail(&self, request: RDKafkaApiKey, errors: &[RDKafkaRespErr]) {
        // SAFETY: the cluster is alive and the array is copied.
        unsafe {
            bindings::rd_kafka_mock_push_request_errors_array(
                self.cluster.as_ptr(),
                request.into(),
                errors.len(),
                errors.as_ptr(),
            );
        }
    }
}

impl Drop for MockBrokers {
    fn drop(&mut self) {
        // SAFETY: made in `start`, destroyed once, before its client.
        unsafe { bindings::rd_kafka_mock_cluster_destroy(self.cluster.as_ptr()) };
    }
}
