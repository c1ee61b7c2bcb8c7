//! [`Progress`]: receives the events of an apply, such as for a progress bar.

use std::fmt;
use std::sync::Arc;

/// An event of an apply.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ApplyEvent<'a> {
    /// The initializer sends files to a server.
    Sending {
        /// The name of the server.
        server: &'a str,
        /// Number of bytes sent so far.
        sent: u64,
        /// Number of bytes to send in total.
        all: u64,
    },
    /// A server has checked, loaded and stored everything.
    Prepared {
        /// The name of the server.
        server: &'a str,
    },
    /// A server runs the new generation.
    Committed {
        /// The name of the server.
        server: &'a str,
    },
    /// Another apply is under way, and the initializer waits for its end. Comes again and again.
    Waiting {
        /// Who applies, in words.
        holder: &'a str,
    },
    /// The apply was stopped in time: the servers are asked to drop it.
    Stopping,
    /// The apply was stopped when servers were committing already. It goes on.
    TooLateToStop,
}

type Callback = dyn Fn(ApplyEvent<'_>) + Send + Sync;

/// Receives the events of an apply. The default ignores them.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Callback>>);

impl Progress {
    /// Calls a function with each event.
    pub fn with_callback(callback: impl Fn(ApplyEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(callback)))
    }

    pub(super) fn report(&self, event: ApplyEvent<'_>) {
        if let Some(callback) = &self.0 {
            callback(event);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Progress(Some)"
        } else {
            "Progress(None)"
        })
    }
}
