// Functions of Waterwheel in AssemblyScript, by the columnar ABI. README.md beside this file is the tutorial, ../ABI.md what
// crosses the border. Re-export the exports of this file from the plugin: `export { ww_abi, ... } from "./waterwheel"`.

const ROWS_MAX: u32 = 8192;

// ---- memory: blocks of sizes that are powers of two; a freed one is kept for the next of its size ----

const freeBlocks = new StaticArray<usize>(32);
let areaTop: u32 = 0;
let areaEnd: u32 = 0;

function sizeClass(bytes: u32): u32 {
  return bytes <= 16 ? 4 : 32 - <u32>clz<u32>(bytes - 1);
}

function take(bytes: u32): usize {
  if (bytes > 1 << 28) return 0;
  const c = sizeClass(bytes);
  const block = unchecked(freeBlocks[c]);
  if (block != 0) {
    unchecked((freeBlocks[c] = load<usize>(block)));
    return block;
  }
  const size: u32 = 1 << c;
  if (size > areaEnd - areaTop) {
    // Pages of its own: the runtime's allocator, which serves objects, takes others.
    const pages = (size + 0xffff) >> 16;
    const before = memory.grow(pages);
    if (before < 0) return 0;
    const start = <u32>before << 16;
    if (start != areaEnd) areaTop = start;
    areaEnd = start + (pages << 16);
  }
  const at = areaTop;
  areaTop += size;
  return at;
}

function giveBack(block: usize, bytes: u32): void {
  if (block == 0) return;
  const c = sizeClass(bytes);
  store<usize>(block, unchecked(freeBlocks[c]));
  unchecked((freeBlocks[c] = block));
}

export function ww_abi(): i32 {
  return 1;
}
export function ww_alloc(bytes: u32, align: u32): usize {
  return take(bytes);
}
export function ww_free(block: usize, bytes: u32, align: u32): void {
  giveBack(block, bytes);
}

let manifestAt: usize = 0;
let manifestBytes: u32 = 0;
/** The manifest, JSON as section 2 of the ABI has it; called once, at the top of the plugin. */
export function manifest(json: string): void {
  manifestBytes = <u32>String.UTF8.byteLength(json);
  manifestAt = take(manifestBytes);
  String.UTF8.encodeUnsafe(changetype<usize>(json), json.length, manifestAt);
}
export function ww_manifest(): u64 {
  return ((<u64>manifestAt) << 32) | manifestBytes;
}

// ---- errors ----

const reports: usize = memory.data(12 * 8192, 16);
const messages: usize = memory.data(65536, 16);
let reported: u32 = 0;
let messagesUsed: u32 = 0;
const NO_ROW: u32 = 0xffffffff;

export function ww_last_error(): u64 {
  return ((<u64>reports) << 32) | reported;
}

function forgetReports(): void {
  reported = 0;
  messagesUsed = 0;
}

function report(row: u32, message: string): void {
  if (reported == ROWS_MAX) return;
  let bytes = <u32>String.UTF8.byteLength(message);
  if (bytes > 65536 - messagesUsed) bytes = 0; // Full: the failed rows are still told, without a message.
  const at = messages + messagesUsed;
  if (bytes > 0) String.UTF8.encodeUnsafe(changetype<usize>(message), message.length, at);
  messagesUsed += bytes;
  const place = reports + 12 * reported++;
  store<u32>(place, row);
  store<usize>(place, at, 4);
  store<u32>(place, bytes, 8);
}

// ---- what the plugin's sidecar gives: section 12 of the ABI. A plugin imports only what it calls, and is not loaded where the grant
// for that is missing ----

// @ts-ignore: decorator
@external("ww", "asset_bytes")
declare function hostAssetBytes(name: usize, nameBytes: u32): i64;
// @ts-ignore: decorator
@external("ww", "asset_read")
declare function hostAssetRead(name: usize, nameBytes: u32, from: i64, at: usize, count: u32): i32;
// @ts-ignore: decorator
@external("ww", "now_ms")
declare function hostNowMs(): i64;
// @ts-ignore: decorator
@external("ww", "random")
declare function hostRandom(at: usize, bytes: u32): void;
// @ts-ignore: decorator
@external("ww", "log")
declare function hostLog(level: u32, at: usize, bytes: u32): void;

