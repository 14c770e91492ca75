//! A module or component in WebAssembly text, from standard input, as a binary, to standard output: seeds of `plugin_module`.

use std::io::{Read, Write, stdin, stdout};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    stdout().write_all(&wat::parse_str(&text)?)?;
    Ok(())
}
