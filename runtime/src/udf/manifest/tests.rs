//! What a manifest may say, and how every other one is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use super::*;

fn limits() -> Limits {
    Limits::default()
}

fn manifest(functions: &str) -> Result<Manifest, String> {
    parse(format!("{{\"functions\":[{functions}]}}").as_bytes(), &limits())
}

fn sql_type(text: &str) -> Result<SqlType, String> {
    type_name::parse(text, &limits())
}

fn refused(functions: &str) -> String {
    manifest(functions).expect_err("must be refused")
}

#[test]
fn reads_every_key() {
    let parsed = parse(
        br#"{"version":"1.2.0","x_tool":"any","functions":[
            {"name":"Risk","kind":"scalar","export":"r","args":[{"name":"p","type":"double"}],"returns":"BIGINT",
             "nulls":"pass","constants":"pass","volatility":"stable","doc":"one\nline","x_more":[1]},
            {"name":"mavg","kind":"stream","args":[{"name":"x","type":"DOUBLE"},{"name":"n","type":"INT","constant":true}],
             "returns":"DOUBLE","state_version":3,"reads_state_versions":[1,2]}]}"#,
        &limits(),
    )
    .unwrap();
    assert_eq!(parsed.version.as_deref(), Some("1.2.0"));
    let risk = &parsed.functions[0];
    assert_eq!((risk.name.as_str(), risk.export.as_str()), ("Risk", "r"));
    assert_eq!(risk.signature(), "RISK(DOUBLE)");
    assert!(!risk.null_in_null_out && !risk.expand_constants);
    assert_eq!(risk.volatility, Volatility::Stable);
    assert_eq!(risk.doc.as_deref(), Some("one line"));
    let mavg = &parsed.functions[1];
    assert_eq!((mavg.kind, mavg.volatility), (Kind::Stream, Volatility::Volatile));
    assert_eq!((mavg.args[0].constant, mavg.args[1].constant), (false, true));
    assert_eq!(
        (mavg.state_version, mavg.reads_state_versions.as_slice()),
        (3, &[1, 2][..])
    );
    assert!(mavg.null_in_null_out && mavg.expand_constants);
    assert_eq!(mavg.export, "mavg");
}

#[test]
fn reads_defaults_of_every_type_that_has_some() {
    let value = |sql_type: &str, default: &str| {
        manifest(&format!(
            r#"{{"name":"f","kind":"scalar","args":[{{"name":"a","type":"{sql_type}","default":{default}}}],"returns":"INT"}}"#
        ))
        .map(|parsed| parsed.functions[0].args[0].default.clone().unwrap())
    };
    for (sql_type, default, shown) in [
        ("BOOLEAN", "true", "true"),
        ("INT", "-60", "-60"),
        ("BIGINT", "9007199254740993", "9007199254740993"),
        ("DOUBLE", "1", "1"),
        ("DOUBLE", "0.5", "0.5"),
        ("STRING", "\"a b\"", "a b"),
        ("INT", "null", "NULL"),
        ("BYTES", "\"00fF\"", "00FF"),
    ] {
        assert_eq!(value(sql_type, default).unwrap().to_string(), shown, "{sql_type}");
    }
    let info = manifest(
        r#"{"name":"f","kind":"scalar","args":[{"name":"a","type":"ARRAY<INT>","default":null}],"returns":"INT"}"#,
    );
    let info = info.unwrap().functions[0].info("p", None);
    assert_eq!(info.arguments(), "[a ARRAY<INTEGER> = NULL]");
    assert_eq!(
        value("DECIMAL(4, 2)", "1.5"),
        Ok(ScalarValue::Decimal128(Some(150), 4, 2))
    );
    assert!(value("DATE", "\"2026-01-02\"").is_ok() && value("TIMESTAMP", "\"2026-01-02T03:04:05\"").is_ok());
    for (sql_type, default) in [
        ("INT", "1.5"),
        ("INT", "3000000000"),
        ("INT", "\"1\""),
        ("STRING", "1"),
        ("BYTES", "\"a\""),
        ("BYTES", "\"0x\""),
        ("BYTES", "1"),
        ("DATE", "\"x\""),
        ("ARRAY<INT>", "1"),
        ("ARRAY<INT>", "{}"),
        ("MAP<STRING, INT>", "[1]"),
        ("STRUCT<a INT>", "[1]"),
    ] {
        let refused = value(sql_type, default).unwrap_err();
        assert!(
            refused.contains("default: ") && refused.contains("is no value of"),
            "{refused}"
        );
    }
}

