//! Guests that lie, eat and never end, in their calls: each a clear error, and the next call works.

use super::*;

/// A guest whose `bad` does `body`, and whose `good` doubles a number. `$data` is 4096 bytes of its own at 8192.
fn with_bad(args: &[&str], returns: &str, body: &str) -> String {
    guest(
        &[
            function("bad", args, returns, r#","nulls":"pass""#),
            function("good", &["DOUBLE"], "DOUBLE", ""),
        ],
        &format!(
            r#"(table $t 1 funcref)
            (func $deep (param i64) (result i64) (i64.add (call $deep (i64.add (local.get 0) (i64.const 1))) (local.get 0)))
            (func (export "bad") (param $args i32) (param $rows i32) (param $out i32) (result i32) {body})
            (func (export "good") (param $args i32) (param $rows i32) (param $out i32) (result i32) (local $i i32)
              (loop $next
                (f64.store (i32.add (i32.load offset=16 (local.get $out)) (i32.shl (local.get $i) (i32.const 3)))
                  (f64.mul (f64.const 2) (f64.load (i32.add (i32.load offset=16 (local.get $args)) (i32.shl (local.get $i) (i32.const 3))))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $i) (local.get $rows))))
              (i32.const 0))"#
        ),
    )
}

/// Loads, calls `bad` for four rows, and proves that the process and the plugin go on.
fn outcome_of(sandbox: &Sandbox, text: &str) -> Result<ArrayRef, Error> {
    let loaded = load(sandbox, "evil", text.as_bytes(), true).unwrap();
    let mut last = None;
    for _ in 0..2 {
        let bad = &loaded.scalars[0];
        let args: Vec<ArrayRef> = vec![longs([Some(1); 4]); bad.info().args.len()];
        let outcome = bad.call(&args, &vec![false; args.len()], 4);
        let good = call(&*loaded.scalars[1], &[doubles([Some(1.0), None, Some(3.0)])]).unwrap();
        assert_eq!(&good, &doubles([Some(2.0), None, Some(6.0)]), "the next call works");
        last = Some(outcome);
    }
    last.unwrap()
}

fn refused(sandbox: &Sandbox, text: &str) -> String {
    let error = outcome_of(sandbox, text).expect_err("must not give a column");
    let text = error.to_string();
    assert!(text.contains("function bad of plugin evil"), "{text}");
    text
}

#[test]
fn what_never_ends_is_ended() {
    let bodies = [
        "(loop $ever (br $ever)) (i32.const 0)",
        // Work that does not call and stores far apart.
        "(local $i i32) (loop $ever (i32.store8 (i32.and (local.get $i) (i32.const 65535)) (local.get $i)) (local.set $i (i32.add (local.get $i) (i32.const 4099))) (br $ever)) (i32.const 0)",
        // Ever asking for memory that it does not get.
        "(loop $ever (drop (memory.grow (i32.const 1))) (br $ever)) (i32.const 0)",
    ];
    for body in bodies {
        let text = refused(&hasty(), &with_bad(&["BIGINT"], "BIGINT", body));
        assert_eq!(text, "function bad of plugin evil met its limit: time 200 ms");
    }
}

#[test]
fn memory_table_and_stack_are_bounded() {
    let eat = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    let eat_table = "(loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1)))) unreachable";
    let all_at_once =
        "(drop (memory.grow (i32.const 65535))) (i32.store (i32.const 0x7ffffff0) (i32.const 1)) (i32.const 0)";
    let recurse = "(drop (call $deep (i64.const 1))) (i32.const 0)";
    for (body, limit) in [
        (eat, "memory 16 MiB"),
        (all_at_once, "memory 16 MiB"),
        (eat_table, "table of 65536 elements"),
        (recurse, "stack 512 KiB"),
    ] {
        let text = refused(&sandbox(), &with_bad(&["BIGINT"], "BIGINT", body));
        assert_eq!(text, format!("function bad of plugin evil met its limit: {limit}"));
    }
}

#[test]
fn deep_recursion_is_safe_on_a_small_thread() {
    // Threads of the engine have 2 MiB of stack, of which a guest may use 512 KiB.
    let run = || {
        refused(
            &sandbox(),
            &with_bad(&["BIGINT"], "BIGINT", "(drop (call $deep (i64.const 1))) (i32.const 0)"),
        )
    };
    let text = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(run)
        .unwrap()
        .join()
        .unwrap();
    assert!(text.ends_with("stack 512 KiB"), "{text}");
}

