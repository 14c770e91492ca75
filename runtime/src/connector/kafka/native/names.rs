//! The names of librdkafka's properties, as the library that is linked knows them.
#![expect(unsafe_code, reason = "the list of properties is only reachable through C")]

use std::ffi::{CStr, c_char};

use rdkafka::bindings;

/// The names of all properties that have a default, global ones and topic ones, without aliases, in alphabetical order.
pub(crate) fn property_names() -> Vec<String> {
    let mut names = Vec::new();
    // SAFETY: the configurations are made and destroyed here; a dump is an array of `count` strings (name, value, ...)
    // that lives until it is freed below, and the names are copied before that.
    unsafe {
        let mut count = 0;
        let conf = bindings::rd_kafka_conf_new();
        let dump = bindings::rd_kafka_conf_dump(conf, &raw mut count);
        copy_names(dump, count, &mut names);
        bindings::rd_kafka_conf_dump_free(dump, count);
        bindings::rd_kafka_conf_destroy(conf);

        let conf = bindings::rd_kafka_topic_conf_new();
        let dump = bindings::rd_kafka_topic_conf_dump(conf, &raw mut count);
        copy_names(dump, count, &mut names);
        bindings::rd_kafka_conf_dump_free(dump, count);
        bindings::rd_kafka_topic_conf_destroy(conf);
    }
    // Without a dot: pointers that only a C program can set, but for this one.
    names.retain(|name| name.contains('.') || name == "partitioner");
    names.sort_unstable();
    names.dedup();
    names
}

/// Copies every second string of a dump.
///
/// # Safety
/// `dump` holds `count` pointers, those at even places to strings.
unsafe fn copy_names(dump: *mut *const c_char, count: usize, names: &mut Vec<String>) {
    for place in (0..count).step_by(2) {
        // SAFETY: by the contract of this function.
        let name = unsafe { CStr::from_ptr(*dump.add(place)) };
        names.push(name.to_string_lossy().into_owned());
    }
}
