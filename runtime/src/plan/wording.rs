//! DataFusion's messages in the words of this project: SQL's types instead of Arrow's, no names of internals, and what to write
//! instead where that is known.
//!
//! A message that no rule knows comes through with its types and literals translated. When DataFusion changes a message its
//! rule stops to apply and no more than that is lost; the tests of `tests/slt/messages.slt` tell.

use datafusion::arrow::datatypes::DataType;

use crate::types::schema::SqlType;

/// A message and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wording {
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
    pub(super) code: Option<&'static str>,
}

/// Prefixes that name kinds of errors.
const PREFIXES: [&str; 4] = [
    "Execution error: ",
    "Error during planning: ",
    "Internal error: ",
    "This feature is not implemented: ",
];

/// The message of DataFusion said plainly.
pub(super) fn plainly(message: &str) -> Wording {
    let message = without_prefixes(message);
    // What coercion of arguments reports of our own functions is in our words already.
    let message = match message.split_once("user-defined coercion failed with: ") {
        Some((_, inner)) => {
            let inner = without_prefixes(inner);
            let end = inner.find(". No function matches the given name and argument types '");
            &inner[..end.unwrap_or(inner.len())]
        }
        None => message,
    };
    let said = |message: String, help: Option<&'static str>| Wording {
        message,
        help,
        code: None,
    };
    if let Some((message, help)) = of_calls(message)
        .or_else(|| of_types(message))
        .or_else(|| of_clauses(message))
    {
        let code = message.ends_with("` does not exist").then_some("unknown-function");
        return Wording {
            code,
            ..said(message, help)
        };
    }
    said(lower_first(&translated(message)), None)
}

fn without_prefixes(mut message: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| message.strip_prefix(prefix)) {
        message = rest;
    }
    message
}

