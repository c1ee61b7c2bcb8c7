#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::calc::{self, Calls};

fn total(calc: &impl Calls) {
    let _ = calc.add("a", 1);
}

fn main() {
    total(&calc::Mock::new().on_add_int_int(|a, b| Ok(a + b)));
    let _ = calc::Mock::new().on_add_int_int(|a: String, b| Ok(b));
    let _ = calc::Mock::new().add(1.5, 2);
}
