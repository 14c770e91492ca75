//! The `waterwheel` command.

use std::process::ExitCode;

/// Batches allocate and free large buffers on several threads at once, which glibc's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    waterwheel::cli::main()
}
