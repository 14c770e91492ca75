//! What ksqlDB gives for the same calls, as rows.

use crate::function::test_values::{NOW_MS, eval, function};
use crate::function::{docs, scalar::definitions};

fn check(rows: &[(&str, &str)]) {
    for (call, expected) in rows {
        assert_eq!(eval(call), *expected, "{call}");
    }
}

#[test]
fn numbers() {
    check(&[
        ("abs(-5)", "5"),
        ("abs(-2147483648)", "-2147483648"),
        ("abs(-5L)", "5"),
        ("abs(-1.50)", "1.50"),
        ("abs(-1.5e0)", "1.5"),
        ("abs(null<INT>)", "null"),
        ("acos(2e0)", "NaN"),
        ("acos(1)", "0.0"),
        ("cbrt(27)", "3.0"),
        ("atan2(0, -3)", "3.141592653589793"),
        ("exp(0)", "1.0"),
        ("ln(0)", "-Infinity"),
        ("ln(-1)", "NaN"),
        ("ln(2.0)", "0.6931471805599453"),
        ("log(15, 13)", "0.9471572411831843"),
        ("log(1, 13)", "NaN"),
        ("log(-15, 13)", "NaN"),
        ("log(null<INT>, 13)", "null"),
        ("pi()", "3.141592653589793"),
        ("power(15, 13)", "1.946195068359375E15"),
        ("power(15, -1)", "0.06666666666666667"),
        ("power(0, 0)", "1.0"),
        ("power(1e0, NaN)", "NaN"),
        ("sqrt(-1)", "NaN"),
        ("degrees(2)", "114.59155902616465"),
        ("sign(-2L)", "-1"),
        ("sign(0.5e0)", "1"),
        ("sign(NaN)", "0"),
        ("cot(0)", "Infinity"),
        (
            "ln('x')",
            "error: Error during planning: function LN does not accept parameters (STRING); it takes LN(DOUBLE)",
        ),
    ]);
    assert_eq!(
        eval("random()")
            .split_once('.')
            .map(|(whole, _)| whole.to_owned())
            .as_deref(),
        Some("0")
    );
}

#[test]
fn rounding() {
    check(&[
        ("round(-1.5e0)", "-1"),
        ("round(1.5e0)", "2"),
        ("round(-1.7e0)", "-2"),
        ("round(NaN)", "0"),
        ("round(1e300)", "9223372036854775807"),
        ("round(12345.678e0, 2)", "12345.68"),
        ("round(-12345.678e0, -1)", "-12350.0"),
        ("round(1.2e0, 0)", "1.0"),
        ("round(-1.1e0, -1)", "0.0"),
        ("round(1.005e0, 2)", "1.01"),
        ("round(NaN, 2)", "error: round: NaN cannot be rounded"),
        ("round(5)", "5"),
        ("round(12345678987654321.2345678987654321)", "12345678987654321"),
        (
            "round(12345678987654321.2345678987654321, 10)",
            "12345678987654321.2345678988000000",
        ),
        (
            "round(12345678987654321.2345678987654321, -2)",
            "12345678987654300.0000000000000000",
        ),
        ("round(-1.5)", "-1"),
        ("trunc(-1.7e0)", "-1"),
        ("trunc(12345.678e0, 2)", "12345.67"),
        ("trunc(-12345.678e0, -2)", "-12300.0"),
        ("trunc(-1.77, 1)", "-1.70"),
        ("trunc(1.7)", "1"),
        ("ceil(1.1e0)", "2.0"),
        ("ceil(-1.5)", "-1.0"),
        ("ceil(1.5)", "2.0"),
        ("floor(-1.5)", "-2.0"),
        ("floor(1.9e0)", "1.0"),
        ("floor(7L)", "7"),
        ("floor(null<DECIMAL>)", "null"),
    ]);
}

