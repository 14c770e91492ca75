//! The worst statements that the bounds allow, and worse ones that they refuse: none may overflow a stack or run away.
//!
//! Each runs on a thread of half the usual stack, with all that happens to a statement: parsed, walked over, copied,
//! formatted and dropped.

use super::limits::{BRACKET_DEPTH_MAX, FIELD_CHAIN_MAX, LOGICAL_CHAIN_MAX, OPERATOR_CHAIN_MAX, QUERY_DEPTH_MAX};
use super::{Variables, statements};

const STACK_BYTES: usize = 1 << 20;

/// The code of the first error of `text`, or none; overflow of the stack kills the process.
fn outcome(text: String) -> Option<&'static str> {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let worker = thread.spawn(move || {
        let mut first = None;
        for item in statements(&text, &Variables::new()) {
            match item {
                // Formatting walks the whole tree.
                Ok(parsed) => assert!(!format!("{:?}", parsed.clone().statement).is_empty()),
                Err(error) => {
                    assert!(!format!("{error} {error:#}").is_empty());
                    first = first.or(Some(error.code()));
                }
            }
        }
        first
    });
    worker.expect("the thread starts").join().expect("no panic")
}

fn nested(open: &str, close: &str, times: usize) -> String {
    format!("SELECT {}1{} FROM t", open.repeat(times), close.repeat(times))
}

#[test]
fn everything_that_nests_is_bounded() {
    let forms = [
        ("(", ")"),
        ("f(", ")"),
        ("ARRAY[", "]"),
        ("a[", "]"),
        ("CAST(", " AS INT)"),
        ("TRIM(BOTH 'x' FROM ", ")"),
        ("SUBSTRING(", " FROM 1)"),
        ("EXTRACT(DAY FROM ", ")"),
        ("POSITION('a' IN ", ")"),
        ("STRUCT(a := ", ")"),
        ("MAP('a' := ", ")"),
        ("MAP(", " := 1)"),
        ("1 IN (", ")"),
        ("1 IN ((", "))"),
        ("CASE ", " WHEN 1 THEN 1 END"),
        ("CASE WHEN 1 THEN ", " END"),
        ("NOT ", ""),
        ("- ", ""),
        ("x => ", ""),
        ("(x, y) => ", ""),
        ("f(x => ", ")"),
        ("INTERVAL '1' DAY + (", ")"),
        ("sum(1) OVER (PARTITION BY ", ")"),
        ("sum(1) FILTER (WHERE ", ")"),
        ("(SELECT ", ")"),
        ("EXISTS (SELECT ", ")"),
        ("1 IN (SELECT ", ")"),
        ("1 IN ((SELECT ", "))"),
        ("1 = ANY (", ")"),
        ("a BETWEEN 1 AND ", ""),
    ];
    for (open, close) in forms {
        for times in [
            QUERY_DEPTH_MAX - 1,
            BRACKET_DEPTH_MAX / 2,
            BRACKET_DEPTH_MAX - 1,
            BRACKET_DEPTH_MAX,
        ] {
            outcome(nested(open, close, times));
        }
        for times in [1_000, 20_000] {
            assert!(outcome(nested(open, close, times)).is_some(), "{open}{close}");
            assert!(outcome(nested(open, "", times)).is_some(), "{open}");
        }
    }
}

#[test]
fn what_nests_as_deep_as_allowed_still_parses() {
    assert_eq!(outcome(nested("(", ")", BRACKET_DEPTH_MAX - 1)), None);
    assert_eq!(outcome(nested("f(", ")", BRACKET_DEPTH_MAX - 1)), None);
    assert_eq!(outcome(nested("CASE WHEN a THEN ", " END", 40)), None);
    assert_eq!(outcome(nested("(SELECT ", ")", QUERY_DEPTH_MAX - 1)), None);
    let derived = format!("{}SELECT a FROM t{}", "SELECT a FROM (".repeat(15), ") AS x".repeat(15));
    assert_eq!(outcome(derived), None);
}

#[test]
fn subqueries_that_fail_inside_do_not_run_away() {
    // Trying each bracket as two things would double the work fifteen times here, in every form.
    for (open, close) in [
        ("SELECT a FROM ((SELECT a FROM ", ") AS x JOIN t ON a = b) AS y"),
        ("SELECT a FROM (SELECT a FROM ", ") AS x"),
        ("SELECT 1 IN ((SELECT a FROM ", ")) AS x FROM t"),
        ("WITH x AS (SELECT a FROM (", ")) SELECT a FROM x"),
    ] {
        let text = format!("{} t WHERE + {}", open.repeat(15), close.repeat(15));
        assert!(outcome(text).is_some(), "{open}");
    }
}

