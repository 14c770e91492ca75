/* waterwheel.h: functions of Waterwheel in C, in one header. No libc is needed.
 *
 * Include it in one file of the plugin, write functions of one row, and list them with WW_MANIFEST, WW_SCALAR, WW_TABLE,
 * WW_STREAM and WW_AGGREGATE.
 * README.md beside it is the tutorial, ../ABI.md what crosses the border.
 */
#ifndef WATERWHEEL_H
#define WATERWHEEL_H

typedef unsigned char ww_u8;
typedef unsigned int ww_u32;
typedef unsigned long long ww_u64;
typedef int ww_i32;
typedef long long ww_i64;
typedef __int128 ww_i128;

#define WW_EXPORT(name) __attribute__((export_name(name), used))
#define WW_ROWS_MAX 8192u

/* A column in memory: section 3 of the ABI. */
typedef struct ww_column {
  ww_u32 rows, flags, null_count;
  ww_u8 *validity;
  void *values;
  ww_u32 values_bytes;
  ww_i32 *offsets;
  struct ww_column *children;
} ww_column;

/* A text or bytes; not ended by a zero. */
typedef struct { const char *data; ww_u32 bytes; } ww_text;

/* The state of one key: a block of bytes. It begins with none, and is saved as it is. */
typedef struct { ww_u8 *data; ww_u32 bytes; } ww_state;

#define WW_TEXT(literal) ((ww_text){(literal), sizeof(literal) - 1})

/* ---- memory: sizes are powers of two, freed blocks are kept for the next of their size ---- */

extern ww_u8 __heap_base;
static ww_u32 ww_top, ww_end;
static void *ww_free_blocks[32];

/* The compiler makes calls of these two from loops and copies, so they have to be there. */
__attribute__((weak)) void *memcpy(void *to, const void *from, __SIZE_TYPE__ bytes) {
  ww_u8 *t = to;
  const ww_u8 *f = from;
  for (__SIZE_TYPE__ i = 0; i < bytes; i++) t[i] = f[i];
  return to;
}
__attribute__((weak)) void *memset(void *to, int value, __SIZE_TYPE__ bytes) {
  ww_u8 *t = to;
  for (__SIZE_TYPE__ i = 0; i < bytes; i++) t[i] = (ww_u8)value;
  return to;
}

static ww_u32 ww_class(ww_u32 bytes) { return bytes <= 16 ? 4 : 32 - (ww_u32)__builtin_clz(bytes - 1); }

/* 16-aligned memory, or 0 when there is none. */
static void *ww_malloc(ww_u32 bytes) {
  if (bytes > 1u << 30) return 0;
  ww_u32 class = ww_class(bytes);
  void *block = ww_free_blocks[class];
  if (block) {
    ww_free_blocks[class] = *(void **)block;
    return block;
  }
  if (!ww_top) {
    ww_top = ((ww_u32)&__heap_base + 15) & ~15u;
    ww_end = (ww_u32)__builtin_wasm_memory_size(0) << 16;
  }
  ww_u32 size = 1u << class;
  if (size > ww_end - ww_top) {
    ww_u32 pages = (size - (ww_end - ww_top) + 0xffff) >> 16;
    if (__builtin_wasm_memory_grow(0, pages) == (__SIZE_TYPE__)-1) return 0;
    ww_end += pages << 16;
  }
  block = (void *)ww_top;
  ww_top += size;
  return block;
}

/* Gives back memory of ww_malloc, with the bytes that were asked for. */
static void ww_release(void *block, ww_u32 bytes) {
  if (!block) return;
  ww_u32 class = ww_class(bytes);
  *(void **)block = ww_free_blocks[class];
  ww_free_blocks[class] = block;
}

WW_EXPORT("ww_abi") ww_i32 ww_abi(void) { return 1; }
WW_EXPORT("ww_alloc") void *ww_alloc(ww_u32 bytes, ww_u32 align) { (void)align; return ww_malloc(bytes); }
WW_EXPORT("ww_free") void ww_free(void *block, ww_u32 bytes, ww_u32 align) { (void)align; ww_release(block, bytes); }

/* ---- errors ---- */

