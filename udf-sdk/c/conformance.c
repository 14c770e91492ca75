/* The functions of the conformance vectors (../conformance), in C with the SDK. */
#include "waterwheel.h"

WW_MANIFEST(
  "{\"version\":\"1.0.0\",\"functions\":["
  "{\"name\":\"conf_not\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"BOOLEAN\"}],\"returns\":\"BOOLEAN\"},"
  "{\"name\":\"conf_add\",\"kind\":\"scalar\",\"args\":[{\"name\":\"a\",\"type\":\"INTEGER\"},{\"name\":\"b\",\"type\":\"INTEGER\"}],\"returns\":\"INTEGER\"},"
  "{\"name\":\"conf_negate\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"BIGINT\"}],\"returns\":\"BIGINT\"},"
  "{\"name\":\"conf_half\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_twice\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"DECIMAL(20, 4)\"}],\"returns\":\"DECIMAL(20, 4)\"},"
  "{\"name\":\"conf_next_day\",\"kind\":\"scalar\",\"args\":[{\"name\":\"day\",\"type\":\"DATE\"}],\"returns\":\"DATE\"},"
  "{\"name\":\"conf_later\",\"kind\":\"scalar\",\"args\":[{\"name\":\"at\",\"type\":\"TIME\"},{\"name\":\"seconds\",\"type\":\"INTEGER\"}],\"returns\":\"TIME\"},"
  "{\"name\":\"conf_hour\",\"kind\":\"scalar\",\"args\":[{\"name\":\"at\",\"type\":\"TIMESTAMP\"}],\"returns\":\"TIMESTAMP\"},"
  "{\"name\":\"conf_upper\",\"kind\":\"scalar\",\"args\":[{\"name\":\"text\",\"type\":\"STRING\"}],\"returns\":\"STRING\"},"
  "{\"name\":\"conf_reverse\",\"kind\":\"scalar\",\"args\":[{\"name\":\"bytes\",\"type\":\"BYTES\"}],\"returns\":\"BYTES\"},"
  "{\"name\":\"conf_sum\",\"kind\":\"scalar\",\"args\":[{\"name\":\"numbers\",\"type\":\"ARRAY<DOUBLE>\"}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_or_zero\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"DOUBLE\",\"nulls\":\"pass\"},"
  "{\"name\":\"conf_positive\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_reciprocal\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_spin\",\"kind\":\"scalar\",\"args\":[{\"name\":\"on\",\"type\":\"INTEGER\"}],\"returns\":\"INTEGER\"},"
  "{\"name\":\"conf_trap\",\"kind\":\"scalar\",\"args\":[{\"name\":\"on\",\"type\":\"INTEGER\"}],\"returns\":\"INTEGER\"},"
  "{\"name\":\"conf_hoard\",\"kind\":\"scalar\",\"args\":[{\"name\":\"mib\",\"type\":\"INTEGER\"}],\"returns\":\"INTEGER\"},"
  "{\"name\":\"conf_running\",\"kind\":\"stream\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_previous\",\"kind\":\"stream\",\"args\":[{\"name\":\"text\",\"type\":\"STRING\"}],\"returns\":\"STRING\"},"
  "{\"name\":\"conf_nth\",\"kind\":\"stream\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"},{\"name\":\"n\",\"type\":\"INTEGER\",\"constant\":true}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_total\",\"kind\":\"aggregate\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_longest\",\"kind\":\"aggregate\",\"args\":[{\"name\":\"text\",\"type\":\"STRING\"}],\"returns\":\"STRING\"},"
  "{\"name\":\"conf_reached\",\"kind\":\"aggregate\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"},{\"name\":\"least\",\"type\":\"DOUBLE\",\"constant\":true}],\"returns\":\"BIGINT\"},"
  "{\"name\":\"conf_words\",\"kind\":\"table\",\"args\":[{\"name\":\"text\",\"type\":\"STRING\"}],\"returns\":\"STRING\"},"
  "{\"name\":\"conf_places\",\"kind\":\"table\",\"args\":[{\"name\":\"text\",\"type\":\"STRING\"}],\"returns\":[{\"name\":\"word\",\"type\":\"STRING\"},{\"name\":\"at\",\"type\":\"INTEGER\"}]},"
  "{\"name\":\"conf_many\",\"kind\":\"table\",\"args\":[{\"name\":\"n\",\"type\":\"INTEGER\"}],\"returns\":\"BIGINT\",\"nulls\":\"pass\"},"
  "{\"name\":\"conf_bulk\",\"kind\":\"table\",\"args\":[{\"name\":\"mib\",\"type\":\"INTEGER\"}],\"returns\":\"STRING\"},"
  "{\"name\":\"conf_echo\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"STRUCT<b BOOLEAN, i INTEGER, l BIGINT, d DOUBLE, n DECIMAL(20, 4), s STRING, y BYTES, t TIME, a DATE, ts TIMESTAMP, lists ARRAY<ARRAY<STRING>>, counts MAP<STRING, BIGINT>>\"}],\"returns\":\"STRUCT<b BOOLEAN, i INTEGER, l BIGINT, d DOUBLE, n DECIMAL(20, 4), s STRING, y BYTES, t TIME, a DATE, ts TIMESTAMP, lists ARRAY<ARRAY<STRING>>, counts MAP<STRING, BIGINT>>\"},"
  "{\"name\":\"conf_sums\",\"kind\":\"scalar\",\"args\":[{\"name\":\"groups\",\"type\":\"MAP<STRING, ARRAY<INTEGER>>\"}],\"returns\":\"ARRAY<STRUCT<name STRING, total BIGINT>>\"},"
  "{\"name\":\"conf_scaled\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"},{\"name\":\"factor\",\"type\":\"DOUBLE\",\"default\":10},{\"name\":\"plus\",\"type\":\"BIGINT\",\"default\":null}],\"returns\":\"DOUBLE\",\"nulls\":\"pass\"},"
  "{\"name\":\"conf_joined\",\"kind\":\"scalar\",\"args\":[{\"name\":\"separator\",\"type\":\"STRING\"},{\"name\":\"texts\",\"type\":\"ARRAY<STRING>\",\"variadic\":true}],\"returns\":\"STRING\"},"
  "{\"name\":\"conf_since\",\"kind\":\"stream\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"},{\"name\":\"start\",\"type\":\"DOUBLE\",\"constant\":true,\"default\":100}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_most\",\"kind\":\"aggregate\",\"args\":[{\"name\":\"xs\",\"type\":\"ARRAY<DOUBLE>\",\"variadic\":true}],\"returns\":\"DOUBLE\"},"
  "{\"name\":\"conf_wrapped\",\"kind\":\"scalar\",\"args\":[{\"name\":\"x\",\"type\":\"BIGINT\"},{\"name\":\"size\",\"type\":\"BIGINT\",\"constant\":true}],\"returns\":\"BIGINT\"},"
  "{\"name\":\"conf_last_two\",\"kind\":\"stream\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"ARRAY<DOUBLE>\"},"
  "{\"name\":\"conf_extremes\",\"kind\":\"aggregate\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"STRUCT<low DOUBLE, high DOUBLE>\"},"
  "{\"name\":\"conf_upgraded\",\"kind\":\"stream\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"}],\"returns\":\"DOUBLE\",\"state_version\":2,\"reads_state_versions\":[1]}"
  "]}")

