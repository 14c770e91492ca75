//! What JSON records mean, rule by rule; each rule is tried on both ways of reading.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{JsonDecoder, Speculation};
use crate::format::{Decoded, Decoder as _, Format, FormatSpec, encoder};
use crate::types::BytesColumn;
use crate::types::schema::{Column, ColumnRole, SqlType};

fn column(name: &str, sql_type: SqlType) -> Column {
    Column {
        name: name.into(),
        sql_type,
        role: ColumnRole::Value,
    }
}

/// Decodes with all columns projected: the record as the only one, so the general way, and as the third of its kind, so
/// the speculative way where it can; both must say the same.
fn decode(columns: &[Column], wrap_single: bool, record: &[u8]) -> Decoded {
    let projection: Vec<usize> = (0..columns.len()).collect();
    let mut general = JsonDecoder::new(columns, &projection, wrap_single, Speculation::Off).unwrap();
    let mut fast = JsonDecoder::new(columns, &projection, wrap_single, Speculation::On).unwrap();
    let once: BytesColumn = [Some(record)].into_iter().collect();
    let thrice: BytesColumn = [Some(record); 3].into_iter().collect();
    let expected = general.decode(&once);
    let found = fast.decode(&thrice);
    for (row, reason) in [0, 1, 2].map(|row| (row, found.bad.iter().find(|bad| bad.row == row))) {
        assert_eq!(
            reason.map(|bad| &bad.reason),
            expected.bad.first().map(|bad| &bad.reason)
        );
        for (expected, found) in expected.columns.iter().zip(&found.columns) {
            assert_eq!(expected, &found.slice(row as usize, 1));
        }
    }
    expected
}

/// The value of the only column `V` that `{"V": text}` gives, as Arrow shows it; `Err` is the reason.
fn value(sql_type: SqlType, text: &str) -> Result<String, String> {
    let columns = [column("V", sql_type)];
    let wrapped = shown(decode(&columns, true, format!("{{\"V\":{text}}}").as_bytes()));
    let single = shown(decode(&columns, false, text.as_bytes()));
    match (&wrapped, &single) {
        (Ok(wrapped), Ok(single)) => assert_eq!(wrapped, single),
        // Where the form is broken the positions differ, and so may what is missed first.
        (Err(wrapped), Err(_)) if wrapped.starts_with("not valid JSON") => {}
        (Err(wrapped), Err(single)) => {
            assert_eq!(wrapped.replace("field V: ", "").replace("field V[", "field ["), *single);
        }
        other => panic!("{text}: wrapped and bare differ: {other:?}"),
    }
    wrapped
}

fn shown(decoded: Decoded) -> Result<String, String> {
    match decoded.bad.first() {
        Some(bad) => Err(bad.reason.clone()),
        None => Ok(cell(&decoded.columns[0], 0)),
    }
}

fn cell(array: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::default().with_null("NULL");
    ArrayFormatter::try_new(array, &options).unwrap().value(row).to_string()
}

/// All columns of a record, as Arrow shows them.
fn row(columns: &[Column], record: &str) -> Result<Vec<String>, String> {
    let decoded = decode(columns, true, record.as_bytes());
    match decoded.bad.first() {
        Some(bad) => Err(bad.reason.clone()),
        None => Ok(decoded.columns.iter().map(|array| cell(array, 0)).collect()),
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "tables of cases hold results, good and bad ones"
)]
fn ok(text: &str) -> Result<String, String> {
    Ok(text.into())
}

#[test]
fn integers_are_cut_and_checked() {
    for (text, expected) in [
        ("0", "0"),
        ("-7", "-7"),
        ("1.9", "1"),
        ("-1.9", "-1"),
        ("1e3", "1000"),
        ("2147483647", "2147483647"),
        ("\"12\"", "12"),
        ("\"-12\"", "-12"),
        ("\"\\u0031\"", "1"),
        ("null", "NULL"),
    ] {
        assert_eq!(value(SqlType::Integer, text), ok(expected), "{text}");
    }
    assert_eq!(value(SqlType::Bigint, "9223372036854775807"), ok("9223372036854775807"));
    assert_eq!(
        value(SqlType::Bigint, "-9223372036854775808"),
        ok("-9223372036854775808")
    );
    assert_eq!(value(SqlType::Bigint, "123456789012345678"), ok("123456789012345678"));
    assert_eq!(
        value(SqlType::Integer, "2147483648").unwrap_err(),
        "field V: found number 2147483648, which does not fit INTEGER"
    );
    assert_eq!(
        value(SqlType::Integer, "\"a\"").unwrap_err(),
        "field V: found string \"a\", which does not fit INTEGER"
    );
    assert_eq!(
        value(SqlType::Integer, "true").unwrap_err(),
        "field V: found true, expected INTEGER"
    );
    for text in ["9223372036854775808", "1e30", "\"1.0\"", "\" 1\"", "\"\"", "[1]", "{}"] {
        assert!(value(SqlType::Bigint, text).is_err(), "{text}");
    }
}