/** The content of the asset of this name; null: there is none, or not all of it could be read. */
export function asset(name: string): ArrayBuffer | null {
  const utf8 = String.UTF8.encode(name), at = changetype<usize>(utf8), bytes = hostAssetBytes(at, utf8.byteLength);
  if (bytes < 0 || bytes > 1 << 29) return null;
  const content = new ArrayBuffer(<i32>bytes);
  let read: u32 = 0;
  while (read < <u32>bytes) {
    const more = hostAssetRead(at, utf8.byteLength, read, changetype<usize>(content) + read, <u32>bytes - read);
    if (more <= 0) return null;
    read += more;
  }
  return content;
}
/** The asset of this name as text; null: there is none. */
export function assetText(name: string): string | null {
  const content = asset(name);
  return content === null ? null : String.UTF8.decode(content);
}
/** Milliseconds since 1970-01-01T00:00 UTC. Needs the grant `clock`. */
export function nowMs(): i64 {
  return hostNowMs();
}
/** So many random bytes, at most 1 MiB. Needs the grant `random`. */
export function randomBytes(count: i32): ArrayBuffer {
  const drawn = new ArrayBuffer(count);
  hostRandom(changetype<usize>(drawn), count);
  return drawn;
}
/** How much a line of the log matters. */
export const enum Level {
  Error,
  Warn,
  Info,
  Debug,
}
/** A line of the log for each line of the text. Needs the grant `log`. */
export function log(level: Level, text: string): void {
  const utf8 = String.UTF8.encode(text);
  hostLog(level, changetype<usize>(utf8), utf8.byteLength);
}

// ---- one row ----

/** A text or bytes in memory; valid until the call ends. */
@unmanaged
export class Bytes {
  at: usize;
  length: u32;
}

/** Elements of an array. */
@unmanaged
export class Elements {
  column: usize;
  from: u32;
  length: u32;
  isNull(i: u32): bool {
    const bits = load<usize>(this.column, 12);
    return bits != 0 && bit(bits, this.from + i) == 0;
  }
  double(i: u32): f64 {
    return load<f64>(load<usize>(this.column, 16) + ((this.from + i) << 3));
  }
}

/** One value of any type, to look into: an argument, an element, a field. Valid until the call ends. */
@final
export class Value {
  constructor(private column: usize, private at: u32) {}
  get isNull(): bool {
    const bits = load<usize>(this.column, 12);
    return bits != 0 && bit(bits, this.at) == 0;
  }
  get boolean(): bool {
    return bit(load<usize>(this.column, 16), this.at) == 1;
  }
  /** INTEGER, DATE, TIME. */
  get integer(): i32 {
    return load<i32>(load<usize>(this.column, 16) + (this.at << 2));
  }
  /** BIGINT, TIMESTAMP. */
  get bigint(): i64 {
    return load<i64>(load<usize>(this.column, 16) + (this.at << 3));
  }
  get double(): f64 {
    return load<f64>(load<usize>(this.column, 16) + (this.at << 3));
  }
  get decimalLow(): u64 {
    return load<u64>(load<usize>(this.column, 16) + (this.at << 4));
  }
  get decimalHigh(): i64 {
    return load<i64>(load<usize>(this.column, 16) + (this.at << 4), 8);
  }
  /** STRING, BYTES: where they lie. Valid until the next call of `bytes`. */
  get bytes(): Bytes {
    bytesOf.at = load<usize>(this.column, 16) + this.from;
    bytesOf.length = this.length;
    return bytesOf;
  }
  get text(): string {
    const b = this.bytes;
    return String.UTF8.decodeUnsafe(b.at, b.length);
  }
  private get from(): u32 {
    return load<u32>(load<usize>(this.column, 24) + (this.at << 2));
  }
  /** How many elements an ARRAY has, entries a MAP, bytes a text. */
  get length(): u32 {
    return load<u32>(load<usize>(this.column, 24) + (this.at << 2), 4) - this.from;
  }
  /** Element i of an ARRAY. */
  element(i: u32): Value {
    return new Value(load<usize>(this.column, 28), this.from + i);
  }
  /** Key of entry i of a MAP. */
  key(i: u32): Value {
    return this.element(i);
  }
  /** Value of entry i of a MAP. */
  item(i: u32): Value {
    return new Value(load<usize>(this.column, 28) + 32, this.from + i);
  }
  /** Field i of a STRUCT. */
  field(i: u32): Value {
    return new Value(load<usize>(this.column, 28) + (i << 5), this.at);
  }
}