typedef struct { ww_u32 row; const char *message; ww_u32 bytes; } ww_report;
static ww_report ww_reports[WW_ROWS_MAX];
static ww_u32 ww_report_count;
static char ww_messages[65536];
static ww_u32 ww_message_bytes;

#define WW_NO_ROW 0xffffffffu

WW_EXPORT("ww_last_error") ww_u64 ww_last_error(void) { return (ww_u64)(ww_u32)ww_reports << 32 | ww_report_count; }

static void ww_forget_reports(void) { ww_report_count = ww_message_bytes = 0; }

static void ww_report_text(ww_u32 row, ww_text message) {
  if (ww_report_count == WW_ROWS_MAX) return;
  ww_u32 room = sizeof ww_messages - ww_message_bytes;
  ww_report *report = &ww_reports[ww_report_count++];
  report->row = row;
  if (message.bytes > room) { /* Full: the failed rows are still told, with a shorter message. */
    report->message = "failed";
    report->bytes = 6;
    return;
  }
  memcpy(ww_messages + ww_message_bytes, message.data, message.bytes);
  report->message = ww_messages + ww_message_bytes;
  report->bytes = message.bytes;
  ww_message_bytes += message.bytes;
}

/* ---- one row ---- */

/* A column that a function makes, value by value: an ARRAY, MAP or STRUCT, and what is in it. */
typedef struct ww_builder ww_builder;

/* What a function sees: the columns, and which row of them it is called for; `result` is the column of nested results. */
typedef struct { const ww_column *args; ww_column *out; ww_u32 row; ww_builder *result; } ww_row;

/* What a function of one row returns: WW_OK, or what ww_fail gives. */
#define WW_OK 0

static ww_i32 ww_fail_text(ww_row r, ww_text message) { ww_report_text(r.row, message); return 1; }
/* Fails the row with a message. */
#define ww_fail(r, literal) ww_fail_text(r, WW_TEXT(literal))

static int ww_bit(const void *bitmap, ww_u32 at) { return ((const ww_u8 *)bitmap)[at / 8] >> (at % 8) & 1; }
/* Whether a value of a column, of an argument or of an element of one, is null. */
static int ww_column_null(const ww_column *column, ww_u32 at) { return column->validity && !ww_bit(column->validity, at); }
static ww_u32 ww_at(const ww_column *column, ww_u32 row) { return column->flags & 1 ? 0 : row; }
static ww_text ww_column_text(const ww_column *column, ww_u32 at) {
  ww_i32 from = column->offsets[at];
  return (ww_text){(const char *)column->values + from, (ww_u32)(column->offsets[at + 1] - from)};
}

static int ww_is_null(ww_row r, ww_u32 arg) { return ww_column_null(&r.args[arg], ww_at(&r.args[arg], r.row)); }
#define WW_GETTER(name, type)                                                                     \
  static type ww_get_##name(ww_row r, ww_u32 arg) {                                               \
    return ((const type *)r.args[arg].values)[ww_at(&r.args[arg], r.row)];                        \
  }                                                                                               \
  static ww_i32 ww_set_##name(ww_row r, type value) {                                             \
    ((type *)r.out->values)[r.row] = value;                                                       \
    return WW_OK;                                                                                 \
  }
WW_GETTER(double, double)   /* DOUBLE */
WW_GETTER(integer, ww_i32)  /* INTEGER, DATE, TIME */
WW_GETTER(bigint, ww_i64)   /* BIGINT, TIMESTAMP */
static int ww_get_boolean(ww_row r, ww_u32 arg) { return ww_bit(r.args[arg].values, ww_at(&r.args[arg], r.row)); }
static ww_i32 ww_set_boolean(ww_row r, int value) {
  if (value) ((ww_u8 *)r.out->values)[r.row / 8] |= (ww_u8)(1 << r.row % 8);
  return WW_OK;
}
/* DECIMAL: unscaled, so 1.50 of DECIMAL(p, 2) is 150. Results are 8-aligned only, so they go in halves. */
static ww_i128 ww_get_decimal(ww_row r, ww_u32 arg) {
  const ww_u64 *halves = (const ww_u64 *)r.args[arg].values + 2 * ww_at(&r.args[arg], r.row);
  return (ww_i128)halves[1] << 64 | halves[0];
}
static ww_i32 ww_set_decimal(ww_row r, ww_i128 value) {
  ww_u64 *halves = (ww_u64 *)r.out->values + 2 * r.row;
  halves[0] = (ww_u64)value;
  halves[1] = (ww_u64)(value >> 64);
  return WW_OK;
}
/* STRING, BYTES */
static ww_text ww_get_text(ww_row r, ww_u32 arg) { return ww_column_text(&r.args[arg], ww_at(&r.args[arg], r.row)); }
/* ARRAY: the elements are the column *elements from *from to *to. */
static void ww_get_array(ww_row r, ww_u32 arg, const ww_column **elements, ww_u32 *from, ww_u32 *to) {
  const ww_column *column = &r.args[arg];
  ww_u32 at = ww_at(column, r.row);
  *elements = column->children;
  *from = (ww_u32)column->offsets[at];
  *to = (ww_u32)column->offsets[at + 1];
}