#[test]
fn extremes() {
    check(&[
        ("greatest(1, null, 5, 3)", "5"),
        ("greatest(null<INT>, null<INT>)", "null"),
        ("greatest(1234567.89, 0.123456)", "1234567.890000"),
        ("least(1, 2L, 0.5, 3e0)", "0.5"),
        ("least('apple', 'Banana', null)", "Banana"),
        ("greatest(x'01', x'0100')", "0100"),
        ("greatest(time'09:00', '09:16:00')", "09:16"),
        ("greatest(timestamp'2020', '2022-06-14')", "2022-06-14T00:00:00.000"),
        (
            "greatest(date'2020', 'no date')",
            "error: greatest: 'no date' is not a date like '2020-05-26': it differs from character 1 on",
        ),
    ]);
    for (call, reason) in [
        ("greatest()", "does not accept parameters ()"),
        ("greatest(null, null)", "is ambiguous for parameters (null, null)"),
        ("greatest(1, 2L)", "is ambiguous for parameters (INTEGER, BIGINT)"),
        ("greatest('a', 1)", "does not accept parameters (STRING, INTEGER)"),
    ] {
        let error = eval(call);
        assert!(error.contains(reason), "{call}: {error}");
    }
}

#[test]
fn distances() {
    check(&[
        ("geo_distance(37.4439e0, -122.1663e0, 51, 0)", "8682.459061368269"),
        ("geo_distance(0, 0, 0, 0, 'miles')", "0.0"),
        ("geo_distance(0, 0, 0, 0, null)", "0.0"),
        (
            "geo_distance(91, 0, 0, 0)",
            "error: geo_distance: latitude 91 is outside of -90 to 90 degrees",
        ),
        (
            "geo_distance(0, 0, 0, 0, 'feet')",
            "error: geo_distance: unit 'feet' is unknown: use 'KM' or 'MILES'",
        ),
    ]);
}

#[test]
fn texts() {
    check(&[
        ("len('añ😀')", "4"),
        ("len(x'0001')", "2"),
        ("len(null<STRING>)", "null"),
        ("ucase('straße')", "STRASSE"),
        ("lcase('ÀB')", "àb"),
        ("trim(' \\t with white space \\t')", "with white space"),
        ("initcap('the   Quick br0wn fOx')", "The   Quick Br0wn Fox"),
        ("initcap('  lead')", "Lead"),
        ("replace('aaa', 'a', 'bc')", "bcbcbc"),
        ("replace('aaa', null<STRING>, 'b')", "null"),
        ("instr('corporate floor', 'or')", "2"),
        ("instr('corporate floor', 'or', 4)", "5"),
        ("instr('corporate floor', 'or', 4, 2)", "14"),
        ("instr('corporate floor', 'or', -4)", "5"),
        ("instr('corporate floor', 'or', -4, 2)", "2"),
        ("instr('short', 'or', -4)", "0"),
        ("instr('short', 'or', 9)", "0"),
        ("instr(null<STRING>, 'or')", "0"),
        ("concat('a', null, 'b')", "ab"),
        ("concat(x'01', null, x'02')", "0102"),
        ("concat_ws('-', 'a', null, 'b')", "a-b"),
        ("concat_ws(null<STRING>, 'a', 'b')", "null"),
        ("concat_ws('-', null<STRING>, null<STRING>)", ""),
        ("concat_ws(x'00', x'01', x'02')", "010002"),
        ("split('..a..', '.')", "[, , a, , ]"),
        ("split('', ',')", "[]"),
        ("split('abc', '')", "[a, b, c]"),
        ("split(x'012e02', x'2e')", "[01, 02]"),
        (
            "split_to_map('apple:green//banana:yellow/cherry', '/', ':')",
            "{banana=yellow, apple=green}",
        ),
        ("split_to_map('a', '', ':')", "null"),
        ("split_to_map('', '/', ':')", "{}"),
        ("elt(2, 'a', 'b')", "b"),
        ("elt(3, 'a', 'b')", "null"),
        ("elt(0, 'a')", "null"),
        ("field('b', 'a', 'b')", "2"),
        ("field('c', 'a', null)", "0"),
        ("field(null<STRING>, 'a')", "0"),
        ("chr(75)", "K"),
        ("chr(-1)", "null"),
        ("chr('\\\\u004b')", "K"),
        ("chr('\\\\ud83d\\\\ude00')", "😀"),
        ("chr('K')", "null"),
        ("md5('r1')", "7c92cf1eee8d99cc85f8355a3d6e4b86"),
        (
            "uuid(x'000102030405060708090a0b0c0d0e0f')",
            "00010203-0405-0607-0809-0a0b0c0d0e0f",
        ),
        ("uuid(x'00')", "null"),
        ("as_value('a')", "a"),
        ("substring('some_string', 6)", "string"),
        ("substring('some_string', 0, 2)", "so"),
        ("substring('some_string', -3, 2)", "in"),
        ("substring('some_string', -30, 2)", "so"),
        ("substring('short', 9)", ""),
        ("substring('short', 2, -1)", ""),
        ("substring('a😀b', 3)", "?b"),
        ("substring('some', null)", "null"),
        ("substring(x'010203', 2, 1)", "02"),
    ]);
    let uuid = eval("uuid()");
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
}

