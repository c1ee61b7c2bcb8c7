//! The initializer: applies an `init.yaml` to all its servers, in one transaction.
//!
//! ```text
//! init.yaml + sources -----------Desired--+
//! a saved plan ---------------------------+--> ask all servers --Plan--> Coordinator over the changing servers --> Applied
//! generations on the servers (rollback) --+
//! ```
//!
//! | module | content |
//! |---|---|
//! | `options`, `error` | how servers are reached, and why an operation failed |
//! | `desired` | what every server should run, from the file |
//! | `survey` | what is live on the servers |
//! | `plan`, `sources`, `native`, `saved` | what differs, whether changed sources are valid, native services that the file lacks, and a plan in a file |
//! | `initializer` | makes a plan and holds what is needed to execute it |
//! | `apply` | executes a plan |
//! | `revocation` | brings the list of revoked certificates to all servers |
//! | `unlock` | breaks the lease of an apply whose initializer is gone |
//! | `status`, `history` | compares what is live with the file; lists past applies, and plans a rollback |

mod apply;
mod connection;
mod desired;
mod difference;
mod error;
mod history;
mod initializer;
mod join;
mod native;
mod options;
mod origin;
mod plan;
mod progress;
mod revocation;
mod saved;
mod sources;
mod status;
mod survey;
mod unlock;

pub use apply::{Applied, LEASE, ServerOutcome};
pub use desired::{Desired, DesiredServer, named_files};
pub use difference::SourceDifference;
pub use error::{InitializerError, RequestError, Unreachable};
pub use history::{Applies, PastApply, PastServer};
pub use initializer::{Initializer, watch_id};
pub use options::InitializerOptions;
pub use plan::{
    Aspect, AspectChange, FileChange, Load, Mark, Plan, RpcChange, ServerPlan, ServiceChange,
};
pub use progress::{ApplyEvent, Progress};
pub use revocation::{ListInForce, bring_list};
pub use rpc_schema::breaking::{Change, Effect};
pub use status::{NetworkStatus, ServerStatus};
pub use survey::LiveServer;
pub use unlock::{Unlocked, UnlockedServer};
