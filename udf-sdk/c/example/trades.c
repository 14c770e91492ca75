/* Functions over trades: diff, moving_avg and running_vwap keep state per key, vwap per group, risk_score sees one row, fills gives several for one. */
#include "waterwheel.h"

WW_MANIFEST(
  "{\"version\": \"1.0.0\", \"functions\": ["
  "{\"name\": \"diff\", \"kind\": \"stream\", \"args\": [{\"name\": \"price\", \"type\": \"DOUBLE\"}], \"returns\": \"DOUBLE\","
  " \"doc\": \"the price less the price before; NULL in a key's first row\"},"
  "{\"name\": \"moving_avg\", \"kind\": \"stream\", \"args\": [{\"name\": \"price\", \"type\": \"DOUBLE\"},"
  " {\"name\": \"rows\", \"type\": \"INTEGER\", \"constant\": true}], \"returns\": \"DOUBLE\","
  " \"doc\": \"the mean of a key's last prices\"},"
  "{\"name\": \"running_vwap\", \"kind\": \"stream\", \"args\": [{\"name\": \"price\", \"type\": \"DOUBLE\"},"
  " {\"name\": \"volume\", \"type\": \"BIGINT\"}], \"returns\": \"DOUBLE\","
  " \"doc\": \"the mean price of a key so far, weighted by volume\"},"
  "{\"name\": \"vwap\", \"kind\": \"aggregate\", \"args\": [{\"name\": \"price\", \"type\": \"DOUBLE\"},"
  " {\"name\": \"volume\", \"type\": \"BIGINT\"}], \"returns\": \"DOUBLE\","
  " \"doc\": \"the mean price of a group, weighted by volume\"},"
  "{\"name\": \"fills\", \"kind\": \"table\", \"args\": [{\"name\": \"report\", \"type\": \"STRING\"}],"
  " \"returns\": [{\"name\": \"price\", \"type\": \"DOUBLE\"}, {\"name\": \"volume\", \"type\": \"BIGINT\"}],"
  " \"doc\": \"the fills of an order, written as `price x volume; price x volume; ...`\"},"
  "{\"name\": \"risk_score\", \"kind\": \"scalar\", \"args\": [{\"name\": \"price\", \"type\": \"DOUBLE\"},"
  " {\"name\": \"average\", \"type\": \"DOUBLE\"}, {\"name\": \"volume\", \"type\": \"BIGINT\"}], \"returns\": \"DOUBLE\","
  " \"doc\": \"how unusual a trade is, 0 to 1\"}]}")

/* ---- diff ---- */

static ww_i32 diff_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 diff_row(ww_row r, ww_state *state) {
  double price = ww_get_double(r, 0);
  int first = state->bytes == 0; /* A key's state is there from its first row on. */
  double *before = ww_state_resize(state, sizeof(double));
  if (!before) return ww_fail(r, "no memory for state");
  double change = price - *before;
  *before = price;
  return first ? ww_set_null(r) : ww_set_double(r, change);
}
WW_STREAM(diff, WW_FIXED)

/* ---- moving_avg: a ring of the last prices ---- */

typedef struct { ww_u32 count, next; double prices[]; } ring;

static ww_i32 moving_avg_start(ww_row r) {
  ww_i32 rows = ww_get_integer(r, 1);
  return rows < 1 || rows > 10000 ? ww_fail(r, "rows must be 1 to 10000") : WW_OK;
}
static ww_i32 moving_avg_row(ww_row r, ww_state *state) {
  ww_u32 rows = (ww_u32)ww_get_integer(r, 1);
  ring *last = ww_state_resize(state, sizeof(ring) + rows * sizeof(double));
  if (!last) return ww_fail(r, "no memory for state");
  last->prices[last->next] = ww_get_double(r, 0);
  last->next = (last->next + 1) % rows;
  if (last->count < rows) last->count++;
  double sum = 0;
  for (ww_u32 i = 0; i < last->count; i++) sum += last->prices[i];
  return ww_set_double(r, sum / last->count);
}
WW_STREAM(moving_avg, WW_FIXED)

/* ---- running_vwap ---- */

typedef struct { double money, volume; } traded;