#[test]
fn encodings_and_padding() {
    check(&[
        ("to_bytes('1aB2', 'hex')", "1AB2"),
        (
            "to_bytes('1aB', 'hex')",
            "error: to_bytes: '1aB' is not an even number of hexadecimal digits",
        ),
        ("to_bytes('añ', 'ascii')", "613F"),
        ("to_bytes('IQ==', 'base64')", "21"),
        (
            "to_bytes('a', 'ebcdic')",
            "error: to_bytes: encoding 'ebcdic' is unknown: use 'hex', 'utf8', 'ascii' or 'base64'",
        ),
        ("from_bytes(x'1ab2', 'hex')", "1AB2"),
        ("from_bytes(x'c39c', 'utf8')", "Ü"),
        ("from_bytes(x'00ff10', 'base64')", "AP8Q"),
        ("from_bytes(x'61', null<STRING>)", "null"),
        ("encode('4578616d706C6521', 'hex', 'ascii')", "Example!"),
        ("encode('c39c62', 'hex', 'ascii')", "\u{fffd}\u{fffd}b"),
        ("encode('0x578616d706C6521', 'hex', 'utf8')", "\u{5}xample!"),
        ("encode('X\\'4578616d706C6521\\'', 'hex', 'base64')", "RXhhbXBsZSE="),
        ("encode('0x', 'hex', 'utf8')", ""),
        ("encode('Ελ', 'ascii', 'hex')", "3f3f"),
        ("encode('a', 'hex', 'hex')", "error: encode: the encodings must differ"),
        ("lpad('foo', 7, 'Bar')", "BarBfoo"),
        ("lpad('foo', 2, 'Bar')", "fo"),
        ("rpad('foo', 7, 'Bar')", "fooBarB"),
        ("rpad('foo', -1, 'Bar')", "null"),
        ("rpad('foo', 3, '')", "null"),
        ("lpad(x'796573', 8, x'6e6f')", "6E6F6E6F6E796573"),
        ("rpad(x'796573', 2, x'6e6f')", "7965"),
        ("int_from_bytes(x'000007e5')", "2021"),
        ("int_from_bytes(x'e5070000', 'LITTLE_ENDIAN')", "2021"),
        (
            "int_from_bytes(x'00')",
            "error: int_from_bytes: 1 bytes given, 4 needed",
        ),
        ("bigint_from_bytes(x'000000012a05f200')", "5000000000"),
        ("double_from_bytes(x'4080a6fd9bc9f582')", "532.8738323"),
        (
            "double_from_bytes(x'4080a6fd9bc9f582', 'MIDDLE')",
            "error: double_from_bytes: byte order 'MIDDLE' is unknown: use 'BIG_ENDIAN' or 'LITTLE_ENDIAN'",
        ),
    ]);
}

#[test]
fn masks() {
    check(&[
        ("mask('AbC#$123xy$%Z')", "XxX--nnnxx--X"),
        ("mask('Ab1-', 'Q', null, '9', '*')", "Qb9*"),
        (
            "mask('Ab1-', 'QQ', null, '9', '*')",
            "error: mask: a mask is one character, not 'QQ'",
        ),
        ("mask('٣é😀')", "nx--"),
        ("mask_left('AbC1', 2)", "XxC1"),
        ("mask_left('AbC1', 20)", "XxXn"),
        ("mask_right('AbC1', 2)", "AbXn"),
        ("mask_keep_left('AbC1', 2)", "AbXn"),
        ("mask_keep_right('AbC1', 2)", "XxC1"),
        ("mask_keep_right('AbC1', 2, 'Q', 'q', 'd', 'o')", "QqC1"),
        (
            "mask_left('AbC1', -1)",
            "error: mask_left: the number of characters must not be negative",
        ),
        ("mask_left(null<STRING>, 2)", "null"),
    ]);
}

