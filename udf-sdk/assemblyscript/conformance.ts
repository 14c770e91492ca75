// The functions of the conformance vectors (../conformance), in AssemblyScript with the SDK.
import { manifest, nested, rowsOf, scalar, setUp, table, Aggregate, Builder, Row, State, Stream, Value } from "./waterwheel";
export { ww_abi, ww_alloc, ww_free, ww_last_error, ww_manifest } from "./waterwheel";

manifest(`{"version":"1.0.0","functions":[
{"name":"conf_not","kind":"scalar","args":[{"name":"x","type":"BOOLEAN"}],"returns":"BOOLEAN"},
{"name":"conf_add","kind":"scalar","args":[{"name":"a","type":"INTEGER"},{"name":"b","type":"INTEGER"}],"returns":"INTEGER"},
{"name":"conf_negate","kind":"scalar","args":[{"name":"x","type":"BIGINT"}],"returns":"BIGINT"},
{"name":"conf_half","kind":"scalar","args":[{"name":"x","type":"DOUBLE"}],"returns":"DOUBLE"},
{"name":"conf_twice","kind":"scalar","args":[{"name":"x","type":"DECIMAL(20, 4)"}],"returns":"DECIMAL(20, 4)"},
{"name":"conf_next_day","kind":"scalar","args":[{"name":"day","type":"DATE"}],"returns":"DATE"},
{"name":"conf_later","kind":"scalar","args":[{"name":"at","type":"TIME"},{"name":"seconds","type":"INTEGER"}],"returns":"TIME"},
{"name":"conf_hour","kind":"scalar","args":[{"name":"at","type":"TIMESTAMP"}],"returns":"TIMESTAMP"},
{"name":"conf_upper","kind":"scalar","args":[{"name":"text","type":"STRING"}],"returns":"STRING"},
{"name":"conf_reverse","kind":"scalar","args":[{"name":"bytes","type":"BYTES"}],"returns":"BYTES"},
{"name":"conf_sum","kind":"scalar","args":[{"name":"numbers","type":"ARRAY<DOUBLE>"}],"returns":"DOUBLE"},
{"name":"conf_or_zero","kind":"scalar","args":[{"name":"x","type":"DOUBLE"}],"returns":"DOUBLE","nulls":"pass"},
{"name":"conf_positive","kind":"scalar","args":[{"name":"x","type":"DOUBLE"}],"returns":"DOUBLE"},
{"name":"conf_reciprocal","kind":"scalar","args":[{"name":"x","type":"DOUBLE"}],"returns":"DOUBLE"},
{"name":"conf_spin","kind":"scalar","args":[{"name":"on","type":"INTEGER"}],"returns":"INTEGER"},
{"name":"conf_trap","kind":"scalar","args":[{"name":"on","type":"INTEGER"}],"returns":"INTEGER"},
{"name":"conf_hoard","kind":"scalar","args":[{"name":"mib","type":"INTEGER"}],"returns":"INTEGER"},
{"name":"conf_running","kind":"stream","args":[{"name":"x","type":"DOUBLE"}],"returns":"DOUBLE"},
{"name":"conf_previous","kind":"stream","args":[{"name":"text","type":"STRING"}],"returns":"STRING"},
{"name":"conf_nth","kind":"stream","args":[{"name":"x","type":"DOUBLE"},{"name":"n","type":"INTEGER","constant":true}],"returns":"DOUBLE"},
{"name":"conf_total","kind":"aggregate","args":[{"name":"x","type":"DOUBLE"}],"returns":"DOUBLE"},
{"name":"conf_longest","kind":"aggregate","args":[{"name":"text","type":"STRING"}],"returns":"STRING"},
{"name":"conf_reached","kind":"aggregate","args":[{"name":"x","type":"DOUBLE"},{"name":"least","type":"DOUBLE","constant":true}],"returns":"BIGINT"},
{"name":"conf_words","kind":"table","args":[{"name":"text","type":"STRING"}],"returns":"STRING"},
{"name":"conf_places","kind":"table","args":[{"name":"text","type":"STRING"}],"returns":[{"name":"word","type":"STRING"},{"name":"at","type":"INTEGER"}]},
{"name":"conf_many","kind":"table","args":[{"name":"n","type":"INTEGER"}],"returns":"BIGINT","nulls":"pass"},
{"name":"conf_bulk","kind":"table","args":[{"name":"mib","type":"INTEGER"}],"returns":"STRING"},
{"name":"conf_echo","kind":"scalar","args":[{"name":"x","type":"STRUCT<b BOOLEAN, i INTEGER, l BIGINT, d DOUBLE, n DECIMAL(20, 4), s STRING, y BYTES, t TIME, a DATE, ts TIMESTAMP, lists ARRAY<ARRAY<STRING>>, counts MAP<STRING, BIGINT>>"}],"returns":"STRUCT<b BOOLEAN, i INTEGER, l BIGINT, d DOUBLE, n DECIMAL(20, 4), s STRING, y BYTES, t TIME, a DATE, ts TIMESTAMP, lists ARRAY<ARRAY<STRING>>, counts MAP<STRING, BIGINT>>"},
{"name":"conf_sums","kind":"scalar","args":[{"name":"groups","type":"MAP<STRING, ARRAY<INTEGER>>"}],"returns":"ARRAY<STRUCT<name STRING, total BIGINT>>"},
{"name":"conf_scaled","kind":"scalar","args":[{"name":"x","type":"DOUBLE"},{"name":"factor","type":"DOUBLE","default":10},{"name":"plus","type":"BIGINT","default":null}],"returns":"DOUBLE","nulls":"pass"},
{"name":"conf_joined","kind":"scalar","args":[{"name":"separator","type":"STRING"},{"name":"texts","type":"ARRAY<STRING>","variadic":true}],"returns":"STRING"},
{"name":"conf_since","kind":"stream","args":[{"name":"x","type":"DOUBLE"},{"name":"start","type":"DOUBLE","constant":true,"default":100}],"returns":"DOUBLE"},
{"name":"conf_most","kind":"aggregate","args":[{"name":"xs","type":"ARRAY<DOUBLE>","variadic":true}],"returns":"DOUBLE"},
{"name":"conf_wrapped","kind":"scalar","args":[{"name":"x","type":"BIGINT"},{"name":"size","type":"BIGINT","constant":true}],"returns":"BIGINT"},
{"name":"conf_last_two","kind":"stream","args":[{"name":"x","type":"DOUBLE"}],"returns":"ARRAY<DOUBLE>"},
{"name":"conf_extremes","kind":"aggregate","args":[{"name":"x","type":"DOUBLE"}],"returns":"STRUCT<low DOUBLE, high DOUBLE>"},
{"name":"conf_upgraded","kind":"stream","args":[{"name":"x","type":"DOUBLE"}],"returns":"DOUBLE","state_version":2,"reads_state_versions":[1]}
]}`);

