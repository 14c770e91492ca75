//! What a component may give: what is taken as a column is one, or it is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use waterwheel::udf::fuzz;

fuzz_target!(|input: &[u8]| {
    fuzz::levels(input);
});
