//! Whole cases through the runner.

use super::{Case, Matching, Refusal, Runner, Verdict, load_json, load_line, load_sql};

fn one(text: &str) -> Case {
    load_line(text).expect("a case")
}

fn run(text: &str) -> Verdict {
    Runner::default().run(&one(text))
}

fn reason(verdict: Verdict) -> String {
    match verdict {
        Verdict::Failed(reason, _) => reason,
        other => panic!("a failure is expected, not {other:?}"),
    }
}

/// A case over one stream `S` of topic `t` with the other fields given.
fn over_stream(select: &str, inputs: &str, outputs: &str) -> String {
    format!(
        r#"{{"id": "x", "statements": ["CREATE STREAM S (K STRING KEY, V INT) WITH (kafka_topic='t', value_format='JSON');",
            "CREATE STREAM O AS {select};"], "inputs": {inputs}, "outputs": {outputs}}}"#
    )
}

#[test]
fn records_go_in_and_come_out() {
    let inputs = r#"[{"topic": "t", "key": "a", "value": {"V": 1}, "timestamp": 7}, {"topic": "t", "key": "b", "value": {"V": 2}}]"#;
    let right = r#"[{"topic": "O", "key": "a", "value": {"V": 1, "W": 2}, "timestamp": 7}, {"topic": "O", "key": "b", "value": {"V": 2, "W": 4}, "timestamp": 0}]"#;
    let select = "SELECT K, V, V * 2 AS W FROM S";
    assert_eq!(run(&over_stream(select, inputs, right)), Verdict::Passed(None));
    let wrong = right.replace('4', "5");
    let reason = reason(run(&over_stream(select, inputs, &wrong)));
    assert!(
        reason.starts_with("topic O: record 2: value.W: expected 5, found 4"),
        "{reason}"
    );
}

#[test]
fn queries_run_one_after_the_other_and_given_topics_give_the_given_records_only() {
    let case = r#"{"id": "x", "statements": [
        "CREATE STREAM S (V INT) WITH (kafka_topic='t', value_format='JSON');",
        "CREATE STREAM A AS SELECT V + 1 AS V FROM S;",
        "CREATE STREAM B AS SELECT V + 1 AS V FROM S;",
        "INSERT INTO A SELECT V FROM B;",
        "CREATE STREAM C AS SELECT V FROM A;"],
        "inputs": [{"topic": "t", "value": {"V": 1}}, {"topic": "B", "value": {"V": 50}}],
        "outputs": [
            {"topic": "A", "value": {"V": 2}}, {"topic": "A", "value": {"V": 50}},
            {"topic": "B", "value": {"V": 50}}, {"topic": "B", "value": {"V": 2}},
            {"topic": "C", "value": {"V": 2}}, {"topic": "C", "value": {"V": 50}}]}"#;
    assert_eq!(run(case), Verdict::Passed(None));
}