static ww_i32 conf_not_row(ww_row r) { return ww_set_boolean(r, !ww_get_boolean(r, 0)); }
WW_SCALAR(conf_not, WW_FIXED)

static ww_i32 conf_add_row(ww_row r) {
  ww_i32 sum;
  if (__builtin_add_overflow(ww_get_integer(r, 0), ww_get_integer(r, 1), &sum)) return ww_fail(r, "overflow");
  return ww_set_integer(r, sum);
}
WW_SCALAR(conf_add, WW_FIXED)

static ww_i32 conf_negate_row(ww_row r) { return ww_set_bigint(r, -ww_get_bigint(r, 0)); }
WW_SCALAR(conf_negate, WW_FIXED)

static ww_i32 conf_half_row(ww_row r) { return ww_set_double(r, ww_get_double(r, 0) / 2); }
WW_SCALAR(conf_half, WW_FIXED)

static ww_i32 conf_twice_row(ww_row r) { return ww_set_decimal(r, ww_get_decimal(r, 0) + ww_get_decimal(r, 0)); }
WW_SCALAR(conf_twice, WW_FIXED)

static ww_i32 conf_next_day_row(ww_row r) { return ww_set_integer(r, ww_get_integer(r, 0) + 1); }
WW_SCALAR(conf_next_day, WW_FIXED)