export function conf_not(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    r.setBoolean(!r.boolean(0));
  });
}
export function conf_add(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const sum = <i64>r.integer(0) + <i64>r.integer(1);
    if (sum != <i64>(<i32>sum)) r.fail("overflow");
    else r.setInteger(<i32>sum);
  });
}
export function conf_negate(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    r.setBigint(-r.bigint(0));
  });
}
export function conf_half(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    r.setDouble(r.double(0) / 2);
  });
}
export function conf_twice(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const low = r.decimalLow(0);
    r.setDecimal(low << 1, (r.decimalHigh(0) << 1) | <i64>(low >> 63));
  });
}
export function conf_next_day(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    r.setInteger(r.integer(0) + 1);
  });
}
export function conf_later(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const at = (<i64>r.integer(0) + 1000 * <i64>r.integer(1)) % 86400000;
    r.setInteger(<i32>(at < 0 ? at + 86400000 : at));
  });
}
export function conf_hour(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const at = r.bigint(0);
    const past = at % 3600000;
    r.setBigint(at - (past < 0 ? past + 3600000 : past));
  });
}
export function conf_upper(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, true, (r: Row) => {
    const text = r.bytes(0);
    const to = r.place(text.length);
    if (to == 0) return;
    for (let i: u32 = 0; i < text.length; i++) {
      const c = load<u8>(text.at + i);
      store<u8>(to + i, c >= 97 && c <= 122 ? c - 32 : c);
    }
  });
}
export function conf_reverse(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, true, (r: Row) => {
    const bytes = r.bytes(0);
    const to = r.place(bytes.length);
    if (to == 0) return;
    for (let i: u32 = 0; i < bytes.length; i++) store<u8>(to + i, load<u8>(bytes.at + bytes.length - 1 - i));
  });
}
export function conf_sum(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const numbers = r.array(0);
    let sum: f64 = 0;
    for (let i: u32 = 0; i < numbers.length; i++) if (!numbers.isNull(i)) sum += numbers.double(i);
    r.setDouble(sum);
  });
}
export function conf_or_zero(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    r.setDouble(r.isNull(0) ? 0 : r.double(0));
  });
}
export function conf_positive(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const x = r.double(0);
    if (x > 0) r.setDouble(x);
    else r.setNull();
  });
}
export function conf_reciprocal(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const x = r.double(0);
    if (x == 0) r.fail("x is 0");
    else r.setDouble(1 / x);
  });
}

