"""What fuzzing begins with: good inputs of each target, which libFuzzer changes. The forms are those that the targets read."""

import hashlib
import json
import struct
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# Longer inputs are not tried. Plugins that are to be found by changing real ones need room for these.
BYTES_MAX = {
    "json_ways": 512,
    "json_again": 512,
    "delimited": 512,
    "plugin_module": 60_000,
    "plugin_manifest": 4_096,
    "plugin_memory": 2_048,
    "plugin_levels": 256,
}
DICTIONARIES = {"json_ways": "json", "json_again": "json", "plugin_manifest": "manifest", "plugin_module": "module"}


def write(target, directory, to_binary):
    """Puts them into the corpus, under names that follow from what they are. Modules that are texts are there as what `to_binary` makes of
    them, too: of changed texts few can be read."""
    directory.mkdir(parents=True, exist_ok=True)
    seeds = list(SEEDS[target]())
    if target == "plugin_module":
        seeds += [to_binary(seed) for seed in seeds if not seed.startswith(b"\0asm")]
    for seed in seeds:
        if len(seed) <= BYTES_MAX[target]:
            (directory / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


def _records(choices, records):
    """A byte that chooses, then records with zero bytes between them; alone and together."""
    for choice in choices:
        for some in [*([record] for record in records), records]:
            yield bytes([choice]) + b"\0".join(record.encode() for record in some)


def _json_ways():
    return _records(
        range(4),
        [
            '{"A":1,"b":"x","B":"y","C":1.5,"D":12.345,"E":true,"F":7,"G":"AAEC","H":"12:34:56","I":["p",null],"M":{"k":1e3},"S":{"X":1,"y":"z"}}',
            '{"A":9223372036854775807,"b":"\\u00e9\\n\\ud83d\\ude00","C":-0.0,"D":"123456789.999","F":-2147483648}',
            '{ "a" : "12" , "E" : "true" , "I" : [ ] , "M" : { } , "S" : null , "x" : [ { "y" : [ 1 , 2 ] } ] }',
            '{"A":1e2,"A":2,"C":"NaN","F":1.0,"H":45296000,"M":{"k":1,"k":2},"S":{"x":3}}',
            "null",
            "",
        ],
    )


def _json_again():
    return _records(
        range(8),
        [
            '"text \\u00e9 \\"quoted\\""',
            '[{"k":"v"},null,{}]',
            '{"X":1234567.89,"y":[1.5,-0.0,1e300,null]}',
            '{"A":1.5,"b":"x","M":{"k":"v"},"S":{"X":"-0.01","y":[]},"G":"AAEC"}',
            '{"A":[{"k":"1"},{"k":null}]}',
            '{"A":{"X":1}}',
            "null",
        ],
    )


def _delimited():
    return _records(range(5), ["a,1.5,b,1234567.89", '"a,""b""",-0.0,,"0.01"', "x|2|y|3", "x\t2\ty\t3", "x 2 y 3", "x;2;y;3", ",,,", ""])


def _manifest():
    argument = lambda sql_type, **more: {"name": "a", "type": sql_type, **more}
    function = lambda kind, args, returns, **more: {"name": "f", "kind": kind, "args": args, "returns": returns, **more}
    for functions in [
        [function("scalar", [argument("DECIMAL(10, 2)")], "ARRAY<STRUCT<a INT, `b c` MAP<STRING, DATE>>>", nulls="pass", volatility="stable", doc="ü")],
        [function("stream", [argument("INT", constant=True)], "DOUBLE", export="x", constants="pass", state_version=2, reads_state_versions=[1])],
        [function("aggregate", [argument("BYTES")], "BYTES", retracts=True, x_tool=[{}])],
        [function("table", [argument("TIMESTAMP")], [{"name": "r", "type": "TIME"}, {"name": "s", "type": "BOOLEAN"}])],
        [function("scalar", [argument("T"), argument("ARRAY<T>", variadic=True)], "T", types={"T": ["INT", "STRING"]})],
        [function("scalar", [argument("BIGINT"), {"name": "b", "type": "DOUBLE", "default": 1.5}], "DOUBLE", volatility="volatile")],
        [],
    ]:
        yield json.dumps({"version": "1.2.0", "functions": functions}, ensure_ascii=False).encode()


def _memory():
    """A column of each type: eight descriptors, each the parent of the next, rising offsets, and zeros as values."""
    first, types = 16, 14
    offsets, values = first + 8 * 32, first + 8 * 32 + 128
    for data_type in range(types):
        for rows in (1, 3):
            descriptors = b"".join(
                # rows, flags, nulls, validity, values, bytes of values, offsets, children
                struct.pack("<8I", rows, 0, 0, 0, values, 160, offsets, first + (place + 1) * 32)
                for place in range(8)
            )
            rising = struct.pack("<32I", *(place // 2 for place in range(32)))
            memory = bytes(first) + descriptors + rising + bytes(160)
            yield bytes([data_type, rows, first // 4]) + memory


def _levels():
    """The type and three rows, then levels: a kind, no nulls, three values."""
    text = [ord(letter) for letter in "abc"]
    for levels in [
        [0, 3, 0, 0, 3, 1, 0, 1],
        [1, 3, 1, 0, 3, 5, 6, 7],
        [2, 3, 2, 1, 3, 0, 1, 0, 3, 5, 6, 7],
        [3, 3, 3, 0, 3, 5, 6, 7],
        [4, 3, 4, 1, 3, 0, 1, 0, 3, 9, 0, 9, 1, 9, 0],
        [5, 3, 5, 0, 3, *text],
        [6, 3, 6, 0, 3, 1, 2, 3],
        [7, 3, 1, 0, 3, 1, 2, 3],
        [8, 3, 1, 0, 3, 1, 2, 3],
        [9, 3, 2, 0, 3, 1, 2, 3],
        [10, 3, 7, 0, 3, 1, 0, 2, 5, 0, 3, *text],
        [11, 3, 8, 0, 3, 1, 1, 1, 5, 0, 3, *text, 3, 0, 3, 1, 2, 3],
        [12, 3, 9, 0, 0, 0, 3, 1, 0, 1, 4, 0, 3, 1, 0, 2, 0, 3, 0],
        [13, 1, 7, 0, 1, 1, 8, 0, 1, 1, 5, 0, 1, 97, 9, 0, 0, 0, 1, 1, 7, 0, 1, 1, 1, 0, 1, 5],
    ]:
        yield bytes(levels)


def _module():
    """Real plugins as far as they are small, and texts."""
    for directory in ["examples/plugins", "examples/plugins_plain", "udf-sdk/conformance/built", "udf-sdk/conformance/built-examples", "tests/fuzz/seeds"]:
        for file in sorted((ROOT / directory).iterdir()):
            if file.suffix in (".wasm", ".wat"):
                yield file.read_bytes()
    manifest = next(_manifest()).replace(b"DECIMAL(10, 2)", b"BIGINT").replace(b"ARRAY<STRUCT<a INT, `b c` MAP<STRING, DATE>>>", b"BIGINT")
    text = "".join(f"\\{byte:02x}" for byte in manifest)
    echo = "".join(f"(i32.store offset={field} (local.get 2) (i32.load offset={field} (local.get 0)))" for field in range(12, 32, 4))
    yield (
        f'(module (memory (export "memory") 4) (data (i32.const 16) "{text}") (global $heap (mut i32) (i32.const 131072))'
        f' (func (export "ww_abi") (result i32) (i32.const 1)) (func (export "ww_manifest") (result i64) (i64.const {16 << 32 | len(manifest)}))'
        ' (func (export "ww_alloc") (param i32 i32) (result i32) (local i32)'
        " (local.set 2 (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))"
        " (global.set $heap (i32.add (local.get 2) (local.get 0))) (local.get 2))"
        f' (func (export "ww_free") (param i32 i32 i32)) (func (export "f") (param i32 i32 i32) (result i32) {echo} (i32.const 0)))'
    ).encode()
    yield b"""(module (memory 1) (global $g (mut i32) (i32.const 0)) (table 2 funcref) (elem (i32.const 0) $add)
 (type $t (func (param f64 f64) (result f64)))
 (func $add (export "add") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
 (func (export "count") (param i32) (result i32) (global.set $g (i32.add (global.get $g) (local.get 0))) (global.get $g))
 (func (export "any") (param i32 f64) (result f64) (call_indirect (type $t) (local.get 1) (local.get 1) (local.get 0)))
 (func (export "loop") (param i64) (result i64) (loop (br_if 0 (i64.eqz (local.get 0)))) (local.get 0)))"""


SEEDS = {
    "json_ways": _json_ways,
    "json_again": _json_again,
    "delimited": _delimited,
    "plugin_module": _module,
    "plugin_manifest": _manifest,
    "plugin_memory": _memory,
    "plugin_levels": _levels,
}
