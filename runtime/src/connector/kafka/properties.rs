//! Which properties each client of librdkafka gets: our defaults, then what the user set, then what a source or sink
//! must decide itself.
//!
//! Every property that librdkafka knows can be set (`--kafka KEY=VALUE`), so nothing here limits how brokers are
//! reached. Secrets leave this module only towards librdkafka.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::native::admin::Isolation;
use super::native::names;
use crate::connector::{Error, StartAt};

/// For all clients.
const COMMON: &[(&str, &str)] = &[
    ("client.id", "waterwheel"),
    // A topic is made by CREATE STREAM or by hand, never by a question about it.
    ("allow.auto.create.topics", "false"),
    // New partitions and changed leaders are seen after 30 s rather than 5 min.
    ("topic.metadata.refresh.interval.ms", "30000"),
    // A broker that comes back is found within 2 s rather than 10 s.
    ("reconnect.backoff.max.ms", "2000"),
    ("socket.keepalive.enable", "true"),
];

/// For sources. Figures were tried with `examples/kafka_bench.rs`.
const CONSUMER: &[(&str, &str)] = &[
    ("isolation.level", "read_committed"),
    // A partition whose queue was full is fetched again after 10 ms; the default of 1 s stalls it.
    ("fetch.queue.backoff.ms", "10"),
    ("queued.min.messages", "100000"),
    // Each partition has a queue of its own, so this bounds one partition.
    ("queued.max.messages.kbytes", "16384"),
    // While a broker holds an empty fetch back, no other partition of it is fetched; the default is 500 ms.
    ("fetch.wait.max.ms", "100"),
];

/// For sources that read as members of a group under Kafka's classic group protocol. With `group.protocol=consumer`
/// librdkafka refuses them, as the broker decides.
const CLASSIC_GROUP: &[(&str, &str)] = &[
    // A rebalance takes only the partitions that move; the others go on being read.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // How long the partitions of a process that died without a word stay unread. Heartbeats come from a thread of
    // librdkafka, so a long step does not matter.
    ("session.timeout.ms", "10000"),
];

/// For sinks.
const PRODUCER: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    // The partition that Java clients choose for a key, so that topics written by both can be joined.
    ("partitioner", "murmur2_random"),
    ("linger.ms", "5"),
    ("batch.size", "1000000"),
    ("compression.codec", "lz4"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.kbytes", "131072"),
    // As Java's delivery.timeout.ms: when a record was not stored for so long, the pipeline is told.
    ("message.timeout.ms", "120000"),
    // A topic that is still not there after 5 s is reported; the default is 30 s.
    ("topic.metadata.propagation.max.ms", "5000"),
];

/// For sinks inside of transactions: how long the brokers keep a transaction of a process that died without a word, unless a new one
/// takes over, which ends it at once.
const TRANSACTION_TIMEOUT: (&str, &str) = ("transaction.timeout.ms", "60000");

/// What only the connector can set, and why.
const RESERVED: &[(&str, &str)] = &[
    ("bootstrap.servers", "the brokers are given by --brokers"),
    ("metadata.broker.list", "the brokers are given by --brokers"),
    (
        "group.id",
        "every query has a consumer group of its own, named after it",
    ),
    (
        "auto.offset.reset",
        "a statement decides: SET 'auto.offset.reset' = 'earliest'",
    ),
    (
        "enable.auto.commit",
        "offsets are committed with the results that they belong to",
    ),
    (
        "enable.auto.offset.store",
        "offsets are committed with the results that they belong to",
    ),
    ("enable.partition.eof", "a query knows itself where it ends"),
    (
        "transactional.id",
        "every query has a transaction of its own, named after it",
    ),
];

/// Properties of Kafka's Java clients that librdkafka has under another name.
const JAVA: &[(&str, &str)] = &[
    (
        "sasl.jaas.config",
        "is for Java clients: set sasl.username and sasl.password",
    ),
    (
        "ssl.truststore.location",
        "is for Java clients: set ssl.ca.location to a PEM file",
    ),
    (
        "ssl.truststore.password",
        "is for Java clients: ssl.ca.location is a PEM file without one",
    ),
    ("ssl.truststore.certificates", "is for Java clients: set ssl.ca.pem"),
    (
        "ssl.keystore.certificate.chain",
        "is for Java clients: set ssl.certificate.pem",
    ),
    ("ssl.keystore.key", "is for Java clients: set ssl.key.pem"),
    (
        "max.poll.records",
        "is for Java clients: the size of a step bounds a poll",
    ),
];

