//! Ctrl-C while a call is under way.

use std::future::Future;

use rpc_runtime::{Error, ErrorKind, ExceptionType, Executed};
use tokio::signal::unix::{SignalKind, signal};

use crate::signals::is_ignored;

/// The number of SIGINT, which Ctrl-C sends.
const SIGINT: u32 = 2;

/// Runs `call` on a thread of its own until it returns. Returns `None` if Ctrl-C comes first: the
/// caller then ends the program, which closes the connection and so gives up the answer.
pub(super) fn until_interrupted<T: Send + 'static>(
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, Error> {
    let failed = |error: std::io::Error| {
        let message = format!("cannot listen for Ctrl-C: {error}");
        Error::new(ErrorKind::Configuration, Executed::No, message)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let result = runtime.block_on(async {
        let interrupted = interrupted().map_err(failed)?;
        let running = tokio::task::spawn_blocking(call);
        tokio::select! {
            done = running => Ok(done.ok()),
            () = interrupted => Ok(None),
        }
    });
    // Do not wait for the thread of a call that nobody waits for.
    runtime.shutdown_background();
    result
}

/// Returns what ends at Ctrl-C. It never ends if this process was started with SIGINT ignored.
fn interrupted() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupts = if is_ignored(SIGINT) {
        None
    } else {
        Some(signal(SignalKind::interrupt())?)
    };
    Ok(async move {
        match &mut interrupts {
            Some(interrupts) => drop(interrupts.recv().await),
            None => std::future::pending().await,
        }
    })
}

/// Returns the error of a call that Ctrl-C ended.
pub(super) fn error() -> Error {
    Error::new(
        ErrorKind::Exception(ExceptionType::Cancelled),
        Executed::Unknown,
        "interrupted; the connection was closed, and the answer is given up",
    )
}
