//! The tests against the real Apache Kafka as tests of the one binary: one broker that most of them share, and the whole
//! program over it with kcat as the independent client.
//!
//! They need Java, Maven and kcat. Where one is missing the suite is skipped, loudly; `.ci/run` installs them, and fails
//! when anything says SKIPPED.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use libtest_mimic::{Failed, Trial};

use crate::kafka::{Broker, BrokerOptions, CASES, OWN_BROKER_CASES};
use crate::{crash, kafka_faults, kafka_plugins, kafka_program, kafka_replace, kafka_slow};

/// The broker that most tests share, started by the first of them.
static SHARED: OnceLock<Mutex<Option<&'static Broker>>> = OnceLock::new();

/// What the suite needs and this machine lacks.
fn missing() -> Vec<&'static str> {
    let has = |program: &&str| {
        let found = Command::new("which")
            .arg(program)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        found.is_ok_and(|status| status.success())
    };
    ["java", "mvn", "kcat"]
        .into_iter()
        .filter(|program| !has(program))
        .collect()
}

/// All tests, or one that says what is missing.
pub(crate) fn trials() -> Vec<Trial> {
    let missing = missing();
    if !missing.is_empty() {
        let names: Vec<&str> = CASES.iter().map(|(name, _)| *name).collect();
        let text = format!(
            "{} and more Kafka tests: not found: {}",
            names.len(),
            missing.join(", ")
        );
        return vec![Trial::test("kafka/skipped", move || {
            println!("SKIPPED {text}");
            Ok(())
        })];
    }
    let shared = CASES
        .iter()
        .chain(kafka_program::CASES)
        .chain(kafka_faults::CASES)
        .chain(kafka_plugins::CASES)
        .chain(kafka_replace::CASES)
        .chain(kafka_slow::CASES)
        .map(|(name, case)| Trial::test(format!("kafka/{name}"), move || guarded(|| case(shared_broker()))));
    let own = OWN_BROKER_CASES
        .iter()
        .chain(kafka_faults::OWN_BROKER_CASES)
        .chain(kafka_slow::OWN_BROKER_CASES)
        .map(|(name, case)| Trial::test(format!("kafka/{name}"), move || guarded(case)));
    let crashes = crash::cases().into_iter();
    let crashes = crashes.map(|(name, case)| Trial::test(format!("crash/{name}"), move || guarded(case)));
    shared.chain(own).chain(crashes).collect()
}

fn shared_broker() -> &'static Broker {
    let mut shared = SHARED
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.get_or_insert_with(|| Box::leak(Box::new(Broker::start(BrokerOptions::default()))))
}

/// Ends the shared broker, if one was started.
pub(crate) fn stop() {
    if let Some(broker) = SHARED.get().and_then(|shared| shared.lock().ok()?.take()) {
        broker.kill(None);
    }
}

pub(crate) fn guarded(case: impl FnOnce()) -> Result<(), Failed> {
    catch_unwind(AssertUnwindSafe(case)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Failed::from(text.unwrap_or_else(|| "panic without a message".into()))
    })
}
