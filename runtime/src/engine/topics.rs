//! The topic log of the engine: embedded, or Kafka.

use std::sync::Arc;

use super::{Config, Error};
use crate::connector::TopicLog;
use crate::connector::embedded::EmbeddedLog;
use crate::connector::kafka::{KafkaLog, Properties};

/// Where topics live.
#[derive(Debug, Clone)]
pub enum Topics {
    /// In this process.
    Embedded(EmbeddedLog),
    /// In Kafka.
    Kafka(Arc<KafkaLog>),
}

impl Topics {
    pub(crate) fn open(config: &Config) -> Result<Self, Error> {
        match &config.brokers {
            None => {
                if let Some(name) = config.kafka.keys().next() {
                    return Err(Error::user(
                        "no-brokers",
                        format!("the Kafka property {name} is set, but no brokers are"),
                    )
                    .help("add --brokers HOST:PORT"));
                }
                Ok(Self::Embedded(EmbeddedLog::new()))
            }
            Some(brokers) => Ok(Self::Kafka(Arc::new(KafkaLog::new(Properties::new(
                brokers,
                config.kafka.clone(),
            )?)?))),
        }
    }

    /// The log behind it.
    #[must_use]
    pub fn log(&self) -> &dyn TopicLog {
        match self {
            Self::Embedded(log) => log,
            Self::Kafka(log) => &**log,
        }
    }

    /// The embedded log, where it is one.
    #[must_use]
    pub fn embedded(&self) -> Option<&EmbeddedLog> {
        match self {
            Self::Embedded(log) => Some(log),
            Self::Kafka(_) => None,
        }
    }
}