static ww_i32 conf_later_row(ww_row r) {
  const ww_i64 day = 86400000;
  ww_i64 at = (ww_get_integer(r, 0) + 1000ll * ww_get_integer(r, 1)) % day;
  return ww_set_integer(r, (ww_i32)(at < 0 ? at + day : at));
}
WW_SCALAR(conf_later, WW_FIXED)

static ww_i32 conf_hour_row(ww_row r) {
  ww_i64 at = ww_get_bigint(r, 0), past = at % 3600000;
  return ww_set_bigint(r, at - (past < 0 ? past + 3600000 : past));
}
WW_SCALAR(conf_hour, WW_FIXED)

static ww_i32 conf_upper_row(ww_row r) {
  ww_text text = ww_get_text(r, 0);
  char *to = ww_text_place(text.bytes);
  if (!to) return ww_fail(r, "no memory for the result");
  for (ww_u32 i = 0; i < text.bytes; i++) {
    char c = text.data[i];
    to[i] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
  }
  return WW_OK;
}
WW_SCALAR(conf_upper, WW_TEXTS)

static ww_i32 conf_reverse_row(ww_row r) {
  ww_text bytes = ww_get_text(r, 0);
  char *to = ww_text_place(bytes.bytes);
  if (!to) return ww_fail(r, "no memory for the result");
  for (ww_u32 i = 0; i < bytes.bytes; i++) to[i] = bytes.data[bytes.bytes - 1 - i];
  return WW_OK;
}
WW_SCALAR(conf_reverse, WW_TEXTS)

static ww_i32 conf_sum_row(ww_row r) {
  const ww_column *numbers;
  ww_u32 from, to;
  double sum = 0;
  ww_get_array(r, 0, &numbers, &from, &to);
  for (ww_u32 i = from; i < to; i++)
    if (!ww_column_null(numbers, i)) sum += ((const double *)numbers->values)[i];
  return ww_set_double(r, sum);
}
WW_SCALAR(conf_sum, WW_FIXED)

static ww_i32 conf_or_zero_row(ww_row r) { return ww_set_double(r, ww_is_null(r, 0) ? 0 : ww_get_double(r, 0)); }
WW_SCALAR(conf_or_zero, WW_FIXED)

static ww_i32 conf_positive_row(ww_row r) {
  double x = ww_get_double(r, 0);
  return x > 0 ? ww_set_double(r, x) : ww_set_null(r);
}
WW_SCALAR(conf_positive, WW_FIXED)

static ww_i32 conf_reciprocal_row(ww_row r) {
  double x = ww_get_double(r, 0);
  return x == 0 ? ww_fail(r, "x is 0") : ww_set_double(r, 1 / x);
}
WW_SCALAR(conf_reciprocal, WW_FIXED)

static ww_i32 conf_spin_row(ww_row r) {
  volatile ww_i32 on = ww_get_integer(r, 0);
  while (on) {}
  return ww_set_integer(r, 0);
}
WW_SCALAR(conf_spin, WW_FIXED)

static ww_i32 conf_trap_row(ww_row r) {
  if (ww_get_integer(r, 0)) __builtin_trap();
  return ww_set_integer(r, 0);
}
WW_SCALAR(conf_trap, WW_FIXED)

static ww_i32 conf_hoard_row(ww_row r) {
  ww_i32 mib = ww_get_integer(r, 0);
  for (ww_i32 i = 0; i < mib; i++)
    if (!ww_malloc(1 << 20)) return ww_fail(r, "no memory");
  return ww_set_integer(r, mib);
}
WW_SCALAR(conf_hoard, WW_FIXED)