static ww_i32 running_vwap_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 running_vwap_row(ww_row r, ww_state *state) {
  ww_i64 volume = ww_get_bigint(r, 1);
  if (volume <= 0) return ww_fail(r, "volume must be more than 0");
  traded *all = ww_state_resize(state, sizeof(traded));
  if (!all) return ww_fail(r, "no memory for state");
  all->money += ww_get_double(r, 0) * (double)volume;
  all->volume += (double)volume;
  return ww_set_double(r, all->money / all->volume);
}
WW_STREAM(running_vwap, WW_FIXED)

/* ---- vwap: the same of a group, which rows of a table can leave again ---- */

static ww_i32 vwap_add(ww_row r, ww_state *state, double money, double volume) {
  traded *all = ww_state_resize(state, sizeof(traded));
  if (!all) return ww_fail(r, "no memory for state");
  all->money += money;
  all->volume += volume;
  return WW_OK;
}
static ww_i32 vwap_start(ww_row r) { (void)r; return WW_OK; }
static ww_i32 vwap_update(ww_row r, ww_state *state) {
  double volume = (double)ww_get_bigint(r, 1);
  if (volume <= 0) return ww_fail(r, "volume must be more than 0");
  return vwap_add(r, state, ww_get_double(r, 0) * volume, volume);
}
static ww_i32 vwap_retract(ww_row r, ww_state *state) {
  double volume = (double)ww_get_bigint(r, 1);
  return vwap_add(r, state, -ww_get_double(r, 0) * volume, -volume);
}
static ww_i32 vwap_merge(ww_row r, ww_state *into, const ww_state *from) {
  const traded *more = (const traded *)from->data;
  return vwap_add(r, into, more->money, more->volume);
}
static ww_i32 vwap_finish(ww_row r, const ww_state *state) {
  const traded *all = (const traded *)state->data;
  return all && all->volume > 0 ? ww_set_double(r, all->money / all->volume) : ww_set_null(r);
}
WW_AGGREGATE(vwap, WW_FIXED)
WW_RETRACT(vwap)

/* ---- risk_score ---- */

static ww_i32 risk_score_row(ww_row r) {
  double price = ww_get_double(r, 0), average = ww_get_double(r, 1);
  if (!(average > 0)) return ww_fail(r, "average must be more than 0");
  double distance = __builtin_fabs(price / average - 1);
  double strain = distance * (1 + (double)ww_get_bigint(r, 2) / 10000);
  return ww_set_double(r, strain / (strain + 0.05));
}
WW_SCALAR(risk_score, WW_FIXED)

/* ---- fills: a row for each part of a text ---- */

static void skip_spaces(ww_text *text) {
  while (text->bytes && *text->data == ' ') text->data++, text->bytes--;
}
/* Takes a number off the text; 0 where there is none. */
static int take_number(ww_text *text, double *number) {
  double whole = 0, scale = 1;
  int digits = 0, is_fraction = 0;
  for (skip_spaces(text); text->bytes; text->data++, text->bytes--) {
    char c = *text->data;
    if (c == '.' && !is_fraction) is_fraction = 1;
    else if (c >= '0' && c <= '9') whole = 10 * whole + (c - '0'), scale *= is_fraction ? 10 : 1, digits++;
    else break;
  }
  *number = whole / scale;
  skip_spaces(text);
  return digits > 0;
}
static int take_char(ww_text *text, char c) {
  if (!text->bytes || *text->data != c) return 0;
  text->data++, text->bytes--;
  return 1;
}
static ww_i32 fills_row(ww_row r, ww_builder *rows) {
  ww_text report = ww_get_text(r, 0);
  for (skip_spaces(&report); report.bytes; skip_spaces(&report)) {
    double price, volume;
    if (!take_number(&report, &price) || !take_char(&report, 'x') || !take_number(&report, &volume)) return ww_fail(r, "no price x volume");
    if (report.bytes && !take_char(&report, ';')) return ww_fail(r, "no ; after a fill");
    ww_add_double(ww_child(rows, 0), price);
    ww_add_bigint(ww_child(rows, 1), (ww_i64)volume);
    ww_add_nested(rows);
  }
  return WW_OK;
}
WW_TABLE(fills, "(dl)")
