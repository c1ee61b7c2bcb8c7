#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::{calc, polls, store};

fn main() {
    let _ = calc::add(true, false);
    let _ = calc::add((), ());
    let _ = polls::vote((3, "bob"));
    let _ = store::put('a');
}