static ww_i32 conf_running_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_running_row(ww_row r, ww_state *state) {
  double x = ww_get_double(r, 0);
  if (x < 0) return ww_fail(r, "x is negative");
  double *sum = ww_state_resize(state, sizeof(double));
  if (!sum) return ww_fail(r, "no memory for state");
  *sum += x;
  return ww_set_double(r, *sum);
}
WW_STREAM(conf_running, WW_FIXED)

/* The state is a 1 and the text, so that an empty text is not a fresh state. */
static ww_i32 conf_previous_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_previous_row(ww_row r, ww_state *state) {
  ww_text text = ww_get_text(r, 0);
  ww_i32 status = state->bytes ? ww_set_text(r, (ww_text){(const char *)state->data + 1, state->bytes - 1}) : ww_set_null(r);
  if (status != WW_OK) return status;
  char *kept = ww_state_resize(state, text.bytes + 1);
  if (!kept) return ww_fail(r, "no memory for state");
  kept[0] = 1;
  memcpy(kept + 1, text.data, text.bytes);
  return WW_OK;
}
WW_STREAM(conf_previous, WW_TEXTS)

static ww_i32 conf_nth_start(ww_row r) { return ww_get_integer(r, 1) < 1 ? ww_fail(r, "n must be at least 1") : WW_OK; }
static ww_i32 conf_nth_row(ww_row r, ww_state *state) {
  ww_i32 *seen = ww_state_resize(state, sizeof(ww_i32));
  if (!seen) return ww_fail(r, "no memory for state");
  if (++*seen < ww_get_integer(r, 1)) return ww_set_null(r);
  *seen = 0;
  return ww_set_double(r, ww_get_double(r, 0));
}
WW_STREAM(conf_nth, WW_FIXED)

typedef struct { double sum; ww_i64 rows; } total;

static ww_i32 conf_total_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_total_update(ww_row r, ww_state *state) {
  double x = ww_get_double(r, 0);
  if (x < 0) return ww_fail(r, "x is negative");
  total *all = ww_state_resize(state, sizeof(total));
  if (!all) return ww_fail(r, "no memory for state");
  all->sum += x;
  all->rows++;
  return WW_OK;
}
static ww_i32 conf_total_retract(ww_row r, ww_state *state) {
  total *all = ww_state_resize(state, sizeof(total));
  if (!all) return ww_fail(r, "no memory for state");
  all->sum -= ww_get_double(r, 0);
  all->rows--;
  return WW_OK;
}
static ww_i32 conf_total_merge(ww_row r, ww_state *into, const ww_state *from) {
  total *all = ww_state_resize(into, sizeof(total));
  if (!all) return ww_fail(r, "no memory for state");
  all->sum += ((const total *)from->data)->sum;
  all->rows += ((const total *)from->data)->rows;
  return WW_OK;
}
static ww_i32 conf_total_finish(ww_row r, const ww_state *state) {
  const total *all = (const total *)state->data;
  if (!all || !all->rows) return ww_set_null(r);
  return all->sum > 1e300 ? ww_fail(r, "the total is too large") : ww_set_double(r, all->sum);
}
WW_AGGREGATE(conf_total, WW_FIXED)
WW_RETRACT(conf_total)

/* The state is a 1 and the text, as that of conf_previous. */
static ww_i32 conf_longest_take(ww_row r, ww_state *state, ww_text text) {
  if (state->bytes && text.bytes <= state->bytes - 1) return WW_OK;
  char *kept = ww_state_resize(state, text.bytes + 1);
  if (!kept) return ww_fail(r, "no memory for state");
  kept[0] = 1;
  memcpy(kept + 1, text.data, text.bytes);
  return WW_OK;
}
static ww_i32 conf_longest_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_longest_update(ww_row r, ww_state *state) { return conf_longest_take(r, state, ww_get_text(r, 0)); }
static ww_i32 conf_longest_merge(ww_row r, ww_state *into, const ww_state *from) {
  return conf_longest_take(r, into, (ww_text){(const char *)from->data + 1, from->bytes - 1});
}
static ww_i32 conf_longest_finish(ww_row r, const ww_state *state) {
  if (!state->bytes) return ww_set_null(r);
  return ww_set_text(r, (ww_text){(const char *)state->data + 1, state->bytes - 1});
}
WW_AGGREGATE(conf_longest, WW_TEXTS)

