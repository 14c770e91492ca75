//! Queries as users write them: which clauses come out, which SQL is left, and what `DataFusion` makes of it.

use super::From;
use crate::sql::ast::{Emit, Query, SelectClauses, Statement, WindowType};
use crate::sql::{Error, Variables, parse};

fn statement(text: &str) -> Result<Statement, Error> {
    let mut parsed = parse(text, &Variables::new())?;
    assert_eq!(parsed.len(), 1, "{text}");
    Ok(parsed.remove(0).statement)
}

pub(super) fn query(text: &str) -> Query {
    match statement(text) {
        Ok(Statement::Select(query)) => query,
        Ok(other) => panic!("{text}: {other:?}"),
        Err(error) => panic!("{error:#}"),
    }
}

/// The SQL that is left for `DataFusion`.
pub(super) fn rest(text: &str) -> String {
    query(text).body.to_string()
}

pub(super) fn refused(text: &str) -> Error {
    statement(text).map(|found| format!("{found:?}")).expect_err(text)
}

/// The clauses of the SELECT whose keyword is the `nth` in the text.
fn clauses(text: &str, nth: usize) -> SelectClauses {
    let query = query(text);
    let place = text.match_indices("SELECT").nth(nth).expect("there is one").0;
    let location = crate::sql::Source::new(text).location(place);
    query.clauses[&(location.line, location.column)].clone()
}

fn tumbling_ms(clauses: &SelectClauses) -> Option<i64> {
    clauses.window.map(|clause| match clause.window {
        WindowType::Tumbling { size } => size.ms,
        other => panic!("{other:?}"),
    })
}

#[test]
fn all_clauses_of_a_query_come_out() {
    let text = "SELECT a, COUNT(*) FROM s WINDOW TUMBLING (SIZE 5 SECONDS, GRACE PERIOD 1 SECOND) WHERE b > 1 \
                GROUP BY a PARTITION BY a, c + 1 HAVING COUNT(*) > 1 EMIT FINAL LIMIT 5";
    assert_eq!(
        rest(text),
        "SELECT `A`, count(*) FROM `S` WHERE `B` > 1 GROUP BY `A` HAVING count(*) > 1 LIMIT 5"
    );
    let found = clauses(text, 0);
    assert_eq!(tumbling_ms(&found), Some(5_000));
    let partition: Vec<String> = found.partition_by.iter().map(ToString::to_string).collect();
    assert_eq!(partition, ["`A`", "`C` + 1"]);
    assert_eq!(query(text).emit, Emit::Final);
    assert_eq!(query("SELECT * FROM s EMIT CHANGES").emit, Emit::Changes);
    assert_eq!(query("SELECT * FROM s").emit, Emit::Unsaid);
}

#[test]
fn partition_by_stands_where_ksqldb_has_it_and_in_brackets() {
    for text in [
        "SELECT * FROM s PARTITION BY a WHERE b",
        "SELECT * FROM s WHERE b PARTITION BY a",
        "SELECT * FROM s WHERE b PARTITION BY (a)",
    ] {
        assert_eq!(rest(text), "SELECT * FROM `S` WHERE `B`", "{text}");
        assert_eq!(clauses(text, 0).partition_by.len(), 1, "{text}");
    }
    let two = clauses("SELECT * FROM s PARTITION BY (a, b)", 0).partition_by;
    assert_eq!(two.len(), 2);
    let one = clauses("SELECT * FROM s PARTITION BY (a) + (b)", 0).partition_by;
    assert_eq!(one[0].to_string(), "(`A`) + (`B`)");
    assert_eq!(
        clauses("SELECT * FROM s PARTITION BY NULL EMIT CHANGES", 0).partition_by[0].to_string(),
        "NULL"
    );
    let field = clauses("SELECT * FROM s PARTITION BY a->b[1]", 0).partition_by;
    assert_eq!(field[0].to_string(), "get_field(`A`, 'B')[1]");
}

