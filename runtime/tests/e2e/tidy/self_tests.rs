//! The rules on trees of one or two files: what each finds, and what it lets pass.

use super::source::Sources;
use super::tree::Tree;
use super::{check, sizes};

/// Run by the runner beside all other cases.
pub(super) const SELF_TESTS: &[(&str, fn())] = &[
    ("an upper floor is not imported", an_upper_floor_is_not_imported),
    (
        "all ways to write an import are seen",
        all_ways_to_write_an_import_are_seen,
    ),
    ("neighbours need a reason", neighbours_need_a_reason),
    ("a new module needs a floor", a_new_module_needs_a_floor),
    ("comments and literals are no code", comments_and_literals_are_no_code),
    ("crates stay behind their fences", crates_stay_behind_their_fences),
    ("long files are found", long_files_are_found),
    (
        "a list of large files does not grow stale",
        a_list_of_large_files_does_not_grow_stale,
    ),
    ("the median counts the engine only", the_median_counts_the_engine_only),
    ("files say what they are", files_say_what_they_are),
    ("names that say nothing are found", names_that_say_nothing_are_found),
    ("unwrap is for tests", unwrap_is_for_tests),
    (
        "test modules in files of their own are known",
        test_modules_in_files_of_their_own_are_known,
    ),
    ("only commands print", only_commands_print),
    ("time comes from the clock", time_comes_from_the_clock),
    (
        "nothing is switched off or left undone",
        nothing_is_switched_off_or_left_undone,
    ),
    ("documents name what exists", documents_name_what_exists),
    ("documents may name what is no path", documents_may_name_what_is_no_path),
    ("no place of one machine is named", no_place_of_one_machine_is_named),
];

const HEADER: &str = "//! What it is.\n";

/// What is found in these files; those without a header get one, which makes their code begin in line 2.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let with_headers: Vec<(&str, String)> = files
        .iter()
        .map(|(path, text)| {
            let header = if Tree::is_rust(path) && !text.starts_with("//!") {
                HEADER
            } else {
                ""
            };
            (*path, format!("{header}{text}"))
        })
        .collect();
    let files: Vec<(&str, &str)> = with_headers.iter().map(|(path, text)| (*path, text.as_str())).collect();
    check(&Tree::of(&files))
}

/// There is one problem for each of `expected`, which it begins with.
#[track_caller]
fn assert_problems(files: &[(&str, &str)], expected: &[&str]) {
    let found = problems(files);
    let matches = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, start)| found.starts_with(start));
    assert!(matches, "expected {expected:#?}\nfound {found:#?}");
}

fn an_upper_floor_is_not_imported() {
    assert_problems(&[("runtime/src/sql/mod.rs", "use crate::types::Schema;\n")], &[]);
    assert_problems(
        &[(
            "runtime/src/sql/mod.rs",
            "use crate::types::Schema;\nuse crate::plan::Dataflow;\n",
        )],
        &["runtime/src/sql/mod.rs:3: sql (floor 1) imports plan (floor 3)"],
    );
    assert_problems(
        &[
            ("runtime/src/main.rs", "use crate::cli;\n"),
            ("runtime/src/lib.rs", "pub use crate::engine::E;\n"),
        ],
        &[],
    );
    // In tests, too.
    let text = "#[cfg(test)]\nmod tests {\n    use crate::engine::Engine;\n}\n";
    assert_problems(
        &[("runtime/src/exec/pool.rs", text)],
        &["runtime/src/exec/pool.rs:4: exec (floor 4) imports engine"],
    );
}

fn all_ways_to_write_an_import_are_seen() {
    for code in [
        "use crate::{types::Schema, plan::{lower, explain}};",
        "use crate::{\n    plan,\n};",
        "fn f() { crate::plan::lower() }",
        "use super::super::plan::lower;",
        "use super::super::{plan};",
    ] {
        let found = problems(&[("runtime/src/format/json.rs", code)]);
        assert_eq!(found.len(), 1, "{code}: {found:?}");
    }
    for code in [
        "use super::plan::lower;",
        "use self::plan::lower;",
        "use super::super::super::plan::x;",
        "use crate::types::{plan, engine};",
        "use crate::format::plan;",
        "mod plan { pub(super) fn f() {} }",
    ] {
        assert_problems(&[("runtime/src/format/json.rs", code)], &[]);
    }
}