type Said = Option<(String, Option<&'static str>)>;

/// Messages about calls of functions.
fn of_calls(message: &str) -> Said {
    if let Some(name) = between(message, "Invalid function '", "'") {
        let help = "SHOW FUNCTIONS lists the functions";
        return Some((format!("function `{}` does not exist", name.to_uppercase()), Some(help)));
    }
    if message.starts_with("Function '") && message.contains("failed to match any signature") {
        let name = between(message, "Function '", "'")?.to_uppercase();
        let given = between(message, "(DataType: ", ")")?;
        return Some((format!("function {name} does not take {}", sql_type(given)), None));
    }
    if let Some(call) = between(message, "argument types '", "'") {
        let (name, types) = call.strip_suffix(')')?.split_once('(')?;
        let types: Vec<String> = split_types(types).map(sql_type).collect();
        let message = format!("function {} does not take ({})", name.to_uppercase(), types.join(", "));
        return Some((message, Some("CAST the arguments to types that it takes")));
    }
    None
}

/// Messages about operators and types.
fn of_types(message: &str) -> Said {
    if let Some(rest) = message.strip_prefix("Cannot create filter with non-boolean predicate '") {
        let (predicate, found) = rest.rsplit_once("' returning ")?;
        let (predicate, found) = (translated(predicate), sql_type(found));
        return Some((format!("WHERE needs a BOOLEAN, and `{predicate}` is {found}"), None));
    }
    if let Some(rest) = message.strip_prefix("Cannot coerce arithmetic expression ") {
        let (left, operator, right) = operands(rest.strip_suffix(" to valid types")?)?;
        let (left, right) = (sql_type(left), sql_type(right));
        return Some((format!("{operator} is not possible between {left} and {right}"), None));
    }
    if let Some(rest) = message.strip_prefix("Cannot infer common argument type for comparison operation ") {
        let (left, _, right) = operands(rest)?;
        return Some((
            format!("cannot compare {} with {}", sql_type(left), sql_type(right)),
            None,
        ));
    }
    if message.starts_with("Cannot access field at argument ") {
        let found = sql_type(between(message, ": type ", " is not Struct")?);
        return Some((
            format!("a value of type {found} has no fields and no names to look up"),
            None,
        ));
    }
    if let Some(rest) = message.strip_prefix("Field ") {
        let name = rest.strip_suffix(" not found in struct")?;
        return Some((
            format!("the STRUCT has no field `{name}`"),
            Some("DESCRIBE shows the fields"),
        ));
    }
    if message.starts_with("Unary operator '-'") {
        return Some(("- needs a number behind it".to_owned(), None));
    }
    if let Some(rest) = message.strip_prefix("Unary operator 'NOT' requires a boolean expression, got ") {
        return Some((format!("NOT needs a BOOLEAN, not {}", sql_type(rest)), None));
    }
    None
}

/// Messages about clauses.
fn of_clauses(message: &str) -> Said {
    let said = |message: &str, help| Some((message.to_owned(), Some(help)));
    if message.contains("must appear in the GROUP BY clause or") {
        if let Some(rest) = message.strip_prefix("HAVING clause references: ") {
            let expression = translated(rest.split(" must appear in").next()?);
            let message = format!("HAVING uses `{expression}`, which is neither in GROUP BY nor an aggregate");
            return Some((message, Some("a condition on single rows belongs into WHERE")));
        }
        let column = between(message, "olumn \"", "\" must appear")?;
        let message = format!("column `{column}` is neither in GROUP BY nor inside of an aggregate function");
        return Some((message, Some("add it to GROUP BY, or take LATEST_BY_OFFSET of it")));
    }
    if message.starts_with("Aggregate function calls cannot be nested") {
        return said(
            "aggregate functions cannot stand inside of each other",
            "aggregate a second time in a query over the result",
        );
    }
    if message.starts_with("Aggregate functions are not allowed in the WHERE clause") {
        return said("aggregate functions cannot stand in WHERE", "use HAVING");
    }
    if message.starts_with("Projections require unique expression names") {
        let expression = between(message, "the expression \"", "\" at position")?;
        let name = expression.rsplit(" AS ").next()?;
        let name = name.rsplit('.').next()?;
        let message = format!("two columns of the result are called `{}`", translated(name));
        return Some((message, Some("give one of them another name by AS")));
    }
    if message.starts_with("UNION queries have different number of columns") {
        return said(
            "the queries of a UNION have different numbers of columns",
            "select the same number of columns in each",
        );
    }
    if message.starts_with("LIMIT must be >= 0") {
        return Some(("LIMIT takes a number that is not negative".to_owned(), None));
    }
    let subqueries = ["ScalarSubquery", "InSubquery", "Exists", "SetComparison"];
    if let Some(rest) = message.strip_prefix("Physical plan does not support logical expression ")
        && subqueries.iter().any(|name| rest.starts_with(name))
    {
        return said(
            "a subquery inside of an expression is not supported",
            "make a stream or table of it and join that",
        );
    }
    None
}

/// The text between the first `before` and the next `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// `left operator right` taken apart, where both sides are types, which have no blanks outside of brackets.
fn operands(text: &str) -> Option<(&str, &str, &str)> {
    let mut depth = 0;
    let mut blanks = text.char_indices().filter(|(_, c)| {
        depth += i32::from(matches!(c, '(' | '<')) - i32::from(matches!(c, ')' | '>'));
        *c == ' ' && depth == 0
    });
    let (first, _) = blanks.next()?;
    let last = blanks.last().map(|(last, _)| last)?;
    Some((&text[..first], &text[first + 1..last], &text[last + 1..]))
}

/// The types of a list, split at the commas that are not in brackets.
fn split_types(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .map(str::trim)
}

/// A type of Arrow by its name in SQL.
fn sql_type(arrow: &str) -> String {
    match arrow.parse::<DataType>() {
        Ok(DataType::Null) => "NULL".to_owned(),
        Ok(found) => SqlType::from_arrow(&found).map_or_else(|| words(arrow), |sql_type| sql_type.to_string()),
        // The names of nested ones cannot always be read back.
        Err(_) if arrow.starts_with("List(") => "ARRAY".to_owned(),
        Err(_) if arrow.starts_with("Map(") => "MAP".to_owned(),
        Err(_) if arrow.starts_with("Struct(") => "STRUCT".to_owned(),
        Err(_) => words(arrow),
    }
}

/// Arrow's names of types, as they stand in texts, and SQL's.
const TYPES: [(&str, &str); 14] = [
    ("Boolean", "BOOLEAN"),
    ("Int32", "INTEGER"),
    ("Int64", "BIGINT"),
    ("Float64", "DOUBLE"),
    ("Utf8View", "STRING"),
    ("LargeUtf8", "STRING"),
    ("Utf8", "STRING"),
    ("Binary", "BYTES"),
    ("Date32", "DATE"),
    ("Time32(Millisecond)", "TIME"),
    ("Timestamp(Millisecond, None)", "TIMESTAMP"),
    ("Timestamp(ms)", "TIMESTAMP"),
    ("Time32(ms)", "TIME"),
    ("Decimal128", "DECIMAL"),
];

/// The text with types and literals as SQL writes them: `CAST(Int64(5) AS Int32)` is `5`.
fn translated(text: &str) -> String {
    words(&without_added_casts(&literals(text)))
}

/// `Int64(5)` as `5`, `Utf8("x")` as `'x'`.
fn literals(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    'next: while !rest.is_empty() {
        let at_word = !done.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        for (name, _) in TYPES.iter().filter(|_| at_word) {
            let Some(value) = rest.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')) else {
                continue;
            };
            let (literal, behind) = match value.strip_prefix('"') {
                Some(string) => match string.split_once("\")") {
                    Some((string, behind)) => (format!("'{string}'"), behind),
                    None => continue,
                },
                None => match value.split_once(')') {
                    Some((number, behind))
                        if number.chars().all(|c| c.is_ascii_alphanumeric() || "-.+".contains(c)) =>
                    {
                        (number.to_owned(), behind)
                    }
                    _ => continue,
                },
            };
            // Not a literal but a type with parameters.
            if matches!(literal.as_str(), "ms" | "Millisecond") {
                continue;
            }
            done.push_str(&literal);
            rest = behind;
            continue 'next;
        }
        let mut chars = rest.chars();
        done.extend(chars.next());
        rest = chars.as_str();
    }
    done
}

