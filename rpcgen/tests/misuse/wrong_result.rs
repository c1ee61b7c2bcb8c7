#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::{calc, polls};

fn main() -> Result<(), rpc_runtime::Error> {
    let sum: String = calc::add(2, 3)?;
    let narrow: i32 = calc::add(2, 3)?;
    let votes: i64 = polls::vote("bob")?;
    let _ = (sum, narrow, votes);
    Ok(())
}

fn returned() -> Result<String, rpc_runtime::Error> {
    calc::add(2, 3)
}
