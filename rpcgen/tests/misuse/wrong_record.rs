#[path = "../goldens/records/gen/mod.rs"]
mod stubs;

use stubs::poll;
use stubs::types::{Level, Tally};

fn main() {
    let _ = Tally { candidate: "ann", votes: 3 };
    let _ = Level::High;
    let _ = poll::show("low");
    let _ = poll::show(Level::Low, Level::Low);
}
