//! Queries that are replaced, dropped and terminated on the real Kafka: what goes on, and what is gone.

use std::path::PathBuf;
use std::sync::Arc;

use waterwheel::engine::{Config, Engine};
use waterwheel::state::Location;
use waterwheel::types::clock::SystemClock;

use crate::kafka::Broker;
use crate::kafka_program::{expect_lines, produce};

/// Cases on the shared broker.
pub(crate) const CASES: &[(&str, fn(&Broker))] = &[
    ("a replaced query goes on where it was", replaced),
    ("a query whose replacement cannot start goes on", taken_back),
    ("a statement in front changes no names", put_in_front),
    ("a dropped query leaves nothing behind", dropped),
];

pub(crate) struct Process {
    pub(crate) engine: Engine,
    state: PathBuf,
    application: String,
}

impl Process {
    pub(crate) fn start(broker: &Broker, application: &str) -> Self {
        Self::start_with(broker, application, &[])
    }

    /// With properties of librdkafka's.
    pub(crate) fn start_with(broker: &Broker, application: &str, kafka: &[(&str, &str)]) -> Self {
        let state = broker.state().join("replace");
        let config = Config {
            application_id: application.to_owned(),
            brokers: Some(broker.addresses().to_owned()),
            state: Some(Location::Directory(state.clone())),
            workers: 2,
            kafka: kafka
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Config::default()
        };
        Self {
            engine: Engine::start(config, Arc::new(SystemClock)).expect("the engine starts"),
            state,
            application: application.to_owned(),
        }
    }

    pub(crate) fn run(&self, sql: &str) -> Result<(), String> {
        let ran = self.engine.run_script(sql, |_| Ok(()));
        ran.map_err(|error| error.render("script", waterwheel::sql::Colours::Off))
    }

    fn has_state(&self, query: &str) -> bool {
        self.state.join(&self.application).join(query).exists()
    }

    pub(crate) fn stop(self) {
        self.engine.stop_all(std::time::Duration::from_mins(1));
    }
}

fn replaced(broker: &Broker) {
    let process = Process::start(broker, "replaced");
    process
        .run(
            "CREATE STREAM r_in (id STRING KEY, a INT) WITH (KAFKA_TOPIC='r_in', VALUE_FORMAT='JSON', PARTITIONS=1);
             CREATE STREAM r_out WITH (KAFKA_TOPIC='r_out') AS SELECT id, a FROM r_in WHERE a > 1;
             CREATE TABLE r_count WITH (KAFKA_TOPIC='r_count') AS SELECT id, COUNT(*) AS n FROM r_in GROUP BY id;",
        )
        .expect("the script runs");
    produce(broker, "r_in", "x|{\"a\":1}\ny|{\"a\":2}\n");
    let counted = ["x {\"N\":1}", "y {\"N\":1}"];
    expect_lines(broker, "r_out", "%k %s\n", &["y {\"A\":2}"]);
    expect_lines(broker, "r_count", "%k %s\n", &counted);
    let refused = process.run(
        "CREATE OR REPLACE TABLE r_count WITH (KAFKA_TOPIC='r_count') AS SELECT id, COUNT(*) AS n, SUM(a) AS total FROM r_in GROUP BY id;",
    );
    let refused = refused.expect_err("a sum needs state that is not there");
    assert!(refused.contains("its state could not be read"), "{refused}");
    process
        .run(
            "CREATE OR REPLACE STREAM r_out WITH (KAFKA_TOPIC='r_out') AS SELECT id, a, a * 2 AS twice FROM r_in WHERE a > 0;
             CREATE OR REPLACE TABLE r_count WITH (KAFKA_TOPIC='r_count') AS SELECT id, COUNT(*) AS n, COUNT(*) > 1 AS again FROM r_in GROUP BY id;",
        )
        .expect("both can be replaced");
    produce(broker, "r_in", "x|{\"a\":1}\n");
    expect_lines(broker, "r_out", "%k %s\n", &["x {\"A\":1,\"TWICE\":2}", "y {\"A\":2}"]);
    expect_lines(
        broker,
        "r_count",
        "%k %s\n",
        &[counted[0], "x {\"N\":2,\"AGAIN\":true}", counted[1]],
    );
    process.stop();
}

