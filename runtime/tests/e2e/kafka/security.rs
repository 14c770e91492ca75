//! TLS and SASL are in the build and work, and whoever is refused is told so.

use waterwheel::connector::{Error, TopicLog};
use waterwheel::types::Retry;

use super::broker::{Broker, BrokerOptions};
use super::pipeline::{Pipeline, batch, create, forever, to_the_end, write};

const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

pub(crate) fn tls_and_sasl_work_and_refusals_are_told() {
    let broker = Broker::start(BrokerOptions {
        secure: true,
        ..BrokerOptions::default()
    });
    let ca = broker.ca();
    let ca = ca.to_str().expect("temporary directories have UTF-8 names");
    create(&broker.log(&[]), "secured", 1);
    let (tls, sasl) = (broker.listener("tls"), broker.listener("sasl"));

    let trusting = [("security.protocol", "ssl"), ("ssl.ca.location", ca)];
    let log = broker.log_at(&tls, &trusting).expect("the properties fit together");
    write(&log, "secured", &batch(0..10, 1));
    assert_eq!(Pipeline::open(&log, "secured", &forever("tls")).rows(10).len(), 10);

    let untrusting = broker
        .log_at(&tls, &[("security.protocol", "ssl")])
        .expect("the properties fit together");
    let error = Pipeline::open(&untrusting, "secured", &forever("untrusting")).error();
    refused(&error, "certificate");

    for mechanism in MECHANISMS {
        let login = |user, password| login(ca, mechanism, user, password);
        let log = broker
            .log_at(&sasl, &login("alice", "alice-secret"))
            .expect("the properties fit together");
        assert_eq!(
            Pipeline::open(&log, "secured", &to_the_end()).to_end().len(),
            10,
            "{mechanism}"
        );
        assert_eq!(
            Pipeline::open(&log, "secured", &forever(mechanism)).rows(10).len(),
            10,
            "{mechanism}"
        );

        let log = broker
            .log_at(&sasl, &login("alice", "wrong"))
            .expect("the properties fit together");
        let error = Pipeline::open(&log, "secured", &forever("wrong")).error();
        refused(&error, "uthentication");
        assert!(!error.to_string().contains("wrong"), "{error}");
        refused(&log.describe("secured").expect_err("nobody answers"), "uthentication");
    }

    let mallory = broker
        .log_at(&sasl, &login(ca, "PLAIN", "mallory", "mallory-secret"))
        .expect("the properties fit together");
    for options in [forever("mallory"), to_the_end()] {
        refused(&Pipeline::open(&mallory, "secured", &options).error(), "uthorization");
    }
    let mut sink = mallory.sink("secured").expect("the name is right");
    let error = sink
        .write(&batch(0..1, 1))
        .and_then(|()| sink.flush())
        .expect_err("mallory may not write");
    refused(&error, "uthorization");
}

fn login<'a>(ca: &'a str, mechanism: &'a str, user: &'a str, password: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("security.protocol", "sasl_ssl"),
        ("ssl.ca.location", ca),
        ("sasl.mechanism", mechanism),
        ("sasl.username", user),
        ("sasl.password", password),
    ]
}

fn refused(error: &Error, reason: &str) {
    assert_eq!(error.retry(), Retry::Never, "{error}");
    assert!(error.to_string().contains(reason), "{error}");
}
