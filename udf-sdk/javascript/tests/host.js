// A plugin that asks for what its sidecar gives. The end-to-end tests write the sidecar and call it.
import { scalar } from "waterwheel";
import { read } from "waterwheel/assets";
import { nowMs } from "waterwheel/clock";
import { line } from "waterwheel/log";
import { bytes } from "waterwheel/random";

scalar("clock_and_dice", {
  args: {},
  returns: "BIGINT",
  volatility: "volatile",
  doc: "the time of now; negative where the host draws equal bytes twice",
}, () => {
  const first = bytes(16), second = bytes(16);
  line(3, "the dice are drawn");
  return String(first) === String(second) ? -nowMs() : nowMs();
});

scalar("asset", { args: { name: "STRING" }, returns: "STRING", doc: "an asset as text" }, (name) => {
  const content = read(name);
  if (content === undefined) throw new Error(`the sidecar has no asset '${name}'`);
  return new TextDecoder().decode(content);
});