/// Casts of literals to a type of Arrow: nobody has written these.
fn without_added_casts(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("CAST(") {
        done.push_str(&rest[..at]);
        rest = &rest[at + "CAST(".len()..];
        let added = rest.split_once(" AS ").and_then(|(value, behind)| {
            let literal = !value.contains(['(', ' ']) && !value.starts_with(|c: char| c.is_ascii_alphabetic());
            let (_, behind) = TYPES
                .iter()
                .find_map(|(arrow, _)| Some((arrow, behind.strip_prefix(arrow)?)))?;
            literal.then_some((value, behind.strip_prefix(')')?))
        });
        match added {
            Some((value, behind)) => {
                done.push_str(value);
                rest = behind;
            }
            None => done.push_str("CAST("),
        }
    }
    done.push_str(rest);
    done
}

/// The names of types, where they are words of their own.
fn words(text: &str) -> String {
    let mut text = text.to_owned();
    for (arrow, sql) in TYPES {
        let mut from = 0;
        while let Some(at) = text[from..].find(arrow).map(|at| at + from) {
            let end = at + arrow.len();
            let letter = |c: char| c.is_alphanumeric() || c == '_';
            if text[..at].ends_with(letter) || text[end..].starts_with(letter) {
                from = end;
            } else {
                text.replace_range(at..end, sql);
                from = at + sql.len();
            }
        }
    }
    text
}