fn neighbours_need_a_reason() {
    assert_problems(
        &[("runtime/src/format/json.rs", "use crate::sql::Type;")],
        &["runtime/src/format/json.rs:2: format imports sql, which is on its own floor 1"],
    );
    assert_problems(&[("runtime/src/operator/calls.rs", "use crate::udf::Error;")], &[]);
    // Tests may look at neighbours.
    assert_problems(
        &[(
            "runtime/src/format/json.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::sql::Type;\n}\n",
        )],
        &[],
    );
}

fn a_new_module_needs_a_floor() {
    let files = [
        ("runtime/src/cloud/mod.rs", "use crate::types::T;"),
        ("runtime/src/cloud/bill.rs", "use crate::cli::T;"),
    ];
    assert_problems(&files, &["runtime/src/cloud/bill.rs:1: module cloud has no floor"]);
}

fn comments_and_literals_are_no_code() {
    let text = r##"
// use crate::plan; todo!() wasmtime
/* dbg!(1) /* nested: SystemTime::now() */ still .unwrap() */
/// See [`crate::engine`] and `println!`.
const A: &str = "wasmtime \" .unwrap() // todo!()";
const B: &str = r#"" rdkafka println!("x")"#;
const C: (char, char, char) = ('"', '\'', '\u{22}');
fn lifetimes<'a>(x: &'a str) -> &'a str { x }
const D: &[u8] = b"#[ignore]";
"##;
    assert_problems(&[("runtime/src/types/words.rs", text)], &[]);
    // What comes after a literal is code again.
    for literal in [r#""\"""#, r##"r#"""#"##, r"'\''", "'\"'", r"'\\'", "\"\\\\\"", "b'\"'"] {
        let text = format!("fn f() {{ let x = {literal}; dbg!(x); }}");
        assert_problems(
            &[("runtime/src/types/words.rs", &text)],
            &["runtime/src/types/words.rs:2: dbg!"],
        );
    }
}

fn crates_stay_behind_their_fences() {
    assert_problems(
        &[
            ("runtime/src/connector/kafka/log.rs", "use rdkafka::ClientConfig;"),
            ("runtime/src/connector/kafka/raw.rs", "use rdkafka_sys as sys;"),
            ("runtime/src/exec/run.rs", "use tokio::sync::Notify;"),
            ("runtime/src/udf/wasm/guest.rs", "use wasmtime::Store;"),
            ("runtime/src/udf/tests.rs", "use tokio::runtime::Runtime;"),
        ],
        &[],
    );
    assert_problems(
        &[
            ("runtime/src/exec/run.rs", "use rdkafka_sys as sys;"),
            ("runtime/src/operator/filter.rs", "async fn f() { tokio::spawn(g()) }"),
            ("runtime/src/udf/registry.rs", "use wasmtime::Engine;"),
        ],
        &[
            "runtime/src/exec/run.rs:2: rdkafka is known only in runtime/src/connector/kafka/",
            "runtime/src/operator/filter.rs:2: tokio has no place in runtime/src/operator/",
            "runtime/src/udf/registry.rs:2: wasmtime is known only in runtime/src/udf/wasm/",
        ],
    );
}

fn long_files_are_found() {
    let of = |lines: usize| "const A: u8 = 1;\n".repeat(lines - 1);
    let check = |lines: usize| problems(&[("udf-sdk/rust/src/lib.rs", &of(lines))]);
    assert_eq!(check(600), Vec::<String>::new());
    assert!(
        check(601)[0].contains("has 601 lines, more than 600"),
        "{:?}",
        check(601)
    );
    assert!(
        check(1_001)[0].contains("at most 1000 are allowed"),
        "{:?}",
        check(1_001)
    );
    // Cases stand one after the other: only the last limit is for tests.
    let check = |lines: usize| problems(&[("udf-sdk/rust/tests/cases.rs", &of(lines))]);
    assert_eq!(check(1_000), Vec::<String>::new());
    assert_eq!(check(1_001).len(), 1);
}