let turns: u32 = 0;
export function conf_spin(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    while (r.integer(0) != 0) turns++;
    r.setInteger(0);
  });
}
export function conf_trap(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    if (r.integer(0) != 0) unreachable();
    r.setInteger(0);
  });
}

const hoard: StaticArray<u8>[] = [];
export function conf_hoard(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    for (let i = 0; i < r.integer(0); i++) hoard.push(new StaticArray<u8>(1 << 20));
    r.setInteger(r.integer(0));
  });
}

const running = new Stream(false);
export function conf_running_new(args: usize): i32 {
  return running.start(args, (r: Row) => {});
}
export function conf_running_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return running.push(slots, args, rows, out, (r: Row, state: State) => {
    const x = r.double(0);
    if (x < 0) return r.fail("x is negative");
    const sum = state.resize(8);
    if (sum == 0) return r.fail("no memory for state");
    store<f64>(sum, load<f64>(sum) + x);
    r.setDouble(load<f64>(sum));
  });
}
export function conf_running_save(slots: usize, count: u32, out: usize): i32 {
  return running.save(slots, count, out);
}
export function conf_running_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return running.load(slots, count, states);
}
export function conf_running_drop(slots: usize, count: u32): i32 {
  return running.drop(slots, count);
}

// The state is a 1 and the text, so that an empty text is not a fresh state.
const previous = new Stream(true);
export function conf_previous_new(args: usize): i32 {
  return previous.start(args, (r: Row) => {});
}
export function conf_previous_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return previous.push(slots, args, rows, out, (r: Row, state: State) => {
    if (state.length > 0) r.setBytes(state.at + 1, state.length - 1);
    else r.setNull();
    if (r.failed) return;
    const text = r.bytes(0);
    const kept = state.resize(text.length + 1);
    if (kept == 0) return r.fail("no memory for state");
    store<u8>(kept, 1);
    memory.copy(kept + 1, text.at, text.length);
  });
}
export function conf_previous_save(slots: usize, count: u32, out: usize): i32 {
  return previous.save(slots, count, out);
}
export function conf_previous_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return previous.load(slots, count, states);
}
export function conf_previous_drop(slots: usize, count: u32): i32 {
  return previous.drop(slots, count);
}

const nth = new Stream(false);
export function conf_nth_new(args: usize): i32 {
  return nth.start(args, (r: Row) => {
    if (r.integer(1) < 1) r.fail("n must be at least 1");
  });
}
export function conf_nth_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return nth.push(slots, args, rows, out, (r: Row, state: State) => {
    const seen = state.resize(4);
    if (seen == 0) return r.fail("no memory for state");
    store<i32>(seen, load<i32>(seen) + 1);
    if (load<i32>(seen) < r.integer(1)) return r.setNull();
    store<i32>(seen, 0);
    r.setDouble(r.double(0));
  });
}
export function conf_nth_save(slots: usize, count: u32, out: usize): i32 {
  return nth.save(slots, count, out);
}
export function conf_nth_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return nth.load(slots, count, states);
}
export function conf_nth_drop(slots: usize, count: u32): i32 {
  return nth.drop(slots, count);
}

