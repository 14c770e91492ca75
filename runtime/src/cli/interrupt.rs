//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the process at once.

use crossbeam_channel::{Receiver, bounded};

/// Gives a message on the first Ctrl-C or SIGTERM.
///
/// # Errors
/// When the system gives no thread for it.
pub(crate) fn listen() -> std::io::Result<Receiver<()>> {
    let (sender, receiver) = bounded(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            if signal().await.is_ok() {
                let _ = sender.send(());
            }
            if signal().await.is_ok() {
                // 128 + SIGINT, as shells report it.
                std::process::exit(130);
            }
        });
    })?;
    Ok(receiver)
}

async fn signal() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