/// To find near names for a mistyped one: what librdkafka's own list leaves out, aliases and properties that have no
/// default.
const UNLISTED: &[&str] = &[
    "acks",
    "client.rack",
    "compression.type",
    "debug",
    "delivery.timeout.ms",
    "group.instance.id",
    "linger.ms",
    "max.in.flight",
    "retries",
    "sasl.kerberos.keytab",
    "sasl.mechanism",
    "sasl.oauthbearer.config",
    "sasl.password",
    "sasl.username",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
];

/// How alike two names must be (Jaro-Winkler) to be offered.
const ALIKE: f64 = 0.85;

/// The user's properties, checked, and the brokers.
#[derive(Clone)]
pub struct Properties {
    brokers: String,
    user: BTreeMap<String, String>,
}

impl Properties {
    /// Takes `brokers` (`host:port,host:port`) and the user's properties.
    ///
    /// # Errors
    /// [`Error::Option`] for a property that librdkafka does not know (with the nearest names), whose value it
    /// refuses, or that the connector sets itself.
    pub fn new(brokers: &str, user: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        if brokers.trim().is_empty() {
            return Err(option("brokers", "is empty, give host:port of at least one broker"));
        }
        let properties = Self {
            brokers: brokers.to_owned(),
            user: user.into_iter().collect(),
        };
        for (name, value) in &properties.user {
            check(name, value)?;
        }
        Ok(properties)
    }

    /// The properties with every secret hidden, to be shown and logged.
    #[must_use]
    pub fn redacted(&self) -> BTreeMap<&str, &str> {
        let user = self.user.iter().map(|(name, value)| {
            let value = if is_secret(name) { "[hidden]" } else { value.as_str() };
            (name.as_str(), value)
        });
        user.chain([("bootstrap.servers", self.brokers.as_str())]).collect()
    }

    /// For a source: `group` names its consumer group.
    pub(crate) fn consumer(&self, group: &str, start_at: StartAt) -> ClientConfig {
        let mut config = self.client(CONSUMER);
        if self
            .user
            .get("group.protocol")
            .is_none_or(|protocol| protocol != "consumer")
        {
            for (name, value) in CLASSIC_GROUP {
                self.default(&mut config, name, value);
            }
        }
        let reset = match start_at {
            StartAt::Earliest => "earliest",
            StartAt::Latest => "latest",
        };
        config
            .set("group.id", group)
            .set("auto.offset.reset", reset)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false");
        config
    }

    /// For the producer.
    pub(crate) fn producer(&self) -> ClientConfig {
        self.client(PRODUCER)
    }

    /// For the producer of one query with transactions, which go by `id`; and how long the brokers let one be open.
    pub(crate) fn transactional(&self, id: &str) -> (ClientConfig, Duration) {
        let mut config = self.client(PRODUCER);
        self.default(&mut config, TRANSACTION_TIMEOUT.0, TRANSACTION_TIMEOUT.1);
        let number = |config: &ClientConfig, name| config.get(name).and_then(|value| value.parse::<u64>().ok());
        let timeout_ms = number(&config, TRANSACTION_TIMEOUT.0).unwrap_or_default();
        // A record that outlived its transaction would help nobody, and librdkafka refuses such properties.
        for name in ["message.timeout.ms", "delivery.timeout.ms"] {
            if number(&config, name).is_some_and(|wait_ms| wait_ms > timeout_ms) {
                config.set(name, timeout_ms.to_string());
            }
        }
        config.set("enable.idempotence", "true").set("transactional.id", id);
        (config, Duration::from_millis(timeout_ms))
    }

    /// For the client that asks about topics.
    pub(crate) fn admin(&self) -> ClientConfig {
        let mut config = self.client(&[]);
        // It never produces, and an idempotent producer asks the broker for an identity at its start.
        config.remove("enable.idempotence");
        config
    }

    /// Which records sources see.
    pub(crate) fn isolation(&self) -> Isolation {
        match self.user.get("isolation.level").map(String::as_str) {
            Some("read_uncommitted") => Isolation::ReadUncommitted,
            _ => Isolation::ReadCommitted,
        }
    }

    /// Where the brokers are, as the user says it.
    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// How long the user lets a request take.
    pub(crate) fn socket_timeout(&self) -> Option<Duration> {
        let timeout_ms = self.user.get("socket.timeout.ms")?.parse().ok()?;
        Some(Duration::from_millis(timeout_ms))
    }

