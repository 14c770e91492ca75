//! A plugin that asks for what its sidecar gives. The end-to-end tests write the sidecar and call it.

use waterwheel_udf::{host, scalar};

waterwheel_udf::plugin!(clock_and_dice, asset);

/// the time of now; negative where the host draws equal bytes twice
#[scalar(volatile)]
pub fn clock_and_dice() -> i64 {
    let mut drawn = [[0; 16]; 2];
    for bytes in &mut drawn {
        host::random(bytes);
    }
    let now = host::now_ms();
    host::log(host::Level::Debug, "the dice are drawn");
    if drawn[0] == drawn[1] { -now } else { now }
}

/// an asset as text
#[scalar]
pub fn asset(name: &str) -> Result<String, String> {
    host::asset_text(name)
}
