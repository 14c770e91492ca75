// A plugin without any SDK: spread(bid, ask) fails rows whose ask is below the bid, diff(price) keeps the last price per key.
typedef unsigned int u32;
#define EXPORT(name) __attribute__((export_name(#name)))
typedef struct { u32 rows, flags, nulls; unsigned char *validity; double *values; u32 bytes; int *offsets; void *children; } column;
typedef struct { u32 row; const char *message; u32 bytes; } report;
static report reports[8192];
static u32 reported, used;
static unsigned char arena[1 << 21] __attribute__((aligned(16)));
EXPORT(ww_abi) int ww_abi(void) { return 1; }
EXPORT(ww_alloc) u32 ww_alloc(u32 bytes, u32 align) { // A bump allocator: enough, as the host keeps what it gets.
  if (bytes > sizeof arena - used) return 0;
  u32 at = (u32)arena + used;
  used += (bytes + 15) & ~15u;
  return at;
}
EXPORT(ww_free) void ww_free(u32 at, u32 bytes, u32 align) {}
EXPORT(ww_last_error) unsigned long long ww_last_error(void) { return (unsigned long long)(u32)reports << 32 | reported; }
static const char manifest[] =
  "{\"functions\": [{\"name\": \"spread\", \"kind\": \"scalar\", \"returns\": \"DOUBLE\","
  "  \"args\": [{\"name\": \"bid\", \"type\": \"DOUBLE\"}, {\"name\": \"ask\", \"type\": \"DOUBLE\"}]},"
  " {\"name\": \"diff\", \"kind\": \"stream\", \"returns\": \"DOUBLE\", \"args\": [{\"name\": \"price\", \"type\": \"DOUBLE\"}]}]}";
EXPORT(ww_manifest) unsigned long long ww_manifest(void) { return (unsigned long long)(u32)manifest << 32 | (sizeof manifest - 1); }
static void null_at(column *out, u32 row) { out->validity[row / 8] &= ~(1 << row % 8); }

EXPORT(spread) int spread(column *args, u32 rows, column *out) {
  reported = 0;
  for (u32 i = 0; i < rows; i++) {
    double bid = args[0].values[i], ask = args[1].values[i];
    out->values[i] = 20000 * (ask - bid) / (ask + bid);
    if (ask < bid) { reports[reported++] = (report){i, "ask is below bid", 16}; null_at(out, i); }
  }
  return reported > 0; // Status 1: some rows failed, and are in the reports.
}
static double last[10000][2], saved[8192][2]; // Per slot: 1 once there is a price, and the price.
static int offsets[8193];
EXPORT(diff_new) int diff_new(column *args) { return 0; }
EXPORT(diff_push) int diff_push(u32 *slots, column *args, u32 rows, column *out) {
  for (u32 i = 0; i < rows; i++) {
    if (slots[i] >= 10000) return 2; // More keys than there is room for: the call fails.
    double *state = last[slots[i]];
    if (state[0]) out->values[i] = args[0].values[i] - state[1]; else null_at(out, i);
    state[0] = 1, state[1] = args[0].values[i];
  }
  return 0;
}
EXPORT(diff_save) int diff_save(u32 *slots, u32 n, column *out) {
  for (u32 i = 0; i < n; i++) saved[i][0] = last[slots[i]][0], saved[i][1] = last[slots[i]][1], offsets[i + 1] = 16 * (i + 1);
  out->values = saved[0], out->bytes = 16 * n, out->offsets = offsets;
  return 0;
}
EXPORT(diff_load) int diff_load(u32 *slots, u32 n, column *states, u32 version) {
  for (u32 i = 0; i < n; i++)
    if (slots[i] >= 10000) return 2; else last[slots[i]][0] = states->values[2 * i], last[slots[i]][1] = states->values[2 * i + 1];
  return 0;
}
EXPORT(diff_drop) int diff_drop(u32 *slots, u32 n) {
  for (u32 i = 0; i < n; i++) if (slots[i] < 10000) last[slots[i]][0] = last[slots[i]][1] = 0;
  return 0;
}