#[test]
fn chains_as_long_as_allowed_parse_and_longer_ones_are_refused() {
    let chain = |operand: &str, operator: &str, times: usize| {
        format!(
            "SELECT {}{operand} FROM t",
            format!("{operand} {operator} ").repeat(times)
        )
    };
    for operator in ["+", "-", "*", "||", "=", "<", "LIKE", "IS DISTINCT FROM"] {
        assert_eq!(outcome(chain("a", operator, OPERATOR_CHAIN_MAX)), None, "{operator}");
        assert_eq!(outcome(chain("a", operator, 20_000)), Some("too-deep"), "{operator}");
    }
    assert_eq!(outcome(chain("a", "->", FIELD_CHAIN_MAX)), None);
    assert_eq!(
        outcome(format!("SELECT a{} FROM t", "::INT".repeat(FIELD_CHAIN_MAX))),
        None
    );
    for operator in ["AND", "OR"] {
        assert_eq!(outcome(chain("a = 1", operator, LOGICAL_CHAIN_MAX)), None, "{operator}");
        assert_eq!(
            outcome(chain("a = 1", operator, 20_000)),
            Some("too-deep"),
            "{operator}"
        );
        // The tree of a statement that fails at its end is dropped unbalanced.
        assert!(outcome(format!("{} ,", chain("a = 1", operator, LOGICAL_CHAIN_MAX))).is_some());
    }
    let alternating = format!("SELECT {}1 FROM t", "a AND b OR ".repeat(LOGICAL_CHAIN_MAX / 2));
    assert_eq!(outcome(alternating), None);
    assert_eq!(outcome(format!("SELECT a{} FROM t", "[1]".repeat(20_000))), None);
    assert_eq!(
        outcome(format!("SELECT a{} FROM t", ".a".repeat(20_000))),
        Some("too-deep")
    );
    assert_eq!(
        outcome(format!("SELECT a{} FROM t", "::INT".repeat(20_000))),
        Some("too-deep")
    );
    assert_eq!(
        outcome(format!("SELECT a {} FROM t", "IS NULL ".repeat(20_000))),
        Some("too-deep")
    );
    assert_eq!(
        outcome(format!("SELECT a {} FROM t", "AT TIME ZONE 'UTC' ".repeat(20_000))),
        Some("too-deep")
    );
    assert_eq!(
        outcome(format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(OPERATOR_CHAIN_MAX))),
        None
    );
    assert_eq!(
        outcome(format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(20_000))),
        Some("too-deep")
    );
    let joins = |times: usize| format!("SELECT * FROM t {}", "JOIN t ON a = b ".repeat(times));
    assert_eq!(outcome(joins(OPERATOR_CHAIN_MAX)), None);
    assert_eq!(outcome(joins(20_000)), Some("too-deep"));
    assert!(outcome(format!("SELECT * FROM t {}", "JOIN t ".repeat(OPERATOR_CHAIN_MAX))).is_some());
}

#[test]
fn types_and_options_are_bounded() {
    let column = |text: &str| format!("CREATE STREAM s (a {text}) WITH (kafka_topic='t')");
    for (open, close) in [("ARRAY<", ">"), ("MAP<INT, ", ">"), ("STRUCT<a ", ">")] {
        let deep = |times: usize| column(&format!("{}INT{}", open.repeat(times), close.repeat(times)));
        assert_eq!(outcome(deep(31)), None, "{open}");
        assert_eq!(outcome(deep(20_000)), Some("too-deep"), "{open}");
        assert!(outcome(column(&open.repeat(20_000))).is_some(), "{open}");
        let cast = format!(
            "SELECT CAST(a AS {}INT{}) FROM t",
            open.repeat(20_000),
            close.repeat(20_000)
        );
        assert_eq!(outcome(cast), Some("too-deep"), "{open}");
    }
}

#[test]
fn long_texts_end() {
    assert_eq!(
        outcome(format!("SELECT '{}' FROM t", "x".repeat(10 << 20))),
        Some("too-long")
    );
    assert_eq!(
        outcome(format!("SELECT `{}` FROM t", "x".repeat(10 << 20))),
        Some("too-long")
    );
    assert_eq!(
        outcome(format!("SELECT {} FROM t", "9".repeat(1 << 20))),
        Some("bad-number")
    );
    assert_eq!(outcome("'".repeat(1 << 20)), Some("unknown-statement"));
    assert!(outcome(";".repeat(1 << 20)).is_none());
    assert!(outcome("(".repeat(1 << 20)).is_some());
    assert!(outcome(format!("SELECT {}", "SELECT ".repeat(20_000))).is_some());
    assert!(outcome(format!("SELECT a FROM t {}", "FOR ".repeat(50_000))).is_some());
    assert!(outcome(format!("SELECT a FROM t {}", "PARTITION BY a ".repeat(20_000))).is_some());
    assert_eq!(outcome(format!("SELECT {}1 FROM t", "a, ".repeat(50_000))), None);
    let rows = format!("INSERT INTO t VALUES {}(1, 'x')", "(1, 'x'), ".repeat(50_000));
    assert_eq!(outcome(rows), None);
}