#[test]
fn an_expected_error_must_come_from_the_last_statement() {
    let negative = |statements: &str, message: &str| {
        one(&format!(
            r#"{{"id": "x", "statements": {statements}, "expectedException": {{"type": "a.B", "message": "{message}"}}}}"#
        ))
    };
    let fine = "CREATE STREAM S (V INT) WITH (kafka_topic='t', value_format='JSON');";
    let last = negative(
        &format!(r#"["{fine}", "CREATE STREAM O AS SELECT X FROM S;"]"#),
        "`X` does not exist",
    );
    let Verdict::Passed(Some(refusal)) = Runner::default().run(&last) else {
        panic!("the last statement is wrong");
    };
    assert!(refusal.in_place);
    assert_eq!(refusal.message_matches, Some(true), "{}", refusal.message);
    let first = negative(&format!(r#"["CREATE STREAM O AS SELECT X FROM S;", "{fine}"]"#), "");
    let verdict = Runner::default().run(&first);
    assert!(
        matches!(&verdict, Verdict::Failed(_, Some(Refusal { in_place: false, .. }))),
        "{verdict:?}"
    );
    let none = negative(&format!(r#"["{fine}", "CREATE STREAM O AS SELECT V FROM S;"]"#), "no");
    assert_eq!(reason(Runner::default().run(&none)), "no error, but expected: no");
    let strict = Runner {
        strict_messages: true,
        ..Runner::default()
    };
    let other = negative(
        &format!(r#"["{fine}", "CREATE STREAM O AS SELECT X FROM S;"]"#),
        "something else",
    );
    assert!(reason(strict.run(&other)).starts_with("another error\n  expected something else"));
}

#[test]
fn final_values_and_loose_numbers() {
    let inputs = r#"[{"topic": "t", "key": "a", "value": {"V": 1}}, {"topic": "t", "key": "a", "value": {"V": 2}}]"#;
    let outputs = r#"[{"topic": "O", "key": "a", "value": {"D": 2.00}}]"#;
    let text = over_stream("SELECT K, CAST(V AS DOUBLE) AS D FROM S", inputs, outputs);
    let last = Runner {
        matching: Matching::Final,
        ..Runner::default()
    };
    assert!(reason(last.run(&one(&text))).starts_with("topic O: value.D: expected 2.00, found 2.0"));
    let loose = text.replacen('{', r#"{"properties": {"use.exact.numeric.comparison": false}, "#, 1);
    assert_eq!(last.run(&one(&loose)), Verdict::Passed(None));
}

#[test]
fn what_cannot_be_run_is_skipped_with_its_reason() {
    let skipped = |text: &str| match run(text) {
        Verdict::Skipped(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(skipped(r#"{"id": "x", "enabled": false}"#), "disabled");
    let registry = "needs a schema registry";
    assert_eq!(skipped(r#"{"id": "x", "tags": {"registry_free": false}}"#), registry);
    assert_eq!(
        skipped(r#"{"id": "x", "statements": ["CREATE STREAM A WITH (format='avro');"]}"#),
        registry
    );
    assert_eq!(
        skipped(r#"{"id": "x", "topics": [{"name": "t", "valueSchema": {}}]}"#),
        registry
    );
}

#[test]
fn a_case_that_is_wrong_itself_fails_with_the_place() {
    let inputs = r#"[{"topic": "nowhere", "value": 1}]"#;
    let found = reason(run(&over_stream("SELECT * FROM S", inputs, "[]")));
    assert_eq!(
        found,
        "input record 1: topic nowhere: no stream or table is stored there"
    );
    let without =
        r#"{"id": "x", "statements": ["CREATE STREAM S (V INT) WITH (kafka_topic='t', value_format='JSON');"]}"#;
    assert_eq!(reason(run(without)), "the statements give no query");
    assert!(load_line(r#"{"statements": []}"#).is_err());
    assert!(load_line(r#"{"id": "x", "inputs": [{"value": 1}]}"#).is_err());
    assert!(load_json("[]", "f").is_err());
}

#[test]
fn streams_and_tables_must_be_what_is_expected() {
    let with = |schema: &str| {
        let case = over_stream("SELECT * FROM S PARTITION BY V", "[]", "[]");
        let post = format!(r#"{{"post": {{"sources": [{{"name": "O", "type": "stream", "schema": "{schema}"}}]}}, "#);
        case.replacen('{', &post, 1)
    };
    // The old key is an ordinary column then, behind the others.
    assert_eq!(run(&with("V INT KEY, K STRING")), Verdict::Passed(None));
    let found = reason(run(&with("V BIGINT KEY, K STRING")));
    assert!(
        found.starts_with("O: other columns\n  expected V BIGINT Key, K STRING Value"),
        "{found}"
    );
    let missing = reason(run(&with("V INT KEY").replace(r#""name": "O""#, r#""name": "P""#)));
    assert_eq!(missing, "there is no stream or table P");
}

#[test]
fn headers_are_passed_on_where_rows_go_straight_through() {
    let inputs = r#"[{"topic": "t", "key": "a", "value": {"V": 1}, "headers": [{"KEY": "h", "VALUE": "AQ=="}, {"KEY": "n", "VALUE": null}]},
        {"topic": "t", "key": "b", "value": null}]"#;
    let outputs = r#"[{"topic": "O", "key": "a", "value": {"L": [2]}, "headers": [{"KEY": "h", "VALUE": "AQ=="}, {"KEY": "n", "VALUE": null}]},
        {"topic": "O", "key": "b", "value": null}]"#;
    // A lambda finds its variables behind the columns of the row, where the headers are too.
    let select = "SELECT K, TRANSFORM(ARRAY[V], X => X + 1) AS L FROM S";
    assert_eq!(run(&over_stream(select, inputs, outputs)), Verdict::Passed(None));
}

#[test]
fn sql_only_tests() {
    let text = "--@test: passes
CREATE STREAM s (k STRING KEY, v INT) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS SELECT k, v + 1 AS w FROM s;
INSERT INTO s (k, v, rowtime) VALUES ('a', 1, 5);
INSERT INTO s (k) VALUES ('b');
ASSERT VALUES o (k, w, rowtime) VALUES ('a', 2, 5);
ASSERT VALUES o (k) VALUES ('b');
ASSERT STREAM o (k STRING KEY, w INT) WITH (kafka_topic='O', value_format='JSON');
--@test: another value
CREATE STREAM s (v INT) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS SELECT v + 1 AS w FROM s;
INSERT INTO s (v) VALUES (1);
ASSERT VALUES o (w) VALUES (3);
--@test: another type
CREATE STREAM s (v INT) WITH (kafka_topic='s', value_format='JSON');
ASSERT STREAM s (v BIGINT) WITH (kafka_topic='s', value_format='JSON');
--@test: expected
--@expected.message: `X` does not exist
CREATE STREAM s (v INT) WITH (kafka_topic='s', value_format='JSON');
CREATE STREAM o AS SELECT x FROM s;
CREATE STREAM never AS SELECT y FROM s;
";
    let cases = load_sql(text, "f").expect("tests");
    let mut verdicts = cases.iter().map(|case| Runner::default().run(case));
    assert_eq!(verdicts.next(), Some(Verdict::Passed(None)));
    let value = reason(verdicts.next().expect("a verdict"));
    assert!(
        value.starts_with("topic O, record 1: another value\n  expected {\"W\":3}\n  found    {\"W\":2}"),
        "{value}"
    );
    let columns = reason(verdicts.next().expect("a verdict"));
    assert!(
        columns.starts_with("S: another columns\n  expected V BIGINT"),
        "{columns}"
    );
    assert!(matches!(verdicts.next(), Some(Verdict::Passed(Some(_)))));
}
