//! From a request to its answer, whatever protocol it came in.
//!
//! | module | does |
//! |---|---|
//! | `dispatch` | finds the handler of a request, and checks that the caller may call it |
//! | `answer` | the exceptions and limits that answers of all protocols share |
//! | `record` | tells observers about calls that have ended |

pub(crate) mod answer;
pub(crate) mod dispatch;
pub(crate) mod record;
