//! The client: sessions to servers, and calls over them.
//!
//! | module | does |
//! |---|---|
//! | `core` | one binary session without a socket: calls in, frames out; frames in, answers out |
//! | `failure` | why a call did not return, in words |
//! | `blocking` | system calls on the caller's own thread, for threads that share a session |
//! | `parcel` | the arguments of a call until they are sent |
//! | `pool` | the sessions to one server that threads share |
//! | `multiplexed`, `multiplexed_pool` | the same for tasks (feature `async`) |
//! | `text` | text sessions |

mod blocking;
mod connect;
mod core;
mod failure;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
#[cfg(feature = "async")]
mod multiplexed;
#[cfg(feature = "async")]
mod multiplexed_pool;
mod parcel;
mod pool;
pub(crate) mod text;

use std::net::IpAddr;

#[cfg(feature = "async")]
pub(crate) use multiplexed_pool::Sessions;
pub(crate) use pool::Pool;

/// How often a call is sent again over a fresh connection that the server closed before the whole request was handed
/// over, as a server does that stops.
const FRESH_TRIES: u32 = 1;

/// Decides whether a call whose session did not take it is sent over another one.
#[derive(Debug)]
struct Tries {
    fresh: u32,
}

impl Tries {
    fn new() -> Self {
        Self { fresh: FRESH_TRIES }
    }

    /// Whether another session may be tried. One that was not fresh may have ended meanwhile, so that does not count.
    fn may_go_on(&mut self, was_fresh: bool) -> bool {
        if was_fresh && self.fresh == 0 {
            return false;
        }
        self.fresh -= u32::from(was_fresh);
        true
    }
}

/// Who is calling, and from where.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) ip: IpAddr,
}
