//! A plugin with functions of every type and kind. `runtime/tests/e2e/sdk_guest.rs` calls them all through the host.

mod echo;
mod scalars;
mod streams;
mod tables;

waterwheel_udf::plugin!(
    echo::echo_boolean,
    echo::echo_integer,
    echo::echo_bigint,
    echo::echo_double,
    echo::echo_decimal,
    echo::echo_time,
    echo::echo_date,
    echo::echo_timestamp,
    echo::echo_string,
    echo::echo_bytes,
    echo::echo_list,
    echo::echo_list_of_lists,
    echo::echo_map,
    echo::echo_sorted_map,
    echo::echo_struct,
    echo::echo_list_of_structs,
    echo::echo_owned,
    scalars::answer,
    scalars::risk,
    scalars::risk_by_name,
    scalars::last_bigint,
    scalars::last_double,
    scalars::first_or,
    scalars::square_root,
    scalars::total,
    scalars::pick,
    scalars::is_even,
    scalars::shout,
    scalars::words,
    scalars::letters,
    scalars::full_name,
    scalars::roll,
    scalars::scaled,
    scalars::joined,
    scalars::first_of,
    scalars::in_unit,
    streams::damped,
    tables::tokenize,
    tables::pairs,
    tables::counted,
    tables::listed,
    tables::parts,
    streams::running,
    streams::nth,
    streams::seen,
    streams::above,
    streams::upgraded,
);

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifest_lists_every_function_once() {
        let manifest = super::waterwheel_manifest();
        assert!(
            manifest.starts_with("{\"version\": \"1.2.3\", \"functions\": [\n{\"name\": \"echo_boolean\""),
            "{manifest}"
        );
        let named = manifest.lines().filter(|line| line.starts_with("{\"name\": ")).count();
        // The list above, by its form: one path a line.
        let listed = include_str!("lib.rs")
            .lines()
            .filter(|line| line.starts_with("    ") && line.contains("::") && line.ends_with(','))
            .count();
        assert!(listed > 40, "{listed}");
        assert_eq!(named, listed, "{manifest}");
    }
}
