//! The end-to-end tests, one binary: SQL scripts in several lives, the command line, the real Kafka, and the rules of the
//! code base. Each data file is a test of its own.
#![allow(
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::from_iter_instead_of_collect,
    clippy::wrong_self_convention,
    clippy::format_collect,
    clippy::unnecessary_wraps,
    reason = "tests say what they skip, and are read from top to bottom"
)]

mod cli;
mod conformance;
mod crash;
mod files;
mod fold;
mod invariant;
mod kafka;
mod kafka_faults;
mod kafka_plugins;
mod kafka_program;
mod kafka_replace;
mod kafka_slow;
mod kafka_suite;
mod neighbours;
mod nexmark;
mod over_oracle;
mod plugin_directory;
mod plugin_missing;
mod plugin_moves;
mod plugin_rows;
mod plugins_match;
mod sdk_guest;
mod sdk_host;
mod sdk_vectors;
mod slt;
mod tidy;
mod udf_new;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate stands in the repository")
        .to_path_buf()
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(slt::trials(&root().join("tests/slt")));
    trials.extend(over_oracle::trials());
    trials.extend(cli::trials(&root().join("tests/cli")));
    trials.extend(nexmark::trials(&root().join("tests/nexmark")));
    trials.extend(neighbours::trials());
    trials.extend(invariant::trials());
    trials.extend(conformance::trials());
    trials.extend(tidy::trials(&root()));
    trials.extend(sdk_vectors::trials(&root()));
    trials.extend(sdk_host::trials(&root()));
    trials.extend(udf_new::trials());
    let checks: [(&str, fn() -> Result<(), String>); 3] = [
        ("plugins/match their sources", plugins_match::check),
        ("plugins/build to the same bytes", plugins_match::rebuild),
        ("plugins/every type through the SDK", sdk_guest::check),
    ];
    for (name, check) in checks {
        trials.push(Trial::test(name, move || check().map_err(Failed::from)));
    }
    trials.extend(plugin_directory::trials());
    trials.extend(plugin_missing::trials());
    trials.extend(plugin_moves::trials());
    trials.extend(plugin_rows::trials());
    trials.extend(files::trials());
    trials.extend(kafka_suite::trials());
    let conclusion = libtest_mimic::run(&arguments, trials);
    kafka_suite::stop();
    conclusion.exit_code()
}