#[test]
fn patterns() {
    check(&[
        ("regexp_extract('test.', 'some_test_string')", "test_"),
        ("regexp_extract('test.', 'nothing')", "null"),
        ("regexp_extract('(.*) (.*)', 'steven zhang', 2)", "zhang"),
        ("regexp_extract('(.*) (.*)', 'steven zhang', 3)", "null"),
        ("regexp_extract('(a)|b', 'b', 1)", "null"),
        ("regexp_extract(null<STRING>, 'b')", "null"),
        (
            "regexp_extract_all('(\\\\w+) (\\\\w*)', 'apurva mehta agavra ', 2)",
            "[mehta, ]",
        ),
        ("regexp_extract_all('x', 'abc')", "[]"),
        ("regexp_extract_all('x', 'abc', 5)", "null"),
        ("regexp_replace('baababaa', '(ab)+', 'cat')", "bacataa"),
        (
            "regexp_replace('john doe', '(\\\\w+) (\\\\w+)', '$2, $1\\\\$')",
            "doe, john$",
        ),
        (
            "regexp_replace('a', 'a', '$1')",
            "error: regexp_replace: the pattern has no group 1",
        ),
        ("regexp_split_to_array('axbxc', 'x')", "[a, b, c]"),
        ("regexp_split_to_array('xax', 'x')", "[, a, ]"),
        ("regexp_split_to_array('abc', '')", "[a, b, c]"),
        ("regexp_split_to_array('abc', 'x')", "[abc]"),
        (
            "regexp_extract('a(?=b)', 'ab')",
            "error: regexp_extract: regular expression 'a(?=b)' has a lookahead, which is not supported",
        ),
    ]);
}

#[test]
fn json() {
    check(&[
        (
            "extractjsonfield('{\"a\": {\"b\": [1, {\"c\": \"x\"}]}}', '$.a.b[1].c')",
            "x",
        ),
        (
            "extractjsonfield('{\"a\": {\"b\": [1, 2.50]}}', '$.a')",
            "{\"b\":[1,2.50]}",
        ),
        ("extractjsonfield('{\"a\": 1}', '$.b')", "null"),
        ("extractjsonfield('[1]', '$[-1]')", "null"),
        ("extractjsonfield('', '$.a')", "null"),
        ("extractjsonfield('{\"a\": 1e2}', '$.a')", "1E+2"),
        (
            "extractjsonfield('{\"a\": 1}', 'a')",
            "error: extractjsonfield: invalid JSON path 'a' at character 1",
        ),
        (
            "extractjsonfield('{', '$.a')",
            "error: extractjsonfield: invalid JSON: EOF while parsing an object at line 1 column 1",
        ),
        ("is_json_string('[1, 2]')", "true"),
        ("is_json_string('abc')", "false"),
        ("is_json_string('')", "false"),
        ("is_json_string(null<STRING>)", "false"),
        ("json_array_contains('[1, \"a\", null, true, 2.5]', 1)", "true"),
        ("json_array_contains('[1, \"a\", null, true, 2.5]', 'a')", "true"),
        (
            "json_array_contains('[1, \"a\", null, true, 2.5]', null<STRING>)",
            "true",
        ),
        ("json_array_contains('[1, \"a\", null, true, 2.5]', false)", "false"),
        ("json_array_contains('[1, \"a\", null, true, 2.5]', 2.5e0)", "true"),
        ("json_array_contains('[1]', 1e0)", "false"),
        ("json_array_contains('{', 1)", "false"),
        ("json_array_length('[1, [2, 3]]')", "2"),
        ("json_array_length('{}')", "null"),
        (
            "json_concat('{\"a\": 1}', '{\"b\": 2}', '{\"a\": 3}')",
            "{\"a\":3,\"b\":2}",
        ),
        ("json_concat('[1, 2]', '{\"a\": 1}', '4')", "[1,2,{\"a\":1},4]"),
        ("json_concat('null', 'null')", "[null,null]"),
        ("json_concat('1', '')", "null"),
        ("json_concat('1', null)", "null"),
        ("json_items('[{\"a\": 1}, 2]')", "[{\"a\":1}, 2]"),
        ("json_keys('{\"b\": 1, \"a\": 2}')", "[b, a]"),
        ("json_keys('[]')", "null"),
        ("json_records('{\"a\": \"x\", \"b\": [1, 2]}')", "{a=x, b=[1,2]}"),
        ("to_json_string(null<INT>)", "null"),
        ("to_json_string('a\"b')", "\"a\\\"b\""),
        ("to_json_string(1.50)", "1.50"),
        ("to_json_string(1e10)", "1.0E10"),
        ("to_json_string(x'21')", "\"IQ==\""),
        (
            "to_json_string(timestamp'1971-11-28T23:46:40')",
            "\"1971-11-28T23:46:40.000\"",
        ),
        ("to_json_string(date'2020-01-02')", "\"2020-01-02\""),
        ("to_json_string(time'10:00')", "\"10:00\""),
        ("to_json_string([1, null])", "[1,null]"),
        ("to_json_string((B: 1, A: 'x'))", "{\"A\":\"x\",\"B\":1}"),
        ("to_json_string({'b': 1, 'a': null})", "{\"a\":null,\"b\":1}"),
    ]);
}

