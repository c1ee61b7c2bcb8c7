//! [`Progress`]: what happens while an apply is under way, for whoever shows it.

use std::fmt;
use std::sync::Arc;

/// Something that happened.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Happening<'a> {
    /// Files are on their way to a server.
    Sending {
        /// The server.
        server: &'a str,
        /// How many bytes it has got.
        sent: u64,
        /// How many it will get.
        all: u64,
    },
    /// A server has checked, loaded and stored what it got.
    Prepared {
        /// The server.
        server: &'a str,
    },
    /// A server runs the new generation.
    Committed {
        /// The server.
        server: &'a str,
    },
}

type Tell = dyn Fn(Happening<'_>) + Send + Sync;

/// Who is told what happens; nobody by default.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Tell>>);

impl Progress {
    /// Tells this function.
    pub fn to(tell: impl Fn(Happening<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(super) fn tell(&self, happening: Happening<'_>) {
        if let Some(tell) = &self.0 {
            tell(happening);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "Progress(told)"
        } else {
            "Progress(untold)"
        })
    }
}