// @ts-ignore: decorator
@inline
function bit(bitmap: usize, at: u32): u32 {
  return (load<u8>(bitmap + (at >> 3)) >> <u8>(at & 7)) & 1;
}

const texts = memory.data(4 * 8193, 16);
let textPlace: usize = 0;
let textUsed: u32 = 0;
let textRoom: u32 = 0;
const bytesOf = changetype<Bytes>(memory.data(8, 8));
const elementsOf = changetype<Elements>(memory.data(12, 8));

/** The row that a function is called for: arguments by position, one result. All functions are of the one instance `row`. */
@final
export class Row {
  args: usize = 0;
  out: usize = 0;
  row: u32 = 0;
  failed: bool = false;

  /** Where argument `arg` has its value: constants have one for all rows. */
  // @ts-ignore: decorator
  @inline
  private at(arg: u32): u32 {
    return load<u32>(this.args + (arg << 5), 4) & 1 ? 0 : this.row;
  }
  // @ts-ignore: decorator
  @inline
  private values(arg: u32): usize {
    return load<usize>(this.args + (arg << 5), 16);
  }
  isNull(arg: u32): bool {
    const bits = load<usize>(this.args + (arg << 5), 12);
    return bits != 0 && bit(bits, this.at(arg)) == 0;
  }
  boolean(arg: u32): bool {
    return bit(this.values(arg), this.at(arg)) == 1;
  }
  /** INTEGER, DATE, TIME. */
  integer(arg: u32): i32 {
    return load<i32>(this.values(arg) + (this.at(arg) << 2));
  }
  /** BIGINT, TIMESTAMP. */
  bigint(arg: u32): i64 {
    return load<i64>(this.values(arg) + (this.at(arg) << 3));
  }
  double(arg: u32): f64 {
    return load<f64>(this.values(arg) + (this.at(arg) << 3));
  }
  /** The lower and the upper half of an unscaled DECIMAL. */
  decimalLow(arg: u32): u64 {
    return load<u64>(this.values(arg) + (this.at(arg) << 4));
  }
  decimalHigh(arg: u32): i64 {
    return load<i64>(this.values(arg) + (this.at(arg) << 4), 8);
  }
  /** STRING, BYTES: where they lie. Valid until the next call of `bytes`. */
  bytes(arg: u32): Bytes {
    const offsets = load<usize>(this.args + (arg << 5), 24) + (this.at(arg) << 2);
    const from = load<u32>(offsets);
    bytesOf.at = this.values(arg) + from;
    bytesOf.length = load<u32>(offsets, 4) - from;
    return bytesOf;
  }
  /** STRING as AssemblyScript's own; it is copied. */
  text(arg: u32): string {
    const b = this.bytes(arg);
    return String.UTF8.decodeUnsafe(b.at, b.length);
  }
  /** ARRAY. Valid until the next call of `array`. */
  array(arg: u32): Elements {
    const offsets = load<usize>(this.args + (arg << 5), 24) + (this.at(arg) << 2);
    elementsOf.column = load<usize>(this.args + (arg << 5), 28);
    elementsOf.from = load<u32>(offsets);
    elementsOf.length = load<u32>(offsets, 4) - elementsOf.from;
    return elementsOf;
  }
  /** An argument of any type. */
  value(arg: u32): Value {
    return new Value(this.args + (arg << 5), this.at(arg));
  }

