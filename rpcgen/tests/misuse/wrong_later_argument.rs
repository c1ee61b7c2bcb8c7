#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::{calc, polls};

fn main() {
    let _ = calc::add(2, "b");
    let _ = calc::add(2, 0.5);
    let _ = calc::add("a", 3);
    let _ = polls::vote(("bob", "three"));
    let _ = polls::rank(1, 2, 3);
}