fn a_list_of_large_files_does_not_grow_stale() {
    let check = |lines: usize| {
        let text = "const A: u8 = 1;\n".repeat(lines);
        let tree = Tree::of(&[("udf-sdk/rust/src/lib.rs", &text)]);
        sizes::check_with(&Sources::of(&tree), &[("udf-sdk/rust/src/lib.rs", "one table")])
    };
    assert_eq!(check(700), Vec::<String>::new());
    assert!(check(600)[0].contains("take it off the list"), "{:?}", check(600));
    assert!(check(1_001)[0].contains("split it"), "{:?}", check(1_001));
}

fn the_median_counts_the_engine_only() {
    let long = "const A: u8 = 1;\n".repeat(198);
    let longer = "const A: u8 = 1;\n".repeat(199);
    let engine = ["runtime/src/types/a.rs", "runtime/src/types/b.rs"];
    assert_problems(
        &[
            (engine[0], &long),
            (engine[1], &long),
            ("udf-sdk/x.rs", &longer),
            ("tests/y.rs", &longer),
        ],
        &[],
    );
    assert_problems(
        &[
            (engine[0], &long),
            (engine[1], &longer),
            ("runtime/src/types/c.rs", &longer),
            ("tests/y.rs", ""),
        ],
        &["runtime/src: the median file has 200 lines"],
    );
}

fn files_say_what_they_are() {
    let of = |text: &str| {
        check(&Tree::of(&[
            ("runtime/src/types/a.rs", text),
            ("udf-sdk/rust/src/lib.rs", ""),
        ]))
    };
    assert_eq!(of("//! What it is.\n"), Vec::<String>::new());
    for text in ["", "// What it is.\n", "use std::fmt;\n//! What it is.\n"] {
        assert!(
            of(text)[0].starts_with("runtime/src/types/a.rs:1: begin with a //! header"),
            "{text}"
        );
    }
}

fn names_that_say_nothing_are_found() {
    for path in [
        "runtime/src/sql/util.rs",
        "runtime/src/exec/helpers/mod.rs",
        "udf-sdk/rust/src/common.rs",
    ] {
        assert_eq!(problems(&[(path, "")]).len(), 1, "{path}");
    }
    assert_problems(
        &[("runtime/src/sql/a.rs", "mod misc {\n}")],
        &["runtime/src/sql/a.rs:2: misc says nothing"],
    );
    assert_problems(&[("runtime/src/sql/commonly.rs", "fn util() {}")], &[]);
}

fn unwrap_is_for_tests() {
    let code = "fn f() { g().unwrap(); }\n";
    assert_problems(
        &[("runtime/src/sql/a.rs", code)],
        &["runtime/src/sql/a.rs:2: .unwrap()"],
    );
    assert_problems(&[("runtime/src/sql/a.rs", "fn f() { g().unwrap_or(1); }")], &[]);
    assert_problems(
        &[
            ("runtime/src/sql/tests.rs", code),
            ("runtime/src/sql/tests/deep.rs", code),
        ],
        &[],
    );
    assert_problems(
        &[("runtime/tests/e2e/main.rs", code), ("udf-sdk/rust/src/lib.rs", code)],
        &[],
    );
    // What comes behind a test item is shipped again.
    let code = "#[cfg(test)]\n#[expect(dead_code)]\nmod tests {\n    fn f() { if g() { h().unwrap() } }\n}\nfn i() { j().unwrap() }\n";
    assert_problems(
        &[("runtime/src/sql/a.rs", code)],
        &["runtime/src/sql/a.rs:7: .unwrap()"],
    );
    let code = "#[cfg(test)]\nuse std::fmt;\nfn i() { j().unwrap() }\n";
    assert_problems(
        &[("runtime/src/sql/a.rs", code)],
        &["runtime/src/sql/a.rs:4: .unwrap()"],
    );
}

fn test_modules_in_files_of_their_own_are_known() {
    let code = "fn f() { g().unwrap(); }\n";
    assert_problems(
        &[
            (
                "runtime/src/sql/mod.rs",
                "#[cfg(test)]\nmod oracle;\n#[cfg(test)]\npub(crate) mod rows;\n",
            ),
            ("runtime/src/sql/oracle.rs", code),
            ("runtime/src/sql/rows/mod.rs", code),
            ("runtime/src/sql/rowset.rs", code),
        ],
        &["runtime/src/sql/rowset.rs:2: .unwrap()"],
    );
}

