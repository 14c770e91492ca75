//! The `waterwheel` command.

fn main() {}
