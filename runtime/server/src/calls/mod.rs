//! From a request to its answer, whatever protocol it came in.
//!
//! | module | does |
//! |---|---|
//! | `dispatch` | finds what a request calls, and checks that its caller may |
//! | `answer` | the exceptions and limits that answers of all protocols share |
//! | `record` | what is known of a call that has ended, and who is told |

pub(crate) mod answer;
pub(crate) mod dispatch;
pub(crate) mod record;