#[test]
fn a_result_larger_than_its_limit_is_refused() {
    let sandbox = Sandbox::new(Limits {
        result_bytes: 24,
        ..Limits::default()
    })
    .unwrap();
    let text = with_bad(&["BIGINT"], "BIGINT", "(i32.const 0)");
    assert_eq!(
        refused(&sandbox, &text),
        "function bad of plugin evil met its limit: result 24 bytes"
    );
}

/// Stores to fields of the descriptor at `base`, or to absolute addresses.
fn set(base: &str, fields: &[(u32, i64)]) -> String {
    fields
        .iter()
        .map(|(offset, value)| {
            let value = u32::try_from(*value & 0xffff_ffff).unwrap().cast_signed();
            format!("(i32.store offset={offset} {base} (i32.const {value}))")
        })
        .collect()
}

fn out(fields: &[(u32, i64)]) -> String {
    set("(local.get $out)", fields)
}

fn at(address: u32, fields: &[(u32, i64)]) -> String {
    set(&format!("(i32.const {address})"), fields)
}

const VALIDITY: u32 = 12;
const VALUES: u32 = 16;
const VALUES_BYTES: u32 = 20;
const OFFSETS: u32 = 24;
const CHILDREN: u32 = 28;

/// Offsets of four rows of one byte each at 8192, and the text "abcd" at 8256.
fn four_letters() -> String {
    at(8192, &[(0, 0), (4, 1), (8, 2), (12, 3), (16, 4)])
        + &at(8256, &[(0, 0x6463_6261)])
        + &out(&[(VALUES, 8256), (VALUES_BYTES, 4), (OFFSETS, 8192)])
}

fn check_lies(returns: &str, lies: &[(String, &str)]) {
    for (body, reason) in lies {
        let text = refused(
            &sandbox(),
            &with_bad(&["BIGINT"], returns, &format!("{body} (i32.const 0)")),
        );
        let start = "function bad of plugin evil gave a bad result: ";
        assert!(text.starts_with(start) && text.contains(reason), "{body}: {text}");
    }
}

#[test]
fn lies_about_fixed_width_columns() {
    let end = 4 * 65_536;
    check_lies(
        "BIGINT",
        &[
            (out(&[(0, 3)]), "a column of 4 rows was due, one of 3 came"),
            (out(&[(0, -1)]), "one of 4294967295 came"),
            (out(&[(4, 1)]), "flags 0x1"),
            (out(&[(VALUES, 0)]), "address of its values is 0"),
            (
                out(&[(VALUES, 8196)]),
                "the address 0x2004 of its values is not a multiple of 8",
            ),
            (
                out(&[(VALUES, -8)]),
                "its values, 32 bytes at 0xfffffff8, is outside of its memory of",
            ),
            (out(&[(VALUES, end - 24)]), "is outside of its memory"),
            (out(&[(VALUES, 0x7fff_fff8)]), "is outside of its memory"),
            (out(&[(VALUES_BYTES, 31)]), "32 bytes of values were due, 31 came"),
            (
                out(&[(VALIDITY, -1)]),
                "its validity bitmap, 1 bytes at 0xffffffff, is outside",
            ),
            // The descriptor itself overwritten with ones.
            (
                out(&[
                    (0, -1),
                    (4, -1),
                    (8, -1),
                    (12, -1),
                    (16, -1),
                    (20, -1),
                    (24, -1),
                    (28, -1),
                ]),
                "flags",
            ),
        ],
    );
    check_lies(
        "BOOLEAN",
        &[(out(&[(VALUES_BYTES, 0)]), "1 bytes of values were due, 0 came")],
    );
    check_lies(
        "DECIMAL(4, 2)",
        &[
            (
                out(&[(VALUES, 8192)]) + &at(8192, &[(0, 10_000)]),
                "too large to store in a Decimal128 of precision 4",
            ),
            (out(&[(VALUES, 8196)]), "is not a multiple of 8"),
        ],
    );
    check_lies(
        "TIME",
        &[
            (
                out(&[(VALUES, 8192)]) + &at(8192, &[(12, 86_400_000)]),
                "86400000 is not a TIME",
            ),
            (out(&[(VALUES, 8192)]) + &at(8192, &[(0, -1)]), "-1 is not a TIME"),
        ],
    );
}