  setBoolean(value: bool): void {
    const place = load<usize>(this.out, 16) + (this.row >> 3);
    if (value) store<u8>(place, load<u8>(place) | (<u8>1 << <u8>(this.row & 7)));
  }
  setInteger(value: i32): void {
    store<i32>(load<usize>(this.out, 16) + (this.row << 2), value);
  }
  setBigint(value: i64): void {
    store<i64>(load<usize>(this.out, 16) + (this.row << 3), value);
  }
  setDouble(value: f64): void {
    store<f64>(load<usize>(this.out, 16) + (this.row << 3), value);
  }
  setDecimal(low: u64, high: i64): void {
    const place = load<usize>(this.out, 16) + (this.row << 4);
    store<u64>(place, low);
    store<i64>(place, high, 8);
  }
  setNull(): void {
    const place = load<usize>(this.out, 12) + (this.row >> 3);
    store<u8>(place, load<u8>(place) & ~((<u8>1 << <u8>(this.row & 7))));
  }
  /** Where `length` bytes of this row's text go, or more of it; 0, and the row fails, when there is no memory. */
  place(length: u32): usize {
    const at = textGrow(length);
    if (at == 0) this.fail("no memory for the result");
    return at;
  }
  setBytes(at: usize, length: u32): void {
    const place = this.place(length);
    if (place != 0) memory.copy(place, at, length);
  }
  setText(text: string): void {
    const length = <u32>String.UTF8.byteLength(text);
    const place = this.place(length);
    if (place != 0) String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, place);
  }
  /** Fails the row: its result is null, the query decides what becomes of it. */
  fail(message: string): void {
    report(this.row, message);
    this.failed = true;
  }
}

const row = new Row();

function textGrow(length: u32): usize {
  if (length > 1 << 27) return 0;
  if (textPlace == 0 || length > textRoom - textUsed) {
    const room = 2 * (textUsed + length) + 1024;
    const larger = take(room);
    if (larger == 0) return 0;
    memory.copy(larger, textPlace, textUsed);
    giveBack(textPlace, textRoom);
    textPlace = larger;
    textRoom = room;
  }
  const at = textPlace + textUsed;
  textUsed += length;
  return at;
}

function begin(args: usize, out: usize): void {
  forgetReports();
  __collect(); // The runtime "minimal" frees only here: what the rows of the call before made.
  textUsed = 0;
  row.args = args;
  row.out = out;
}

function finishTexts(rows: u32, out: usize): void {
  store<u32>(texts + (rows << 2), textUsed);
  store<usize>(out, textPlace, 16);
  store<u32>(out, textUsed, 20);
  store<usize>(out, texts, 24);
}

/** Calls `f` for each row; `isText` says whether the result is STRING or BYTES. The body of an exported scalar function. */
// @ts-ignore: decorator
@inline
export function scalar(args: usize, rows: u32, out: usize, isText: bool, f: (row: Row) => void): i32 {
  begin(args, out);
  let status = 0;
  for (let i: u32 = 0; i < rows; i++) {
    row.row = i;
    row.failed = false;
    const before = textUsed;
    if (isText) store<u32>(texts + (i << 2), before);
    f(row);
    if (row.failed) {
      row.setNull();
      textUsed = before;
      status = 1;
    }
  }
  if (isText) finishTexts(rows, out);
  return status;
}

// ---- nested results ----

let noMemory = false; // While a row was made: it fails.
let typeAt = 0;
const BOOLEAN = 98, INTEGER = 105, BIGINT = 108, DOUBLE = 100, DECIMAL = 110, TEXT = 115, ARRAY = 91, MAP = 123, STRUCT = 40;

/** A column that a function makes, value by value. Its type is a text: b BOOLEAN, i INTEGER DATE TIME, l BIGINT TIMESTAMP, d DOUBLE,
 *  n DECIMAL, s STRING BYTES, [x] ARRAY, {kv} MAP, (xyz) STRUCT: "[(sl)]" is ARRAY<STRUCT<name STRING, count BIGINT>>. */
@final
export class Builder {
  private type: i32;
  private width: u32;
  private hasOffsets: bool;
  private rows: u32 = 0;
  private room: u32 = 0;
  private used: u32 = 0;
  private textRoom: u32 = 0;
  private validity: usize = 0;
  private values: usize = 0;
  private offsets: usize = 0;
  private columns: usize = 0;
  private inner: Builder[] = [];