// The state is the sum and how many rows it is of.
const total = new Aggregate(false);
function addTotal(r: Row, state: State, sum: f64, rows: i64): void {
  const all = state.resize(16);
  if (all == 0) return r.fail("no memory for state");
  store<f64>(all, load<f64>(all) + sum);
  store<i64>(all, load<i64>(all, 8) + rows, 8);
}
export function conf_total_new(args: usize): i32 {
  return total.start(args, (r: Row) => {});
}
export function conf_total_update(slots: usize, args: usize, rows: u32): i32 {
  return total.take(slots, args, rows, (r: Row, state: State) => {
    if (r.double(0) < 0) return r.fail("x is negative");
    addTotal(r, state, r.double(0), 1);
  });
}
export function conf_total_retract(slots: usize, args: usize, rows: u32): i32 {
  return total.take(slots, args, rows, (r: Row, state: State) => addTotal(r, state, -r.double(0), -1));
}
export function conf_total_merge(into: usize, from: usize, count: u32): i32 {
  return total.merge(into, from, count, (r: Row, into: State, from: State) =>
    addTotal(r, into, load<f64>(from.at), load<i64>(from.at, 8)));
}
export function conf_total_finish(slots: usize, count: u32, out: usize): i32 {
  return total.finish(slots, count, out, (r: Row, state: State) => {
    if (state.length == 0 || load<i64>(state.at, 8) == 0) return r.setNull();
    if (load<f64>(state.at) > 1e300) return r.fail("the total is too large");
    r.setDouble(load<f64>(state.at));
  });
}
export function conf_total_save(slots: usize, count: u32, out: usize): i32 {
  return total.save(slots, count, out);
}
export function conf_total_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return total.load(slots, count, states);
}
export function conf_total_drop(slots: usize, count: u32): i32 {
  return total.drop(slots, count);
}

// The state is a 1 and the text, as that of conf_previous.
const longest = new Aggregate(true);
function takeLonger(r: Row, state: State, at: usize, length: u32): void {
  if (state.length > 0 && length <= state.length - 1) return;
  const kept = state.resize(length + 1);
  if (kept == 0) return r.fail("no memory for state");
  store<u8>(kept, 1);
  memory.copy(kept + 1, at, length);
}
export function conf_longest_new(args: usize): i32 {
  return longest.start(args, (r: Row) => {});
}
export function conf_longest_update(slots: usize, args: usize, rows: u32): i32 {
  return longest.take(slots, args, rows, (r: Row, state: State) => takeLonger(r, state, r.bytes(0).at, r.bytes(0).length));
}
export function conf_longest_merge(into: usize, from: usize, count: u32): i32 {
  return longest.merge(into, from, count, (r: Row, into: State, from: State) => takeLonger(r, into, from.at + 1, from.length - 1));
}
export function conf_longest_finish(slots: usize, count: u32, out: usize): i32 {
  return longest.finish(slots, count, out, (r: Row, state: State) => {
    if (state.length == 0) r.setNull();
    else r.setBytes(state.at + 1, state.length - 1);
  });
}
export function conf_longest_save(slots: usize, count: u32, out: usize): i32 {
  return longest.save(slots, count, out);
}
export function conf_longest_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return longest.load(slots, count, states);
}
export function conf_longest_drop(slots: usize, count: u32): i32 {
  return longest.drop(slots, count);
}

const reached = new Aggregate(false);
function addReached(r: Row, state: State, rows: i64): void {
  const count = state.resize(8);
  if (count == 0) return r.fail("no memory for state");
  store<i64>(count, load<i64>(count) + rows);
}
export function conf_reached_new(args: usize): i32 {
  return reached.start(args, (r: Row) => {
    if (r.double(1) < 0) r.fail("least must be at least 0");
  });
}
export function conf_reached_update(slots: usize, args: usize, rows: u32): i32 {
  return reached.take(slots, args, rows, (r: Row, state: State) => addReached(r, state, r.double(0) >= r.double(1) ? 1 : 0));
}
export function conf_reached_retract(slots: usize, args: usize, rows: u32): i32 {
  return reached.take(slots, args, rows, (r: Row, state: State) => addReached(r, state, r.double(0) >= r.double(1) ? -1 : 0));
}
export function conf_reached_merge(into: usize, from: usize, count: u32): i32 {
  return reached.merge(into, from, count, (r: Row, into: State, from: State) => addReached(r, into, load<i64>(from.at)));
}
export function conf_reached_finish(slots: usize, count: u32, out: usize): i32 {
  return reached.finish(slots, count, out, (r: Row, state: State) => r.setBigint(state.length == 0 ? 0 : load<i64>(state.at)));
}
export function conf_reached_save(slots: usize, count: u32, out: usize): i32 {
  return reached.save(slots, count, out);
}
export function conf_reached_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return reached.load(slots, count, states);
}
export function conf_reached_drop(slots: usize, count: u32): i32 {
  return reached.drop(slots, count);
}