/* One value of any type, to look into: an argument, an element, a field. */
typedef struct { const ww_column *column; ww_u32 at; } ww_value;

static ww_value ww_get_value(ww_row r, ww_u32 arg) { return (ww_value){&r.args[arg], ww_at(&r.args[arg], r.row)}; }
static int ww_value_is_null(ww_value v) { return ww_column_null(v.column, v.at); }
static int ww_value_boolean(ww_value v) { return ww_bit(v.column->values, v.at); }
static ww_i32 ww_value_integer(ww_value v) { return ((const ww_i32 *)v.column->values)[v.at]; }
static ww_i64 ww_value_bigint(ww_value v) { return ((const ww_i64 *)v.column->values)[v.at]; }
static double ww_value_double(ww_value v) { return ((const double *)v.column->values)[v.at]; }
static ww_i128 ww_value_decimal(ww_value v) {
  const ww_u64 *halves = (const ww_u64 *)v.column->values + 2 * v.at;
  return (ww_i128)halves[1] << 64 | halves[0];
}
static ww_text ww_value_text(ww_value v) { return ww_column_text(v.column, v.at); }
/* How many elements an ARRAY has, or entries a MAP. */
static ww_u32 ww_length(ww_value v) { return (ww_u32)(v.column->offsets[v.at + 1] - v.column->offsets[v.at]); }
/* Element i of an ARRAY. */
static ww_value ww_element(ww_value v, ww_u32 i) { return (ww_value){v.column->children, (ww_u32)v.column->offsets[v.at] + i}; }
/* Key and value of entry i of a MAP. */
static ww_value ww_key(ww_value v, ww_u32 i) { return ww_element(v, i); }
static ww_value ww_item(ww_value v, ww_u32 i) { return (ww_value){v.column->children + 1, (ww_u32)v.column->offsets[v.at] + i}; }
/* Field i of a STRUCT. */
static ww_value ww_field(ww_value v, ww_u32 i) { return (ww_value){v.column->children + i, v.at}; }

static ww_i32 ww_set_null(ww_row r) {
  r.out->validity[r.row / 8] &= (ww_u8)~(1 << r.row % 8);
  return WW_OK;
}

/* ---- results of text ---- */

static ww_u8 *ww_texts;
static ww_u32 ww_texts_bytes, ww_texts_room;
static ww_i32 ww_offsets[WW_ROWS_MAX + 1];

/* The place of this row's text, or of more of it, or 0 when there is no memory. A place lasts until the next one is asked for. */
static char *ww_text_place(ww_u32 bytes) {
  if (bytes > 1u << 28 || ww_texts_bytes > 1u << 28) return 0;
  if (!ww_texts || bytes > ww_texts_room - ww_texts_bytes) {
    ww_u32 room = 2 * (ww_texts_bytes + bytes) + 1024;
    ww_u8 *larger = ww_malloc(room);
    if (!larger) return 0;
    memcpy(larger, ww_texts, ww_texts_bytes);
    ww_release(ww_texts, ww_texts_room);
    ww_texts = larger;
    ww_texts_room = room;
  }
  char *place = (char *)ww_texts + ww_texts_bytes;
  ww_texts_bytes += bytes;
  return place;
}
/* Sets this row's text, or adds to its end. */
static ww_i32 ww_append_text(ww_row r, ww_text text) {
  char *place = ww_text_place(text.bytes);
  if (!place) return ww_fail(r, "no memory for the result");
  memcpy(place, text.data, text.bytes);
  return WW_OK;
}