  /** `isInner`: of the rest of a type that is being read. */
  constructor(type: string, isInner: bool = false) {
    if (!isInner) typeAt = 0;
    this.type = type.charCodeAt(typeAt++);
    const kind = this.type;
    this.width = kind == INTEGER ? 4 : kind == BIGINT || kind == DOUBLE ? 8 : kind == DECIMAL ? 16 : 0;
    this.hasOffsets = kind == TEXT || kind == ARRAY || kind == MAP;
    if (kind == ARRAY || kind == MAP || kind == STRUCT) {
      while (!"]})".includes(type.charAt(typeAt))) this.inner.push(new Builder(type, true));
      typeAt++;
      this.columns = take(<u32>this.inner.length << 5);
    }
  }

  // Makes room for one row more.
  private grow(): bool {
    if (this.rows < this.room) return true;
    const room = max<u32>(64, 2 * this.room), bits = this.room >> 3;
    this.validity = larger(this.validity, bits, bits, room >> 3);
    if (this.type == BOOLEAN) this.values = larger(this.values, bits, bits, room >> 3);
    if (this.width > 0) this.values = larger(this.values, this.room * this.width, this.room * this.width, room * this.width);
    if (this.hasOffsets) {
      const before = this.offsets == 0 ? 0 : (this.room + 1) << 2;
      this.offsets = larger(this.offsets, before, before, (room + 1) << 2);
      if (before == 0 && !noMemory) store<u32>(this.offsets, 0);
    }
    if (!noMemory) this.room = room;
    return !noMemory;
  }
  private count(isThere: bool): void {
    setBit(this.validity, this.rows, isThere);
    this.rows++;
    if (this.hasOffsets) store<u32>(this.offsets + (this.rows << 2), this.type == TEXT ? this.used : this.inner[0].rows);
  }

  /** The elements of an ARRAY (0), keys and values of a MAP (0 and 1), fields of a STRUCT. */
  child(i: i32): Builder {
    return this.inner[i];
  }
  addBoolean(value: bool): void {
    if (!this.grow()) return;
    setBit(this.values, this.rows, value);
    this.count(true);
  }
  /** INTEGER, DATE, TIME. */
  addInteger(value: i32): void {
    if (!this.grow()) return;
    store<i32>(this.values + (this.rows << 2), value);
    this.count(true);
  }
  /** BIGINT, TIMESTAMP. */
  addBigint(value: i64): void {
    if (!this.grow()) return;
    store<i64>(this.values + (this.rows << 3), value);
    this.count(true);
  }
  addDouble(value: f64): void {
    if (!this.grow()) return;
    store<f64>(this.values + (this.rows << 3), value);
    this.count(true);
  }
  addDecimal(low: u64, high: i64): void {
    if (!this.grow()) return;
    store<u64>(this.values + (this.rows << 4), low);
    store<i64>(this.values + (this.rows << 4), high, 8);
    this.count(true);
  }
  private textPlace(length: u32): usize {
    if (!this.grow()) return 0;
    if (this.values == 0 || length > this.textRoom - this.used) {
      if (length > 1 << 26 || this.used > 1 << 26) {
        noMemory = true;
        return 0;
      }
      const room = 2 * (this.used + length) + 64;
      this.values = larger(this.values, this.used, this.textRoom, room);
      if (noMemory) return 0;
      this.textRoom = room;
    }
    this.used += length;
    return this.values + this.used - length;
  }
  /** STRING, BYTES; they are copied. */
  addBytes(at: usize, length: u32): void {
    const place = this.textPlace(length);
    if (place == 0) return;
    memory.copy(place, at, length);
    this.count(true);
  }
  addText(text: string): void {
    const length = <u32>String.UTF8.byteLength(text);
    const place = this.textPlace(length);
    if (place == 0) return;
    String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, place);
    this.count(true);
  }
  addNull(): void {
    if (this.type == STRUCT) {
      this.addNested();
      if (!noMemory) setBit(this.validity, this.rows - 1, false);
      return;
    }
    if (!this.grow()) return;
    if (this.width > 0) memory.fill(this.values + this.rows * this.width, 0, this.width);
    if (this.type == BOOLEAN) setBit(this.values, this.rows, false);
    this.count(false);
  }
  /** The next ARRAY, MAP or STRUCT: what was added to its children since the one before. Fields, and values of a MAP, that were not
   *  added are NULL. */
  addNested(): void {
    if (!this.grow()) return;
    if (this.type == MAP) while (this.inner[1].rows < this.inner[0].rows && !noMemory) this.inner[1].addNull();
    if (this.type == STRUCT) for (let i = 0; i < this.inner.length; i++) if (this.inner[i].rows == this.rows) this.inner[i].addNull();
    this.count(true);
  }

  /** Takes back all rows from `rows` on. For the SDK. */
  cut(rows: u32): void {
    if (this.rows < rows) return;
    this.rows = rows;
    const within = !this.hasOffsets ? rows : rows == 0 ? 0 : load<u32>(this.offsets + (rows << 2));
    if (this.type == TEXT) this.used = within;
    for (let i = 0; i < this.inner.length; i++) this.inner[i].cut(within);
  }
  /** Tells the host where the values are. For the SDK. */
  finish(out: usize, isResult: bool): void {
    if (!isResult) {
      memory.fill(out, 0, 32);
      store<u32>(out, this.rows);
      store<usize>(out, this.validity, 12);
    }
    store<usize>(out, this.values, 16);
    store<u32>(out, this.type == TEXT ? this.used : this.type == BOOLEAN ? (this.rows + 7) >> 3 : this.rows * this.width, 20);
    store<usize>(out, !this.hasOffsets ? 0 : this.offsets != 0 ? this.offsets : noRows, 24);
    store<usize>(out, this.columns, 28);
    for (let i = 0; i < this.inner.length; i++) this.inner[i].finish(this.columns + (<u32>i << 5), false);
  }
}

