//! A plugin that asks for what its sidecar gives. `runtime/tests/e2e/sdk_guest.rs` writes the sidecar and calls it.

use waterwheel_udf::{host, scalar};

waterwheel_udf::plugin!(clock_and_dice, asset);

/// the time of now, in its own words into the log; negative where the host draws equal bytes twice
#[scalar(volatile)]
pub fn clock_and_dice() -> i64 {
    let mut drawn = [[0; 16]; 2];
    for bytes in &mut drawn {
        host::random(bytes);
    }
    let now = host::now_ms();
    host::log(host::Level::Debug, &format!("it is {now}"));
    if drawn[0] == drawn[1] { -now } else { now }
}

/// an asset as text
#[scalar]
pub fn asset(name: &str) -> Result<String, String> {
    host::asset_text(name)
}
