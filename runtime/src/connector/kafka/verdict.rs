//! What an error code of librdkafka or of a broker means for us: wait, tell the user, or the topic is not there.
//!
//! librdkafka retries almost everything by itself, so most codes only say that things take longer. The codes listed
//! here are those that no retry mends.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::connector::Error;
use crate::types::Retry;

/// What to do about an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// librdkafka tries again by itself; wait.
    Transient,
    /// The broker does not accept who we say we are, or we do not trust it. Final on a first connection; a client
    /// that was connected before gives it some time, since brokers that restart refuse logins for a moment.
    Login,
    /// Somebody has to change something: rights, configuration, data.
    Final,
    /// There is no such topic (any more).
    UnknownTopic,
}

/// Sorts `code`.
pub(crate) fn verdict(code: RDKafkaErrorCode) -> Verdict {
    use RDKafkaErrorCode as Code;
    match code {
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId => {
            Verdict::UnknownTopic
        }
        Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL => Verdict::Login,
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed
        | Code::UnsupportedSASLMechanism
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType
        | Code::UnsupportedAssignor
        | Code::SecurityDisabled
        | Code::InvalidTopic
        | Code::InvalidConfig
        | Code::InvalidRequest
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidRequiredAcks
        | Code::InvalidGroupId
        | Code::InvalidSessionTimeout
        | Code::InvalidTimestamp
        | Code::InvalidRecord
        | Code::InvalidArgument
        | Code::InconsistentGroupProtocol
        | Code::FencedInstanceId
        | Code::GroupMaxSizeReached
        | Code::PolicyViolation
        | Code::TopicAlreadyExists
        | Code::TopicDeletionDisabled
        | Code::MessageSizeTooLarge
        | Code::InvalidMessageSize
        | Code::MessageBatchTooLarge
        | Code::OffsetMetadataTooLarge
        | Code::BadMessage
        | Code::BadCompression
        | Code::NotImplemented
        | Code::AutoOffsetReset
        | Code::LogTruncation
        | Code::Fatal => Verdict::Final,
        _ => Verdict::Transient,
    }
}

/// Whether trying again can help after `code`.
pub(crate) fn retry(code: RDKafkaErrorCode) -> Retry {
    match verdict(code) {
        Verdict::Transient => Retry::Backoff,
        Verdict::Login | Verdict::Final | Verdict::UnknownTopic => Retry::Never,
    }
}

/// The error for `code`, met while doing `action` (`read topic trades`) on `topic`.
pub(crate) fn error(action: &str, topic: Option<&str>, code: RDKafkaErrorCode, reason: &str) -> Error {
    match (verdict(code), topic) {
        (Verdict::UnknownTopic, Some(topic)) => Error::UnknownTopic {
            topic: topic.to_owned(),
        },
        (_, Some(topic)) if code == RDKafkaErrorCode::TopicAlreadyExists => Error::TopicExists {
            topic: topic.to_owned(),
        },
        _ => Error::Kafka {
            action: action.to_owned(),
            reason: if reason.is_empty() {
                describe(code)
            } else {
                reason.to_owned()
            },
            retry: retry(code),
        },
    }
}

/// The error for what the rdkafka crate returned.
pub(crate) fn crate_error(action: &str, topic: Option<&str>, error: &KafkaError) -> Error {
    match error {
        // Their texts repeat the property's value, which may be a secret.
        KafkaError::ClientConfig(_, _, property, _) => Error::Option {
            option: property.clone(),
            reason: "librdkafka refuses its value".to_owned(),
        },
        KafkaError::ClientCreation(reason) => Error::Option {
            option: "kafka".to_owned(),
            reason: reason.clone(),
        },
        other => match other.rdkafka_error_code() {
            Some(code) => self::error(action, topic, code, ""),
            None => Error::Kafka {
                action: action.to_owned(),
                reason: other.to_string(),
                retry: Retry::Never,
            },
        },
    }
}

/// What `code` means, as librdkafka says it: `Broker: Unknown topic or partition`.
pub(crate) fn describe(code: RDKafkaErrorCode) -> String {
    // The crate prints `UnknownTopicOrPartition (Broker: Unknown topic or partition)`.
    let text = code.to_string();
    let inner = text.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.unwrap_or(&text).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_is_away_is_worth_waiting_for() {
        for code in [
            RDKafkaErrorCode::BrokerTransportFailure,
            RDKafkaErrorCode::AllBrokersDown,
            RDKafkaErrorCode::LeaderNotAvailable,
            RDKafkaErrorCode::RebalanceInProgress,
            RDKafkaErrorCode::MessageTimedOut,
        ] {
            assert_eq!(retry(code), Retry::Backoff, "{code:?}");
        }
    }

    #[test]
    fn rights_and_logins_need_the_user() {
        for code in [
            RDKafkaErrorCode::Authentication,
            RDKafkaErrorCode::TopicAuthorizationFailed,
            RDKafkaErrorCode::GroupAuthorizationFailed,
            RDKafkaErrorCode::MessageSizeTooLarge,
        ] {
            assert_eq!(retry(code), Retry::Never, "{code:?}");
        }
    }

    #[test]
    fn codes_are_described_in_words() {
        assert_eq!(
            describe(RDKafkaErrorCode::UnknownTopicOrPartition),
            "Broker: Unknown topic or partition"
        );
        assert_eq!(describe(RDKafkaErrorCode::MessageTimedOut), "Local: Message timed out");
    }

    #[test]
    fn an_unknown_topic_is_named() {
        let error = error(
            "read topic t",
            Some("t"),
            RDKafkaErrorCode::UnknownTopicOrPartition,
            "gone",
        );
        assert_eq!(error.to_string(), "topic `t` does not exist");
    }

    #[test]
    fn the_value_of_a_property_is_not_repeated() {
        let config = KafkaError::ClientConfig(
            rdkafka::types::RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
            "bad value hunter2".to_owned(),
            "sasl.password".to_owned(),
            "hunter2".to_owned(),
        );
        let error = crate_error("connect", None, &config).to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("sasl.password"), "{error}");
    }
}