static ww_i32 conf_reached_start(ww_row r) { return ww_get_double(r, 1) < 0 ? ww_fail(r, "least must be at least 0") : WW_OK; }
static ww_i32 conf_reached_add(ww_row r, ww_state *state, ww_i64 rows) {
  ww_i64 *count = ww_state_resize(state, sizeof(ww_i64));
  if (!count) return ww_fail(r, "no memory for state");
  *count += rows;
  return WW_OK;
}
static ww_i32 conf_reached_update(ww_row r, ww_state *state) {
  return conf_reached_add(r, state, ww_get_double(r, 0) >= ww_get_double(r, 1));
}
static ww_i32 conf_reached_retract(ww_row r, ww_state *state) {
  return conf_reached_add(r, state, -(ww_get_double(r, 0) >= ww_get_double(r, 1)));
}
static ww_i32 conf_reached_merge(ww_row r, ww_state *into, const ww_state *from) {
  return conf_reached_add(r, into, *(const ww_i64 *)from->data);
}
static ww_i32 conf_reached_finish(ww_row r, const ww_state *state) {
  return ww_set_bigint(r, state->bytes ? *(const ww_i64 *)state->data : 0);
}
WW_AGGREGATE(conf_reached, WW_FIXED)
WW_RETRACT(conf_reached)

static ww_i32 conf_words_row(ww_row r, ww_builder *rows) {
  ww_text text = ww_get_text(r, 0);
  for (ww_u32 from = 0, to = 0; to <= text.bytes; to++) {
    if (to < text.bytes && text.data[to] != ' ') continue;
    if (to > from) ww_add_text(rows, (ww_text){text.data + from, to - from});
    from = to + 1;
  }
  return WW_OK;
}
WW_TABLE(conf_words, "s")

/* A word and where it begins; that of ? is unknown. A text with ! fails, after the words before it. */
static ww_i32 conf_places_row(ww_row r, ww_builder *rows) {
  ww_text text = ww_get_text(r, 0);
  if (text.bytes == 4 && text.data[0] == 'n' && text.data[3] == 'l') return ww_set_null(r);
  for (ww_u32 from = 0, to = 0; to <= text.bytes; to++) {
    if (to < text.bytes && text.data[to] != ' ') continue;
    if (to > from && text.data[from] == '!') return ww_fail(r, "no word");
    if (to > from) {
      ww_add_text(ww_child(rows, 0), (ww_text){text.data + from, to - from});
      if (text.data[from] != '?') ww_add_integer(ww_child(rows, 1), (ww_i32)from);
      ww_add_nested(rows);
    }
    from = to + 1;
  }
  return WW_OK;
}
WW_TABLE(conf_places, "(si)")

static ww_i32 conf_many_row(ww_row r, ww_builder *rows) {
  if (ww_is_null(r, 0)) {
    ww_add_null(rows);
    return WW_OK;
  }
  ww_i32 n = ww_get_integer(r, 0);
  if (n < 0) return ww_fail(r, "n is negative");
  for (ww_i32 i = 0; i < n; i++) ww_add_bigint(rows, i);
  return WW_OK;
}
WW_TABLE(conf_many, "l")

static ww_i32 conf_bulk_row(ww_row r, ww_builder *rows) {
  static char mib[1 << 20];
  memset(mib, 'x', sizeof mib);
  for (ww_i32 i = 0; i < ww_get_integer(r, 0); i++) ww_add_text(rows, (ww_text){mib, sizeof mib});
  return WW_OK;
}
WW_TABLE(conf_bulk, "s")