static ww_i32 ww_set_text(ww_row r, ww_text text) { return ww_append_text(r, text); }

/* ---- nested results ---- */

/* The type of a nested result is a text: b BOOLEAN, i INTEGER DATE TIME, l BIGINT TIMESTAMP, d DOUBLE, n DECIMAL, s STRING BYTES,
 * [x] ARRAY, {kv} MAP, (xyz) STRUCT: "[(sl)]" is ARRAY<STRUCT<name STRING, count BIGINT>>. */
struct ww_builder {
  char type;
  ww_u32 rows, room;         /* of values */
  ww_u32 bytes, bytes_room;  /* of text */
  ww_u8 *validity, *values;
  ww_i32 *offsets;
  ww_u32 count;
  ww_builder *children;
  ww_column *columns;        /* what the host reads of the children */
};

static int ww_no_memory; /* While a row was made: it fails. */

/* `block` with room for more; what it held before when there is no memory. */
static void *ww_larger(void *block, ww_u32 used, ww_u32 room, ww_u32 wanted) {
  void *larger = ww_malloc(wanted);
  if (!larger) {
    ww_no_memory = 1;
    return block;
  }
  memcpy(larger, block, used);
  if (block) ww_release(block, room);
  return larger;
}

static ww_u32 ww_width(char type) { return type == 'i' ? 4 : type == 'n' ? 16 : type == 'l' || type == 'd' ? 8 : 0; }
static int ww_has_offsets(char type) { return type == 's' || type == '[' || type == '{'; }

/* Makes room for one row more; 0 when there is no memory. */
static int ww_builder_grow(ww_builder *to) {
  if (to->rows < to->room) return 1;
  ww_u32 room = to->room ? 2 * to->room : 64, width = ww_width(to->type);
  ww_u32 bits = to->room / 8, more = room / 8;
  if (room > 1u << 24) ww_no_memory = 1;
  if (!ww_no_memory) to->validity = ww_larger(to->validity, bits, bits, more);
  if (!ww_no_memory && to->type == 'b') to->values = ww_larger(to->values, bits, bits, more);
  if (!ww_no_memory && width) to->values = ww_larger(to->values, to->room * width, to->room * width, room * width);
  if (!ww_no_memory && ww_has_offsets(to->type)) {
    ww_u32 used = to->offsets ? 4 * (to->room + 1) : 0;
    to->offsets = ww_larger(to->offsets, used, used, 4 * (room + 1));
    if (!used && !ww_no_memory) to->offsets[0] = 0;
  }
  if (ww_no_memory) return 0;
  to->room = room;
  return 1;
}

static void ww_set_bit(ww_u8 *bits, ww_u32 at, int value) {
  bits[at / 8] = (ww_u8)((bits[at / 8] & ~(1 << at % 8)) | (value ? 1 << at % 8 : 0));
}
static void ww_builder_count(ww_builder *to, int is_there) {
  ww_set_bit(to->validity, to->rows, is_there);
  to->rows++;
  if (to->type == 's') to->offsets[to->rows] = (ww_i32)to->bytes;
  if (to->type == '[' || to->type == '{') to->offsets[to->rows] = (ww_i32)to->children[0].rows;
}

/* The elements of an ARRAY (child 0), keys and values of a MAP (0 and 1), fields of a STRUCT. */
static ww_builder *ww_child(ww_builder *of, ww_u32 i) { return &of->children[i]; }

static void ww_add_null(ww_builder *to);
/* The next value of an ARRAY, MAP or STRUCT: what was added to its children since the one before. Fields and values of a MAP that
 * were not added are NULL. */
