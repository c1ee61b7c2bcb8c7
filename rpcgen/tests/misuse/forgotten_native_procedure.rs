#[path = "../goldens/native/gen/mod.rs"]
mod stubs;

use rpc_runtime::{Call, Failure};
use stubs::gauges::{Handler, serve};

struct Forgetful;

impl Handler for Forgetful {
    async fn fast(&self, _call: &Call, n: i64) -> Result<i64, Failure> {
        Ok(2 * n)
    }
}

fn main() {
    let _ = serve(Forgetful);
}
