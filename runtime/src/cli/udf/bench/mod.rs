//! `waterwheel udf bench`: what a call of a plugin's functions costs.

mod calls;
mod figures;
mod values;

use anyhow::Context as _;

use self::figures::{Figure, write};
use super::arguments::UdfBenchArguments;
use super::load;
use crate::cli::{EXIT_FAILED, EXIT_OK, report};
use crate::engine::function_signature;
use crate::udf::FunctionSource as _;

pub(super) fn run(arguments: &UdfBenchArguments) -> anyhow::Result<u8> {
    let Some(registry) = load(&arguments.file, &arguments.code_cache.place(None))? else {
        return Ok(EXIT_FAILED);
    };
    let mut functions = registry.functions();
    if let Some(name) = &arguments.function {
        functions.retain(|info| info.name.eq_ignore_ascii_case(name));
        functions
            .first()
            .with_context(|| format!("{} has no function {name}", arguments.file.display()))?;
    }
    let constants = calls::Constants::new(&arguments.constant);
    let mut figures = Vec::new();
    let mut code = EXIT_OK;
    for info in &functions {
        for &rows in &arguments.rows {
            match calls::measure(&registry, info, rows, arguments.keys, &constants) {
                Ok(measured) => figures.push(Figure { info, rows, measured }),
                Err(reason) => {
                    report(&format!("{}: {reason}", function_signature(info)));
                    code = EXIT_FAILED;
                    break;
                }
            }
        }
    }
    if !figures.is_empty() {
        write(&figures, arguments.output, &mut std::io::stdout().lock())?;
    }
    Ok(code)
}