#[test]
fn lies_about_strings() {
    let with = |more: String| four_letters() + &more;
    check_lies(
        "STRING",
        &[
            (String::new(), "the address of its offsets is 0"),
            (with(out(&[(OFFSETS, 8193)])), "offsets is not a multiple of 4"),
            (
                with(out(&[(OFFSETS, 4 * 65_536 - 16)])),
                "its offsets, 20 bytes at 0x3fff0, is outside",
            ),
            (with(at(8192, &[(8, 4)])), "offsets fall at row 2: 4 then 3"),
            (with(at(8192, &[(16, -1)])), "offsets fall at row 3: 3 then -1"),
            (with(at(8192, &[(0, -1)])), "the first offset is -1"),
            (
                with(at(8192, &[(16, 5)])),
                "offsets reach to byte 5 of 4 bytes of values",
            ),
            (with(at(8192, &[(16, 0x7fff_ffff)])), "offsets reach to byte 2147483647"),
            (with(out(&[(VALUES, 0)])), "the address of its values is 0"),
            (
                with(out(&[(VALUES, -2)])),
                "its values, 4 bytes at 0xfffffffe, is outside",
            ),
            (
                with(out(&[(VALUES_BYTES, -1), (VALUES, -1)]) + &at(8192, &[(16, 0x7fff_ffff)])),
                "is outside",
            ),
            (with(at(8256, &[(0, 0xff)])), "not UTF-8"),
            // Valid as a whole, but a row ends inside of a character.
            (with(at(8256, &[(0, 0x61ac_82e2)])), "not UTF-8"),
        ],
    );
}

/// A child descriptor at 8320 of `rows` numbers at 8384, for the list of the letters' offsets.
fn child(rows: i64) -> String {
    four_letters() + &at(8320, &[(0, rows), (VALUES, 8384), (VALUES_BYTES, rows * 8)]) + &out(&[(CHILDREN, 8320)])
}

#[test]
fn lies_about_nested_columns() {
    check_lies(
        "ARRAY<BIGINT>",
        &[
            (four_letters(), "the address of its children is 0"),
            (
                child(4) + &out(&[(CHILDREN, -4)]),
                "its descriptor, 32 bytes at 0xfffffffc, is outside",
            ),
            (
                child(4) + &out(&[(CHILDREN, 8322)]),
                "descriptor is not a multiple of 4",
            ),
            (child(3), "offsets reach to row 4 of a child of 3 rows"),
            (
                child(4) + &at(8320, &[(0, -1)]),
                "34359738360 bytes of values were due, 32 came",
            ),
        ],
    );
    // A column that is its own child ends with the depth of its type.
    check_lies(
        "ARRAY<ARRAY<ARRAY<BIGINT>>>",
        &[(
            four_letters() + "(i32.store offset=28 (local.get $out) (local.get $out))",
            "32 bytes of values were due, 4 came",
        )],
    );
    let two =
        |first: i64, second: i64| child(first) + &at(8352, &[(0, second), (VALUES, 8384), (VALUES_BYTES, second * 8)]);
    check_lies(
        "STRUCT<A BIGINT, B BIGINT>",
        &[
            (two(4, 5), "a column of 4 rows was due, one of 5 came"),
            (two(4, 4) + &at(8352, &[(4, 1)]), "flags 0x1"),
        ],
    );
    check_lies(
        "MAP<BIGINT, BIGINT>",
        &[
            (two(4, 5), "a column of 4 rows was due, one of 5 came"),
            (
                two(4, 4) + &at(8320, &[(VALIDITY, 8448)]) + &at(8448, &[(0, 0b1011)]),
                "1 keys of a MAP are null",
            ),
        ],
    );
}

#[test]
fn overlapping_buffers_are_only_bytes() {
    // Offsets, text and descriptor in one place: odd, but a column like any other.
    let body = "(i32.store offset=16 (local.get $out) (local.get $out))
        (i32.store offset=20 (local.get $out) (i32.const 32))
        (i32.store offset=24 (local.get $out) (i32.const 8192)) (i32.const 0)";
    let column = outcome_of(
        &sandbox(),
        &with_bad(
            &["BIGINT"],
            "BYTES",
            &(at(8192, &[(4, 8), (8, 8), (12, 16), (16, 32)]) + body),
        ),
    )
    .unwrap();
    assert_eq!(column.as_binary::<i32>().value(0)[..4], 4_u32.to_le_bytes());
    let body = "(i32.store offset=16 (local.get $out) (i32.load offset=16 (local.get $args))) (i32.const 0)";
    let column = outcome_of(&sandbox(), &with_bad(&["BIGINT"], "BIGINT", body)).unwrap();
    assert_eq!(&column, &longs([Some(1); 4]));
}