#[test]
fn arrays() {
    check(&[
        ("array_length([1, 2, null])", "3"),
        ("array_length(null<INTS>)", "null"),
        ("array_contains(['a', null], 'a')", "true"),
        ("array_contains(['a', null], null<STRING>)", "true"),
        ("array_contains(['a'], null<STRING>)", "false"),
        ("array_contains([1L], 1)", "true"),
        ("array_contains(null<INTS>, 1)", "false"),
        ("array_contains([[1], [2]], [2])", "true"),
        ("array_join([1, null, 3])", "1,null,3"),
        ("array_join([1.50, 2.25], '#')", "1.50#2.25"),
        ("array_join(['a', 'b'], null<STRING>)", "ab"),
        ("array_join([1.5e0, 0e0], ' ')", "1.5 0.0"),
        (
            "array_join([[1]])",
            "error: array_join: only numbers, texts and booleans can be joined",
        ),
        ("array_max([1, null, 3])", "3"),
        ("array_max([null<INT>])", "null"),
        ("array_min(['foo', 'fo', 'Food', null])", "Food"),
        ("array_min([-0.2, 0.1])", "-0.2"),
        ("array_max(null<INTS>)", "null"),
        ("array_sort([null, 2, 1])", "[1, 2, null]"),
        ("array_sort([true, false, null], 'desc')", "[true, false, null]"),
        ("array_sort([1, 2], 'sideways')", "null"),
        ("array_remove([1, null, 2, 1], 1)", "[null, 2]"),
        ("array_remove([1, null, 2], null)", "[1, 2]"),
        ("array_remove([{'a': 1, 'b': 2}], {'b': 2, 'a': 1})", "[]"),
        ("array_remove(null<INTS>, 1)", "null"),
        ("slice([1, 2, 3, 4], 2, 3)", "[2, 3]"),
        ("slice([1, 2, 3], 2, null)", "[2, 3]"),
        ("slice([1, 2, 3], null, 2)", "[1, 2]"),
        ("slice([1, 2, 3], 0, 2)", "null"),
        ("slice([1, 2, 3], 2, 9)", "null"),
        ("generate_series(0, 3)", "[0, 1, 2, 3]"),
        ("generate_series(9, 0, -3)", "[9, 6, 3, 0]"),
        ("generate_series(-2, 1, 2)", "[-2, 0]"),
        ("generate_series(5L, 5L)", "[5]"),
        (
            "generate_series(0, 3, 0)",
            "error: generate_series: the step of a series must not be zero",
        ),
        (
            "generate_series(0, 3, -1)",
            "error: generate_series: the step -1 leads away from the end of the series",
        ),
        (
            "generate_series(0, 2147483647)",
            "error: generate_series: a series of 2147483648 numbers is longer than 16777216",
        ),
        ("array_distinct([0, 0, null, 1, null])", "[0, null, 1]"),
        ("array_except([0, 0, 1, 0, -1], [1, -2])", "[0, -1]"),
        ("array_except([0], null<INTS>)", "null"),
        ("array_intersect([0, 0, 1, null], [null, 0])", "[0, null]"),
        ("array_union(['foo', 'bar', 'foo'], ['foo', 'baz'])", "[foo, bar, baz]"),
        ("array_union(null<INTS>, [1])", "null"),
        ("array_concat([1, 1], [null<INT>])", "[1, 1, null]"),
        ("array_concat([1], null<INTS>)", "[1]"),
        ("array_concat(null<INTS>, null<INTS>)", "null"),
    ]);
}