fn taken_back(broker: &Broker) {
    let process = Process::start(broker, "taken-back");
    process
        .run(
            "CREATE STREAM t_in (id STRING KEY, a INT) WITH (KAFKA_TOPIC='t_in', VALUE_FORMAT='JSON', PARTITIONS=1);
             CREATE TABLE t_count WITH (KAFKA_TOPIC='t_count') AS SELECT id, COUNT(*) AS n FROM t_in GROUP BY id;",
        )
        .expect("the script runs");
    produce(broker, "t_in", "x|{\"a\":1}\n");
    expect_lines(broker, "t_count", "%k %s\n", &["x {\"N\":1}"]);
    // Nothing is wrong with the statement, but its topic for late rows cannot be made when the old query has stopped already.
    let refused = process.run(
        "SET 'late.rows.topic' = 'no/such topic';
         CREATE OR REPLACE TABLE t_count WITH (KAFKA_TOPIC='t_count') AS SELECT id, COUNT(*) AS n, 1 AS one FROM t_in GROUP BY id;",
    );
    let refused = refused.expect_err("the topic has a wrong name");
    assert!(refused.contains("no/such topic"), "{refused}");
    produce(broker, "t_in", "x|{\"a\":1}\n");
    expect_lines(broker, "t_count", "%k %s\n", &["x {\"N\":1}", "x {\"N\":2}"]);
    process
        .run(
            "SET 'late.rows.topic' = '';
             CREATE OR REPLACE TABLE t_count WITH (KAFKA_TOPIC='t_count') AS SELECT id, COUNT(*) AS n, 1 AS one FROM t_in GROUP BY id;",
        )
        .expect("now it can be replaced");
    produce(broker, "t_in", "x|{\"a\":1}\n");
    let all = ["x {\"N\":1}", "x {\"N\":2}", "x {\"N\":3,\"ONE\":1}"];
    expect_lines(broker, "t_count", "%k %s\n", &all);
    process.stop();
}

fn put_in_front(broker: &Broker) {
    let streams = "CREATE STREAM f_in (id STRING KEY, a INT) WITH (KAFKA_TOPIC='f_in', VALUE_FORMAT='JSON', PARTITIONS=1);
                   CREATE STREAM f_two (id STRING KEY, a INT) WITH (KAFKA_TOPIC='f_two', VALUE_FORMAT='JSON', PARTITIONS=1);";
    let queries = "CREATE TABLE f_count WITH (KAFKA_TOPIC='f_count') AS SELECT id, COUNT(*) AS n FROM f_in GROUP BY id;
                   INSERT INTO f_two SELECT id, a FROM f_in;";
    let first = Process::start(broker, "put-in-front");
    first.run(&format!("{streams}{queries}")).expect("the script runs");
    produce(broker, "f_in", "x|{\"a\":1}\n");
    expect_lines(broker, "f_count", "%k %s\n", &["x {\"N\":1}"]);
    expect_lines(broker, "f_two", "%k %s\n", &["x {\"A\":1}"]);
    first.stop();
    let second = Process::start(broker, "put-in-front");
    let in_front = "CREATE STREAM f_copy WITH (KAFKA_TOPIC='f_copy') AS SELECT id, a FROM f_in;";
    second
        .run(&format!("{streams}{in_front}{queries}"))
        .expect("the script runs");
    produce(broker, "f_in", "x|{\"a\":2}\n");
    expect_lines(broker, "f_copy", "%k %s\n", &["x {\"A\":1}", "x {\"A\":2}"]);
    expect_lines(broker, "f_count", "%k %s\n", &["x {\"N\":1}", "x {\"N\":2}"]);
    expect_lines(broker, "f_two", "%k %s\n", &["x {\"A\":1}", "x {\"A\":2}"]);
    second.stop();
}

fn dropped(broker: &Broker) {
    let process = Process::start(broker, "dropped");
    let create = "CREATE TABLE x_count WITH (KAFKA_TOPIC='x_count') AS SELECT id, COUNT(*) AS n FROM x_in GROUP BY id;";
    process
        .run("CREATE STREAM x_in (id STRING KEY, a INT) WITH (KAFKA_TOPIC='x_in', VALUE_FORMAT='JSON', PARTITIONS=1);")
        .expect("the stream is declared");
    process.run(create).expect("the query starts");
    produce(broker, "x_in", "x|{\"a\":1}\n");
    expect_lines(broker, "x_count", "%k %s\n", &["x {\"N\":1}"]);
    assert!(
        process.has_state("CTAS_X_COUNT"),
        "the state is under the name of the sink"
    );
    process.run("DROP TABLE x_count;").expect("the table is dropped");
    assert!(!process.has_state("CTAS_X_COUNT"), "the state is gone");
    // The one offset and its state are gone together: all is counted anew, and neither twice nor from the middle.
    process.run(create).expect("the query starts anew");
    expect_lines(broker, "x_count", "%k %s\n", &["x {\"N\":1}", "x {\"N\":1}"]);
    process.run("TERMINATE ALL;").expect("the query ends");
    assert!(!process.has_state("CTAS_X_COUNT"), "the state is gone");
    process.stop();
}
