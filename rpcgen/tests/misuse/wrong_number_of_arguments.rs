#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::{calc, polls};

fn main() {
    let _ = calc::add(2);
    let _ = calc::add(2, 3, 4);
    let _ = polls::vote("bob", 3);
    let _ = polls::vote(("bob", 3, 4));
    let _ = polls::result();
}
