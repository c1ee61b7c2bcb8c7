//! [`CallOptions`]: what may be set for single calls.

use std::time::Duration;

/// What is set for the calls through one [`Network`](crate::Network) value; see
/// [`Network::with`](crate::Network::with). It wins over what was set for the whole network.
///
/// ```
/// # use std::time::Duration;
/// # use rpc_runtime_client::CallOptions;
/// let options = CallOptions::new().deadline(Duration::from_secs(2));
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct CallOptions {
    pub(crate) deadline: Option<Duration>,
}

impl CallOptions {
    /// Returns options that change nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the maximum duration of a call.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}