static void echo_lists(ww_builder *to, ww_value lists) {
  for (ww_u32 i = 0; i < ww_length(lists); i++) {
    ww_value list = ww_element(lists, i);
    ww_builder *texts = ww_child(to, 0);
    if (ww_value_is_null(list)) {
      ww_add_null(texts);
      continue;
    }
    for (ww_u32 j = 0; j < ww_length(list); j++) {
      ww_value text = ww_element(list, j);
      if (ww_value_is_null(text)) ww_add_null(ww_child(texts, 0));
      else ww_add_text(ww_child(texts, 0), ww_value_text(text));
    }
    ww_add_nested(texts);
  }
  ww_add_nested(to);
}
static void echo_counts(ww_builder *to, ww_value counts) {
  for (ww_u32 i = 0; i < ww_length(counts); i++) {
    ww_add_text(ww_child(to, 0), ww_value_text(ww_key(counts, i)));
    if (!ww_value_is_null(ww_item(counts, i))) ww_add_bigint(ww_child(to, 1), ww_value_bigint(ww_item(counts, i)));
    else ww_add_null(ww_child(to, 1));
  }
  ww_add_nested(to);
}
static ww_i32 conf_echo_row(ww_row r) {
  for (ww_u32 i = 0; i < 12; i++) {
    ww_value v = ww_field(ww_get_value(r, 0), i);
    ww_builder *to = ww_child(r.result, i);
    if (ww_value_is_null(v)) continue; /* A field that is not added is NULL. */
    switch ("bildnssiil[{"[i]) {
      case 'b': ww_add_boolean(to, ww_value_boolean(v)); break;
      case 'i': ww_add_integer(to, ww_value_integer(v)); break;
      case 'l': ww_add_bigint(to, ww_value_bigint(v)); break;
      case 'd': ww_add_double(to, ww_value_double(v)); break;
      case 'n': ww_add_decimal(to, ww_value_decimal(v)); break;
      case 's': ww_add_text(to, ww_value_text(v)); break;
      case '[': echo_lists(to, v); break;
      default: echo_counts(to, v);
    }
  }
  return WW_OK;
}
WW_SCALAR(conf_echo, "(bildnssiil[[s]]{sl})")

static ww_i32 conf_sums_row(ww_row r) {
  ww_value groups = ww_get_value(r, 0);
  ww_builder *sums = ww_child(r.result, 0);
  for (ww_u32 i = 0; i < ww_length(groups); i++) {
    ww_value numbers = ww_item(groups, i);
    ww_i64 total = 0;
    if (ww_value_is_null(numbers)) return ww_fail(r, "a group is NULL");
    for (ww_u32 j = 0; j < ww_length(numbers); j++) total += ww_value_integer(ww_element(numbers, j));
    ww_add_text(ww_child(sums, 0), ww_value_text(ww_key(groups, i)));
    ww_add_bigint(ww_child(sums, 1), total);
    ww_add_nested(sums);
  }
  return WW_OK;
}
WW_SCALAR(conf_sums, "[(sl)]")

static ww_i32 conf_scaled_row(ww_row r) {
  double plus = ww_is_null(r, 2) ? 0 : (double)ww_get_bigint(r, 2);
  return ww_set_double(r, ww_get_double(r, 0) * ww_get_double(r, 1) + plus);
}
WW_SCALAR(conf_scaled, WW_FIXED)

static ww_i32 conf_joined_row(ww_row r) {
  ww_value texts = ww_get_value(r, 1);
  for (ww_u32 i = 0; i < ww_length(texts); i++) {
    ww_value text = ww_element(texts, i);
    if (i > 0 && ww_append_text(r, ww_get_text(r, 0)) != WW_OK) return 1;
    if (ww_append_text(r, ww_value_is_null(text) ? WW_TEXT("?") : ww_value_text(text)) != WW_OK) return 1;
  }
  return WW_OK;
}
WW_SCALAR(conf_joined, WW_TEXTS)

static ww_i32 conf_since_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_since_row(ww_row r, ww_state *state) {
  int first = state->bytes == 0;
  double *sum = ww_state_resize(state, sizeof(double));
  if (!sum) return ww_fail(r, "no memory for state");
  *sum = (first ? ww_get_double(r, 1) : *sum) + ww_get_double(r, 0);
  return ww_set_double(r, *sum);
}
WW_STREAM(conf_since, WW_FIXED)

