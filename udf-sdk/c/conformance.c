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
  "{\"name\":\"conf_reached\",\"kind\":\"aggregate\",\"args\":[{\"name\":\"x\",\"type\":\"DOUBLE\"},{\"name\":\"least\",\"type\":\"DOUBLE\",\"constant\":true}],\"returns\":\"BIGINT\"}"
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
