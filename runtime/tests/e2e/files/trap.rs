//! A function that traps: row errors by the policy, of which one ends the query with the reason; others go on.

use super::{Program, outputs};

/// Traps on whatever it gets.
const GUEST: &str = r#"(module (func (export "boom") (param f64) (result f64) unreachable))"#;

pub(super) fn case() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let at = |name: &str| directory.path().join(name).display().to_string();
    std::fs::create_dir(directory.path().join("plugins")).expect("the directory is ours");
    std::fs::write(directory.path().join("plugins/boom.wat"), GUEST).expect("the directory is ours");
    let input: String = (0..1_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    std::fs::write(directory.path().join("input.json"), input).expect("the directory is ours");
    let sql = format!(
        "CREATE STREAM input (n BIGINT) WITH (CONNECTOR='file', PATH='{}');
        CREATE STREAM copied WITH (CONNECTOR='file', PATH='{}') AS SELECT n FROM input;
        CREATE STREAM nulls WITH (CONNECTOR='file', PATH='{}') AS SELECT n, boom(CAST(n AS DOUBLE)) AS b FROM input;
        SET 'row.error.policy' = 'fail';
        CREATE STREAM broken WITH (CONNECTOR='file', PATH='{}') AS SELECT n, boom(CAST(n AS DOUBLE)) AS b FROM input;",
        at("input.json"),
        at("copied.json"),
        at("nulls.json"),
        at("broken.json"),
    );
    let log = directory.path().join("log");
    let program = Program::start_with(&["--plugins", &at("plugins")], &sql, &at("state"), &log, &[]);
    assert!(!program.ends(), "a failed query shows in the exit code");
    let said = std::fs::read_to_string(&log).expect("it said something");
    assert!(said.contains("query failed") && said.contains("boom"), "{said}");
    assert!(!said.contains("begins again"), "it is not tried again: {said}");
    assert_eq!(
        outputs::json_numbers(directory.path(), "copied"),
        (0..1_000).collect::<Vec<_>>()
    );
    let nulls = outputs::lines(directory.path(), "nulls");
    assert_eq!(nulls.len(), 1_000);
    assert!(nulls.iter().all(|line| line.ends_with("\"B\":null}")), "{}", nulls[0]);
    assert!(outputs::files(directory.path(), "broken").is_empty());
}