#[test]
fn reads_defaults_of_types_with_parts() {
    let info = |sql_type: &str, default: &str| {
        manifest(&format!(
            r#"{{"name":"f","kind":"scalar","args":[{{"name":"a","type":"{sql_type}","default":{default}}}],"returns":"INT"}}"#
        ))
        .map(|parsed| parsed.functions[0].info("p", None))
    };
    for (sql_type, default, shown) in [
        ("ARRAY<INT>", "[]", "ARRAY[]"),
        ("ARRAY<INT>", "[1, null, -3]", "ARRAY[1, NULL, -3]"),
        (
            "ARRAY<ARRAY<STRING>>",
            r#"[["a"], null, []]"#,
            "ARRAY[ARRAY['a'], NULL, ARRAY[]]",
        ),
        ("ARRAY<DECIMAL(4, 2)>", "[1.5, 2]", "ARRAY[1.50, 2.00]"),
        (
            "MAP<STRING, DOUBLE>",
            r#"{"b": 0.5, "a": null}"#,
            "MAP('b' := 0.5, 'a' := NULL)",
        ),
        ("MAP<BIGINT, STRING>", r#"{"-7": "it's"}"#, "MAP(-7 := 'it''s')"),
        (
            "MAP<DATE, BYTES>",
            r#"{"2026-01-02": "aB"}"#,
            "MAP('2026-01-02' := X'AB')",
        ),
        ("MAP<STRING, INT>", "{}", "MAP()"),
        (
            "STRUCT<name STRING, `at` INT, on BOOLEAN>",
            r#"{"at": 1, "name": "x"}"#,
            "STRUCT(NAME := 'x', at := 1, ON := NULL)",
        ),
        (
            "ARRAY<STRUCT<m MAP<STRING, ARRAY<INT>>>>",
            r#"[{"M": {"k": [1]}}]"#,
            "ARRAY[STRUCT(M := MAP('k' := ARRAY[1]))]",
        ),
    ] {
        let info = info(sql_type, default).unwrap();
        assert!(
            info.arguments().ends_with(&format!(" = {shown}]")),
            "{}",
            info.arguments()
        );
        // It is of the very type that the function declares, so that no call casts it.
        assert_eq!(info.defaults[0].data_type(), info.args[0].1, "{sql_type}");
    }
    for (sql_type, default, reason) in [
        (
            "ARRAY<INT>",
            r#"[1, "x"]"#,
            r#"default: [1]: "x" is no value of INTEGER"#,
        ),
        (
            "ARRAY<ARRAY<INT>>",
            "[[], [1, 1.5]]",
            "default: [1][1]: 1.5 is no value of INTEGER",
        ),
        (
            "MAP<STRING, INT>",
            r#"{"k": true}"#,
            r#"default: ["k"]: true is no value of INTEGER"#,
        ),
        (
            "MAP<INT, INT>",
            r#"{"k": 1}"#,
            r#"default: the key "k" is no value of INTEGER"#,
        ),
        (
            "MAP<INT, INT>",
            r#"{"null": 1}"#,
            r#"default: the key "null" is no value of INTEGER"#,
        ),
        (
            "STRUCT<a INT, b STRING>",
            r#"{"c": 1}"#,
            r#"default: there is no field "c"; the fields are A, B"#,
        ),
        (
            "STRUCT<a INT>",
            r#"{"a": 1, "A": 2}"#,
            "default: the field A is there twice",
        ),
        (
            "STRUCT<a ARRAY<BYTES>>",
            r#"{"a": ["00", "0"]}"#,
            r#"default: .A[1]: "0" is no value of BYTES, which are"#,
        ),
    ] {
        let refused = info(sql_type, default).err().unwrap();
        assert!(refused.contains(reason), "{refused}");
    }
}

#[test]
fn checks_which_arguments_may_be_left_out() {
    let with = |args: &str| {
        manifest(&format!(
            r#"{{"name":"f","kind":"scalar","args":[{args}],"returns":"INT"}}"#
        ))
    };
    let refused = |args: &str| with(args).unwrap_err();
    let plain = r#"{"name":"a","type":"INT"}"#;
    let optional = r#"{"name":"b","type":"INT","default":1}"#;
    let rest = r#"{"name":"c","type":"ARRAY<INT>","variadic":true}"#;
    let info = with(&format!("{plain},{optional}")).unwrap().functions[0].info("p", None);
    assert_eq!(
        (info.arguments().as_str(), info.defaults.len()),
        ("a INTEGER[, b INTEGER = 1]", 1)
    );
    let info = with(&format!("{plain},{rest}")).unwrap().functions[0].info("p", None);
    assert_eq!(
        (info.arguments().as_str(), info.variadic),
        ("a INTEGER, c INTEGER...", true)
    );
    assert!(refused(&format!("{optional},{plain}")).contains("b has a default, so every argument after it has one"));
    assert!(refused(&format!("{optional},{rest}")).contains("so every argument after it has one"));
    assert!(refused(&format!("{rest},{plain}")).contains("a variadic argument is the last one, and c is not"));
    assert!(refused(r#"{"name":"a","type":"INT","variadic":true}"#).contains("a variadic argument is an ARRAY"));
    assert!(
        refused(r#"{"name":"a","type":"ARRAY<INT>","variadic":true,"default":null}"#).contains("it has no default")
    );
}

#[test]
fn reads_every_type_name() {
    let cases = [
        ("boolean", "BOOLEAN"),
        ("int", "INTEGER"),
        (" INTEGER ", "INTEGER"),
        ("BigInt", "BIGINT"),
        ("DOUBLE", "DOUBLE"),
        ("DECIMAL(10,2)", "DECIMAL(10, 2)"),
        ("decimal ( 38 , 38 )", "DECIMAL(38, 38)"),
        ("VARCHAR", "STRING"),
        ("bytes", "BYTES"),
        ("TIME", "TIME"),
        ("DATE", "DATE"),
        ("TIMESTAMP", "TIMESTAMP"),
        ("ARRAY<ARRAY<STRING>>", "ARRAY<ARRAY<STRING>>"),
        ("MAP<STRING,DOUBLE>", "MAP<STRING, DOUBLE>"),
        (
            "STRUCT<a INT, `b c` ARRAY<DATE>>",
            "STRUCT<`A` INTEGER, `b c` ARRAY<DATE>>",
        ),
    ];
    for (text, shown) in cases {
        let parsed = sql_type(text).unwrap();
        assert_eq!(parsed.to_string(), shown);
        assert_eq!(sql_type(shown).unwrap(), parsed, "what is shown reads back");
    }
}

#[test]
fn refuses_bad_type_names() {
    let deep = format!("{}INT{}", "ARRAY<".repeat(8), ">".repeat(8));
    let wide = format!(
        "STRUCT<{}>",
        (0..256).map(|i| format!("f{i} INT")).collect::<Vec<_>>().join(",")
    );
    let cases = [
        ("", "expected a type name"),
        ("FLOAT", "no type \"FLOAT\""),
        ("DOUBLE DOUBLE", "expected the end at byte 7"),
        ("DECIMAL", "expected '('"),
        ("DECIMAL(39,2)", "not possible"),
        ("DECIMAL(0,0)", "not possible"),
        ("DECIMAL(5,6)", "not possible"),
        ("DECIMAL(500,6)", "a number up to 255"),
        ("ARRAY<INT", "expected '>'"),
        ("ARRAY<>", "expected a type name"),
        ("MAP<STRING>", "expected ','"),
        ("STRUCT<>", "expected a field name"),
        ("STRUCT<a INT, A INT>", "two fields are called \"A\""),
        ("STRUCT<`a INT>", "closing back-quote"),
        ("STRUCT<`` INT>", "1 to 64 characters"),
        ("ARRAY\u{e9}<INT>", "expected '<'"),
        (&deep, "deeper than 8 levels"),
        (&wide, "more than 256 parts"),
    ];
    for (text, reason) in cases {
        let error = sql_type(text).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
    // A bomb of brackets ends at the depth limit, not on the host's stack.
    assert!(sql_type(&"ARRAY<".repeat(1_000_000)).is_err());
}

#[test]
fn refuses_what_is_not_a_manifest() {
    for (bytes, reason) in [
        (&b"\xff\xfe"[..], "not UTF-8"),
        (b"", "not as it should be"),
        (b"[]", "not as it should be"),
        (b"{\"functions\":3}", "not as it should be"),
        (b"{\"functions\":[]}", "lists no functions"),
        (b"{\"functions\":[],\"funktions\":[]}", "did you mean \"functions\"?"),
        (b"{\"version\":\"1\"}", "missing field `functions`"),
    ] {
        let error = parse(bytes, &limits()).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    let deep = format!("{{\"functions\":{}", "[".repeat(60_000));
    assert!(parse(deep.as_bytes(), &limits()).is_err());
}

#[test]
fn refuses_bad_functions_and_says_where() {
    let f = |name: &str, more: &str| {
        format!(r#"{{"name":"{name}","kind":"scalar","args":[{{"name":"a","type":"INT"}}],"returns":"INT"{more}}}"#)
    };
    let long = "n".repeat(65);
    let cases = [
        (f("", ""), "functions[0]: name \"\" is not a SQL identifier"),
        (f("1a", ""), "not a SQL identifier"),
        (f("a-b", ""), "not a SQL identifier"),
        (f("a;DROP TABLE x", ""), "not a SQL identifier"),
        (f("\u{fc}ber", ""), "not a SQL identifier"),
        (f(&long, ""), "longer than 64 characters"),
        (f("f", r#","nuls":"pass""#), "did you mean \"nulls\"?"),
        (f("f", r#","nulls":"drop""#), "not one of propagate, pass"),
        (f("f", r#","constants":"no""#), "not one of expand, pass"),
        (
            f("f", r#","volatility":"pure""#),
            "not one of immutable, stable, volatile",
        ),
        (f("f", r#","state_version":2"#), "for stream and aggregate functions"),
        (f("f", r#","export":"""#), "export must have"),
        (f("f", r#","returns":"INT""#), "duplicate field"),
        (
            format!("{},{}", f("f", ""), f("F", "")),
            "functions[1] (F): F(INTEGER) is there twice",
        ),
        (f("f", "").replace("scalar", "magic"), "kind \"magic\" is not one of"),
        (
            f("f", r#","volatility":"stable""#).replace("scalar", "stream"),
            "has no volatility",
        ),
        (
            format!(
                "{},{}",
                f("f", ""),
                f("f", "").replace("INT", "DATE").replace("scalar", "stream")
            ),
            "one kind",
        ),
        (
            f("f", "").replace(r#""a""#, r#""a b""#),
            "functions[0] (f): args[0]: name",
        ),
        (
            f("f", "").replace("}]", r#"},{"name":"A","type":"INT"}]"#),
            "two arguments are called A",
        ),
    ];
    for (functions, reason) in cases {
        let error = refused(&functions);
        assert!(error.contains(reason), "{functions}: {error}");
    }
}

#[test]
fn bounds_counts() {
    let f = |i: usize| format!(r#"{{"name":"f{i}","kind":"scalar","args":[],"returns":"INT"}}"#);
    let many = |n: usize| (0..n).map(f).collect::<Vec<_>>().join(",");
    assert_eq!(manifest(&many(256)).unwrap().functions.len(), 256);
    assert!(refused(&many(257)).contains("257 functions; the limit is 256"));
    let args = (0..33)
        .map(|i| format!(r#"{{"name":"a{i}","type":"INT"}}"#))
        .collect::<Vec<_>>()
        .join(",");
    let wide = format!(r#"{{"name":"f","kind":"scalar","args":[{args}],"returns":"INT"}}"#);
    assert!(refused(&wide).contains("33 arguments; the limit is 32"));
}

#[test]
fn reads_all_kinds_and_the_columns_of_table_functions() {
    let parsed = manifest(
        r#"{"name":"vwap","kind":"aggregate","args":[{"name":"p","type":"DOUBLE"}],"returns":"DOUBLE"},
           {"name":"words","kind":"table","args":[],"returns":"STRING","volatility":"stable"},
           {"name":"pairs","kind":"table","args":[],"returns":[{"name":"a","type":"INT"},{"name":"b","type":"ARRAY<STRING>"}]},
           {"name":"ok","kind":"scalar","args":[],"returns":"INT"}"#,
    )
    .unwrap();
    assert_eq!(parsed.functions.len(), 4);
    assert_eq!(parsed.functions[0].kind, Kind::Aggregate);
    assert_eq!(
        (parsed.functions[1].kind, parsed.functions[1].volatility),
        (Kind::Table, Volatility::Stable)
    );
    assert_eq!(
        parsed.functions[2].returns.to_string(),
        "STRUCT<`A` INTEGER, `B` ARRAY<STRING>>"
    );
}

#[test]
fn refuses_columns_that_cannot_be() {
    let table = |kind: &str, returns: &str| {
        refused(&format!(
            r#"{{"name":"f","kind":"{kind}","args":[],"returns":{returns}}}"#
        ))
    };
    let column = r#"{"name":"a","type":"INT"}"#;
    assert!(table("scalar", &format!("[{column}]")).contains("a list of columns is for table functions"));
    assert!(table("table", "[]").contains("has one or more"));
    assert!(table("table", &format!("[{column},{column}]")).contains("two columns are called a"));
    assert!(table("table", r#"[{"name":"a b","type":"INT"}]"#).contains("is not a SQL identifier"));
    assert!(table("table", r#"[{"name":"a","type":"INTT"}]"#).contains("returns[0]: type: there is no type"));
    assert!(table("table", r#"[{"name":"a","type":"INT","typ":1}]"#).contains("knows no key"));
    assert!(table("table", "7").contains("returns is a type, or a list of columns"));
    let nested = "ARRAY<".repeat(7) + "INT" + &">".repeat(7);
    assert!(table("table", &format!("\"{nested}\"")).contains("deeper than 7 levels"));
    let versioned = r#"{"name":"f","kind":"table","args":[],"returns":"INT","state_version":2}"#;
    assert!(refused(versioned).contains("are for stream and aggregate functions"));
}

#[test]
fn cuts_long_messages_at_a_character() {
    assert_eq!(cut("h\u{e9}llo", 2), "h");
    assert_eq!(cut("a\u{0}\nb", 10), "a  b");
}

/// Names, exports and signatures of what a manifest gives.
fn overloads(functions: &str) -> Vec<String> {
    let parsed = manifest(functions).unwrap();
    let shown = parsed.functions.iter();
    shown
        .map(|of| format!("{} -> {}: {}", of.signature(), of.returns, of.export))
        .collect()
}

#[test]
fn type_variables_stand_for_overloads() {
    assert_eq!(
        overloads(
            r#"{"name":"last","kind":"scalar","types":{"T":["INT","DECIMAL(10, 2)","ARRAY<STRING>"]},
                "args":[{"name":"x","type":"array<t>"}],"returns":"T"}"#
        ),
        [
            "LAST(ARRAY<INTEGER>) -> INTEGER: last_integer",
            "LAST(ARRAY<DECIMAL(10, 2)>) -> DECIMAL(10, 2): last_decimal_10_2",
            "LAST(ARRAY<ARRAY<STRING>>) -> ARRAY<STRING>: last_array_string",
        ]
    );
    assert_eq!(
        overloads(
            r#"{"name":"pair","kind":"table","types":{"K":["INT","STRING"],"V":["DOUBLE"]},"export":"p_{V}_{K}",
                "args":[{"name":"k","type":"K"},{"name":"v","type":"STRUCT<K K, `V` V>"}],
                "returns":[{"name":"k","type":"K"},{"name":"v","type":"V"}]}"#
        ),
        [
            "PAIR(INTEGER, STRUCT<`K` INTEGER, `V` DOUBLE>) -> STRUCT<`K` INTEGER, `V` DOUBLE>: p_double_integer",
            "PAIR(STRING, STRUCT<`K` STRING, `V` DOUBLE>) -> STRUCT<`K` STRING, `V` DOUBLE>: p_double_string",
        ]
    );
    assert_eq!(
        overloads(
            r#"{"name":"size","kind":"scalar","types":{"T":["INT","BIGINT"]},"export":"size",
                "args":[{"name":"x","type":"ARRAY<T>"}],"returns":"INT"}"#
        ),
        [
            "SIZE(ARRAY<INTEGER>) -> INTEGER: size",
            "SIZE(ARRAY<BIGINT>) -> INTEGER: size"
        ]
    );
}

#[test]
fn type_variables_that_mean_nothing_are_refused() {
    let of = |types: &str, arg: &str, export: &str| {
        refused(&format!(
            r#"{{"name":"f","kind":"scalar","types":{types},"export":"{export}","args":[{{"name":"x","type":"{arg}"}}],"returns":"INT"}}"#
        ))
    };
    for (types, arg, export, message) in [
        ("{}", "INT", "f", "functions[0] (f): types has no type variable"),
        (r#"{"T":[]}"#, "T", "f", "functions[0] (f): types: T stands for no type"),
        (
            r#"{"T":["INT"]}"#,
            "INT",
            "f",
            "functions[0] (f): types: no argument has the type variable T",
        ),
        (
            r#"{"INT":["INT"]}"#,
            "INT",
            "f",
            "functions[0] (f): types: INT is the name of a type",
        ),
        (
            r#"{"T":["INT"],"t":["INT"]}"#,
            "T",
            "f",
            "functions[0] (f): types: t is there twice",
        ),
        (
            r#"{"T":["INT"]}"#,
            "T",
            "f_{U}",
            "functions[0] (f): export \"f_{U}\" names a type variable that is not in \"types\"",
        ),
        (
            r#"{"T":["INT","INTEGER"]}"#,
            "T",
            "f_{T}",
            "functions[0] (f): F(INTEGER) is there twice",
        ),
    ] {
        assert_eq!(of(types, arg, export), message, "{types} {arg} {export}");
    }
    assert!(of(r#"{"T":["U"]}"#, "T", "f").starts_with("functions[0] (f): types: T: "));
    assert!(of(r#"{"T":["INT"]}"#, "U", "f").starts_with("functions[0] (f): "));
    let many = format!("[{}]", vec!["\"INT\""; 17].join(","));
    let types = format!(r#"{{"A":{many},"B":{many}}}"#);
    assert_eq!(
        of(&types, "MAP<A, B>", "f"),
        "functions[0] (f): types: it stands for more than 256 functions, which is the limit"
    );
}