#[test]
fn an_odd_status_is_a_failure() {
    let text = refused(&sandbox(), &with_bad(&["BIGINT"], "BIGINT", "(i32.const -77)"));
    assert_eq!(
        text,
        "function bad of plugin evil failed: status -77, and it left no message"
    );
}

#[test]
fn lies_about_errors_are_found() {
    let last_error = |pointer: &str| {
        with_bad(&["BIGINT"], "BIGINT", "(i32.store offset=4 (i32.const 8192) (i32.const -4)) (i32.store offset=8 (i32.const 8192) (i32.const 64)) (i32.const 2)")
            .replace("(table $t", &format!("(func (export \"ww_last_error\") (result i64) {pointer}) (table $t"))
    };
    for (pointer, reason) in [
        ("(i64.const 0x0000200000000002)", "2 error reports where 1 are possible"),
        ("(i64.const 0x00002000ffffffff)", "4294967295 error reports"),
        (
            "(i64.const 0xfffffff000000001)",
            "its error reports, 12 bytes at 0xfffffff0, is outside",
        ),
        ("(i64.const 0x0000200100000001)", "not a multiple of 4"),
        (
            "(i64.const 0x0000200000000001)",
            "its error message, 64 bytes at 0xfffffffc, is outside",
        ),
        (
            "unreachable",
            "gave a bad result: ww_last_error trapped: wasm `unreachable`",
        ),
        ("(i64.const 0)", "failed: status 2, and it left no message"),
    ] {
        let text = refused(&sandbox(), &last_error(pointer));
        assert!(text.contains(reason), "{pointer}: {text}");
    }
    let text = refused(&hasty(), &last_error("(loop $ever (br $ever)) (i64.const 0)"));
    assert!(text.ends_with("time 200 ms"), "{text}");
}

#[test]
fn a_message_may_be_no_text_and_very_long() {
    let text = with_bad(
        &["BIGINT"],
        "BIGINT",
        "(memory.fill (i32.const 8208) (i32.const 255) (i32.const 4000)) (i32.store offset=4 (i32.const 8192) (i32.const 8208))
         (i32.store offset=8 (i32.const 8192) (i32.const 4000)) (i32.const 2)",
    )
    .replace("(table $t", r#"(func (export "ww_last_error") (result i64) (i64.const 0x0000200000000001)) (table $t"#);
    let text = refused(&sandbox(), &text);
    assert!(text.len() < 2_000 && text.ends_with('\u{fffd}'), "{}", text.len());
}

#[test]
fn allocators_that_lie_are_found() {
    let with_alloc = |body: &str| {
        let good = guest(&[function("f", &["BIGINT"], "BIGINT", "")], &echo("f"));
        let start = good.find("(func $alloc").unwrap();
        let end = good.find("(func (export \"ww_free\")").unwrap();
        format!(
            "{}(func (export \"ww_alloc\") (param i32 i32) (result i32) {body}){}",
            &good[..start],
            &good[end..]
        )
    };
    for (body, reason) in [
        ("(i32.const 0)", "met its limit: memory 16 MiB"),
        ("(i32.const 24)", "gave 0x18, which is not aligned or not in its memory"),
        (
            "(i32.const -16)",
            "gave 0xfffffff0, which is not aligned or not in its memory",
        ),
        ("(i32.const 262128)", "not in its memory"),
        ("unreachable", "gave a bad result: ww_alloc trapped: wasm `unreachable`"),
        ("(loop $ever (br $ever)) (i32.const 0)", "time 200 ms"),
    ] {
        let loaded = load(&hasty(), "evil", with_alloc(body).as_bytes(), true).unwrap();
        for _ in 0..2 {
            let error = call(&*loaded.scalars[0], &[longs([Some(1)])]).unwrap_err().to_string();
            assert!(
                error.contains("function f of plugin evil") && error.contains(reason),
                "{body}: {error}"
            );
        }
    }
    // An arena over the manifest is the guest's own loss: the host has read it.
    let loaded = load(&sandbox(), "evil", with_alloc("(i32.const 16)").as_bytes(), true).unwrap();
    assert_eq!(
        &call(&*loaded.scalars[0], &[longs([Some(7)])]).unwrap(),
        &longs([Some(7)])
    );
}