const noRows = memory.data(4, 4);

function larger(block: usize, used: u32, room: u32, wanted: u32): usize {
  const more = take(wanted);
  if (more == 0) {
    noMemory = true;
    return block;
  }
  if (block != 0) memory.copy(more, block, used);
  giveBack(block, room);
  return more;
}

function setBit(bits: usize, at: u32, value: bool): void {
  const place = bits + (at >> 3), mask = <u8>1 << <u8>(at & 7);
  store<u8>(place, value ? load<u8>(place) | mask : load<u8>(place) & ~mask);
}

/** As `scalar`, of a result of ARRAY, MAP or STRUCT: `f` adds to the children of `result`, one row. */
// @ts-ignore: decorator
@inline
export function nested(args: usize, rows: u32, out: usize, result: Builder, f: (row: Row, result: Builder) => void): i32 {
  begin(args, out);
  result.cut(0);
  let status = 0;
  for (let i: u32 = 0; i < rows; i++) {
    row.row = i;
    row.failed = false;
    f(row, result);
    status |= endNested(i, result);
  }
  result.finish(out, true);
  return status;
}

// The end of a row whose value was added to the children of `result`; what one that failed has added is taken back. 1 where it has failed.
function endNested(i: u32, result: Builder): i32 {
  if (!row.failed && !noMemory) result.addNested();
  if (noMemory) row.fail("no memory for the result");
  noMemory = false;
  if (!row.failed) return 0;
  result.cut(i);
  result.addNull();
  if (noMemory) unreachable();
  row.setNull();
  return 1;
}

/** The rows of a table function, of one column or, as "(sl)", of several; made once. */
export function rowsOf(type: string): Builder {
  return new Builder("[" + type + "]");
}

/** The body of a table function: `f` adds to `rows`, which `rowsOf` made, as many rows as it will. */
// @ts-ignore: decorator
@inline
export function table(args: usize, rows: u32, out: usize, result: Builder, f: (row: Row, rows: Builder) => void): i32 {
  tableOf = f;
  return nested(args, rows, out, result, (r: Row, result: Builder) => tableOf(r, result.child(0)));
}
let tableOf: (row: Row, rows: Builder) => void = (row: Row, rows: Builder) => {};