#[test]
fn over_keeps_its_partition_by() {
    let text = "SELECT SUM(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM s \
                PARTITION BY d";
    assert_eq!(
        rest(text),
        "SELECT sum(`A`) OVER (PARTITION BY `B` ORDER BY `C` ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM `S`"
    );
    assert_eq!(clauses(text, 0).partition_by[0].to_string(), "`D`");
    assert_eq!(
        rest("SELECT SUM(a) OVER w FROM s WINDOW w AS (PARTITION BY b)"),
        "SELECT sum(`A`) OVER `W` FROM `S` WINDOW `W` AS (PARTITION BY `B`)"
    );
}

#[test]
fn within_goes_to_its_join() {
    let text = "SELECT * FROM a JOIN b WITHIN 1 SECOND ON a.x = b.x LEFT OUTER JOIN c ON a.x = c.x \
                FULL JOIN d WITHIN (2 SECONDS, 3 SECONDS) GRACE PERIOD 4 SECONDS ON a.x = d.x EMIT CHANGES";
    let within = clauses(text, 0).within;
    let lengths: Vec<_> = within
        .iter()
        .map(|(join, clause)| {
            (
                *join,
                clause.before.ms,
                clause.after.ms,
                clause.grace.map(|grace| grace.ms),
            )
        })
        .collect();
    assert_eq!(lengths, [(0, 1_000, 1_000, None), (2, 2_000, 3_000, Some(4_000))]);
    assert!(!rest(text).contains("WITHIN"));

    let bracketed = "SELECT * FROM (a JOIN b WITHIN 1 SECOND ON a.x = b.x) JOIN c WITHIN 2 SECONDS ON a.x = c.x";
    let joins: Vec<usize> = clauses(bracketed, 0).within.into_keys().collect();
    assert_eq!(joins, [0, 1]);
}

#[test]
fn nested_queries_have_clauses_of_their_own() {
    let text = "WITH w AS (SELECT a, COUNT(*) n FROM s WINDOW TUMBLING (SIZE 1 SECOND) GROUP BY a)\n\
                SELECT * FROM (SELECT a FROM t WINDOW TUMBLING (SIZE 2 SECONDS) PARTITION BY a) x\n\
                JOIN w WITHIN 3 SECONDS ON x.a = w.a\n\
                WHERE a IN (SELECT b FROM u WINDOW TUMBLING (SIZE 4 SECONDS))\n\
                UNION ALL SELECT c FROM v WINDOW TUMBLING (SIZE 5 SECONDS) EMIT CHANGES";
    assert_eq!(tumbling_ms(&clauses(text, 0)), Some(1_000));
    assert_eq!(tumbling_ms(&clauses(text, 1)), None);
    assert_eq!(clauses(text, 1).within[&0].before.ms, 3_000);
    assert_eq!(tumbling_ms(&clauses(text, 2)), Some(2_000));
    assert_eq!(clauses(text, 2).partition_by.len(), 1);
    assert_eq!(tumbling_ms(&clauses(text, 3)), Some(4_000));
    assert_eq!(tumbling_ms(&clauses(text, 4)), Some(5_000));
    let found = query(text);
    assert_eq!(found.emit, Emit::Changes);
    assert_eq!(found.clauses.len(), 5);
    for word in ["WINDOW", "WITHIN", "PARTITION", "EMIT"] {
        assert!(!found.body.to_string().contains(word), "{word}: {}", found.body);
    }
}

#[test]
fn the_place_of_a_select_is_that_of_its_token() {
    use datafusion::sql::sqlparser::ast::SetExpr;

    let text = "-- é\n\n  SELECT a FROM s";
    let found = query(text);
    let SetExpr::Select(select) = found.body.body.as_ref() else {
        panic!("a SELECT");
    };
    let place = select.select_token.0.span.start;
    assert_eq!((place.line, place.column), (3, 3));
    assert!(found.clauses.contains_key(&(place.line, place.column)));
}