static void ww_add_nested(ww_builder *to) {
  if (!ww_builder_grow(to)) return;
  if (to->type == '{') while (to->children[1].rows < to->children[0].rows && !ww_no_memory) ww_add_null(&to->children[1]);
  for (ww_u32 i = 0; to->type == '(' && i < to->count; i++)
    if (to->children[i].rows == to->rows) ww_add_null(&to->children[i]);
  ww_builder_count(to, 1);
}
static void ww_add_null(ww_builder *to) {
  if (to->type == '(') {
    ww_add_nested(to);
    if (!ww_no_memory) ww_set_bit(to->validity, to->rows - 1, 0);
    return;
  }
  if (!ww_builder_grow(to)) return;
  ww_u32 width = ww_width(to->type);
  memset(to->values + width * to->rows, 0, width);
  if (to->type == 'b') ww_set_bit(to->values, to->rows, 0);
  ww_builder_count(to, 0);
}
#define WW_ADDER(name, type)                                                                      \
  static void ww_add_##name(ww_builder *to, type value) {                                         \
    if (!ww_builder_grow(to)) return;                                                             \
    ((type *)to->values)[to->rows] = value;                                                       \
    ww_builder_count(to, 1);                                                                      \
  }
WW_ADDER(integer, ww_i32) /* INTEGER, DATE, TIME */
WW_ADDER(bigint, ww_i64)  /* BIGINT, TIMESTAMP */
WW_ADDER(double, double)
WW_ADDER(decimal, ww_i128)
static void ww_add_boolean(ww_builder *to, int value) {
  if (!ww_builder_grow(to)) return;
  ww_set_bit(to->values, to->rows, value);
  ww_builder_count(to, 1);
}
/* STRING, BYTES; they are copied. */
static void ww_add_text(ww_builder *to, ww_text text) {
  if (!ww_builder_grow(to)) return;
  if (text.bytes > to->bytes_room - to->bytes) {
    if (text.bytes > 1u << 26 || to->bytes > 1u << 26) {
      ww_no_memory = 1;
      return;
    }
    ww_u32 room = 2 * (to->bytes + text.bytes) + 64;
    to->values = ww_larger(to->values, to->bytes, to->bytes_room, room);
    if (ww_no_memory) return;
    to->bytes_room = room;
  }
  memcpy(to->values + to->bytes, text.data, text.bytes);
  to->bytes += text.bytes;
  ww_builder_count(to, 1);
}

/* Takes back all rows from `rows` on. */
static void ww_builder_cut(ww_builder *to, ww_u32 rows) {
  if (to->rows < rows) return;
  to->rows = rows;
  ww_u32 inside = rows;
  if (ww_has_offsets(to->type)) inside = rows ? (ww_u32)to->offsets[rows] : 0;
  if (to->type == 's') to->bytes = inside;
  for (ww_u32 i = 0; i < to->count; i++) ww_builder_cut(&to->children[i], inside);
}

/* Reads a type, and makes a builder of it; 0 when there is no memory. */
static const char *ww_builder_of(ww_builder *to, const char *type) {
  memset(to, 0, sizeof *to);
  to->type = *type++;
  if (to->type != '[' && to->type != '{' && to->type != '(') return type;
  ww_u32 count = 0, depth = 0;
  for (const char *c = type; depth || (*c != ']' && *c != '}' && *c != ')'); c++) {
    if (*c == ']' || *c == '}' || *c == ')') depth--;
    else if (!depth) count++;
    if (*c == '[' || *c == '{' || *c == '(') depth++;
  }
  to->count = count;
  to->children = ww_malloc(count * sizeof(ww_builder));
  to->columns = ww_malloc(count * sizeof(ww_column));
  if (!to->children || !to->columns) return 0;
  for (ww_u32 i = 0; i < count && type; i++) type = ww_builder_of(&to->children[i], type);
  return type ? type + 1 : 0;
}

/* Tells the host where the values are. */
static const ww_i32 ww_no_rows[1];
static void ww_builder_finish(const ww_builder *made, ww_column *out, int is_result) {
  if (!is_result) *out = (ww_column){made->rows, 0, 0, made->validity, 0, 0, 0, 0};
  out->values = made->values;
  out->values_bytes = made->type == 's' ? made->bytes : made->type == 'b' ? (made->rows + 7) / 8 : made->rows * ww_width(made->type);
  out->offsets = !ww_has_offsets(made->type) ? 0 : made->offsets ? made->offsets : (ww_i32 *)ww_no_rows;
  out->children = made->columns;
  for (ww_u32 i = 0; i < made->count; i++) ww_builder_finish(&made->children[i], &made->columns[i], 0);
}