/** The body of NAME_new, which a function has whose manifest calls arguments constant: `f` looks at the constants once, before any row, keeps in
 *  variables what it makes of them, and refuses them with `row.fail`. */
export function setUp(args: usize, f: (row: Row) => void): i32 {
  begin(args, 0);
  row.row = NO_ROW;
  row.failed = false;
  f(row);
  return row.failed ? 2 : 0;
}

// ---- states ----

/** The state of one key: a block of bytes. It begins with none, and is saved as it is. */
@unmanaged
export class State {
  at: usize;
  length: u32;
  /** Makes it `length` bytes long, new ones are 0. Gives its address; 0 when there is no memory, and it is as it was. */
  resize(length: u32): usize {
    if (this.at == 0 || sizeClass(length) != sizeClass(this.length)) {
      const larger = take(length);
      if (larger == 0) return 0;
      if (this.at != 0) memory.copy(larger, this.at, min(this.length, length));
      giveBack(this.at, this.length);
      this.at = larger;
    }
    if (length > this.length) memory.fill(this.at + this.length, 0, length - this.length);
    this.length = length;
    return this.at;
  }
  clear(): void {
    giveBack(this.at, this.length);
    this.at = 0;
    this.length = 0;
  }
}

/** The states of one function, by slot: what stream and aggregate functions have in common. */
export class States {
  protected slots: usize = 0;
  protected count: u32 = 0;

  /** `isText` as of `scalar`. */
  constructor(public isText: bool) {}

  protected slot(slot: u32): State | null {
    if (slot >= this.count) {
      const count = 2 * slot + 64;
      const larger = take(count << 3);
      if (larger == 0) return null;
      memory.copy(larger, this.slots, this.count << 3);
      memory.fill(larger + (this.count << 3), 0, (count - this.count) << 3);
      giveBack(this.slots, this.count << 3);
      this.slots = larger;
      this.count = count;
    }
    return changetype<State>(this.slots + (slot << 3));
  }

  /** The body of NAME_new: `f` looks at the constants, `row.fail` refuses them. */
  start(args: usize, f: (row: Row) => void): i32 {
    return setUp(args, f);
  }
  save(slots: usize, count: u32, out: usize): i32 {
    begin(0, out);
    for (let i: u32 = 0; i < count; i++) {
      store<u32>(texts + (i << 2), textUsed);
      const state = this.slot(load<u32>(slots + (i << 2)));
      const place = state ? textGrow(state.length) : 0;
      if (!state || place == 0) {
        report(NO_ROW, "no memory to save state");
        return 2;
      }
      if (state.length > 0) memory.copy(place, state.at, state.length);
    }
    finishTexts(count, out);
    return 0;
  }
  /** The body of NAME_load. `upgrade`, for states of an older version, makes a state one of this version; `row.fail` refuses it. */
  load(slots: usize, count: u32, states: usize, upgrade: ((row: Row, state: State) => void) | null = null): i32 {
    begin(0, 0);
    row.row = NO_ROW;
    row.failed = false;
    const offsets = load<usize>(states, 24);
    for (let i: u32 = 0; i < count; i++) {
      const from = load<u32>(offsets + (i << 2));
      const length = load<u32>(offsets + (i << 2), 4) - from;
      const state = this.slot(load<u32>(slots + (i << 2)));
      if (state) state.clear();
      if (!state || (length > 0 && state.resize(length) == 0)) {
        report(NO_ROW, "no memory to load state");
        return 2;
      }
      if (length == 0) continue;
      memory.copy(state.at, load<usize>(states, 16) + from, length);
      if (upgrade !== null) upgrade(row, state);
      if (row.failed) return 2;
    }
    return 0;
  }
  drop(slots: usize, count: u32): i32 {
    begin(0, 0);
    for (let i: u32 = 0; i < count; i++) {
      const slot = load<u32>(slots + (i << 2));
      if (slot < this.count) changetype<State>(this.slots + (slot << 3)).clear();
    }
    return 0;
  }
}