#[test]
fn unquoted_names_fold_and_quoted_ones_do_not() {
    assert_eq!(
        rest("select Abc, `Abc`, \"Abc\", x.`y z`, t.* from Stream t"),
        "SELECT `ABC`, `Abc`, `Abc`, `X`.`y z`, `T`.* FROM `STREAM` `T`"
    );
    assert_eq!(
        rest("SELECT MyFunc(A), \"Other\"(b) FROM s AS Alias"),
        "SELECT myfunc(`A`), other(`B`) FROM `S` AS `ALIAS`"
    );
    assert_eq!(
        rest("WITH Cte (First, x) AS (SELECT 1, 2) SELECT * FROM cte JOIN first USING (first)"),
        "WITH `CTE` (`FIRST`, `X`) AS (SELECT 1, 2) SELECT * FROM `CTE` JOIN `FIRST` USING(`FIRST`)"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn words_that_are_not_reserved_can_be_names() {
    let words = [
        "VALUE",
        "SOURCE",
        "SINK",
        "TIMESTAMP",
        "DATE",
        "TIME",
        "WINDOW",
        "PARTITION",
        "CHANGES",
        "FINAL",
        "EMIT",
        "KEY",
        "PRIMARY",
        "HEADER",
        "HEADERS",
        "ID",
        "TYPE",
        "STRING",
        "INTEGER",
        "MAP",
        "ARRAY",
        "STRUCT",
        "SESSION",
        "GRACE",
        "PERIOD",
        "OFFSET",
        "FORMAT",
        "SAMPLE",
        "ROW",
        "ROWS",
        "FIRST",
        "LAST",
        "RANGE",
        "OVER",
        "FILTER",
        "ORDER",
        "UNION",
        "SIZE",
        "TOPIC",
        "LIST",
        "TABLE",
        "STREAM",
        "YEAR",
        "DAY",
        "SECONDS",
        "INTERVAL",
        "ZONE",
        "REPLACE",
        "ADD",
        "SET",
        "IF",
        "ESCAPE",
        "EXPLAIN",
        "ANALYZE",
        "SYSTEM",
        "TIMEOUT",
        "SCHEMA",
        "SUBJECT",
        "COLUMN",
        "COLUMNS",
        "TABLES",
        "FOR",
        "LATERAL",
        "NATURAL",
        "CROSS",
        "USING",
        "CURRENT",
        "QUALIFY",
        "PIVOT",
        "CLUSTER",
        "START",
        "CONNECT",
        "TOP",
        "GLOBAL",
        "LIMITS",
        "POSITION",
        "EXTRACT",
        "SUBSTRING",
        "TRIM",
        "OVERLAY",
        "ASC",
        "DESC",
        "ANY",
        "SOME",
        "WITHIN",
    ];
    for word in words {
        let text = format!(
            "SELECT {word}, {word} + 1, t.{word}, f({word}), {word} AS {word} FROM {word} AS t WHERE {word} > 1"
        );
        let expected = format!(
            "SELECT `{word}`, `{word}` + 1, `T`.`{word}`, f(`{word}`), `{word}` AS `{word}` FROM `{word}` AS `T` WHERE `{word}` > 1"
        );
        assert_eq!(rest(&text), expected);
        let grouped = format!("SELECT {word} FROM s GROUP BY {word}, a ORDER BY {word}, a LIMIT 1");
        assert_eq!(
            rest(&grouped),
            format!("SELECT `{word}` FROM `S` GROUP BY `{word}`, `A` ORDER BY `{word}`, `A` LIMIT 1")
        );
    }
}

#[test]
fn implicit_aliases_do_not_swallow_clauses() {
    assert_eq!(
        rest("SELECT a value FROM s source WHERE b"),
        "SELECT `A` AS `VALUE` FROM `S` `SOURCE` WHERE `B`"
    );
    assert_eq!(rest("SELECT a FROM s EMIT CHANGES"), "SELECT `A` FROM `S`");
    assert_eq!(
        rest("SELECT emit changes, final FROM s"),
        "SELECT `EMIT` AS `CHANGES`, `FINAL` FROM `S`"
    );
    assert_eq!(rest("SELECT window w FROM s"), "SELECT `WINDOW` AS `W` FROM `S`");
    assert_eq!(rest("SELECT * FROM s OFFSET 5"), "SELECT * FROM `S` OFFSET 5");
}

#[test]
fn struct_access_binds_tighter_than_every_operator() {
    for (text, expected) in [
        ("a->b", "get_field(`A`, 'B')"),
        ("a->b->`c`", "get_field(get_field(`A`, 'B'), 'c')"),
        ("-a->b + c->d * 2", "-get_field(`A`, 'B') + get_field(`C`, 'D') * 2"),
        (
            "a.b->c = 1 AND NOT d->e",
            "get_field(`A`.`B`, 'C') = 1 AND NOT get_field(`D`, 'E')",
        ),
        ("a[1]->b[2]->c", "get_field(get_field(`A`[1], 'B')[2], 'C')"),
        ("f(x)->from_field", "get_field(f(`X`), 'FROM_FIELD')"),
        ("a->value->key", "get_field(get_field(`A`, 'VALUE'), 'KEY')"),
        ("STRUCT(a := 1)->a", "get_field(named_struct('A', 1), 'A')"),
        ("a->b::INT", "get_field(`A`, 'B')::INT"),
        ("a + 1 || b", "`A` + 1 || `B`"),
    ] {
        assert_eq!(
            rest(&format!("SELECT {text} FROM s")),
            format!("SELECT {expected} FROM `S`"),
            "{text}"
        );
    }
    assert_eq!(rest("SELECT a->*, b FROM s"), "SELECT `A`.*, `B` FROM `S`");
    assert_eq!(rest("SELECT a->b->* FROM s"), "SELECT get_field(`A`, 'B').* FROM `S`");
    assert_eq!(refused("SELECT a->* AS b FROM s").code(), "unexpected-token");
    assert_eq!(refused("SELECT f(a->*) FROM s").code(), "unexpected-token");
    assert_eq!(refused("SELECT a FROM s WHERE a->*").code(), "unexpected-token");
}

#[test]
fn a_struct_wildcard_is_told_from_a_tables() {
    use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SelectItemQualifiedWildcardKind, SetExpr};

    let kind = |text: &str| match *query(text).body.body {
        SetExpr::Select(select) => match select.projection.into_iter().next() {
            Some(SelectItem::QualifiedWildcard(kind, _)) => kind,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        kind("SELECT a->* FROM s"),
        SelectItemQualifiedWildcardKind::Expr(Expr::Identifier(_))
    ));
    assert!(matches!(
        kind("SELECT a.* FROM s a"),
        SelectItemQualifiedWildcardKind::ObjectName(_)
    ));
}

#[test]
fn constructors_lambdas_and_units() {
    for (text, expected) in [
        ("STRUCT(a := 1, `b` := x)", "named_struct('A', 1, 'b', `X`)"),
        ("STRUCT(a, b)", "struct(`A`, `B`)"),
        ("MAP('k' := 1, 'l' := 2 + 3)", "map(ARRAY['k', 'l'], ARRAY[1, 2 + 3])"),
        ("MAP()", "map(ARRAY[], ARRAY[])"),
        ("MAP(a, b)", "map(`A`, `B`)"),
        ("ARRAY[1, 2]", "ARRAY[1, 2]"),
        ("ARRAY[]", "ARRAY[]"),
        ("m['k'][1]", "`M`['k'][1]"),
        ("TRANSFORM(a, x => x + 1)", "transform(`A`, `X` -> `X` + 1)"),
        (
            "REDUCE(m, 0, (s, `k`, v) => s + v)",
            "reduce(`M`, 0, (`S`, `k`, `V`) -> `S` + `V`)",
        ),
        ("FILTER(a, x => x IN (1, 2))", "filter(`A`, `X` -> `X` IN (1, 2))"),
        ("TIMESTAMPADD(SECOND, 5, ts)", "timestampadd('SECONDS', 5, `TS`)"),
        ("dateadd(days, 5, d)", "dateadd('DAYS', 5, `D`)"),
        ("other(days, 5)", "other(`DAYS`, 5)"),
        ("dateadd(`days`, 5, d)", "dateadd(`days`, 5, `D`)"),
        (
            "CEIL(a), FLOOR(a), LEFT(a, 1), IF(a, b, c)",
            "ceil(`A`), floor(`A`), left(`A`, 1), if(`A`, `B`, `C`)",
        ),
        ("SUBSTRING(a, 1, 2)", "substring(`A`, 1, 2)"),
        ("SUBSTRING(a FROM 1 FOR 2)", "substring(`A`, 1, 2)"),
        ("SUBSTRING(a FOR 2)", "substring(`A`, 1, 2)"),
        ("TRIM(a)", "trim(`A`)"),
        ("TRIM(BOTH 'x' FROM a)", "TRIM(BOTH 'x' FROM `A`)"),
        ("POSITION('a' IN b)", "POSITION('a' IN `B`)"),
        ("POSITION(a, b)", "position(`A`, `B`)"),
        ("EXTRACT(day FROM a)", "EXTRACT(DAY FROM `A`)"),
        (
            "OVERLAY(a PLACING b FROM 1 FOR 2)",
            "OVERLAY(`A` PLACING `B` FROM 1 FOR 2)",
        ),
        (
            "INTERVAL '1' DAY + INTERVAL '2' HOUR",
            "INTERVAL '1' DAY + INTERVAL '2' HOUR",
        ),
        (
            "COUNT(DISTINCT a) FILTER (WHERE b)",
            "count(DISTINCT `A`) FILTER (WHERE `B`)",
        ),
        (
            "LAG(a) IGNORE NULLS OVER (ORDER BY b)",
            "lag(`A`) IGNORE NULLS OVER (ORDER BY `B`)",
        ),
        (
            "CASE a WHEN 1 THEN 'x' ELSE 'y' END",
            "CASE `A` WHEN 1 THEN 'x' ELSE 'y' END",
        ),
        ("a AT TIME ZONE 'UTC'", "`A` AT TIME ZONE 'UTC'"),
        ("a LIKE 'x!%' ESCAPE '!'", "`A` LIKE 'x!%' ESCAPE '!'"),
    ] {
        assert_eq!(
            rest(&format!("SELECT {text} FROM s")),
            format!("SELECT {expected} FROM `S`"),
            "{text}"
        );
    }
}

#[test]
fn predicates_end_where_ksqldb_ends_them() {
    use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, SetExpr};

    for (text, expected) in [
        ("a IS DISTINCT FROM b AND c", "`A` IS DISTINCT FROM `B` AND `C`"),
        (
            "a IS NOT DISTINCT FROM b + 1 OR c",
            "`A` IS NOT DISTINCT FROM `B` + 1 OR `C`",
        ),
        (
            "a NOT IN (1, 2) AND b IN (SELECT c FROM t)",
            "`A` NOT IN (1, 2) AND `B` IN (SELECT `C` FROM `T`)",
        ),
        ("a IN ((SELECT c FROM t))", "`A` IN (SELECT `C` FROM `T`)"),
        ("a BETWEEN 1 AND 2 AND b", "`A` BETWEEN 1 AND 2 AND `B`"),
        ("NOT a = b", "NOT `A` = `B`"),
        ("a NOT LIKE 'x'", "`A` NOT LIKE 'x'"),
        ("a IS NOT NULL", "`A` IS NOT NULL"),
        (
            "EXISTS (SELECT 1 FROM t WHERE t.a = s.a)",
            "EXISTS (SELECT 1 FROM `T` WHERE `T`.`A` = `S`.`A`)",
        ),
        ("a = ANY (SELECT b FROM t)", "`A` = ANY(SELECT `B` FROM `T`)"),
    ] {
        let found = query(&format!("SELECT 1 FROM s WHERE {text}"));
        assert_eq!(
            found.body.to_string(),
            format!("SELECT 1 FROM `S` WHERE {expected}"),
            "{text}"
        );
    }
    // The tree, not only the text.
    let SetExpr::Select(select) = *query("SELECT 1 FROM s WHERE a IS DISTINCT FROM b AND c").body.body else {
        panic!("a SELECT");
    };
    assert!(matches!(
        select.selection,
        Some(Expr::BinaryOp {
            op: BinaryOperator::And,
            ..
        })
    ));
}

