// The functions of the conformance vectors (../conformance), in JavaScript with the SDK.
import { Fatal, aggregate, scalar, stream, table } from "waterwheel";

scalar("conf_not", { args: { x: "BOOLEAN" }, returns: "BOOLEAN" }, (x) => !x);

scalar("conf_add", { args: { a: "INTEGER", b: "INTEGER" }, returns: "INTEGER" }, (a, b) => {
  if ((a + b | 0) !== a + b) throw new RangeError("overflow");
  return a + b;
});

scalar("conf_negate", { args: { x: "BIGINT" }, returns: "BIGINT" }, (x) => -x);

scalar("conf_half", { args: { x: "DOUBLE" }, returns: "DOUBLE" }, (x) => x / 2);

scalar("conf_twice", { args: { x: "DECIMAL(20, 4)" }, returns: "DECIMAL(20, 4)" }, (x) => x * 2n);

scalar("conf_next_day", { args: { day: "DATE" }, returns: "DATE" }, (day) => day + 1);

const DAY = 86400000;
scalar("conf_later", { args: { at: "TIME", seconds: "INTEGER" }, returns: "TIME" }, (at, seconds) =>
  ((at + seconds * 1000) % DAY + DAY) % DAY);

scalar("conf_hour", { args: { at: "TIMESTAMP" }, returns: "TIMESTAMP" }, (at) => Math.floor(at / 3600000) * 3600000);

scalar("conf_upper", { args: { text: "STRING" }, returns: "STRING" }, (text) => text.replace(/[a-z]+/g, (c) => c.toUpperCase()));

scalar("conf_reverse", { args: { bytes: "BYTES" }, returns: "BYTES" }, (bytes) => bytes.slice().reverse());

scalar("conf_sum", { args: { numbers: "ARRAY<DOUBLE>" }, returns: "DOUBLE" }, (numbers) =>
  numbers.reduce((sum, number) => sum + (number ?? 0), 0));

scalar("conf_or_zero", { args: { x: "DOUBLE" }, returns: "DOUBLE", nulls: "pass" }, (x) => x ?? 0);

scalar("conf_positive", { args: { x: "DOUBLE" }, returns: "DOUBLE" }, (x) => (x > 0 ? x : null));

scalar("conf_reciprocal", { args: { x: "DOUBLE" }, returns: "DOUBLE" }, (x) => {
  if (x === 0) throw new RangeError("x is 0");
  return 1 / x;
});

scalar("conf_spin", { args: { on: "INTEGER" }, returns: "INTEGER" }, (on) => {
  while (on) {}
  return 0;
});

scalar("conf_trap", { args: { on: "INTEGER" }, returns: "INTEGER" }, (on) => {
  if (on) throw new Fatal("as asked");
  return 0;
});

scalar("conf_hoard", { args: { mib: "INTEGER" }, returns: "INTEGER" }, (mib) => {
  const hoard = [];
  try {
    for (let i = 0; i < mib; i++) hoard.push(new Uint8Array(1 << 20).fill(1));
  } catch (error) {
    // An instance without memory is of no more use: who knows when it is collected.
    throw new Fatal(String(error));
  }
  return hoard.length;
});

stream("conf_running", { args: { x: "DOUBLE" }, returns: "DOUBLE", state: () => ({ sum: 0 }) }, (running, x) => {
  if (x < 0) throw new RangeError("x is negative");
  return (running.sum += x);
});

stream("conf_previous", { args: { text: "STRING" }, returns: "STRING", state: () => ({ text: null }) }, (previous, text) => {
  const before = previous.text;
  previous.text = text;
  return before;
});

stream("conf_nth", {
  args: { x: "DOUBLE", n: "CONSTANT INTEGER" },
  returns: "DOUBLE",
  state: ({ n }) => {
    if (n < 1) throw new RangeError("n must be at least 1");
    return { seen: 0 };
  },
}, (nth, x, n) => {
  nth.seen += 1;
  if (nth.seen < n) return null;
  nth.seen = 0;
  return x;
});

aggregate("conf_total", {
  args: { x: "DOUBLE" },
  returns: "DOUBLE",
  state: () => ({ sum: 0, rows: 0 }),
  update: (total, x) => {
    if (x < 0) throw new RangeError("x is negative");
    total.sum += x;
    total.rows += 1;
  },
  retract: (total, x) => {
    total.sum -= x;
    total.rows -= 1;
  },
  merge: (total, other) => {
    total.sum += other.sum;
    total.rows += other.rows;
  },
  finish: (total) => {
    if (total.sum > 1e300) throw new RangeError("the total is too large");
    return total.rows ? total.sum : null;
  },
});

function longer(longest, text) {
  if (longest.text === null || text.length > longest.text.length) longest.text = text;
}

aggregate("conf_longest", {
  args: { text: "STRING" },
  returns: "STRING",
  state: () => ({ text: null }),
  update: longer,
  merge: (longest, other) => {
    if (other.text !== null) longer(longest, other.text);
  },
  finish: (longest) => longest.text,
});