    fn client(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (name, value) in COMMON.iter().chain(defaults) {
            self.default(&mut config, name, value);
        }
        let secured = self
            .user
            .get("security.protocol")
            .is_some_and(|protocol| protocol.to_lowercase().contains("ssl"));
        if secured && !self.user.contains_key("ssl.ca.pem") {
            // OpenSSL is linked in and knows no directory of this machine: look where distributions keep theirs.
            self.default(&mut config, "ssl.ca.location", "probe");
        }
        config.set("bootstrap.servers", &self.brokers);
        for (name, value) in &self.user {
            config.set(name, value);
        }
        let debugging = self.user.contains_key("debug");
        config.set_log_level(if debugging {
            RDKafkaLogLevel::Debug
        } else {
            RDKafkaLogLevel::Info
        });
        config
    }

    /// Sets a default unless the user set the property, under this name or an alias of it.
    fn default(&self, config: &mut ClientConfig, name: &str, value: &str) {
        const SAME: &[(&str, &str)] = &[
            ("compression.codec", "compression.type"),
            ("linger.ms", "queue.buffering.max.ms"),
            ("message.timeout.ms", "delivery.timeout.ms"),
        ];
        let alias = SAME.iter().find(|(own, _)| *own == name).map(|(_, alias)| *alias);
        if !self.user.contains_key(name) && alias.is_none_or(|alias| !self.user.contains_key(alias)) {
            config.set(name, value);
        }
    }
}

impl std::fmt::Debug for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.redacted()).finish()
    }
}

/// Whether the value of a property must not be shown. Wider than librdkafka's own list rather than narrower.
fn is_secret(name: &str) -> bool {
    [
        "password",
        "secret",
        "passphrase",
        ".pem",
        "jaas",
        "private.key",
        "oauthbearer.config",
        "oauthbearer.assertion",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// Whether librdkafka takes the property.
fn check(name: &str, value: &str) -> Result<(), Error> {
    if let Some((_, reason)) = RESERVED.iter().find(|(reserved, _)| *reserved == name) {
        return Err(option(name, reason));
    }
    if let Some((_, reason)) = JAVA.iter().find(|(java, _)| *java == name) {
        return Err(option(name, reason));
    }
    let set = ClientConfig::new().set(name, value).create_native_config();
    match set.map(drop) {
        Ok(()) => Ok(()),
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => Err(unknown(name)),
        Err(KafkaError::ClientConfig(_, reason, ..)) if !is_secret(name) => Err(option(name, &reason)),
        Err(_) => Err(option(name, "librdkafka refuses its value")),
    }
}

fn unknown(name: &str) -> Error {
    let known = names::property_names();
    let mut near: Vec<(f64, &str)> = known
        .iter()
        .map(String::as_str)
        .chain(UNLISTED.iter().copied())
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    near.dedup_by_key(|(_, candidate)| *candidate);
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, candidate)| candidate).collect();
    if near.is_empty() {
        option(name, "librdkafka has no such property")
    } else {
        option(
            name,
            &format!("librdkafka has no such property, did you mean {}", near.join(", ")),
        )
    }
}

