// Functions over trades: diff, moving_avg and running_vwap keep state per key, vwap per group, risk_score sees one row, fills gives several for one.
import { manifest, rowsOf, scalar, table, Aggregate, Builder, Row, State, Stream } from "../waterwheel";
export { ww_abi, ww_alloc, ww_free, ww_last_error, ww_manifest } from "../waterwheel";

manifest(`{"version": "1.0.0", "functions": [
  {"name": "diff", "kind": "stream", "args": [{"name": "price", "type": "DOUBLE"}], "returns": "DOUBLE",
   "doc": "the price less the price before; NULL in a key's first row"},
  {"name": "moving_avg", "kind": "stream", "returns": "DOUBLE", "doc": "the mean of a key's last prices",
   "args": [{"name": "price", "type": "DOUBLE"}, {"name": "rows", "type": "INTEGER", "constant": true}]},
  {"name": "running_vwap", "kind": "stream", "returns": "DOUBLE", "doc": "the mean price of a key so far, weighted by volume",
   "args": [{"name": "price", "type": "DOUBLE"}, {"name": "volume", "type": "BIGINT"}]},
  {"name": "vwap", "kind": "aggregate", "returns": "DOUBLE", "doc": "the mean price of a group, weighted by volume",
   "args": [{"name": "price", "type": "DOUBLE"}, {"name": "volume", "type": "BIGINT"}]},
  {"name": "fills", "kind": "table", "doc": "the fills of an order, written as 'price x volume; price x volume; ...'",
   "args": [{"name": "report", "type": "STRING"}],
   "returns": [{"name": "price", "type": "DOUBLE"}, {"name": "volume", "type": "BIGINT"}]},
  {"name": "risk_score", "kind": "scalar", "returns": "DOUBLE", "doc": "how unusual a trade is, 0 to 1",
   "args": [{"name": "price", "type": "DOUBLE"}, {"name": "average", "type": "DOUBLE"}, {"name": "volume", "type": "BIGINT"}]}]}`);

const diff = new Stream(false);
export function diff_new(args: usize): i32 {
  return diff.start(args, (r: Row) => {});
}
export function diff_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return diff.push(slots, args, rows, out, (r: Row, state: State) => {
    const first = state.length == 0; // A key's state is there from its first row on.
    const before = state.resize(8);
    if (before == 0) return r.fail("no memory for state");
    if (first) r.setNull();
    else r.setDouble(r.double(0) - load<f64>(before));
    store<f64>(before, r.double(0));
  });
}
export function diff_save(slots: usize, count: u32, out: usize): i32 {
  return diff.save(slots, count, out);
}
export function diff_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return diff.load(slots, count, states);
}
export function diff_drop(slots: usize, count: u32): i32 {
  return diff.drop(slots, count);
}

// moving_avg: a ring of the last prices, after how many there are and where the next one goes.
const average = new Stream(false);
export function moving_avg_new(args: usize): i32 {
  return average.start(args, (r: Row) => {
    if (r.integer(1) < 1 || r.integer(1) > 10000) r.fail("rows is " + r.integer(1).toString() + ": it must be 1 to 10000");
  });
}
export function moving_avg_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return average.push(slots, args, rows, out, (r: Row, state: State) => {
    const rows = <u32>r.integer(1);
    const ring = state.resize(8 + (rows << 3));
    if (ring == 0) return r.fail("no memory for state");
    const next = load<u32>(ring, 4);
    store<f64>(ring + 8 + (next << 3), r.double(0));
    store<u32>(ring, (next + 1) % rows, 4);
    const count = min(load<u32>(ring) + 1, rows);
    store<u32>(ring, count);
    let sum: f64 = 0;
    for (let i: u32 = 0; i < count; i++) sum += load<f64>(ring + 8 + (i << 3));
    r.setDouble(sum / count);
  });
}
export function moving_avg_save(slots: usize, count: u32, out: usize): i32 {
  return average.save(slots, count, out);
}
export function moving_avg_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return average.load(slots, count, states);
}
export function moving_avg_drop(slots: usize, count: u32): i32 {
  return average.drop(slots, count);
}