#[test]
fn maps() {
    check(&[
        (
            "map_keys({'foo': 1, 'bar': 2, 'baz': 3, 'apple': 4})",
            "[apple, bar, baz, foo]",
        ),
        ("map_values({'foo': 1, 'bar': null})", "[null, 1]"),
        ("map_keys(null<MAP>)", "null"),
        ("map_union({'a': 1, 'b': 2}, {'b': 3, 'c': 4})", "{a=1, b=3, c=4}"),
        ("map_union(null<MAP>, {'a': null<INT>})", "{a=null}"),
        ("map_union(null<MAP>, null<MAP>)", "null"),
        ("as_map(['a', 'b', 'a'], [1, 2])", "{a=null, b=2}"),
        ("as_map([null, 'b'], [1, 2])", "{null=1, b=2}"),
        ("as_map(null<STRINGS>, [1])", "null"),
        ("entries({'b': 1, 'a': 2}, true)", "[Struct{K=a,V=2}, Struct{K=b,V=1}]"),
        ("entries(null<MAP>, true)", "null"),
    ]);
}

#[test]
fn time() {
    assert_eq!(eval("unix_timestamp()"), NOW_MS.to_string());
    check(&[
        ("unix_timestamp(timestamp'1970-01-01T00:00:00.100')", "100"),
        ("unix_date()", "17662"),
        ("unix_date(date'1970-01-11')", "10"),
        ("from_unixtime(100L)", "1970-01-01T00:00:00.100"),
        ("from_days(-1)", "1969-12-31"),
        (
            "convert_tz(timestamp'1970-01-01T00:00:00.100', '+0200', '+0500')",
            "1970-01-01T03:00:00.100",
        ),
        (
            "convert_tz(timestamp'2021-07-01', 'UTC', 'America/Los_Angeles')",
            "2021-06-30T17:00:00.000",
        ),
        (
            "convert_tz(timestamp'2021-07-01', 'UTC', 'Mars')",
            "error: convert_tz: unknown time zone 'Mars': use a name like 'UTC' or 'Europe/London', or an offset like '+02:00'",
        ),
        ("dateadd('DAYS', 10, date'1970-01-01')", "1970-01-11"),
        ("datesub('DAY', 10, date'1970-01-06')", "1969-12-27"),
        ("dateadd('HOURS', 36, date'1970-01-01')", "1970-01-02"),
        (
            "dateadd('WEEKS', 1, date'1970-01-01')",
            "error: dateadd: unit 'WEEKS' is unknown: use DAYS, HOURS, MINUTES, SECONDS or MILLISECONDS",
        ),
        ("timeadd('MILLISECONDS', 10, time'23:59:59.995')", "00:00:00.005"),
        ("timesub('HOURS', 2, time'01:00')", "23:00"),
        ("timestampadd('MINUTES', 5, timestamp'2020')", "2020-01-01T00:05:00.000"),
        ("timestampsub('seconds', 5, timestamp'2020')", "2019-12-31T23:59:55.000"),
        ("timestampsub(null<STRING>, 5, timestamp'2020')", "null"),
        ("format_date(date'2022-01-01', 'dd-MMM-yyyy')", "01-Jan-2022"),
        ("datetostring(-1, 'dd-MM-yyyy\\'Sophia\\'')", "31-12-1969Sophia"),
        (
            "format_date(date'2022-01-01', 'HH')",
            "error: format_date: the pattern asks for HourOfDay, which the value does not have",
        ),
        (
            "format_date(date'2022-01-01', 'b')",
            "error: format_date: invalid date/time pattern 'b': unknown letter 'b': put text in single quotes",
        ),
        ("format_time(time'00:20:34.567', 'HHmmss\\'A\\'')", "002034A"),
        (
            "format_timestamp(timestamp'2018-05-11T21:58:33', 'yyyy-MM-dd HH:mm:ss zzz', 'America/Los_Angeles')",
            "2018-05-11 14:58:33 PDT",
        ),
        ("format_timestamp(timestamp'2018-05-11T21:58:33', 'HH:mm')", "21:58"),
        ("format_timestamp(timestamp'2018', 'HH:mm', null<STRING>)", "null"),
        ("timestamptostring(1526075913000L, 'HH', 'Europe/London')", "22"),
        ("timestamptostring(5, 'S')", "0"),
        ("parse_date('01-JAN-2022', 'dd-MMM-yyyy')", "2022-01-01"),
        (
            "parse_date('abcd', 'yyyy-MM-dd')",
            "error: parse_date: 'abcd' is not of the form 'yyyy-MM-dd': it differs from character 1 on",
        ),
        ("stringtodate('2018-05-11Lit', 'yyyy-MM-dd\\'Lit\\'')", "17662"),
        ("parse_time('01:00:00 Pm', 'hh:mm:ss a')", "13:00"),
        (
            "parse_timestamp('2018-05-11T21:58:33 PST', 'yyyy-MM-dd\\'T\\'HH:mm:ss zzz')",
            "2018-05-12T04:58:33.000",
        ),
        (
            "parse_timestamp('2018-05-11', 'yyyy-MM-dd', '+05:00')",
            "2018-05-10T19:00:00.000",
        ),
        (
            "stringtotimestamp('2018-05-11T21:58:33Z', 'yyyy-MM-dd\\'T\\'HH:mm:ssX')",
            "1526075913000",
        ),
        ("stringtotimestamp(null<STRING>, 'yyyy')", "null"),
    ]);
}