fn option(name: &str, reason: &str) -> Error {
    Error::Option {
        option: name.to_owned(),
        reason: reason.trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(user: &[(&str, &str)]) -> Result<Properties, Error> {
        Properties::new(
            "localhost:9092",
            user.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    fn refusal(user: &[(&str, &str)]) -> String {
        properties(user).expect_err("it must be refused").to_string()
    }

    #[test]
    fn a_mistyped_property_gets_the_nearest_names() {
        let message = refusal(&[("session.timeout", "10000")]);
        assert!(message.contains("session.timeout.ms"), "{message}");
        let message = refusal(&[("sasl.pasword", "x")]);
        assert!(message.contains("sasl.password"), "{message}");
        let message = refusal(&[("zzz", "x")]);
        assert!(!message.contains("did you mean"), "{message}");
    }

    #[test]
    fn every_name_that_may_be_offered_exists() {
        for name in UNLISTED {
            let set = ClientConfig::new().set(*name, "1").create_native_config().map(drop);
            let unknown = matches!(
                set,
                Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..))
            );
            assert!(!unknown, "{name}");
        }
        for (name, _) in CONSUMER
            .iter()
            .chain(CLASSIC_GROUP)
            .chain(PRODUCER)
            .chain(COMMON)
            .chain([&TRANSACTION_TIMEOUT])
        {
            assert!(
                names::property_names().iter().any(|known| known == name) || UNLISTED.contains(name),
                "{name}"
            );
        }
    }

    #[test]
    fn java_names_are_translated() {
        let message = refusal(&[("sasl.jaas.config", "PlainLoginModule required password=\"hunter2\";")]);
        assert!(message.contains("sasl.username"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[test]
    fn a_bad_value_is_refused_at_once() {
        let message = refusal(&[("fetch.wait.max.ms", "soon")]);
        assert!(message.starts_with("option fetch.wait.max.ms: "), "{message}");
        refusal(&[("security.protocol", "telnet")]);
    }

    #[test]
    fn what_the_connector_owns_cannot_be_set() {
        for (name, _) in RESERVED {
            refusal(&[(name, "x")]);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let secrets = [
            ("sasl.password", "hunter2"),
            ("ssl.key.password", "hunter2"),
            ("ssl.key.pem", "hunter2"),
            ("ssl.keystore.password", "hunter2"),
            ("sasl.oauthbearer.config", "hunter2"),
        ];
        let mut user = vec![("sasl.username", "alice"), ("client.id", "me")];
        user.extend(secrets);
        let properties = properties(&user).expect("all are known");
        let debug = format!("{properties:?}");
        assert!(!debug.contains("hunter2"), "{debug}");
        assert!(debug.contains("\"client.id\": \"me\""), "{debug}");
        assert_eq!(properties.redacted()["sasl.password"], "[hidden]");
        assert_eq!(properties.redacted()["bootstrap.servers"], "localhost:9092");
    }

    #[test]
    fn the_user_overrides_defaults_and_not_what_is_owned() {
        let properties = properties(&[
            ("fetch.wait.max.ms", "7"),
            ("compression.type", "zstd"),
            ("client.id", "me"),
        ])
        .expect("known");
        let consumer = properties.consumer("g", StartAt::Latest);
        assert_eq!(consumer.get("fetch.wait.max.ms"), Some("7"));
        assert_eq!(consumer.get("client.id"), Some("me"));
        assert_eq!(consumer.get("group.id"), Some("g"));
        assert_eq!(consumer.get("auto.offset.reset"), Some("latest"));
        assert_eq!(consumer.get("enable.auto.commit"), Some("false"));
        let producer = properties.producer();
        assert_eq!(producer.get("compression.codec"), None, "the alias wins");
        assert_eq!(producer.get("compression.type"), Some("zstd"));
        assert_eq!(producer.get("enable.idempotence"), Some("true"));
    }

    #[test]
    fn a_transactional_producer_keeps_what_the_user_set() {
        let own = properties(&[("linger.ms", "7"), ("enable.idempotence", "false")]).expect("known");
        let (config, timeout) = own.transactional("app-q");
        assert_eq!(timeout, Duration::from_mins(1));
        assert_eq!(config.get("transactional.id"), Some("app-q"));
        assert_eq!(config.get("enable.idempotence"), Some("true"), "transactions need it");
        assert_eq!(config.get("linger.ms"), Some("7"));
        assert_eq!(
            config.get("message.timeout.ms"),
            Some("60000"),
            "not longer than the transaction"
        );
        let short = [("transaction.timeout.ms", "5000"), ("delivery.timeout.ms", "9000")];
        let (config, timeout) = properties(&short).expect("known").transactional("app-q");
        assert_eq!(timeout, Duration::from_secs(5));
        assert_eq!(config.get("delivery.timeout.ms"), Some("5000"));
        assert_eq!(config.get("message.timeout.ms"), None, "the alias wins");
        config.create_native_config().expect("librdkafka takes them");
    }

    #[test]
    fn the_new_group_protocol_gets_no_classic_defaults() {
        let properties = properties(&[("group.protocol", "consumer")]).expect("known");
        let consumer = properties.consumer("g", StartAt::Earliest);
        assert_eq!(consumer.get("partition.assignment.strategy"), None);
        assert_eq!(consumer.get("session.timeout.ms"), None);
    }

    #[test]
    fn certificates_are_looked_for_unless_given() {
        let probe = properties(&[("security.protocol", "SASL_SSL")]).expect("known").admin();
        assert_eq!(probe.get("ssl.ca.location"), Some("probe"));
        let given = properties(&[("security.protocol", "ssl"), ("ssl.ca.location", "ca.pem")])
            .expect("known")
            .admin();
        assert_eq!(given.get("ssl.ca.location"), Some("ca.pem"));
    }

    #[test]
    fn no_brokers_are_an_error() {
        assert!(Properties::new(" ", []).is_err());
    }
}
