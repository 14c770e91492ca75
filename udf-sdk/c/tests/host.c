/* A plugin that asks for what its sidecar gives. The end-to-end tests write the sidecar and call it. */
#include "waterwheel.h"

WW_MANIFEST("{\"version\": \"1.0.0\", \"functions\": ["
            "{\"name\": \"clock_and_dice\", \"kind\": \"scalar\", \"args\": [], \"returns\": \"BIGINT\", \"volatility\": \"volatile\","
            " \"doc\": \"the time of now; negative where the host draws equal bytes twice\"},"
            "{\"name\": \"asset\", \"kind\": \"scalar\", \"args\": [{\"name\": \"name\", \"type\": \"STRING\"}], \"returns\": \"STRING\","
            " \"doc\": \"an asset as text\"}]}")

static ww_i32 clock_and_dice_row(ww_row r) {
  ww_u64 drawn[2][2];
  ww_random(drawn[0], sizeof drawn[0]);
  ww_random(drawn[1], sizeof drawn[1]);
  int equal = drawn[0][0] == drawn[1][0] && drawn[0][1] == drawn[1][1];
  ww_log(WW_LOG_DEBUG, WW_TEXT("the dice are drawn"));
  ww_i64 now = ww_now_ms();
  return ww_set_bigint(r, equal ? -now : now);
}
WW_SCALAR(clock_and_dice, WW_FIXED)

static ww_i32 asset_row(ww_row r) {
  ww_text content;
  if (!ww_asset(ww_get_text(r, 0), &content)) return ww_fail(r, "the sidecar has no asset of this name");
  ww_i32 status = ww_set_text(r, content);
  ww_release((void *)content.data, content.bytes);
  return status;
}
WW_SCALAR(asset, WW_TEXTS)