// Gives the words of a text and where they begin.
function eachWord(at: usize, length: u32, rows: Builder, f: (rows: Builder, at: usize, from: u32, to: u32) => bool): bool {
  for (let from: u32 = 0, to: u32 = 0; to <= length; to++) {
    if (to < length && load<u8>(at + to) != 32) continue;
    if (to > from && !f(rows, at, from, to)) return false;
    from = to + 1;
  }
  return true;
}

const words = rowsOf("s");
export function conf_words(args: usize, rows: u32, out: usize): i32 {
  return table(args, rows, out, words, (r: Row, rows: Builder) => {
    const text = r.bytes(0);
    eachWord(text.at, text.length, rows, (rows: Builder, at: usize, from: u32, to: u32) => {
      rows.addBytes(at + from, to - from);
      return true;
    });
  });
}

// That of ? is unknown. A text with ! fails, after the words before it.
const places = rowsOf("(si)");
export function conf_places(args: usize, rows: u32, out: usize): i32 {
  return table(args, rows, out, places, (r: Row, rows: Builder) => {
    if (r.text(0) == "null") return r.setNull();
    const text = r.bytes(0);
    const isGood = eachWord(text.at, text.length, rows, (rows: Builder, at: usize, from: u32, to: u32) => {
      if (load<u8>(at + from) == 33) return false;
      rows.child(0).addBytes(at + from, to - from);
      if (load<u8>(at + from) != 63) rows.child(1).addInteger(from);
      rows.addNested();
      return true;
    });
    if (!isGood) r.fail("no word");
  });
}

const many = rowsOf("l");
export function conf_many(args: usize, rows: u32, out: usize): i32 {
  return table(args, rows, out, many, (r: Row, rows: Builder) => {
    if (r.isNull(0)) return rows.addNull();
    if (r.integer(0) < 0) return r.fail("n is negative");
    for (let i = 0; i < r.integer(0); i++) rows.addBigint(i);
  });
}

const bulk = rowsOf("s");
const mib = new StaticArray<u8>(1 << 20).fill(120);
export function conf_bulk(args: usize, rows: u32, out: usize): i32 {
  return table(args, rows, out, bulk, (r: Row, rows: Builder) => {
    for (let i = 0; i < r.integer(0); i++) rows.addBytes(changetype<usize>(mib), mib.length);
  });
}

function echoLists(to: Builder, lists: Value): void {
  const texts = to.child(0);
  for (let i: u32 = 0; i < lists.length; i++) {
    const list = lists.element(i);
    if (list.isNull) {
      texts.addNull();
      continue;
    }
    for (let j: u32 = 0; j < list.length; j++) {
      const text = list.element(j);
      if (text.isNull) texts.child(0).addNull();
      else texts.child(0).addBytes(text.bytes.at, text.bytes.length);
    }
    texts.addNested();
  }
  to.addNested();
}
function echoCounts(to: Builder, counts: Value): void {
  for (let i: u32 = 0; i < counts.length; i++) {
    to.child(0).addText(counts.key(i).text);
    if (counts.item(i).isNull) to.child(1).addNull();
    else to.child(1).addBigint(counts.item(i).bigint);
  }
  to.addNested();
}