#[test]
fn long_and_chains_become_shallow() {
    use datafusion::sql::sqlparser::ast::{Expr, SetExpr};

    fn depth(expr: &Expr) -> usize {
        match expr {
            Expr::BinaryOp { left, right, .. } => 1 + depth(left).max(depth(right)),
            _ => 0,
        }
    }
    let terms: Vec<String> = (0..1_000).map(|i| format!("c{i}")).collect();
    let SetExpr::Select(select) = *query(&format!("SELECT 1 FROM s WHERE {}", terms.join(" AND ")))
        .body
        .body
    else {
        panic!("a SELECT");
    };
    let condition = select.selection.expect("a condition");
    assert_eq!(depth(&condition), 10);
    let order: Vec<String> = terms.iter().map(|term| format!("`{}`", term.to_uppercase())).collect();
    assert_eq!(condition.to_string(), order.join(" AND "));
}

#[test]
fn numbers_are_checked() {
    assert_eq!(
        rest("SELECT 9223372036854775807, -9223372036854775808 FROM s"),
        "SELECT 9223372036854775807, -9223372036854775808 FROM `S`"
    );
    assert_eq!(
        rest("SELECT 1.5, 1E3, -2.5e-1 FROM s"),
        "SELECT 1.5, CAST('1E3' AS DOUBLE), -CAST('2.5e-1' AS DOUBLE) FROM `S`"
    );
    for number in [
        "9223372036854775808",
        "-9223372036854775809",
        "1 - 9223372036854775808",
        "1.7976931348623159E308",
        "1E999",
    ] {
        assert_eq!(
            refused(&format!("SELECT {number} FROM s")).code(),
            "bad-number",
            "{number}"
        );
    }
}