/* Ends the row of a nested result, or takes it back and fails it. */
static ww_i32 ww_builder_row(ww_row r, ww_i32 returned) {
  ww_builder *result = r.result;
  if (returned == WW_OK && !ww_no_memory) ww_add_nested(result);
  if (ww_no_memory) returned = ww_fail(r, "no memory for the result");
  ww_no_memory = 0;
  if (returned == WW_OK) return WW_OK;
  ww_builder_cut(result, r.row);
  ww_add_null(result);
  if (ww_no_memory) __builtin_trap();
  return returned;
}

/* Runs a function over the rows. WW_FIXED results have a place per row, WW_TEXTS are put one after the other; another layout is
 * the type of a nested result. */
#define WW_FIXED "f"
#define WW_TEXTS "t"
#define WW_IS_NESTED(layout) ((layout)[0] != 'f' && (layout)[0] != 't')
#define WW_LOOP(call, layout)                                                                     \
  static ww_builder made;                                                                         \
  ww_i32 status = 0;                                                                              \
  ww_forget_reports();                                                                            \
  ww_texts_bytes = 0;                                                                             \
  if (WW_IS_NESTED(layout)) {                                                                     \
    if (!made.type && !ww_builder_of(&made, layout)) __builtin_trap();                            \
    ww_builder_cut(&made, 0);                                                                     \
  }                                                                                               \
  for (ww_u32 i = 0; i < rows; i++) {                                                             \
    ww_row r = {args, out, i, &made};                                                             \
    ww_u32 texts_before = ww_texts_bytes;                                                         \
    ww_offsets[i] = (ww_i32)ww_texts_bytes;                                                       \
    ww_i32 returned = (call);                                                                     \
    if (WW_IS_NESTED(layout)) returned = ww_builder_row(r, returned);                             \
    if (__builtin_expect(returned != WW_OK, 0)) {                                                 \
      ww_set_null(r);                                                                             \
      ww_texts_bytes = texts_before;                                                              \
      status = 1;                                                                                 \
    }                                                                                             \
  }                                                                                               \
  if (WW_IS_NESTED(layout)) ww_builder_finish(&made, out, 1);                                     \
  if ((layout)[0] == 't') {                                                                       \
    ww_offsets[rows] = (ww_i32)ww_texts_bytes;                                                    \
    out->values = ww_texts;                                                                       \
    out->values_bytes = ww_texts_bytes;                                                           \
    out->offsets = ww_offsets;                                                                    \
  }                                                                                               \
  return status;