const echo = new Builder("(bildnssiil[[s]]{sl})");
export function conf_echo(args: usize, rows: u32, out: usize): i32 {
  return nested(args, rows, out, echo, (r: Row, result: Builder) => {
    for (let i = 0; i < 12; i++) {
      const v = r.value(0).field(i), to = result.child(i);
      if (v.isNull) continue; // A field that is not added is NULL.
      const type = "bildnssiil[{".charAt(i);
      if (type == "b") to.addBoolean(v.boolean);
      else if (type == "i") to.addInteger(v.integer);
      else if (type == "l") to.addBigint(v.bigint);
      else if (type == "d") to.addDouble(v.double);
      else if (type == "n") to.addDecimal(v.decimalLow, v.decimalHigh);
      else if (type == "s") to.addBytes(v.bytes.at, v.bytes.length);
      else if (type == "[") echoLists(to, v);
      else echoCounts(to, v);
    }
  });
}

const sums = new Builder("[(sl)]");
export function conf_sums(args: usize, rows: u32, out: usize): i32 {
  return nested(args, rows, out, sums, (r: Row, result: Builder) => {
    const groups = r.value(0), sums = result.child(0);
    for (let i: u32 = 0; i < groups.length; i++) {
      const numbers = groups.item(i);
      if (numbers.isNull) return r.fail("a group is NULL");
      let total: i64 = 0;
      for (let j: u32 = 0; j < numbers.length; j++) total += numbers.element(j).integer;
      sums.child(0).addText(groups.key(i).text);
      sums.child(1).addBigint(total);
      sums.addNested();
    }
  });
}

export function conf_scaled(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    r.setDouble(r.double(0) * r.double(1) + (r.isNull(2) ? 0 : <f64>r.bigint(2)));
  });
}

export function conf_joined(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, true, (r: Row) => {
    const texts = r.value(1);
    let joined = "";
    for (let i: u32 = 0; i < texts.length; i++) {
      if (i > 0) joined += r.text(0);
      joined += texts.element(i).isNull ? "?" : texts.element(i).text;
    }
    r.setText(joined);
  });
}

const since = new Stream(false);
export function conf_since_new(args: usize): i32 {
  return since.start(args, (r: Row) => {});
}
export function conf_since_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return since.push(slots, args, rows, out, (r: Row, state: State) => {
    const before = state.length == 0 ? r.double(1) : load<f64>(state.at);
    const sum = state.resize(8);
    if (sum == 0) return r.fail("no memory for state");
    store<f64>(sum, before + r.double(0));
    r.setDouble(load<f64>(sum));
  });
}
export function conf_since_save(slots: usize, count: u32, out: usize): i32 {
  return since.save(slots, count, out);
}
export function conf_since_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return since.load(slots, count, states);
}
export function conf_since_drop(slots: usize, count: u32): i32 {
  return since.drop(slots, count);
}

const most = new Aggregate(false);
function takeMost(r: Row, state: State, x: f64): void {
  const before = state.length == 0 ? x : load<f64>(state.at);
  const place = state.resize(8);
  if (place == 0) return r.fail("no memory for state");
  store<f64>(place, max(before, x));
}
export function conf_most_new(args: usize): i32 {
  return most.start(args, (r: Row) => {});
}
export function conf_most_update(slots: usize, args: usize, rows: u32): i32 {
  return most.take(slots, args, rows, (r: Row, state: State) => {
    const xs = r.value(0);
    for (let i: u32 = 0; i < xs.length; i++) if (!xs.element(i).isNull) takeMost(r, state, xs.element(i).double);
  });
}
export function conf_most_merge(into: usize, from: usize, count: u32): i32 {
  return most.merge(into, from, count, (r: Row, into: State, from: State) => takeMost(r, into, load<f64>(from.at)));
}
export function conf_most_finish(slots: usize, count: u32, out: usize): i32 {
  return most.finish(slots, count, out, (r: Row, state: State) => {
    if (state.length == 0) r.setNull();
    else r.setDouble(load<f64>(state.at));
  });
}
export function conf_most_save(slots: usize, count: u32, out: usize): i32 {
  return most.save(slots, count, out);
}
export function conf_most_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return most.load(slots, count, states);
}
export function conf_most_drop(slots: usize, count: u32): i32 {
  return most.drop(slots, count);
}