/// Messages begin in lower case; a word in capitals is SQL and stays.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), text.chars().nth(1)) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_said_in_our_words() {
        for (theirs, ours) in [
            ("Invalid function 'nofun'", "function `NOFUN` does not exist"),
            (
                "Execution error: Function 'ucase' user-defined coercion failed with: Error during planning: function UCASE does not \
                 accept parameters (INTEGER); it takes UCASE(STRING). No function matches the given name and argument types \
                 'ucase(Int32)'. You might need to add explicit type casts",
                "function UCASE does not accept parameters (INTEGER); it takes UCASE(STRING)",
            ),
            (
                "Function 'explode' user-defined coercion failed with: Error during planning: EXPLODE takes one ARRAY, not (INTEGER). No \
                 function matches the given name and argument types 'explode(Int32)'. You might",
                "EXPLODE takes one ARRAY, not (INTEGER)",
            ),
            (
                "Internal error: Function 'sum' failed to match any signature, errors: Error during planning: Function 'sum' requires \
                 Decimal, but received String (DataType: Utf8).",
                "function SUM does not take STRING",
            ),
            (
                "Failed to coerce arguments to satisfy a call to 'array_prepend' function: coercion from Utf8, List(Int32) to the \
                 signature failed. No function matches the given name and argument types 'array_prepend(Utf8, List(Int32))'. You",
                "function ARRAY_PREPEND does not take (STRING, ARRAY<INTEGER>)",
            ),
            (
                "Cannot create filter with non-boolean predicate 'S.A + Int64(1)' returning Int32",
                "WHERE needs a BOOLEAN, and `S.A + 1` is INTEGER",
            ),
            (
                "Cannot coerce arithmetic expression List(Int32) + Int32 to valid types",
                "+ is not possible between ARRAY<INTEGER> and INTEGER",
            ),
            (
                "Cannot coerce arithmetic expression Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": Int32), \
                 unsorted) % Decimal128(4, 2) to valid types",
                "% is not possible between MAP<STRING, INTEGER> and DECIMAL(4, 2)",
            ),
            (
                "Cannot infer common argument type for comparison operation Int32 IS DISTINCT FROM Boolean",
                "cannot compare INTEGER with BOOLEAN",
            ),
            (
                "cannot compare S.B (STRING) to CAST(Int64(5) AS Int32) (INTEGER) with >",
                "cannot compare S.B (STRING) to 5 (INTEGER) with >",
            ),
            (
                "cannot compare S.A (INTEGER) to Utf8(\"it's) CAST(1 AS Int32)\") (STRING) with >=",
                "cannot compare S.A (INTEGER) to 'it's) 1' (STRING) with >=",
            ),
            (
                "HAVING clause references: S.A > CAST(Int64(1) AS Int32) must appear in the GROUP BY clause or be used in an aggregate \
                 function",
                "HAVING uses `S.A > 1`, which is neither in GROUP BY nor an aggregate",
            ),
            (
                "Column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column \"S.B\" must appear in \
                 the GROUP BY clause or must be part of an aggregate function, currently only \"S.A\" appears",
                "column `S.B` is neither in GROUP BY nor inside of an aggregate function",
            ),
            (
                "Projections require unique expression names but the expression \"S.A AS X\" at position 0 and \"S.B AS X\" at position 1 \
                 have the same name",
                "two columns of the result are called `X`",
            ),
            (
                "Physical plan does not support logical expression InSubquery(InSubquery { expr: Column(..) })",
                "a subquery inside of an expression is not supported",
            ),
            (
                "Something new about Utf8 and MyInt32 and LIMIT",
                "something new about STRING and MyInt32 and LIMIT",
            ),
        ] {
            assert_eq!(plainly(theirs).message, ours);
        }
    }

    #[test]
    fn odd_texts_do_no_harm() {
        for text in [
            "",
            "é",
            "CAST(",
            "Int64(",
            "Utf8(\"",
            "Invalid function '",
            "Field ",
            "CAST(1 AS Int32",
        ] {
            plainly(text);
        }
        assert_eq!(plainly("Invalid function 'a'").code, Some("unknown-function"));
        assert_eq!(plainly("no such thing").code, None);
    }
}