#[test]
fn urls() {
    check(&[
        ("url_extract_protocol('https://test@confluent.io:8080/nested')", "https"),
        ("url_extract_protocol('www.confluent.io')", "null"),
        ("url_extract_host('http://test@confluent.io:8080')", "confluent.io"),
        ("url_extract_host('http://under_score.io')", "null"),
        ("url_extract_host('http://[::1]:80/')", "[::1]"),
        (
            "url_extract_port('http://test@confluent.io:8080/nested/path?query&jobs')",
            "8080",
        ),
        ("url_extract_port('http://confluent.io')", "null"),
        ("url_extract_path('http://a.b/x%20y?q')", "/x y"),
        ("url_extract_path('mailto:a@b')", "null"),
        ("url_extract_query('http://a.b/?x=1%262#f')", "x=1&2"),
        ("url_extract_query('http://a.b/')", "null"),
        (
            "url_extract_fragment('http://www.test.com/?query#fragment')",
            "fragment",
        ),
        (
            "url_extract_parameter('http://www.test.com/?one=a&two=b=c&three', 'two')",
            "b=c",
        ),
        ("url_extract_parameter('http://www.test.com/?one=a&three', 'three')", ""),
        ("url_extract_parameter('http://www.test.com/?one=a', 'two')", "null"),
        (
            "url_extract_host('http://a b')",
            "error: url_extract_host: 'http://a b' is not a URL",
        ),
        ("url_encode_param('?foo $bar')", "%3Ffoo+%24bar"),
        ("url_encode_param('a-b_c.d*é')", "a-b_c.d*%C3%A9"),
        ("url_decode_param('%3Ffoo+%24bar')", "?foo $bar"),
        (
            "url_decode_param('%3')",
            "error: url_decode_param: '%3' has a broken percent escape",
        ),
    ]);
}

#[test]
fn conditions() {
    check(&[
        ("coalesce(null<INT>, null, 3, 4)", "3"),
        ("coalesce(null<STRING>, 'x')", "x"),
        ("coalesce(null<INTS>, [10, 20])", "[10, 20]"),
        ("coalesce(null<BIGINT>, 1)", "1"),
        ("ifnull(null<INT>, 10)", "10"),
        ("ifnull(1, 10)", "1"),
        ("nullif(1, 1)", "null"),
        ("nullif('a', 'b')", "a"),
        ("nullif(null<INT>, 1)", "null"),
    ]);
    assert!(eval("coalesce()").contains("does not accept parameters ()"));
}

#[test]
fn every_scalar_function_of_ksqldb_is_there_and_documented() {
    let docs = docs();
    // The three that take lambdas are elsewhere.
    assert_eq!(definitions().len(), 126);
    for doc in &docs {
        assert!(
            !doc.doc.is_empty() && !doc.doc.contains('\n') && !doc.signatures.is_empty(),
            "{}",
            doc.name
        );
    }
    assert!(
        docs.windows(2).all(|pair| pair[0].name < pair[1].name),
        "a name is there twice"
    );
    assert_eq!(
        docs.iter().find(|d| d.name == "LEN").unwrap().signatures[0],
        "LEN(STRING) -> INTEGER"
    );
    assert!(function("LEN").is_none());
}