aggregate("conf_reached", {
  args: { x: "DOUBLE", least: "CONSTANT DOUBLE" },
  returns: "BIGINT",
  state: ({ least }) => {
    if (least < 0) throw new RangeError("least must be at least 0");
    return { rows: 0n };
  },
  update: (reached, x, least) => {
    if (x >= least) reached.rows += 1n;
  },
  retract: (reached, x, least) => {
    if (x >= least) reached.rows -= 1n;
  },
  merge: (reached, other) => {
    reached.rows += other.rows;
  },
  finish: (reached) => reached.rows,
});

table("conf_words", { args: { text: "STRING" }, returns: "STRING" }, (text) => text.split(" ").filter((word) => word));

// A word and where it begins; that of ? is unknown.
table("conf_places", {
  args: { text: "STRING" },
  returns: [{ name: "word", type: "STRING" }, { name: "at", type: "INTEGER" }],
}, (text) => {
  if (text === "null") return null;
  const places = [];
  let at = 0;
  for (const word of text.split(" ")) {
    if (word.startsWith("!")) throw new RangeError("no word");
    if (word) places.push({ WORD: word, AT: word[0] === "?" ? null : at });
    at += 1 + word.length;
  }
  return places;
});

table("conf_many", { args: { n: "INTEGER" }, returns: "BIGINT", nulls: "pass" }, function* (n) {
  if (n === null) yield null;
  if (n < 0) throw new RangeError("n is negative");
  for (let i = 0n; i < n; i++) yield i;
});

table("conf_bulk", { args: { mib: "INTEGER" }, returns: "STRING" }, (mib) => Array(mib).fill("x".repeat(1 << 20)));

const EVERYTHING = "STRUCT<b BOOLEAN, i INTEGER, l BIGINT, d DOUBLE, n DECIMAL(20, 4), s STRING, y BYTES, t TIME, a DATE, ts TIMESTAMP, " +
  "lists ARRAY<ARRAY<STRING>>, counts MAP<STRING, BIGINT>>";
scalar("conf_echo", { args: { x: EVERYTHING }, returns: EVERYTHING }, (x) => x);

scalar("conf_sums", {
  args: { groups: "MAP<STRING, ARRAY<INTEGER>>" },
  returns: "ARRAY<STRUCT<name STRING, total BIGINT>>",
}, (groups) =>
  [...groups].map(([name, numbers]) => {
    if (numbers === null) throw new RangeError("a group is NULL");
    return { NAME: name, TOTAL: BigInt(numbers.reduce((sum, number) => sum + number, 0)) };
  }));

scalar("conf_scaled", {
  args: { x: "DOUBLE", factor: "DOUBLE = 10", plus: "BIGINT = null" },
  returns: "DOUBLE",
  nulls: "pass",
}, (x, factor, plus) => x * factor + Number(plus ?? 0n));

scalar("conf_joined", { args: { separator: "STRING", texts: "STRING..." }, returns: "STRING" }, (separator, texts) =>
  texts.map((text) => text ?? "?").join(separator));

stream("conf_since", {
  args: { x: "DOUBLE", start: "CONSTANT DOUBLE = 100" },
  returns: "DOUBLE",
  state: ({ start }) => ({ sum: start }),
}, (since, x) => (since.sum += x));

function higher(most, xs) {
  for (const x of xs) if (x !== null && (most.most === null || x > most.most)) most.most = x;
}

aggregate("conf_most", {
  args: { xs: "DOUBLE..." },
  returns: "DOUBLE",
  state: () => ({ most: null }),
  update: higher,
  merge: (most, other) => higher(most, [other.most]),
  finish: (most) => most.most,
});

stream("conf_last_two", { args: { x: "DOUBLE" }, returns: "ARRAY<DOUBLE>", state: () => ({ last: null }) }, (state, x) => {
  if (x < 0) throw new RangeError("x is negative");
  const both = state.last === null ? [x] : [state.last, x];
  state.last = x;
  return both;
});

function widen(extremes, low, high) {
  extremes.low = extremes.low === null ? low : Math.min(extremes.low, low);
  extremes.high = extremes.high === null ? high : Math.max(extremes.high, high);
}

aggregate("conf_extremes", {
  args: { x: "DOUBLE" },
  returns: "STRUCT<low DOUBLE, high DOUBLE>",
  state: () => ({ low: null, high: null }),
  update: (extremes, x) => widen(extremes, x, x),
  merge: (extremes, other) => {
    if (other.low !== null) widen(extremes, other.low, other.high);
  },
  finish: ({ low, high }) => {
    if (high > 1e300) throw new RangeError("the highest is too large");
    return low === null ? null : { LOW: low, HIGH: high };
  },
});

scalar("conf_wrapped", {
  args: { x: "BIGINT", size: "CONSTANT BIGINT" },
  returns: "BIGINT",
  start: ({ size }) => {
    if (size < 1n) throw new RangeError("size must be at least 1");
    return { size };
  },
}, ({ size }, x) => ((x % size) + size) % size);

stream("conf_upgraded", {
  args: { x: "DOUBLE" },
  returns: "DOUBLE",
  state: () => ({ sum: 0, since: 0 }),
  state_version: 2,
  reads_state_versions: [1],
  // Format 1 was that of conf_running.
  upgrade: (_version, { sum }) => ({ sum, since: 1000 }),
}, (state, x) => (state.sum += x) + state.since);
