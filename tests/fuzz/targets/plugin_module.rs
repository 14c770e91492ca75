//! A plugin file of any bytes: it is refused, or what it gives can be called.

#![no_main]

use libfuzzer_sys::fuzz_target;
use waterwheel::udf::fuzz;

fuzz_target!(|input: &[u8]| {
    fuzz::module(input);
});
