//! What vectors say of a plugin that differs from them.

use std::path::Path;

use super::{parse, run};
use crate::udf::{Limits, Registry};

fn verdict(vector: &str) -> Result<(), String> {
    verdict_of("built-examples/c.wasm", vector)
}

fn verdict_of(plugin: &str, vector: &str) -> Result<(), String> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../udf-sdk/conformance");
    let plugin = built.join(plugin);
    let mut registry = Registry::new(Limits::default()).unwrap();
    registry.add_file(&plugin);
    let vectors = parse(&format!("[{vector}]"))?;
    run(&registry, &vectors[0])
}

#[test]
fn a_difference_names_step_and_rows() {
    let diff = r#"{"function": "diff(price DOUBLE) RETURNS DOUBLE", "steps": ["#;
    let good = r#"{"slots": [0, 0], "call": [[1, 3]], "gives": [null, 2]}, {"restart": [0]}"#;
    assert_eq!(verdict(&format!("{diff}{good}]}}")), Ok(()));
    let bad = r#", {"slots": [0, 1], "call": [[4, 4]], "gives": [2, 7]}]}"#;
    assert_eq!(
        verdict(&format!("{diff}{good}{bad}")).unwrap_err(),
        "step 3: row 0: expected 2.0, got 1.0; row 1: expected 7.0, got NULL"
    );
}

#[test]
fn rows_that_fail_are_told_with_their_message() {
    let call = |rest: &str| {
        format!(
            r#"{{"function": "risk_score(price DOUBLE, average DOUBLE, volume BIGINT) RETURNS DOUBLE", "steps": [
                {{"call": [[100, 1], [100, 0], [5, 5]], {rest}}}]}}"#
        )
    };
    assert_eq!(
        verdict(&call(r#""gives": [0, 1]"#)).unwrap_err(),
        "step 1: row 1 failed: average must be more than 0; row 1: expected 1.0, got NULL"
    );
    assert_eq!(
        verdict(&call(r#""gives": [0, null], "fails": {"0": "no", "1": "negative"}"#)).unwrap_err(),
        "step 1: row 1 should fail with 'negative', failed with: average must be more than 0; \
         row 0 should fail with 'no' and did not"
    );
    assert_eq!(
        verdict(&call(r#""gives": [0, null], "fails": {"1": "more than 0"}"#)),
        Ok(())
    );
}

#[test]
fn what_is_wrong_in_the_vector_is_said() {
    assert_eq!(
        verdict(r#"{"function": "diff(price BIGINT) RETURNS DOUBLE"}"#).unwrap_err(),
        "the plugin has diff(price DOUBLE) RETURNS DOUBLE"
    );
    assert_eq!(
        verdict(r#"{"function": "dif(price DOUBLE) RETURNS DOUBLE"}"#).unwrap_err(),
        "the plugin does not have it"
    );
    let columns = verdict(
        r#"{"function": "diff(price DOUBLE) RETURNS DOUBLE", "steps": [{"slots": [0], "call": [[1], [2]], "gives": [null]}]}"#,
    );
    assert_eq!(
        columns.unwrap_err(),
        "step 1: the step has 2 columns of arguments, the function 1"
    );
    let unknown = verdict(r#"{"function": "diff(price DOUBLE) RETURNS DOUBLE", "step": []}"#).unwrap_err();
    assert!(unknown.contains("unknown field `step`"), "{unknown}");
}

#[test]
fn an_aggregate_function_is_asked_whether_it_takes_rows_back() {
    let vwap = |rest: &str| {
        verdict(&format!(
            r#"{{"function": "vwap(price DOUBLE, volume BIGINT) RETURNS DOUBLE", {rest}}}"#
        ))
    };
    assert_eq!(
        vwap(r#""steps": []"#).unwrap_err(),
        "it can take rows back: true; the vector says: false"
    );
    let steps = r#""retracts": true, "steps": [{"slots": [0, 0], "update": [[10, 20], [1, 3]]}, {"restart": [0]},
        {"finish": [0, 1], "gives": [17.5, null]}, {"slots": [0], "update": [[1], [0]]}]"#;
    let failed = vwap(steps).unwrap_err();
    assert!(
        failed.starts_with("step 4: ") && failed.contains("at row 0"),
        "{failed}"
    );
}

#[test]
fn a_call_may_leave_arguments_out() {
    let scaled = |steps: &str| {
        let function = "conf_scaled(x DOUBLE[, factor DOUBLE = 10[, plus BIGINT = NULL]]) RETURNS DOUBLE";
        verdict_of(
            "built/c.wasm",
            &format!(r#"{{"function": "{function}", "steps": [{steps}]}}"#),
        )
    };
    let left_out = r#"{"call": [[1, 2]], "gives": [10, 20]}, {"call": [[1], [3]], "times": 9, "gives": [3]}"#;
    assert_eq!(scaled(left_out), Ok(()));
    assert_eq!(
        scaled(r#"{"call": [[1], [2], [3]], "gives": [6]}"#).unwrap_err(),
        "step 1: row 0: expected 6.0, got 5.0"
    );
    for call in ["[]", "[[1], [2], [3], [4]]"] {
        let error = scaled(&format!(r#"{{"call": {call}, "gives": [1]}}"#)).unwrap_err();
        assert!(error.ends_with("columns of arguments, the function 3"), "{error}");
    }
    let since = |constants: &str, gives: &str| {
        let steps = format!(r#"[{{"slots": [0], "call": [[1]], "gives": [{gives}]}}]"#);
        let function = "conf_since(x DOUBLE[, start DOUBLE = 100]) RETURNS DOUBLE";
        verdict_of(
            "built/c.wasm",
            &format!(r#"{{"function": "{function}", "constants": {constants}, "steps": {steps}}}"#),
        )
    };
    assert_eq!(since("[]", "101"), Ok(()));
    assert!(since("[]", "1").is_err());
}

#[test]
fn a_variadic_argument_takes_columns_of_values_or_one_of_arrays() {
    let joined = |call: &str, gives: &str| {
        let function = "conf_joined(separator STRING, texts STRING...) RETURNS STRING";
        let step = format!(r#"{{"call": {call}, "gives": {gives}}}"#);
        verdict_of(
            "built/c.wasm",
            &format!(r#"{{"function": "{function}", "steps": [{step}]}}"#),
        )
    };
    assert_eq!(joined(r#"[["-", "-"]]"#, r#"["", ""]"#), Ok(()));
    assert_eq!(joined(r#"[["-"], ["a"], [null], ["c"]]"#, r#"["a-?-c"]"#), Ok(()));
    assert_eq!(
        joined(r#"[["-", "-"], [["a", "b"], null]]"#, r#"["a-b", null]"#),
        Ok(())
    );
    assert_eq!(
        joined(r#"[["-", "-"], ["a", "b"], ["c"]]"#, r#"["a-c", "b-"]"#).unwrap_err(),
        "step 1: a column of arguments has 1 rows, another 2"
    );
    assert!(joined("[]", "[null]").is_err());
}