/* A scalar function: `static ww_i32 NAME_row(ww_row r)`. */
#define WW_SCALAR(name, layout)                                                                   \
  WW_EXPORT(#name) ww_i32 name##_call(const ww_column *args, ww_u32 rows, ww_column *out) {       \
    WW_LOOP(name##_row(r), layout)                                                                \
  }

/* The set-up of a function with arguments that the manifest calls constant: `static ww_i32 NAME_start(ww_row r)` sees the constants once, before any
 * row, may keep what it makes of them in static variables, and may refuse them (ww_fail). Beside WW_SCALAR or WW_TABLE; functions with state have it. */
#define WW_SET_UP(name)                                                                           \
  WW_EXPORT(#name "_new") ww_i32 name##_new(const ww_column *args) {                              \
    ww_forget_reports();                                                                          \
    return name##_start((ww_row){args, 0, WW_NO_ROW, 0}) == WW_OK ? 0 : 2;                           \
  }

/* A table function: `static ww_i32 NAME_row(ww_row r, ww_builder *rows)` adds its rows to `rows`, a column of the type `columns`. */
#define WW_TABLE(name, columns)                                                                   \
  WW_EXPORT(#name) ww_i32 name##_call(const ww_column *args, ww_u32 rows, ww_column *out) {       \
    WW_LOOP(name##_row(r, ww_child(r.result, 0)), "[" columns "]")                                \
  }

/* ---- states ---- */

typedef struct { ww_state *slots; ww_u32 count; } ww_slots;

/* The state of a slot, 0 when there is no memory. */
static ww_state *ww_slot(ww_slots *all, ww_u32 slot) {
  if (slot >= all->count) {
    ww_u32 count = 2 * slot + 64;
    ww_state *larger = ww_malloc(count * sizeof(ww_state));
    if (!larger) return 0;
    memcpy(larger, all->slots, all->count * sizeof(ww_state));
    memset(larger + all->count, 0, (count - all->count) * sizeof(ww_state));
    ww_release(all->slots, all->count * sizeof(ww_state));
    all->slots = larger;
    all->count = count;
  }
  return &all->slots[slot];
}

/* Makes the state `bytes` long, new bytes are 0. Gives its data, 0 when there is no memory (the state is as it was then). */
static void *ww_state_resize(ww_state *state, ww_u32 bytes) {
  ww_u8 *data = state->data;
  if (!data || ww_class(bytes) != ww_class(state->bytes)) {
    data = ww_malloc(bytes);
    if (!data) return 0;
    memcpy(data, state->data, state->bytes < bytes ? state->bytes : bytes);
    if (state->data) ww_release(state->data, state->bytes);
  }
  if (bytes > state->bytes) memset(data + state->bytes, 0, bytes - state->bytes);
  state->data = data;
  state->bytes = bytes;
  return data;
}
static void ww_state_clear(ww_state *state) {
  if (state->data) ww_release(state->data, state->bytes);
  state->data = 0;
  state->bytes = 0;
}

static ww_i32 ww_save_slots(ww_slots *all, const ww_u32 *slots, ww_u32 count, ww_column *out) {
  ww_forget_reports();
  ww_texts_bytes = 0;
  for (ww_u32 i = 0; i < count; i++) {
    ww_offsets[i] = (ww_i32)ww_texts_bytes;
    ww_state *state = ww_slot(all, slots[i]);
    char *place = state ? ww_text_place(state->bytes) : 0;
    if (!place) {
      ww_report_text(WW_NO_ROW, WW_TEXT("no memory to save state"));
      return 2;
    }
    memcpy(place, state->data, state->bytes);
  }
  ww_offsets[count] = (ww_i32)ww_texts_bytes;
  out->values = ww_texts;
  out->values_bytes = ww_texts_bytes;
  out->offsets = ww_offsets;
  return 0;
}
static ww_i32 ww_load_slots(ww_slots *all, const ww_u32 *slots, ww_u32 count, const ww_column *states) {
  ww_forget_reports();
  for (ww_u32 i = 0; i < count; i++) {
    ww_state *state = ww_slot(all, slots[i]);
    ww_text saved = ww_column_text(states, i);
    if (state) ww_state_clear(state);
    if (!state || (saved.bytes && !ww_state_resize(state, saved.bytes))) {
      ww_report_text(WW_NO_ROW, WW_TEXT("no memory to load state"));
      return 2;
    }
    if (saved.bytes) memcpy(state->data, saved.data, saved.bytes);
  }
  return 0;
}

/* What all functions with state have: NAME_new, which sees the constants once, NAME_save, NAME_load and NAME_drop. */
#define WW_STATES(name)                                                                           \
  static ww_slots name##_slots;                                                                   \
  WW_SET_UP(name)                                                                                 \
  WW_EXPORT(#name "_save") ww_i32 name##_save(const ww_u32 *slots, ww_u32 count, ww_column *out) { \
    return ww_save_slots(&name##_slots, slots, count, out);                                       \
  }                                                                                               \
  WW_EXPORT(#name "_load") ww_i32 name##_load(const ww_u32 *slots, ww_u32 count, const ww_column *states, ww_u32 version) { \
    (void)version;                                                                                \
    return ww_load_slots(&name##_slots, slots, count, states);                                    \
  }                                                                                               \
  WW_EXPORT(#name "_drop") ww_i32 name##_drop(const ww_u32 *slots, ww_u32 count) {                \
    ww_forget_reports();                                                                          \
    for (ww_u32 i = 0; i < count; i++) {                                                          \
      if (slots[i] < name##_slots.count) ww_state_clear(&name##_slots.slots[slots[i]]);           \
    }                                                                                             \
    return 0;                                                                                     \
  }

/* A stream function: `static ww_i32 NAME_start(ww_row r)` sees the constants once (ww_fail refuses them),
 * `static ww_i32 NAME_row(ww_row r, ww_state *state)` is called for each row; a row that fails leaves the state alone. */
#define WW_STREAM(name, layout)                                                                   \
  WW_STATES(name)                                                                                 \
  static ww_i32 name##_one(ww_row r, ww_u32 slot) {                                               \
    ww_state *state = ww_slot(&name##_slots, slot);                                               \
    return state ? name##_row(r, state) : ww_fail(r, "no memory for state");                      \
  }                                                                                               \
  WW_EXPORT(#name "_push") ww_i32 name##_push(const ww_u32 *slots, const ww_column *args, ww_u32 rows, ww_column *out) { \
    WW_LOOP(name##_one(r, slots[i]), layout)                                                      \
  }

/* ---- aggregate functions ---- */

/* Gives each row to `take` with the state of its group. */
#define WW_TAKE(name, take)                                                                       \
  ww_i32 status = 0;                                                                              \
  ww_forget_reports();                                                                            \
  for (ww_u32 i = 0; i < rows; i++) {                                                             \
    ww_row r = {args, 0, i, 0};                                                                   \
    ww_state *state = ww_slot(&name##_slots, slots[i]);                                           \
    ww_i32 taken = state ? take(r, state) : ww_fail(r, "no memory for state");                    \
    if (__builtin_expect(taken != WW_OK, 0)) status = 1;                                          \
  }                                                                                               \
  return status;

/* An aggregate function. NAME_start(r) is that of stream functions. Of the type `static ww_i32`, too:
 * `NAME_update(ww_row r, ww_state *state)` takes a row in, sets no result, and leaves the state alone when it fails;
 * `NAME_merge(ww_row r, ww_state *into, const ww_state *from)` adds a state to another (the row is none);
 * `NAME_finish(ww_row r, const ww_state *state)` sets the result. A state without bytes has seen no row. */
#define WW_AGGREGATE(name, layout)                                                                \
  WW_STATES(name)                                                                                 \
  WW_EXPORT(#name "_update") ww_i32 name##_update_rows(const ww_u32 *slots, const ww_column *args, ww_u32 rows) { \
    WW_TAKE(name, name##_update)                                                                  \
  }                                                                                               \
  WW_EXPORT(#name "_merge") ww_i32 name##_merge_slots(const ww_u32 *into, const ww_u32 *from, ww_u32 count) { \
    ww_row r = {0, 0, WW_NO_ROW, 0};                                                              \
    ww_forget_reports();                                                                          \
    for (ww_u32 i = 0; i < count; i++) {                                                          \
      ww_state *state = ww_slot(&name##_slots, into[i]);                                          \
      if (from[i] >= name##_slots.count || !name##_slots.slots[from[i]].bytes) continue;          \
      ww_i32 merged = state ? name##_merge(r, state, &name##_slots.slots[from[i]]) : ww_fail(r, "no memory for state"); \
      if (merged != WW_OK) return 2;                                                              \
    }                                                                                             \
    return 0;                                                                                     \
  }                                                                                               \
  static ww_i32 name##_value(ww_row r, ww_u32 slot) {                                             \
    ww_state none = {0, 0};                                                                       \
    return name##_finish(r, slot < name##_slots.count ? &name##_slots.slots[slot] : &none);       \
  }                                                                                               \
  WW_EXPORT(#name "_finish") ww_i32 name##_finish_slots(const ww_u32 *slots, ww_u32 count, ww_column *out) { \
    const ww_column *args = 0;                                                                    \
    ww_u32 rows = count;                                                                          \
    WW_LOOP(name##_value(r, slots[i]), layout)                                                    \
  }

/* After WW_AGGREGATE, where rows can be taken back: `static ww_i32 NAME_retract(ww_row r, ww_state *state)`. */
#define WW_RETRACT(name)                                                                          \
  WW_EXPORT(#name "_retract") ww_i32 name##_retract_rows(const ww_u32 *slots, const ww_column *args, ww_u32 rows) { \
    WW_TAKE(name, name##_retract)                                                                 \
  }

/* The manifest, JSON as section 2 of the ABI has it; once per plugin. */
#define WW_MANIFEST(json)                                                                         \
  static const char ww_manifest_text[] = json;                                                    \
  WW_EXPORT("ww_manifest") ww_u64 ww_manifest(void) {                                             \
    return (ww_u64)(ww_u32)ww_manifest_text << 32 | (sizeof ww_manifest_text - 1);                \
  }

#endif