/** A stream function: its states. */
@final
export class Stream extends States {
  /** The body of NAME_push. A row that fails must leave the state as it was. */
  push(slots: usize, args: usize, rows: u32, out: usize, f: (row: Row, state: State) => void): i32 {
    begin(args, out);
    let status = 0;
    for (let i: u32 = 0; i < rows; i++) {
      row.row = i;
      row.failed = false;
      const before = textUsed;
      if (this.isText) store<u32>(texts + (i << 2), before);
      const state = this.slot(load<u32>(slots + (i << 2)));
      if (state) f(row, state);
      else row.fail("no memory for state");
      if (row.failed) {
        row.setNull();
        textUsed = before;
        status = 1;
      }
    }
    if (this.isText) finishTexts(rows, out);
    return status;
  }
  /** As `push`, of a result of ARRAY, MAP or STRUCT: `f` adds to the children of `result`, one row. */
  pushNested(slots: usize, args: usize, rows: u32, out: usize, result: Builder, f: (row: Row, state: State, result: Builder) => void): i32 {
    begin(args, out);
    result.cut(0);
    let status = 0;
    for (let i: u32 = 0; i < rows; i++) {
      row.row = i;
      row.failed = false;
      const state = this.slot(load<u32>(slots + (i << 2)));
      if (state) f(row, state, result);
      else row.fail("no memory for state");
      status |= endNested(i, result);
    }
    result.finish(out, true);
    return status;
  }
}

// The state of a group that has none.
const noState = changetype<State>(memory.data(8, 8));

/** An aggregate function: its states. A state without bytes has seen no row. */
@final
export class Aggregate extends States {
  /** The body of NAME_update, and of NAME_retract: `f` takes a row in, or back, and sets no result. A row that fails must
   *  leave the state as it was. */
  take(slots: usize, args: usize, rows: u32, f: (row: Row, state: State) => void): i32 {
    begin(args, 0);
    let status = 0;
    for (let i: u32 = 0; i < rows; i++) {
      row.row = i;
      row.failed = false;
      const state = this.slot(load<u32>(slots + (i << 2)));
      if (state) f(row, state);
      else row.fail("no memory for state");
      if (row.failed) status = 1;
    }
    return status;
  }
  /** The body of NAME_merge: `f` adds the state `from` to `into`; the row is none, but can fail. */
  merge(into: usize, from: usize, count: u32, f: (row: Row, into: State, from: State) => void): i32 {
    begin(0, 0);
    row.row = NO_ROW;
    row.failed = false;
    for (let i: u32 = 0; i < count; i++) {
      const state = this.slot(load<u32>(into + (i << 2)));
      const other = this.state(load<u32>(from + (i << 2)));
      if (other.length == 0) continue;
      if (state) f(row, state, other);
      else row.fail("no memory for state");
      if (row.failed) return 2;
    }
    return 0;
  }
  /** The body of NAME_finish: `f` sets the result of a state, and does not change it. */
  finish(slots: usize, count: u32, out: usize, f: (row: Row, state: State) => void): i32 {
    begin(0, out);
    let status = 0;
    for (let i: u32 = 0; i < count; i++) {
      row.row = i;
      row.failed = false;
      const before = textUsed;
      if (this.isText) store<u32>(texts + (i << 2), before);
      f(row, this.state(load<u32>(slots + (i << 2))));
      if (row.failed) {
        row.setNull();
        textUsed = before;
        status = 1;
      }
    }
    if (this.isText) finishTexts(count, out);
    return status;
  }
  /** As `finish`, of a result of ARRAY, MAP or STRUCT: `f` adds to the children of `result`, one group. */
  finishNested(slots: usize, count: u32, out: usize, result: Builder, f: (row: Row, state: State, result: Builder) => void): i32 {
    begin(0, out);
    result.cut(0);
    let status = 0;
    for (let i: u32 = 0; i < count; i++) {
      row.row = i;
      row.failed = false;
      f(row, this.state(load<u32>(slots + (i << 2))), result);
      status |= endNested(i, result);
    }
    result.finish(out, true);
    return status;
  }
  private state(slot: u32): State {
    return slot < this.count ? changetype<State>(this.slots + (slot << 3)) : noState;
  }
}
