// Functions over trades: diff, moving_avg and running_vwap keep state per key, vwap per group, risk_score sees one row, fills gives several for one.
import { aggregate, scalar, stream, table } from "waterwheel";

stream("diff", {
  args: { price: "DOUBLE" },
  returns: "DOUBLE",
  doc: "the price less the price before; NULL in a key's first row",
  state: () => ({ price: null }),
}, (previous, price) => {
  const change = previous.price === null ? null : price - previous.price;
  previous.price = price;
  return change;
});

stream("moving_avg", {
  args: { price: "DOUBLE", rows: "CONSTANT INTEGER" },
  returns: "DOUBLE",
  doc: "the mean of a key's last prices",
  state: ({ rows }) => {
    if (rows < 1 || rows > 10000) throw new RangeError("rows must be 1 to 10000");
    return { prices: [] };
  },
}, (last, price, rows) => {
  last.prices.push(price);
  if (last.prices.length > rows) last.prices.shift();
  return last.prices.reduce((sum, each) => sum + each, 0) / last.prices.length;
});

stream("running_vwap", {
  args: { price: "DOUBLE", volume: "BIGINT" },
  returns: "DOUBLE",
  doc: "the mean price of a key so far, weighted by volume",
  state: () => ({ money: 0, volume: 0 }),
}, (traded, price, volume) => {
  // Before the state is changed: a row that fails leaves it as it was.
  if (volume <= 0n) throw new RangeError("volume must be more than 0");
  traded.money += price * Number(volume);
  traded.volume += Number(volume);
  return traded.money / traded.volume;
});

aggregate("vwap", {
  args: { price: "DOUBLE", volume: "BIGINT" },
  returns: "DOUBLE",
  doc: "the mean price of a group, weighted by volume",
  state: () => ({ money: 0, volume: 0 }),
  update: (traded, price, volume) => {
    if (volume <= 0n) throw new RangeError("volume must be more than 0");
    traded.money += price * Number(volume);
    traded.volume += Number(volume);
  },
  retract: (traded, price, volume) => {
    traded.money -= price * Number(volume);
    traded.volume -= Number(volume);
  },
  merge: (traded, other) => {
    traded.money += other.money;
    traded.volume += other.volume;
  },
  finish: (traded) => (traded.volume > 0 ? traded.money / traded.volume : null),
});

scalar("risk_score", {
  args: { price: "DOUBLE", average: "DOUBLE", volume: "BIGINT" },
  returns: "DOUBLE",
  doc: "how unusual a trade is, 0 to 1",
}, (price, average, volume) => {
  if (!(average > 0)) throw new RangeError("average must be more than 0");
  const strain = Math.abs(price / average - 1) * (1 + Number(volume) / 10000);
  return strain / (strain + 0.05);
});

table("fills", {
  args: { report: "STRING" },
  returns: [{ name: "price", type: "DOUBLE" }, { name: "volume", type: "BIGINT" }],
  doc: "the fills of an order, written as `price x volume; price x volume; ...`",
}, function* (report) {
  for (const text of report.split(";").map((text) => text.trim())) {
    if (!text) continue;
    const fill = /^(\d+(?:\.\d+)?)\s*x\s*(\d+)$/.exec(text);
    if (!fill) throw new RangeError(`'${text}' is no price x volume`);
    yield { PRICE: Number(fill[1]), VOLUME: BigInt(fill[2]) };
  }
});
