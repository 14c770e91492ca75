// Functions for Waterwheel in JavaScript: a function is a plain function beside its types. README.md is the way in.
//
// The SDK is the side of udf-sdk/wit/functions.wit that a plugin has: it makes the manifest, turns columns into values,
// calls the function for each row, and turns what it gives, or throws, into a result.

// ---- types ----

const INTEGER_MAX = 2147483647;
const BIGINT_MAX = 9223372036854775807n;

function check(fits, value, type) {
  if (!fits) throw new RangeError(`${value} is not ${type}`);
  return value;
}

// One SQL type: the case of its values, what stands in the place of a null, and its values on the way in and out.
const PLAIN = {
  BOOLEAN: { tag: "booleans", none: false, out: Boolean },
  INTEGER: { tag: "integers", none: 0, out: integer },
  BIGINT: { tag: "bigints", none: 0n, out: bigint },
  DOUBLE: { tag: "doubles", none: 0, out: (x) => check(typeof x === "number", x, "a number") },
  STRING: { tag: "strings", none: "", out: (x) => check(typeof x === "string", x, "a string") },
  BYTES: { tag: "bytes", none: new Uint8Array(0), in: (x) => Uint8Array.from(x), out: bytes },
  DATE: { tag: "integers", none: 0, out: integer },
  TIME: { tag: "integers", none: 0, out: integer },
  TIMESTAMP: { tag: "bigints", none: 0n, in: Number, out: (ms) => bigint(BigInt(ms)) },
};

function integer(x) {
  return check(Number.isInteger(x) && x >= -INTEGER_MAX - 1 && x <= INTEGER_MAX, x, "an INTEGER");
}

function bytes(x) {
  return check(x instanceof Uint8Array, x, "a Uint8Array");
}

function bigint(x) {
  return check(typeof x === "bigint" && x >= -BIGINT_MAX - 1n && x <= BIGINT_MAX, x, "a BIGINT, as 1n is");
}

function decimal(precision) {
  const end = 10n ** BigInt(precision);
  return {
    tag: "decimals",
    none: [0n, 0n],
    in: ([low, high]) => (high << 64n) | low,
    out: (x) => {
      check(typeof x === "bigint" && x < end && x > -end, x, `a DECIMAL of ${precision} digits`);
      return [BigInt.asUintN(64, x), BigInt.asIntN(64, x >> 64n)];
    },
  };
}

// Splits at commas that are not inside of <> or ().
function parts(text) {
  const found = [];
  let depth = 0, from = 0;
  for (let i = 0; i <= text.length; i++) {
    if (i === text.length || (text[i] === "," && depth === 0)) {
      found.push(text.slice(from, i).trim());
      from = i + 1;
    } else if ("<(".includes(text[i])) depth++;
    else if (">)".includes(text[i])) depth--;
  }
  return found;
}