fn only_commands_print() {
    assert_problems(
        &[("runtime/src/cli/run.rs", "fn f() { println!(); eprint!(\"x\") }")],
        &[],
    );
    assert_problems(
        &[(
            "runtime/src/exec/run.rs",
            "fn f() { println!(); }\nfn g() { eprintln!() }\nfn h() { my_print!() }",
        )],
        &[
            "runtime/src/exec/run.rs:2: println!",
            "runtime/src/exec/run.rs:3: eprintln!",
        ],
    );
}

fn time_comes_from_the_clock() {
    assert_problems(&[("runtime/src/types/clock.rs", "fn f() { SystemTime::now() }")], &[]);
    let code = "#[cfg(test)]\nmod tests { fn f() { std::time::SystemTime::now(); } }\nfn g() { chrono::Utc::now(); }";
    assert_problems(
        &[("runtime/src/exec/run.rs", code)],
        &[
            "runtime/src/exec/run.rs:3: SystemTime::now",
            "runtime/src/exec/run.rs:4: Utc::now",
        ],
    );
}

fn nothing_is_switched_off_or_left_undone() {
    for code in [
        "#[ignore]\nfn f() {}",
        "#[ignore = \"slow\"]\nfn f() {}",
        "fn f() { todo!() }",
        "fn f() { unimplemented!(\"x\") }",
    ] {
        assert_eq!(problems(&[("udf-sdk/rust/tests/a.rs", code)]).len(), 1, "{code}");
    }
}

fn documents_name_what_exists() {
    let tree = [
        ("runtime/src/sql/mod.rs", ""),
        ("docs/adr/0001.md", "x"),
        ("tests/bench/run", "x"),
    ];
    let check = |text: &str| problems(&[tree[0], tree[1], tree[2], ("README.md", text)]);
    let good = "See `sql/mod.rs`, `sql/`, `runtime/src/sql`, `docs/adr/*.md`, `mod.rs`, `tests/bench/run` and\n\
                [the decisions](docs/adr/) and [one](./docs/adr/0001.md#cost).\n```\n`gone/x.rs`\n```\n";
    assert_eq!(check(good), Vec::<String>::new());
    for bad in [
        "`sql/gone.rs`",
        "`runtime/src/gone/`",
        "`tests/gone`",
        "`gone.rs`",
        "`gone/*.md`",
        "[x](docs/gone.md)",
        "`gone/`",
    ] {
        let found = check(&format!("One.\nSee `sql/` and {bad}.\n"));
        assert_eq!(found.len(), 1, "{bad}: {found:?}");
        assert!(found[0].starts_with("README.md:2: there is no "), "{found:?}");
    }
}

fn documents_may_name_what_is_no_path() {
    let text = "`/query-stream`, `application/json`, `INT/BIGINT`, `a / b`, `udf-sdk/NAME/src.rs`, `NAME.toml`, `plugins`,\n\
                `.rs`, `../shared/x.md`, [a page](https://example.com/a.md), [above](#above), `f(a/b)`, `mailto:x`.\n";
    assert_problems(&[("README.md", text)], &[]);
    // Other documents may say what they like.
    assert_problems(&[("docs/notes.md", "`gone/x.rs` [x](gone.md)\n")], &[]);
}

fn no_place_of_one_machine_is_named() {
    let slash = "/";
    for (start, directory) in [
        ("cd ", "root/x"),
        ("\"", "home/me/x"),
        ("A=", "work/x"),
        ("(", "Users/me"),
    ] {
        let text = format!("One.\n{start}{slash}{directory}\n");
        assert_problems(&[("docs/notes.md", &text)], &["docs/notes.md:2: "]);
    }
    for path in [
        "https://example.com/home/",
        "network/work/x",
        "$HOME/work/",
        "a/root/b",
        "~/home/x",
    ] {
        assert_problems(&[("docs/notes.md", path)], &[]);
    }
    let host = ["pypi", "org"].join(".");
    assert_problems(
        &[("tests/x.py", &format!("url = 'https://{host}/simple'\n"))],
        &["tests/x.py:1: "],
    );
    assert_problems(
        &[(
            "Cargo.lock",
            "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n",
        )],
        &[],
    );
}