#[test]
fn doubles_are_the_nearest() {
    for (text, expected) in [
        ("1", "1.0"),
        ("0.1", "0.1"),
        ("-0.0", "0.0"),
        ("-1.5", "-1.5"),
        ("1e-3", "0.001"),
        ("123456789.123456789", "123456789.12345679"),
        ("9007199254740993", "9007199254740992.0"),
        ("0.30000000000000004", "0.30000000000000004"),
        ("\" 2.5 \"", "2.5"),
        ("\"NaN\"", "NaN"),
        ("\"-Infinity\"", "-inf"),
        ("1e-400", "0.0"),
    ] {
        assert_eq!(value(SqlType::Double, text), ok(expected), "{text}");
    }
    for text in ["1e400", "-1e400", "\"abc\"", "\"1e400\"", "true", "[]"] {
        assert!(value(SqlType::Double, text).is_err(), "{text}");
    }
}

#[test]
fn decimals_never_pass_through_doubles() {
    let wide = SqlType::Decimal(21, 19);
    assert_eq!(
        value(wide.clone(), "10.1234512345123450001"),
        ok("10.1234512345123450001")
    );
    assert_eq!(
        value(wide, "10.12345123451234500011").unwrap_err().split(", ").last(),
        Some("19)")
    );
    let small = SqlType::Decimal(4, 2);
    for (text, expected) in [
        ("10.1", "10.10"),
        ("-0.5", "-0.50"),
        ("99.99", "99.99"),
        ("1e1", "10.00"),
        ("1.10000", "1.10"),
        ("\".5\"", "0.50"),
        ("\"+1.\"", "1.00"),
        ("0", "0.00"),
    ] {
        assert_eq!(value(small.clone(), text), ok(expected), "{text}");
    }
    for text in ["100", "0.001", "1e5", "\"abc\"", "\"1 \"", "true"] {
        assert!(value(small.clone(), text).is_err(), "{text}");
    }
}

#[test]
fn booleans_are_only_booleans() {
    assert_eq!(value(SqlType::Boolean, "true"), ok("true"));
    assert_eq!(value(SqlType::Boolean, "false"), ok("false"));
    for text in ["\"true\"", "1", "0", "[true]", "tru", "falsey"] {
        assert!(value(SqlType::Boolean, text).is_err(), "{text}");
    }
}