function typeOf(text) {
  const plain = text.trim().toUpperCase();
  if (PLAIN[plain]) return column(PLAIN[plain]);
  const number = /^DECIMAL\s*\(\s*(\d+)/.exec(plain);
  if (number) return column(decimal(Number(number[1])));
  const nested = /^(ARRAY|MAP|STRUCT)\s*<(.*)>$/is.exec(text.trim());
  if (!nested) throw new TypeError(`${text} is not a SQL type that this SDK knows`);
  const inner = parts(nested[2]), kind = nested[1].toUpperCase();
  if (kind === "ARRAY") return arrays(typeOf(inner[0]));
  if (kind === "MAP") return maps(typeOf(inner[0]), typeOf(inner[1]));
  // Names fold to upper case, as in SQL, unless in back-quotes.
  const fields = inner.map((field) => /^(?:`([^`]+)`|(\S+))\s+(.*)$/s.exec(field));
  return structs(fields.map((field) => field[1] ?? field[2].toUpperCase()), fields.map((field) => typeOf(field[3])));
}

// A type is `read(levels)`, which takes levels from an iterator and gives the value of each row, and `write(values)`,
// which gives levels. The engine interprets, so what is done per row is kept to few steps.
function column(plain) {
  const into = plain.in;
  return {
    read(levels) {
      const { nulls, values } = levels.next().value;
      const val = values.val;
      if (nulls.length) return Array.from(val, (value, row) => (nulls[row] ? null : into ? into(value) : value));
      return into ? Array.from(val, (value) => into(value)) : val;
    },
    write(values) {
      const rows = values.length, val = new Array(rows), out = plain.out;
      let some = false;
      for (let row = 0; row < rows; row++) {
        const value = values[row];
        if (value === null || value === undefined) {
          some = true;
          val[row] = plain.none;
        } else val[row] = out(value);
      }
      return [{ nulls: some ? values.map(isNull) : [], values: { tag: plain.tag, val } }];
    },
  };
}

function isNull(value) {
  return value === null || value === undefined;
}

function nullsOf(values) {
  return values.some(isNull) ? values.map(isNull) : [];
}

function starts(lengths) {
  let at = 0;
  return Array.from(lengths, (length) => (at += length) - length);
}

function arrays(element) {
  return {
    read(levels) {
      const { nulls, values } = levels.next().value;
      const inner = element.read(levels), from = starts(values.val);
      const row = (from, length) => Array.from(inner.slice(from, from + length));
      return from.map((at, i) => (nulls[i] ? null : row(at, values.val[i])));
    },
    write(values) {
      const rows = values.map((value) => (isNull(value) ? [] : Array.from(value)));
      const level = { nulls: nullsOf(values), values: { tag: "arrays", val: rows.map((row) => row.length) } };
      return [level, ...element.write(rows.flat(1))];
    },
  };
}

function maps(key, value) {
  return {
    read(levels) {
      const { nulls, values } = levels.next().value;
      const keys = key.read(levels), items = value.read(levels), from = starts(values.val);
      const entries = (at, length) => Array.from({ length }, (_, i) => [keys[at + i], items[at + i]]);
      return from.map((at, i) => (nulls[i] ? null : new Map(entries(at, values.val[i]))));
    },
    write(values) {
      const rows = values.map((map) => (isNull(map) ? [] : [...map]));
      const level = { nulls: nullsOf(values), values: { tag: "maps", val: rows.map((row) => row.length) } };
      const all = rows.flat(1);
      return [level, ...key.write(all.map((entry) => entry[0])), ...value.write(all.map((entry) => entry[1]))];
    },
  };
}

function structs(names, types) {
  return {
    read(levels) {
      const { nulls } = levels.next().value;
      const fields = types.map((type) => type.read(levels));
      const row = (at) => Object.fromEntries(names.map((name, i) => [name, fields[i][at]]));
      return Array.from(fields[0], (_, at) => (nulls[at] ? null : row(at)));
    },
    write(values) {
      const level = { nulls: nullsOf(values), values: { tag: "structs" } };
      const inner = names.flatMap((name, i) => types[i].write(values.map((value) => (isNull(value) ? null : value[name]))));
      return [level, ...inner];
    },
  };
}

// ---- functions ----

const registered = new Map();

// What a table function gives, now: a generator may still throw, and is read only once.
function listed(rows) {
  return isNull(rows) ? null : Array.from(rows);
}

function register(kind, name, declared, run) {
  const { args, returns, doc, state, upgrade, start, ...options } = declared;
  const exported = options.export ?? name;
  if (registered.has(exported)) throw new TypeError(`two functions have the export ${exported}`);
  const entry = { name, kind, ...options, export: exported, args: [], returns };
  for (const [arg, text] of Object.entries(args)) entry.args.push({ name: arg, ...argument(text) });
  if (doc) entry.doc = doc;
  if (start && !entry.args.some((arg) => arg.constant)) throw new TypeError(`${name}: start makes something of constants, and no argument is CONSTANT`);
  registered.set(exported, {
    entry,
    kind,
    start,
    run: kind === "table" ? (...given) => listed(run(...given)) : run,
    state,
    upgrade,
    names: Object.keys(args),
    args: entry.args.map((arg) => typeOf(arg.type)),
    returns: kind === "table" ? arrays(typeOf(rowOf(returns))) : typeOf(returns),
    isVersion: (version) => version === (entry.state_version ?? 1),
  });
}

// An argument as `args` has it: `CONSTANT INTEGER`, `INTEGER = 60`, `DOUBLE...`.
function argument(text) {
  const [, constant, type, rest, value] = /^\s*(constant\s+)?(.*?)\s*(?:(\.\.\.)|=\s*(.*))?\s*$/is.exec(text);
  const entry = { type: rest ? `ARRAY<${type}>` : type };
  if (constant) entry.constant = true;
  if (rest) entry.variadic = true;
  if (value !== undefined) entry.default = JSON.parse(value);
  return entry;
}

// The type of a row of a table function, whose columns may stand in a list.
function rowOf(returns) {
  if (typeof returns === "string") return returns;
  return `STRUCT<${returns.map(({ name, type }) => `${name} ${type}`).join(", ")}>`;
}

/** A function of one row that gives its rows, as a list or a generator: as scalar, with `returns` the type of a row, or its columns:
 *  [{ name: "word", type: "STRING" }, ...], which are then upper-case properties of the rows. */
export function table(name, declared, run) {
  register("table", name, declared, run);
}

/** A function of one row: scalar("name", { args: { a: "DOUBLE" }, returns: "DOUBLE", doc: "..." }, (a) => ...). With `start: (constants) => ...` in
 *  what is declared the first parameter is what that makes of the arguments of types "CONSTANT ...", once, before any row. */
export function scalar(name, declared, run) {
  register("scalar", name, declared, run);
}

/** A function of a row and of the state of its key: as scalar, with `state: (constants) => ({...})` in what is
 *  declared, and the state as the first parameter. A type "CONSTANT INTEGER" asks for a constant. The state is an object
 *  of what JSON can hold. */
export function stream(name, declared, run) {
  register("stream", name, declared, run);
}

/** A function of the rows of a group: as stream, with functions of the state in what is declared: `update: (state, ...) => {}`,
 *  `merge: (state, other) => {}`, `finish: (state) => value` and, where rows can be taken back, `retract: (state, ...) => {}`. */
export function aggregate(name, { update, retract, merge, finish, ...declared }) {
  if (!update || !merge || !finish) throw new TypeError(`${name}: an aggregate function has update, merge and finish`);
  register("aggregate", name, { ...declared, ...(retract ? { retracts: true } : {}) }, update);
  Object.assign(registered.get(declared.export ?? name), { retract, merge, finish });
}

/** Thrown by a function to end its instance: for a program that is broken, where any other error is one of its row. */
export class Fatal extends Error {}

function message(error) {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}

function readers(fn, columns) {
  return fn.args.map((type, i) => type.read(columns[i][Symbol.iterator]()));
}

// The function with its arguments of one row, after the state where it has one.
function caller(run, [a, b, c, ...more], isStream) {
  if (more.length) {
    const all = [a, b, c, ...more];
    return (row, state) => (isStream ? run(state, ...all.map((arg) => arg[row])) : run(...all.map((arg) => arg[row])));
  }
  if (isStream) {
    if (c) return (row, state) => run(state, a[row], b[row], c[row]);
    if (b) return (row, state) => run(state, a[row], b[row]);
    return a ? (row, state) => run(state, a[row]) : (_, state) => run(state);
  }
  if (c) return (row) => run(a[row], b[row], c[row]);
  if (b) return (row) => run(a[row], b[row]);
  return a ? (row) => run(a[row]) : () => run();
}

// The result of the rows; a value that is not of the result's type is a failed row, unless `strict`.
function outcome(fn, values, failed, strict) {
  try {
    return { values: fn.returns.write(values), failed };
  } catch (error) {
    if (strict) throw `its result: ${message(error)}`;
  }
  values.forEach((value, row) => {
    try {
      fn.returns.write([value]);
    } catch (error) {
      values[row] = null;
      failed.push({ row, message: `its result: ${message(error)}` });
    }
  });
  return { values: fn.returns.write(values), failed };
}

// ---- what the host calls ----

let opened, fresh, states, made;

/** The exports of the component. */
export const functions = {
  manifest() {
    return JSON.stringify({ functions: [...registered.values()].map((fn) => fn.entry) });
  },

  call(name, columns, rows) {
    const fn = registered.get(name), run = caller(fn.run, readers(fn, columns), Boolean(fn.start));
    const values = new Array(rows).fill(null), failed = [];
    for (let row = 0; row < rows; row++) {
      try {
        values[row] = run(row, made);
      } catch (error) {
        // No result at all is what ends an instance.
        if (error instanceof Fatal) return undefined;
        failed.push({ row, message: message(error) });
      }
    }
    return outcome(fn, values, failed, false);
  },

  open(name, constants) {
    const fn = registered.get(name), given = {};
    try {
      constants.forEach((column, i) => {
        if (column) given[fn.names[i]] = fn.args[i].read(column[Symbol.iterator]())[0];
      });
      if (fn.kind === "scalar" || fn.kind === "table") {
        made = fn.start?.(given);
        return;
      }
      const make = fn.state ?? (() => ({}));
      make(given);
      [opened, fresh, states] = [fn, () => make(given), new Map()];
    } catch (error) {
      throw message(error);
    }
  },

  push(slots, columns) {
    const run = caller(opened.run, readers(opened, columns), true), rows = slots.length;
    const values = new Array(rows).fill(null), failed = [];
    for (let row = 0; row < rows; row++) {
      const slot = slots[row], state = states.get(slot) ?? fresh();
      try {
        values[row] = run(row, state);
        states.set(slot, state);
      } catch (error) {
        if (error instanceof Fatal) return undefined;
        failed.push({ row, message: message(error) });
      }
    }
    // The states are past these rows, so with a bad value it is the call that fails.
    return outcome(opened, values, failed, true);
  },

  update(slots, columns) {
    return take(opened.run, slots, columns);
  },

  retract(slots, columns) {
    return take(opened.retract, slots, columns);
  },

  merge(into, from) {
    try {
      into.forEach((slot, i) => {
        const other = states.get(from[i]);
        if (other === undefined) return;
        const state = states.get(slot) ?? fresh();
        opened.merge(state, other);
        states.set(slot, state);
      });
    } catch (error) {
      throw message(error);
    }
  },

  finish(slots) {
    const values = new Array(slots.length).fill(null), failed = [];
    for (let row = 0; row < slots.length; row++) {
      try {
        values[row] = opened.finish(states.get(slots[row]) ?? fresh());
      } catch (error) {
        if (error instanceof Fatal) return undefined;
        failed.push({ row, message: message(error) });
      }
    }
    return outcome(opened, values, failed, false);
  },

  save(slots) {
    const encoder = new TextEncoder();
    return Array.from(slots, (slot) => (states.has(slot) ? encoder.encode(dump(states.get(slot))) : new Uint8Array(0)));
  },

  load(slots, saved, version) {
    const decoder = new TextDecoder();
    try {
      slots.forEach((slot, i) => {
        if (saved[i].length === 0) return states.delete(slot);
        let state = JSON.parse(decoder.decode(saved[i]), revive);
        if (!opened.isVersion(version)) state = opened.upgrade(version, state);
        states.set(slot, state);
      });
    } catch (error) {
      throw message(error);
    }
  },

  forget(slots) {
    slots.forEach((slot) => states.delete(slot));
  },
};

// Gives each row to a function of its group's state, and gives the rows that failed.
function take(run, slots, columns) {
  const call = caller(run, readers(opened, columns), true), failed = [];
  for (let row = 0; row < slots.length; row++) {
    const slot = slots[row], state = states.get(slot) ?? fresh();
    try {
      call(row, state);
      states.set(slot, state);
    } catch (error) {
      if (error instanceof Fatal) return undefined;
      failed.push({ row, message: message(error) });
    }
  }
  return failed;
}

// JSON, and what it has no word for: BigInt, numbers that are not finite, -0, Map, Uint8Array.
function dump(state) {
  return JSON.stringify(state, (_, value) => {
    if (typeof value === "bigint") return { $bigint: value.toString() };
    if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
      return { $number: Object.is(value, -0) ? "-0" : String(value) };
    }
    if (value instanceof Map) return { $map: [...value] };
    if (value instanceof Uint8Array) return { $bytes: [...value] };
    return value;
  });
}

function revive(_, value) {
  if (value === null || typeof value !== "object") return value;
  if ("$bigint" in value) return BigInt(value.$bigint);
  if ("$number" in value) return Number(value.$number);
  if ("$map" in value) return new Map(value.$map);
  if ("$bytes" in value) return new Uint8Array(value.$bytes);
  return value;
}
