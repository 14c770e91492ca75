//! A manifest of any bytes: it is refused, or its functions are such as SQL can name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use waterwheel::udf::fuzz;

fuzz_target!(|input: &[u8]| {
    fuzz::describe(input);
});