#[test]
fn anything_can_be_a_string() {
    for (text, expected) in [
        ("\"abc\"", "abc"),
        ("\"\"", ""),
        ("\"a\\\"b\\u00e9\\n\"", "a\"bé\n"),
        (
            "\"ein langer Text mit Umlauten: äöü und mehr als zweiunddreißig Zeichen\"",
            "ein langer Text mit Umlauten: äöü und mehr als zweiunddreißig Zeichen",
        ),
        ("12", "12"),
        ("-0", "0"),
        ("1.50", "1.50"),
        ("1e3", "1E+3"),
        ("true", "true"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        (
            "[1, \"b\", null, true, [2, \"c\"], {\"d\" : \"e\"}]",
            "[1, b, null, true, [2, c], {\"d\":\"e\"}]",
        ),
        (
            "{ \"a\" : 1.0e2, \"b\":[ 1 , \"x\\u0041\" ], \"c\":{} }",
            "{\"a\":1.0E+2,\"b\":[1,\"xA\"],\"c\":{}}",
        ),
        ("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"),
        ("[]", "[]"),
    ] {
        assert_eq!(value(SqlType::String, text), ok(expected), "{text}");
    }
}

#[test]
fn double_names_in_a_large_nested_object_count_once() {
    let members: Vec<String> = (0..40).map(|i| format!("\"k{}\":{i}", i % 20)).collect();
    let expected: Vec<String> = (20..40).map(|i| format!("\"k{}\":{i}", i % 20)).collect();
    assert_eq!(
        value(SqlType::String, &format!("{{{}}}", members.join(", "))),
        ok(&format!("{{{}}}", expected.join(",")))
    );
}

#[test]
fn bytes_are_base64() {
    assert_eq!(value(SqlType::Bytes, "\"Zm9v\""), ok("666f6f"));
    assert_eq!(value(SqlType::Bytes, "\"\""), ok(""));
    for text in ["\"Zm9\"", "\"*\"", "12", "true"] {
        assert!(value(SqlType::Bytes, text).is_err(), "{text}");
    }
}

#[test]
fn times_are_numbers() {
    assert_eq!(value(SqlType::Time, "3661001"), ok("01:01:01.001"));
    assert_eq!(value(SqlType::Time, "\"0\""), ok("00:00:00"));
    assert_eq!(value(SqlType::Date, "-10"), ok("1969-12-22"));
    assert_eq!(value(SqlType::Date, "\"10\""), ok("1970-01-11"));
    assert_eq!(value(SqlType::Timestamp, "10"), ok("1970-01-01T00:00:00.010"));
    assert_eq!(value(SqlType::Timestamp, "\"-1\""), ok("1969-12-31T23:59:59.999"));
    for text in ["86400000", "-1", "\"01:00\"", "true"] {
        assert!(value(SqlType::Time, text).is_err(), "{text}");
    }
    assert!(value(SqlType::Date, "2147483648").is_err());
    assert!(value(SqlType::Timestamp, "\"2020-01-01\"").is_err());
}

#[test]
fn arrays_maps_and_structs() {
    let array = SqlType::Array(Box::new(SqlType::Integer));
    assert_eq!(value(array.clone(), "[1, null, \"3\"]"), ok("[1, NULL, 3]"));
    assert_eq!(value(array.clone(), "[ ]"), ok("[]"));
    assert_eq!(
        value(array.clone(), "[1, 2, \"x\"]").unwrap_err(),
        "field V[2]: found string \"x\", which does not fit INTEGER"
    );
    assert!(value(array, "{}").is_err());

    let map = SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Double));
    assert_eq!(
        value(map.clone(), "{\"a\": 1, \"b\\\"\":null}"),
        ok("{a: 1.0, b\": NULL}")
    );
    assert_eq!(value(map.clone(), "{\"a\":1,\"b\":2,\"a\":3}"), ok("{b: 2.0, a: 3.0}"));
    assert_eq!(value(map.clone(), "{\"a\":\"x\",\"a\":3}"), ok("{a: 3.0}"));
    assert_eq!(
        value(map.clone(), "{\"a\":3,\"k\":\"x\"}").unwrap_err(),
        "field V[k]: found string \"x\", which does not fit DOUBLE"
    );
    assert!(value(map, "[]").is_err());

    let inner = SqlType::Struct(vec![
        ("A".into(), SqlType::Integer),
        ("b".into(), SqlType::Array(Box::new(SqlType::String))),
    ]);
    assert_eq!(value(inner.clone(), "{\"a\":1,\"b\":[\"x\"]}"), ok("{A: 1, b: [x]}"));
    assert_eq!(value(inner.clone(), "{\"B\":[]}"), ok("{A: NULL, b: NULL}"));
    assert_eq!(
        value(SqlType::Array(Box::new(inner)), "[{},{\"a\":[]}]").unwrap_err(),
        "field V[1].A: found an array, expected INTEGER"
    );
}

#[test]
fn many_maps_with_double_keys_stay_apart() {
    let map = SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Integer));
    let nested = SqlType::Array(Box::new(map));
    let many: Vec<String> = (0..30).map(|i| format!("\"k{}\":{i}", i % 15)).collect();
    let text = format!("[{{\"a\":1,\"a\":2}},{{}},null,{{{}}},{{\"a\":1}}]", many.join(","));
    let kept: Vec<String> = (15..30).map(|i| format!("k{}: {i}", i % 15)).collect();
    assert_eq!(
        value(nested, &text),
        ok(&format!("[{{a: 2}}, {{}}, NULL, {{{}}}, {{a: 1}}]", kept.join(", ")))
    );
}

