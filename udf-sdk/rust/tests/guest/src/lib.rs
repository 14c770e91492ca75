//! A plugin with functions of every type and kind. `runtime/tests/e2e/sdk_guest.rs` calls them all through the host.

mod aggregates;
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
    scalars::last_of,
    scalars::place_of,
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
    scalars::capitals,
    scalars::listed_as,
    scalars::scaled,
    scalars::joined,
    scalars::first_of,
    scalars::in_unit,
    streams::damped,
    streams::path,
    streams::before,
    tables::twice,
    aggregates::largest,
    aggregates::WidthOfNumbers,
    aggregates::WidthOfDates,
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
    fn there_is_a_function_for_each_choice_of_types() {
        assert_eq!(super::tables::twice_str("a").collect::<Vec<_>>(), ["a", "a"]);
        assert_eq!(super::tables::twice_i64(7).collect::<Vec<_>>(), [7, 7]);
    }

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
        // Of several types are last_of (4), place_of (4), before (2), twice (2), largest (3).
        assert_eq!(named, listed + 3 + 3 + 1 + 1 + 2, "{manifest}");
    }
}
