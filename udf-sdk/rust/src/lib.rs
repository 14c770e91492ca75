#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
extern crate std;

mod aggregate;
#[cfg(any(test, all(target_arch = "wasm32", feature = "small-allocator")))]
mod allocator;
mod argument;
mod descriptor;
pub mod host;
mod manifest;
pub mod math;
mod memory;
mod report;
mod returned;
mod rows;
mod scalar;
mod state;
mod stream;
mod value;

pub use argument::{Argument, List, Map};
pub use returned::{Outcome, Return};
pub use rows::STRIP;
pub use state::{State, StateError, StateReader};
pub use value::{Date, Decimal, Time, Timestamp};
pub use waterwheel_udf_macros::{Argument, Return, State, aggregate, scalar, stream, table};

/// What the attributes and [`plugin!`] make use of. Not for use by hand: it may change in any version.
#[doc(hidden)]
pub mod glue {
    pub use alloc::string::String;
    pub use alloc::vec::Vec;
    pub use core::cell::RefCell;
    pub use std::thread_local;

    pub use crate::aggregate::{Taken, finish, merge, take};
    pub use crate::argument::{Argument, Record, StructColumn};
    pub use crate::manifest::{Entry, Function, Kind, Manifest};
    pub use crate::memory::{host_alloc, host_free};
    pub use crate::report::{catch_panics, list as reports};
    pub use crate::returned::{Built, Outcome, Parts, Return, Rows, StructBuilder, StructParts};
    pub use crate::scalar::{Scope, call, call_set_up, made, nothing};
    pub use crate::stream::{
        Instance, Started, drop, load, new, push, read_state, save, unknown_version, upgrade_state,
    };
    pub use crate::value::sql_struct;
}

#[cfg(test)]
mod tests;

/// Makes the crate a plugin with these functions. Once per crate, with all functions that SQL shall see:
///
/// ```
/// # use waterwheel_udf::scalar;
/// # #[scalar]
/// # fn plus(a: i64, b: i64) -> Option<i64> { a.checked_add(b) }
/// # #[scalar]
/// # fn minus(a: i64, b: i64) -> Option<i64> { a.checked_sub(b) }
/// # fn main() {}
/// waterwheel_udf::plugin!(plus, minus);
/// ```
#[macro_export]
macro_rules! plugin {
    ($($function:path),+ $(,)?) => {
        /// What this plugin says of itself, as JSON.
        pub fn waterwheel_manifest() -> $crate::glue::String {
            let mut manifest = $crate::glue::Manifest::new(env!("CARGO_PKG_VERSION"));
            $(<$function as $crate::glue::Function>::describe(&mut manifest);)+
            manifest.finish()
        }

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "the exports that the host looks for")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn ww_abi() -> i32 {
                1
            }

            #[unsafe(no_mangle)]
            extern "C" fn _initialize() {
                $crate::glue::catch_panics();
            }

            #[unsafe(no_mangle)]
            extern "C" fn ww_manifest() -> u64 {
                let text: &'static str = waterwheel_manifest().leak();
                (text.as_ptr().expose_provenance() as u64) << 32 | text.len() as u64
            }

            #[unsafe(no_mangle)]
            extern "C" fn ww_last_error() -> u64 {
                let (address, count) = $crate::glue::reports();
                (address as u64) << 32 | count as u64
            }

            #[unsafe(no_mangle)]
            extern "C" fn ww_alloc(bytes: usize, align: usize) -> usize {
                $crate::glue::host_alloc(bytes, align)
            }

            #[unsafe(no_mangle)]
            unsafe extern "C" fn ww_free(address: usize, bytes: usize, align: usize) {
                // SAFETY: the host gives back what it got, with the same numbers.
                unsafe { $crate::glue::host_free(address, bytes, align) }
            }
        };
    };
}
