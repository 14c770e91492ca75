// A plugin that asks for what its sidecar gives. The end-to-end tests write the sidecar and call it.
import { assetText, log, manifest, nowMs, randomBytes, scalar, Level, Row } from "../waterwheel";
export { ww_abi, ww_alloc, ww_free, ww_last_error, ww_manifest } from "../waterwheel";

manifest(`{"version": "1.0.0", "functions": [
  {"name": "clock_and_dice", "kind": "scalar", "args": [], "returns": "BIGINT", "volatility": "volatile",
   "doc": "the time of now; negative where the host draws equal bytes twice"},
  {"name": "asset", "kind": "scalar", "args": [{"name": "name", "type": "STRING"}], "returns": "STRING", "doc": "an asset as text"}]}`);

export function clock_and_dice(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, false, (r: Row) => {
    const first = randomBytes(16), second = randomBytes(16);
    const equal = memory.compare(changetype<usize>(first), changetype<usize>(second), 16) == 0;
    log(Level.Debug, "the dice are drawn");
    const now = nowMs();
    r.setBigint(equal ? -now : now);
  });
}

export function asset(args: usize, rows: u32, out: usize): i32 {
  return scalar(args, rows, out, true, (r: Row) => {
    const name = r.text(0), content = assetText(name);
    if (content === null) return r.fail("the sidecar has no asset '" + name + "'");
    r.setText(content);
  });
}