let wrappedSize: i64 = 1;
export function conf_wrapped_new(args: usize): i32 {
  return setUp(args, (r: Row) => {
    wrappedSize = r.bigint(1);
    if (wrappedSize < 1) r.fail("size must be at least 1");
  });
}
export function conf_wrapped(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const rest = r.bigint(0) % wrappedSize;
    r.setBigint(rest < 0 ? rest + wrappedSize : rest);
  });
}

// The state is the sum and what it had before this version.
const upgraded = new Stream(false);
export function conf_upgraded_new(args: usize): i32 {
  return upgraded.start(args, (r: Row) => {});
}
export function conf_upgraded_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return upgraded.push(slots, args, rows, out, (r: Row, state: State) => {
    const all = state.resize(16);
    if (all == 0) return r.fail("no memory for state");
    store<f64>(all, load<f64>(all) + r.double(0));
    r.setDouble(load<f64>(all) + load<f64>(all, 8));
  });
}
export function conf_upgraded_save(slots: usize, count: u32, out: usize): i32 {
  return upgraded.save(slots, count, out);
}
// Version 1 was the state of conf_running.
export function conf_upgraded_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  if (version == 2) return upgraded.load(slots, count, states);
  return upgraded.load(slots, count, states, (r: Row, state: State) => {
    const all = state.resize(16);
    if (all == 0) return r.fail("no memory for state");
    store<f64>(all, 1000, 8);
  });
}
export function conf_upgraded_drop(slots: usize, count: u32): i32 {
  return upgraded.drop(slots, count);
}

// What a row that fails has added is taken back.
const lastTwo = new Stream(false);
const both = new Builder("[d]");
export function conf_last_two_new(args: usize): i32 {
  return lastTwo.start(args, (r: Row) => {});
}
export function conf_last_two_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return lastTwo.pushNested(slots, args, rows, out, both, (r: Row, state: State, result: Builder) => {
    const x = r.double(0);
    if (state.length > 0) result.child(0).addDouble(load<f64>(state.at));
    result.child(0).addDouble(x);
    if (x < 0) return r.fail("x is negative");
    const last = state.resize(8);
    if (last == 0) return r.fail("no memory for state");
    store<f64>(last, x);
  });
}
export function conf_last_two_save(slots: usize, count: u32, out: usize): i32 {
  return lastTwo.save(slots, count, out);
}
export function conf_last_two_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return lastTwo.load(slots, count, states);
}
export function conf_last_two_drop(slots: usize, count: u32): i32 {
  return lastTwo.drop(slots, count);
}

// The state is the lowest and the highest number.
const extremes = new Aggregate(false);
const pair = new Builder("(dd)");
function takeExtremes(r: Row, state: State, low: f64, high: f64): void {
  const isFirst = state.length == 0, all = state.resize(16);
  if (all == 0) return r.fail("no memory for state");
  if (isFirst || low < load<f64>(all)) store<f64>(all, low);
  if (isFirst || high > load<f64>(all, 8)) store<f64>(all, high, 8);
}
export function conf_extremes_new(args: usize): i32 {
  return extremes.start(args, (r: Row) => {});
}
export function conf_extremes_update(slots: usize, args: usize, rows: u32): i32 {
  return extremes.take(slots, args, rows, (r: Row, state: State) => takeExtremes(r, state, r.double(0), r.double(0)));
}
export function conf_extremes_merge(into: usize, from: usize, count: u32): i32 {
  return extremes.merge(into, from, count, (r: Row, into: State, from: State) =>
    takeExtremes(r, into, load<f64>(from.at), load<f64>(from.at, 8)));
}
export function conf_extremes_finish(slots: usize, count: u32, out: usize): i32 {
  return extremes.finishNested(slots, count, out, pair, (r: Row, state: State, result: Builder) => {
    if (state.length == 0) return r.setNull();
    result.child(0).addDouble(load<f64>(state.at));
    result.child(1).addDouble(load<f64>(state.at, 8));
    if (load<f64>(state.at, 8) > 1e300) r.fail("the highest is too large");
  });
}
export function conf_extremes_save(slots: usize, count: u32, out: usize): i32 {
  return extremes.save(slots, count, out);
}
export function conf_extremes_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return extremes.load(slots, count, states);
}
export function conf_extremes_drop(slots: usize, count: u32): i32 {
  return extremes.drop(slots, count);
}