#[test]
fn all_of_sql_that_datafusion_knows_gets_through() {
    for (text, expected) in [
        ("SELECT 1", None),
        ("VALUES (1, 2), (3, 4)", None),
        ("(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1 LIMIT 3 OFFSET 1", None),
        ("SELECT DISTINCT 1 EXCEPT SELECT 2 INTERSECT SELECT 3", None),
        (
            "WITH RECURSIVE `N` AS (SELECT 1 UNION ALL SELECT 2) SELECT * FROM `N`",
            None,
        ),
        ("SELECT * FROM `A`, `B` CROSS JOIN `C` NATURAL JOIN `D`", None),
        ("SELECT * FROM `A` LEFT SEMI JOIN `B` ON `A`.`X` = `B`.`X`", None),
        ("SELECT * FROM (SELECT 1) AS `X` (`Y`)", None),
        ("SELECT * FROM LATERAL (SELECT 1) AS `X`", None),
        ("SELECT `A` FROM `S` GROUP BY GROUPING SETS ((`A`), ())", None),
        (
            "SELECT `A` FROM `S` GROUP BY ROLLUP (`A`, `B`)",
            Some("SELECT `A` FROM `S` GROUP BY ROLLUP (`A`, `B`)"),
        ),
        ("SELECT `A` FROM `S` GROUP BY ALL ORDER BY `A` DESC NULLS LAST", None),
        ("SELECT * EXCEPT (`A`) FROM `S`", None),
        ("SELECT * EXCLUDE (`A`) FROM `S`", None),
        ("SELECT * REPLACE (1 AS `A`) FROM `S`", None),
        (
            "SELECT a FROM s FETCH FIRST 5 ROWS ONLY",
            Some("SELECT `A` FROM `S` FETCH FIRST 5 ROWS ONLY"),
        ),
        (
            "SELECT rank() OVER (ORDER BY `A`) FROM `S` QUALIFY rank() OVER (ORDER BY `A`) = 1",
            None,
        ),
        (
            "SELECT a & 1 | 2 ^ 3 << 4, a ~ 'x' FROM s",
            Some("SELECT `A` & 1 | 2 ^ 3 << 4, `A` ~ 'x' FROM `S`"),
        ),
        (
            "SELECT * FROM UNNEST(ARRAY[1]) AS t",
            Some("SELECT * FROM UNNEST(ARRAY[1]) AS `T`"),
        ),
        (
            "SELECT * FROM Generate_Series(1, 5)",
            Some("SELECT * FROM LATERAL generate_series(1, 5)"),
        ),
        (
            "SELECT X'00ff', CURRENT_TIMESTAMP",
            Some("SELECT X'00ff', current_timestamp"),
        ),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY `A`) FROM `S`", None),
    ] {
        assert_eq!(rest(text), expected.unwrap_or(text), "{text}");
    }
    assert_eq!(
        rest("SELECT a FROM s GROUP BY (a, b)"),
        "SELECT `A` FROM `S` GROUP BY `A`, `B`"
    );
    assert_eq!(rest("SELECT a FROM s GROUP BY (a)"), "SELECT `A` FROM `S` GROUP BY `A`");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn faults_are_named_and_placed() {
    for (text, code, place, help) in [
        (
            "SELECT a, FROM s",
            "unexpected-token",
            "FROM",
            Some("remove the comma before FROM"),
        ),
        ("SELECT FROM s", "unexpected-token", "FROM", None),
        (
            "SELECT a FORM s",
            "unexpected-token",
            "s",
            Some("did you mean FROM instead of `FORM`?"),
        ),
        (
            "SELECT a FROM s WHER a = 1",
            "unexpected-token",
            "a = 1",
            Some("did you mean WHERE instead of `WHER`?"),
        ),
        ("SELECT a FROM s GRUOP BY a", "unexpected-token", "BY", None),
        (
            "SELECT a FROM s EMIT CHANGE",
            "unexpected-token",
            "CHANGE",
            Some("did you mean CHANGES?"),
        ),
        ("SELECT a FROM s EMIT", "unexpected-token", "", None),
        (
            "SELECT a FROM s LIMIT 1 EMIT CHANGES",
            "misplaced-emit",
            "EMIT",
            Some("write EMIT before LIMIT"),
        ),
        (
            "SELECT a FROM s EMIT CHANGES WHERE a",
            "misplaced-emit",
            "EMIT",
            Some("only LIMIT may follow EMIT"),
        ),
        (
            "SELECT * FROM (SELECT a FROM s EMIT CHANGES) x",
            "misplaced-emit",
            "EMIT",
            None,
        ),
        (
            "SELECT a FROM s EMIT CHANGES EMIT FINAL",
            "misplaced-emit",
            "EMIT",
            None,
        ),
        ("SELECT 1 EMIT CHANGES", "missing-from", "EMIT", None),
        ("SELECT a WHERE b", "missing-from", "WHERE", None),
        ("SELECT a GROUP BY b", "missing-from", "GROUP", None),
        (
            "SELECT a FROM s WINDOW TUMBLING (SIZE 1 DAY) WINDOW TUMBLING (SIZE 1 DAY)",
            "duplicate-clause",
            "WINDOW",
            None,
        ),
        (
            "SELECT a FROM s PARTITION BY a WHERE b PARTITION BY c",
            "duplicate-clause",
            "PARTITION BY c",
            None,
        ),
        ("SELECT a FROM s PARTITION BY", "unexpected-token", "", None),
        (
            "SELECT a FROM s PARTITION BY WHERE a",
            "unexpected-token",
            "WHERE",
            None,
        ),
        ("SELECT a FROM s PARTITION BY ()", "unexpected-token", "PARTITION", None),
        ("SELECT a FROM s PARTITION BY a,", "unexpected-token", "", None),
        (
            "SELECT a FROM s WINDOW TUMBLNG (SIZE 1 DAY)",
            "unexpected-token",
            "TUMBLNG",
            Some("did you mean TUMBLING?"),
        ),
        ("SELECT a FROM s WITHIN 1 DAY", "misplaced-clause", "WITHIN", None),
        (
            "SELECT a FROM s JOIN t ON a = b WITHIN 1 DAY",
            "misplaced-clause",
            "WITHIN",
            None,
        ),
        (
            "SELECT a FROM s JOIN t WITHIN 1 DAY WITHIN 2 DAYS ON a = b",
            "duplicate-clause",
            "WITHIN 2",
            None,
        ),
        (
            "SELECT a FROM s JOIN t WITHIN 1 PARSEC ON a = b",
            "bad-duration",
            "PARSEC",
            None,
        ),
        ("SELECT a FROM s JOIN t", "missing-on", "t", None),
        (
            "SELECT a AS select FROM s",
            "reserved-word",
            "select",
            Some("quote it to use it as a name: `select`"),
        ),
        ("SELECT a AS FROM s", "reserved-word", "FROM", None),
        ("SELECT a 'b' FROM s", "unexpected-token", "'b'", None),
        ("SELECT a AS 'b' FROM s", "unexpected-token", "'b'", None),
        (
            "SELECT DAT '2020-01-01' FROM s",
            "unexpected-token",
            "'2020",
            Some("did you mean DATE?"),
        ),
        ("SELECT COUNT(*) 'b' FROM s", "unexpected-token", "'b'", None),
        ("SELECT (a FROM s", "unbalanced-bracket", "(", None),
        ("SELECT a) FROM s", "unbalanced-bracket", ")", None),
        ("SELECT f(a b) FROM s", "unexpected-token", "b", None),
        ("SELECT a->1 FROM s", "unexpected-token", "1", None),
        (
            "SELECT CAST(a AS ARAY<INT>) FROM s",
            "unknown-type",
            "ARAY",
            Some("did you mean ARRAY?"),
        ),
        ("SELECT CAST(a AS DECIMAL(99, 1)) FROM s", "bad-type", "(99", None),
        ("SELECT CAST(a INT) FROM s", "unexpected-token", "INT", None),
        ("SELECT MAP('a' := 1, 'b') FROM s", "unexpected-token", ")", None),
        ("SELECT STRUCT(a := 1, 5) FROM s", "unexpected-token", "5", None),
        ("SELECT STRUCT(a := 1, b) FROM s", "unexpected-token", ")", None),
        ("SELECT CASE WHEN a THEN b FROM s", "unexpected-token", "FROM", None),
        (
            "SELECT * FROM (SELECT a, FROM s) x",
            "unexpected-token",
            "FROM s)",
            Some("remove the comma before FROM"),
        ),
        (
            "SELECT * FROM s WHERE a IN (SELECT FROM t)",
            "unexpected-token",
            "FROM t",
            None,
        ),
        ("SELECT a INTO t FROM s", "not-supported", "t", None),
        ("SELECT * FROM s WITH (x)", "unexpected-token", "x", None),
        ("SELECT", "unexpected-token", "", None),
        ("SELECT a FROM", "unexpected-token", "", None),
        ("SELECT a FROM s WHERE", "unexpected-token", "", None),
        (
            "SELECT a FROM s; SELECT a FROM s LIMIT x y",
            "unexpected-token",
            "y",
            None,
        ),
    ] {
        let error = crate::sql::statements(text, &Variables::new())
            .find_map(Result::err)
            .unwrap_or_else(|| panic!("{text} parses"));
        assert_eq!(error.code(), code, "{error:#}");
        let span = error.diagnostic().span.expect("a place");
        assert!(text[span.start..].starts_with(place), "{error:#}");
        if place.is_empty() {
            assert_eq!(span.start, text.len(), "{error:#}");
        }
        if help.is_some() {
            assert_eq!(error.diagnostic().help.as_deref(), help, "{error:#}");
        }
    }
}

#[test]
fn a_query_that_feeds_something_needs_from() {
    for text in [
        "CREATE STREAM a AS SELECT 1",
        "INSERT INTO a SELECT 1",
        "CREATE TABLE a AS (SELECT 1 FROM b) UNION SELECT 2",
    ] {
        assert_eq!(refused(text).code(), "missing-from", "{text}");
    }
    statement("CREATE STREAM a AS WITH x AS (SELECT 1) SELECT * FROM x").expect("only the outer one needs it");
    assert_ne!(From::Optional, From::Required);
}

#[test]
fn people_see_the_error_in_its_line() {
    let error = refused("SELECT a,\n\tFROM s\nEMIT CHANGES;");
    assert_eq!(
        format!("{error:#}"),
        "error[unexpected-token]: expected an expression, found FROM\n --> sql:2:2\n  |\n2 |     FROM s\n  |     ^^^^\n  |\n  = help: remove the comma before FROM"
    );
    assert_eq!(
        error.to_string(),
        "2:2: expected an expression, found FROM (remove the comma before FROM) [unexpected-token]"
    );
}