#[test]
fn names_match_exactly_or_in_upper_case() {
    let columns = [
        column("A", SqlType::Integer),
        column("b", SqlType::Integer),
        column("C D", SqlType::Integer),
    ];
    let row = |record: &str| row(&columns, record).map(|values| values.join(" "));
    assert_eq!(row(r#"{"A":1,"b":2,"C D":3}"#), ok("1 2 3"));
    assert_eq!(row(r#"{"a":1,"B":2,"c d":3}"#), ok("1 NULL 3"));
    assert_eq!(row(r#"{"\u0061":1,"b":null}"#), ok("1 NULL NULL"));
    assert_eq!(row("{}"), ok("NULL NULL NULL"));
    assert_eq!(row(" { } "), ok("NULL NULL NULL"));
    assert_eq!(row(r#"{"unknown":{"A":9},"other":[1,2],"A":1}"#), ok("1 NULL NULL"));
    assert_eq!(row("null"), ok("NULL NULL NULL"));
}

#[test]
fn the_last_value_counts_and_an_exact_name_before_all() {
    let columns = [column("A", SqlType::Integer), column("B", SqlType::String)];
    let row = |record: &str| row(&columns, record).map(|values| values.join(" "));
    assert_eq!(row(r#"{"A":1,"A":2}"#), ok("2 NULL"));
    assert_eq!(row(r#"{"A":1,"a":2}"#), ok("1 NULL"));
    assert_eq!(row(r#"{"a":2,"A":1}"#), ok("1 NULL"));
    assert_eq!(row(r#"{"a":1,"a":2}"#), ok("2 NULL"));
    assert_eq!(row(r#"{"A":null,"a":2}"#), ok("NULL NULL"));
    // What does not count cannot be wrong, but it must be JSON.
    assert_eq!(row(r#"{"a":"x","A":1,"B":"b"}"#), ok("1 b"));
    assert_eq!(row(r#"{"A":"x","B":"b","A":1}"#), ok("1 b"));
    assert_eq!(row(r#"{"A":1,"a":"x"}"#), ok("1 NULL"));
    assert!(row(r#"{"A":1,"a":x}"#).is_err());
    assert_eq!(
        row(r#"{"B":"b","A":"x","A":"y"}"#).unwrap_err(),
        "field A: found string \"y\", which does not fit INTEGER"
    );
}

#[test]
fn one_name_can_fill_two_columns() {
    let columns = [column("a", SqlType::Integer), column("A", SqlType::String)];
    assert_eq!(row(&columns, r#"{"a":1}"#).unwrap(), ["1", "1"]);
    assert_eq!(row(&columns, r#"{"A":1}"#).unwrap(), ["NULL", "1"]);
    assert_eq!(row(&columns, r#"{"a":1,"A":2}"#).unwrap(), ["1", "2"]);
}

#[test]
fn what_is_no_json_is_bad() {
    let columns = [column("A", SqlType::Integer)];
    for (record, reason) in [
        ("", "the record is empty, expected a value"),
        (
            "  ",
            "not valid JSON at byte 2: found the end of the record, expected a value",
        ),
        (
            "{\"A\":1",
            "not valid JSON at byte 6: found the end of the record, expected `,` or `}`",
        ),
        (
            "{\"A\":1}}",
            "not valid JSON at byte 7: found `}`, expected the end of the record",
        ),
        (
            "{\"A\":1} x",
            "not valid JSON at byte 8: found `x`, expected the end of the record",
        ),
        (
            "{\"A\":1}{\"A\":2}",
            "not valid JSON at byte 7: found `{`, expected the end of the record",
        ),
        (
            "{\"A\":01}",
            "not valid JSON at byte 6: found `1`, expected no digit behind a leading zero",
        ),
        ("{\"A\" 1}", "not valid JSON at byte 5: found `1`, expected `:`"),
        (
            "{'A':1}",
            "not valid JSON at byte 1: found `'`, expected `\"` of a field name",
        ),
        (
            "{\"A\":1,}",
            "not valid JSON at byte 7: found `}`, expected `\"` of a field name",
        ),
        ("{\"A\":NaN}", "not valid JSON at byte 5: found `N`, expected a value"),
        (
            "{\"A\":\"\n\"}",
            "not valid JSON at byte 6: found the byte 0x0A, expected the rest of a string",
        ),
        // Wrong and broken: that it is broken is told.
        (
            "{\"A\":true,\"B\":}",
            "not valid JSON at byte 14: found `}`, expected a value",
        ),
        (
            "[1,2",
            "not valid JSON at byte 4: found the end of the record, expected `,` or `]`",
        ),
        ("[1,2]", "found an array, expected an object"),
        ("\"text\"", "found string \"text\", expected an object"),
        ("12", "found number 12, expected an object"),
        ("true", "found true, expected an object"),
    ] {
        assert_eq!(row(&columns, record).unwrap_err(), reason, "{record}");
    }
}

#[test]
fn fields_that_nobody_reads_must_be_json_too() {
    let columns = [column("A", SqlType::Integer), column("B", SqlType::Integer)];
    for projection in [&[][..], &[0], &[1], &[0, 1]] {
        for speculation in [Speculation::On, Speculation::Off] {
            let mut decoder = JsonDecoder::new(&columns, projection, true, speculation).unwrap();
            let rows: BytesColumn = [
                &br#"{"A":1,"B":2,"C":"x"}"#[..],
                br#"{"A":1,"B":2,"C":"x"}"#,
                br#"{"A":1,"B":2,"C":"x}"#,
                br#"{"A":1,"B":2,"C":'x'}"#,
                br#"{"A":1,"B":2,"C":"x"} "#,
                br#"{"A":1,"B":2,"C":"\x"}"#,
                br#"{"A":1,"B":2,"C":01}"#,
            ]
            .into_iter()
            .map(Some)
            .collect();
            let bad: Vec<u32> = decoder.decode(&rows).bad.iter().map(|bad| bad.row).collect();
            assert_eq!(bad, [2, 3, 5, 6], "{projection:?} {speculation:?}");
        }
    }
}

#[test]
fn a_wrong_value_that_nobody_reads_is_not_looked_at() {
    let columns = [column("A", SqlType::Integer), column("B", SqlType::Integer)];
    let mut decoder = JsonDecoder::new(&columns, &[1], true, Speculation::On).unwrap();
    let rows: BytesColumn = [Some(&br#"{"A":"x","B":2}"#[..])].into_iter().collect();
    assert!(decoder.decode(&rows).bad.is_empty());
}

#[test]
fn broken_text_is_bad_alone() {
    let columns = [column("A", SqlType::String)];
    let good = br#"{"A":"x"}"#;
    let mut decoder = JsonDecoder::new(&columns, &[0], true, Speculation::On).unwrap();
    let rows: BytesColumn = [&good[..], b"{\"A\":\"\xFF\"}", good, b"{\"A\":\"\xC3", b"\xA9\"}", good]
        .into_iter()
        .map(Some)
        .collect();
    let found = decoder.decode(&rows);
    let bad: Vec<_> = found.bad.iter().map(|bad| (bad.row, bad.reason.as_str())).collect();
    assert_eq!(
        bad,
        [
            (1, "not valid UTF-8 at byte 6"),
            (3, "not valid UTF-8 at byte 6"),
            (4, "not valid UTF-8 at byte 0")
        ]
    );
    assert_eq!(cell(&found.columns[0], 5), "x");
    // Two rows that only together are text stay two bad rows when the rest of the batch is clean.
    let rows: BytesColumn = [&b"{\"A\":\"\xC3"[..], b"\xA9\"}", good]
        .into_iter()
        .map(Some)
        .collect();
    let bad: Vec<u32> = decoder.decode(&rows).bad.iter().map(|bad| bad.row).collect();
    assert_eq!(bad, [0, 1]);
}

#[test]
fn nesting_is_limited() {
    let columns = [column("A", SqlType::String)];
    let nested = |depth: usize| format!("{{\"A\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(row(&columns, &nested(63)).is_ok());
    assert!(row(&columns, &nested(64)).unwrap_err().contains("deeper than 64"));
    let unread = |depth: usize| format!("{{\"B\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(row(&columns, &unread(63)).is_ok());
    assert!(row(&columns, &unread(64)).unwrap_err().contains("deeper than 64"));
    assert!(row(&columns, &unread(100_000)).is_err());
    let objects = format!("{}1{}", "{\"A\":".repeat(64), "}".repeat(64));
    assert!(row(&columns, &objects).is_ok());
    let objects = format!("{}1{}", "{\"A\":".repeat(65), "}".repeat(65));
    assert!(row(&columns, &objects).is_err());
}

#[test]
fn null_rows_are_null_and_not_bad() {
    let columns = [column("A", SqlType::Integer), column("B", SqlType::String)];
    let mut decoder = JsonDecoder::new(&columns, &[1, 0, 1], true, Speculation::On).unwrap();
    let rows: BytesColumn = [None, Some(&br#"{"A":1,"B":"b"}"#[..]), None].into_iter().collect();
    let found = decoder.decode(&rows);
    assert!(found.bad.is_empty());
    let shown: Vec<String> = found
        .columns
        .iter()
        .map(|array| (0..3).map(|row| cell(array, row)).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(shown, ["NULL b NULL", "NULL 1 NULL", "NULL b NULL"]);
    // The next batch starts clean.
    assert_eq!(decoder.decode(&BytesColumn::new()).columns[0].len(), 0);
}

#[test]
fn without_columns_only_the_form_is_checked() {
    let mut wrapped = JsonDecoder::new(&[], &[], true, Speculation::On).unwrap();
    let mut keyless = JsonDecoder::new(&[], &[], false, Speculation::On).unwrap();
    let rows: BytesColumn = [Some(&b"{}"[..]), Some(b"anything \xFF")].into_iter().collect();
    assert_eq!(wrapped.decode(&rows).bad.len(), 1);
    assert!(keyless.decode(&rows).bad.is_empty());
}

#[test]
fn types_that_json_has_not_are_refused() {
    let wrong = SqlType::Map(Box::new(SqlType::Integer), Box::new(SqlType::Double));
    let columns = [column("A", SqlType::Integer), column("M", wrong)];
    let error = JsonDecoder::new(&columns, &[0], true, Speculation::On).unwrap_err();
    assert!(
        error.0.starts_with("column M: ") && error.0.contains("MAP<STRING, ...>"),
        "{error}"
    );
    assert!(encoder(&FormatSpec::new(Format::Json), &columns).is_err());
    let deep = (0..70).fold(SqlType::Integer, |inner, _| SqlType::Array(Box::new(inner)));
    assert!(JsonDecoder::new(&[column("A", deep)], &[0], true, Speculation::On).is_err());
}

#[test]
fn records_of_one_shape_take_the_speculative_way() {
    let columns = [
        column("A", SqlType::Integer),
        column("B", SqlType::Double),
        column("C", SqlType::String),
    ];
    let mut decoder = JsonDecoder::new(&columns, &[0, 1, 2], true, Speculation::On).unwrap();
    let records = [
        r#"{"A": 1, "B": 2.5, "X": [1, {"y": 2}], "C": "c"}"#,
        r#"{"A": -1, "B": 1e5, "X": null, "C": "a\nb"}"#,
        r#"{"A": null, "B": -7, "X": "\"", "C": null}"#,
        r#"{"A": 1.0, "B": "3", "X": true, "C": {"d": 1}}"#,
        r#"{"B": 2.5, "X": 0, "C": "c"}"#,
        r#"{"A": 5, "C": "c"}"#,
        r#"{"A": 5}"#,
        r#"{"A": 5, "B": 1} "#,
        "{}",
        r#"{"A": 5, "B": 0.1, "X": 1, "C": "ein Text von mehr als zweiunddreißig Zeichen Länge"}"#,
    ];
    let rows: BytesColumn = records.iter().map(|record| Some(record.as_bytes())).collect();
    let found = decoder.decode(&rows);
    assert!(found.bad.is_empty(), "{:?}", found.bad);
    assert_eq!(
        decoder.speculated_rows(),
        records.len() as u64 - 1,
        "all but the first one"
    );
    let a: Vec<String> = (0..records.len()).map(|row| cell(&found.columns[0], row)).collect();
    assert_eq!(a.join(" "), "1 -1 NULL 1 NULL 5 5 5 NULL 5");
    assert_eq!(cell(&found.columns[2], 3), "{\"d\":1}");
}

#[test]
fn several_shapes_take_turns() {
    let columns = [column("A", SqlType::Integer), column("B", SqlType::Integer)];
    let mut decoder = JsonDecoder::new(&columns, &[0, 1], true, Speculation::On).unwrap();
    let shapes = [
        r#"{"A":1,"B":2}"#,
        r#"{"B":2,"A":1}"#,
        r#"{ "a":1, "b":2 }"#,
        r#"{"x":0,"A":1,"B":2}"#,
    ];
    let rows: BytesColumn = (0..400).map(|i| Some(shapes[i * 7 % 4].as_bytes())).collect();
    let found = decoder.decode(&rows);
    assert!(found.bad.is_empty());
    assert_eq!(decoder.speculated_rows(), 396);
    assert!((0..400).all(|row| cell(&found.columns[0], row) == "1" && cell(&found.columns[1], row) == "2"));
}

#[test]
fn shapes_without_end_stop_the_speculation_for_a_while() {
    let columns = [column("A", SqlType::Integer)];
    let mut decoder = JsonDecoder::new(&columns, &[0], true, Speculation::On).unwrap();
    let made_up: Vec<String> = (0..3_000).map(|i| format!("{{\"k{i}\":1,\"A\":2}}")).collect();
    let rows: BytesColumn = made_up.iter().map(|record| Some(record.as_bytes())).collect();
    assert!(decoder.decode(&rows).bad.is_empty());
    assert_eq!(decoder.speculated_rows(), 0);
    // Afterwards it is tried again.
    let rows: BytesColumn = (0..20_000).map(|_| Some(&br#"{"A":1}"#[..])).collect();
    decoder.decode(&rows);
    assert!(decoder.speculated_rows() > 1_000);
}

/// Decodes a record and writes it again.
fn rewritten(columns: &[Column], wrap_single: bool, record: &str) -> Option<String> {
    let decoded = decode(columns, wrap_single, record.as_bytes());
    assert!(decoded.bad.is_empty(), "{:?}", decoded.bad);
    let mut spec = FormatSpec::new(Format::Json);
    spec.wrap_single = wrap_single;
    let mut out = BytesColumn::new();
    encoder(&spec, columns)
        .unwrap()
        .encode(&decoded.columns, 1, None, &mut out)
        .unwrap();
    out.get(0).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn all_types_are_written() {
    let columns = [
        column("B", SqlType::Boolean),
        column("I", SqlType::Integer),
        column("L", SqlType::Bigint),
        column("D", SqlType::Double),
        column("N", SqlType::Double),
        column("DEC", SqlType::Decimal(6, 4)),
        column("S", SqlType::String),
        column("Y", SqlType::Bytes),
        column("T", SqlType::Time),
        column("DT", SqlType::Date),
        column("TS", SqlType::Timestamp),
        column("A", SqlType::Array(Box::new(SqlType::String))),
        column("M", SqlType::Map(Box::new(SqlType::String), Box::new(SqlType::Integer))),
        column(
            "ST",
            SqlType::Struct(vec![
                ("F0".into(), SqlType::Integer),
                (
                    "f \"1\"".into(),
                    SqlType::Array(Box::new(SqlType::Struct(vec![("X".into(), SqlType::Double)]))),
                ),
            ]),
        ),
        column("Z", SqlType::String),
    ];
    let record = concat!(
        r#"{"B":true,"I":-5,"L":9007199254740993,"D":1.0E10,"N":"NaN","DEC":10.0000,"S":"a\"\\\nä€\u0001","Y":"AP8=","#,
        r#""T":10,"DT":-10,"TS":1700000000000,"A":["x",null,""],"M":{"k\"1":1,"k2":null},"#,
        r#""ST":{"F0":null,"f \"1\"":[{"X":0.5},null,{"X":null}]},"Z":null}"#
    );
    assert_eq!(rewritten(&columns, true, record).as_deref(), Some(record));
}

#[test]
fn single_columns_are_wrapped_or_not() {
    let text = [column("FOO", SqlType::String)];
    assert_eq!(
        rewritten(&text, true, r#"{"foo":"x"}"#).as_deref(),
        Some(r#"{"FOO":"x"}"#)
    );
    assert_eq!(rewritten(&text, false, "\"x\"").as_deref(), Some("\"x\""));
    assert_eq!(
        rewritten(&text, true, r#"{"foo":null}"#).as_deref(),
        Some(r#"{"FOO":null}"#)
    );
    assert_eq!(rewritten(&text, false, "null"), None, "a bare null is a null record");
    let inner = [column("V", SqlType::Struct(vec![("A".into(), SqlType::Double)]))];
    assert_eq!(rewritten(&inner, false, r#"{"a":1}"#).as_deref(), Some(r#"{"A":1.0}"#));
    assert_eq!(
        rewritten(&inner, false, r#"{"a":null}"#).as_deref(),
        Some(r#"{"A":null}"#)
    );
    // Several columns are always an object.
    let two = [column("K", SqlType::Integer), column("K2", SqlType::Integer)];
    assert_eq!(
        rewritten(&two, false, r#"{"k":1}"#).as_deref(),
        Some(r#"{"K":1,"K2":null}"#)
    );
}

#[test]
fn null_rows_and_slices_are_written() {
    let columns = [
        column("A", SqlType::Integer),
        column("B", SqlType::Array(Box::new(SqlType::Integer))),
    ];
    let mut decoder = JsonDecoder::new(&columns, &[0, 1], true, Speculation::On).unwrap();
    let records: Vec<String> = (0..5).map(|i| format!("{{\"A\":{i},\"B\":[{i},{i}]}}")).collect();
    let found = decoder.decode(&records.iter().map(|record| Some(record.as_bytes())).collect());
    let sliced: Vec<ArrayRef> = found.columns.iter().map(|array| array.slice(2, 3)).collect();
    let nulls = vec![Some(false), Some(true), None].into();
    let mut out = BytesColumn::new();
    let mut encoder = encoder(&FormatSpec::new(Format::Json), &columns).unwrap();
    encoder.encode(&sliced, 3, Some(&nulls), &mut out).unwrap();
    let out: Vec<_> = out
        .iter()
        .map(|record| record.map(|r| String::from_utf8_lossy(r).into_owned()))
        .collect();
    assert_eq!(out, [Some(records[2].clone()), None, Some(records[4].clone())]);
}

#[test]
fn no_columns_give_an_empty_object_or_nothing() {
    let mut out = BytesColumn::new();
    let mut spec = FormatSpec::new(Format::Json);
    encoder(&spec, &[]).unwrap().encode(&[], 1, None, &mut out).unwrap();
    spec.wrap_single = false;
    encoder(&spec, &[]).unwrap().encode(&[], 1, None, &mut out).unwrap();
    assert_eq!(out.iter().collect::<Vec<_>>(), [Some(&b"{}"[..]), None]);
}

#[test]
fn an_encoder_refuses_other_columns() {
    let columns = [column("A", SqlType::Integer)];
    let mut encoder = encoder(&FormatSpec::new(Format::Json), &columns).unwrap();
    let mut out = BytesColumn::new();
    assert!(encoder.encode(&[], 1, None, &mut out).is_err());
    let text: ArrayRef = Arc::new(datafusion::arrow::array::StringArray::from(vec!["x"]));
    let error = encoder
        .encode(&[Arc::clone(&text)], 1, None, &mut out)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "column `A` is declared as INTEGER and needs 1 rows of that, but 1 rows of Utf8 were given"
    );
    let numbers: ArrayRef = Arc::new(datafusion::arrow::array::Int32Array::from(vec![1, 2]));
    assert!(encoder.encode(&[numbers], 1, None, &mut out).is_err());
}

#[test]
fn the_arrays_have_the_declared_arrow_types() {
    let columns = [
        column(
            "A",
            SqlType::Array(Box::new(SqlType::Map(
                Box::new(SqlType::String),
                Box::new(SqlType::Date),
            ))),
        ),
        column(
            "B",
            SqlType::Struct(vec![("T".into(), SqlType::Time), ("D".into(), SqlType::Decimal(38, 0))]),
        ),
        column("E", SqlType::Struct(vec![])),
    ];
    let decoded = decode(&columns, true, br#"{"A":[{"k":1}],"B":{"t":5},"E":{"x":1}}"#);
    let schema = crate::types::schema::arrow_schema(&columns);
    RecordBatch::try_new(schema, decoded.columns).unwrap();
}