static ww_i32 conf_most_take(ww_row r, ww_state *state, double x) {
  int first = state->bytes == 0;
  double *most = ww_state_resize(state, sizeof(double));
  if (!most) return ww_fail(r, "no memory for state");
  if (first || x > *most) *most = x;
  return WW_OK;
}
static ww_i32 conf_most_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_most_update(ww_row r, ww_state *state) {
  ww_value xs = ww_get_value(r, 0);
  for (ww_u32 i = 0; i < ww_length(xs); i++) {
    if (ww_value_is_null(ww_element(xs, i))) continue;
    if (conf_most_take(r, state, ww_value_double(ww_element(xs, i))) != WW_OK) return 1;
  }
  return WW_OK;
}
static ww_i32 conf_most_merge(ww_row r, ww_state *into, const ww_state *from) {
  return conf_most_take(r, into, *(const double *)from->data);
}
static ww_i32 conf_most_finish(ww_row r, const ww_state *state) {
  return state->bytes ? ww_set_double(r, *(const double *)state->data) : ww_set_null(r);
}
WW_AGGREGATE(conf_most, WW_FIXED)

/* What a row that fails has added is taken back. */
static ww_i32 conf_last_two_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_last_two_row(ww_row r, ww_state *state) {
  double x = ww_get_double(r, 0);
  ww_builder *both = ww_child(r.result, 0);
  if (state->bytes) ww_add_double(both, *(const double *)state->data);
  ww_add_double(both, x);
  if (x < 0) return ww_fail(r, "x is negative");
  double *last = ww_state_resize(state, sizeof(double));
  if (!last) return ww_fail(r, "no memory for state");
  *last = x;
  return WW_OK;
}
WW_STREAM(conf_last_two, "[d]")

typedef struct { double low, high; } extremes;

static ww_i32 conf_extremes_take(ww_row r, ww_state *state, extremes more) {
  int first = state->bytes == 0;
  extremes *all = ww_state_resize(state, sizeof(extremes));
  if (!all) return ww_fail(r, "no memory for state");
  if (first || more.low < all->low) all->low = more.low;
  if (first || more.high > all->high) all->high = more.high;
  return WW_OK;
}
static ww_i32 conf_extremes_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_extremes_update(ww_row r, ww_state *state) {
  return conf_extremes_take(r, state, (extremes){ww_get_double(r, 0), ww_get_double(r, 0)});
}
static ww_i32 conf_extremes_merge(ww_row r, ww_state *into, const ww_state *from) {
  return conf_extremes_take(r, into, *(const extremes *)from->data);
}
static ww_i32 conf_extremes_finish(ww_row r, const ww_state *state) {
  const extremes *all = (const extremes *)state->data;
  if (!state->bytes) return ww_set_null(r);
  ww_add_double(ww_child(r.result, 0), all->low);
  ww_add_double(ww_child(r.result, 1), all->high);
  return all->high > 1e300 ? ww_fail(r, "the highest is too large") : WW_OK;
}
WW_AGGREGATE(conf_extremes, "(dd)")

static ww_i64 wrapped_size;

static ww_i32 conf_wrapped_start(ww_row r) {
  wrapped_size = ww_get_bigint(r, 1);
  return wrapped_size < 1 ? ww_fail(r, "size must be at least 1") : WW_OK;
}
WW_SET_UP(conf_wrapped)
static ww_i32 conf_wrapped_row(ww_row r) {
  ww_i64 rest = ww_get_bigint(r, 0) % wrapped_size;
  return ww_set_bigint(r, rest < 0 ? rest + wrapped_size : rest);
}
WW_SCALAR(conf_wrapped, WW_FIXED)

typedef struct { double sum, since; } upgraded;

static ww_i32 conf_upgraded_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 conf_upgraded_row(ww_row r, ww_state *state) {
  upgraded *all = ww_state_resize(state, sizeof(upgraded));
  if (!all) return ww_fail(r, "no memory for state");
  all->sum += ww_get_double(r, 0);
  return ww_set_double(r, all->sum + all->since);
}
WW_STREAM(conf_upgraded, WW_FIXED)

/* Version 1 was the state of conf_running. */
ww_i32 conf_upgraded_upgrade(ww_row r, ww_state *state, ww_u32 version) {
  if (version == 2) return WW_OK;
  upgraded *all = ww_state_resize(state, sizeof(upgraded));
  if (!all) return ww_fail(r, "no memory for state");
  all->since = 1000;
  return WW_OK;
}