const running = new Stream(false);
export function running_vwap_new(args: usize): i32 {
  return running.start(args, (r: Row) => {});
}
export function running_vwap_push(slots: usize, args: usize, rows: u32, out: usize): i32 {
  return running.push(slots, args, rows, out, (r: Row, state: State) => {
    const volume = r.bigint(1);
    if (volume <= 0) return r.fail("volume is " + volume.toString() + ": it must be more than 0");
    const all = state.resize(16);
    if (all == 0) return r.fail("no memory for state");
    store<f64>(all, load<f64>(all) + r.double(0) * <f64>volume);
    store<f64>(all, load<f64>(all, 8) + <f64>volume, 8);
    r.setDouble(load<f64>(all) / load<f64>(all, 8));
  });
}
export function running_vwap_save(slots: usize, count: u32, out: usize): i32 {
  return running.save(slots, count, out);
}
export function running_vwap_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return running.load(slots, count, states);
}
export function running_vwap_drop(slots: usize, count: u32): i32 {
  return running.drop(slots, count);
}

// vwap: the same of a group, which rows of a table can leave again.
const vwap = new Aggregate(false);
function addTrade(r: Row, state: State, money: f64, volume: f64): void {
  const all = state.resize(16);
  if (all == 0) return r.fail("no memory for state");
  store<f64>(all, load<f64>(all) + money);
  store<f64>(all, load<f64>(all, 8) + volume, 8);
}
export function vwap_new(args: usize): i32 {
  return vwap.start(args, (r: Row) => {});
}
export function vwap_update(slots: usize, args: usize, rows: u32): i32 {
  return vwap.take(slots, args, rows, (r: Row, state: State) => {
    const volume = r.bigint(1);
    if (volume <= 0) return r.fail("volume is " + volume.toString() + ": it must be more than 0");
    addTrade(r, state, r.double(0) * <f64>volume, <f64>volume);
  });
}
export function vwap_retract(slots: usize, args: usize, rows: u32): i32 {
  return vwap.take(slots, args, rows, (r: Row, state: State) =>
    addTrade(r, state, -r.double(0) * <f64>r.bigint(1), -(<f64>r.bigint(1))));
}
export function vwap_merge(into: usize, from: usize, count: u32): i32 {
  return vwap.merge(into, from, count, (r: Row, into: State, from: State) => addTrade(r, into, load<f64>(from.at), load<f64>(from.at, 8)));
}
export function vwap_finish(slots: usize, count: u32, out: usize): i32 {
  return vwap.finish(slots, count, out, (r: Row, state: State) => {
    if (state.length == 0 || !(load<f64>(state.at, 8) > 0)) r.setNull();
    else r.setDouble(load<f64>(state.at) / load<f64>(state.at, 8));
  });
}
export function vwap_save(slots: usize, count: u32, out: usize): i32 {
  return vwap.save(slots, count, out);
}
export function vwap_load(slots: usize, count: u32, states: usize, version: u32): i32 {
  return vwap.load(slots, count, states);
}
export function vwap_drop(slots: usize, count: u32): i32 {
  return vwap.drop(slots, count);
}

export function risk_score(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const average = r.double(1);
    if (!(average > 0)) return r.fail("average is " + average.toString() + ": it must be more than 0");
    const strain = Math.abs(r.double(0) / average - 1) * (1 + <f64>r.bigint(2) / 10000);
    r.setDouble(strain / (strain + 0.05));
  });
}

const fillRows = rowsOf("(dl)");
export function fills(args: usize, rows: u32, out: usize): i32 {
  return table(args, rows, out, fillRows, (r: Row, rows: Builder) => {
    const texts = r.text(0).split(";");
    for (let i = 0; i < texts.length; i++) {
      const fill = texts[i].trim();
      if (fill.length == 0) continue;
      const parts = fill.split("x");
      const price = parts.length == 2 ? parseFloat(parts[0]) : NaN, volume = parts.length == 2 ? parseFloat(parts[1]) : NaN;
      if (isNaN(price) || isNaN(volume)) return r.fail("'" + fill + "' is no price x volume");
      rows.child(0).addDouble(price);
      rows.child(1).addBigint(<i64>volume);
      rows.addNested();
    }
  });
}
