//! Floor 6: the commands of `waterwheel`, and how results look.
//!
//! Data goes to stdout, everything else (messages, progress, errors, logs) to stderr, so that results can be piped.

mod arguments;
mod config_file;
mod interrupt;
mod progress;
mod render;
mod results;
mod run;
mod state;
mod test;
mod udf;

use std::process::ExitCode;

use clap::Parser;

pub use arguments::{Arguments, CaseMatching, Command, OutputFormat, RunArguments, TestArguments, TestOutput};
pub use udf::{UdfBenchArguments, UdfCommand, UdfLanguage, UdfNewArguments, UdfTestArguments};

/// All queries ended well, or were stopped by Ctrl-C after a last commit.
pub const EXIT_OK: u8 = 0;
/// A query failed while it ran, or something outside of the process did.
pub const EXIT_FAILED: u8 = 1;
/// The arguments, the configuration or the SQL are wrong (clap's code too).
pub const EXIT_USAGE: u8 = 2;

/// Reads the arguments, runs the command, prints the error if there is one.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let quiet = matches!(arguments.command, Command::Test(_));
    start_log(arguments.log.as_deref().unwrap_or(if quiet { "off" } else { "warn" }));
    let code = match &arguments.command {
        Command::Run(run) => run::run(run),
        Command::Test(test) => test::run(test),
        Command::Udf(command) => udf::run(command),
        Command::State(command) => state::run(command),
    };
    ExitCode::from(code)
}

/// Log lines go to stderr; `--log` takes the filters of `RUST_LOG`.
fn start_log(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(filter);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .compact();
    // Only fails when a logger was set before, as tests do; that one stays then.
    let _ = subscriber.try_init();
}

/// Prints one error line for people.
fn report(message: &str) {
    eprintln!("{message}");
}
