#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::{calc, store};

fn main() {
    let narrow: i32 = 5;
    let _ = calc::add(narrow, 5);
    let _ = calc::add(5, narrow);
    let _ = calc::add(2_u8, 3);
    let _ = calc::add(0.5_f32, 0.5);
    let _ = calc::add([1_u8], [2]);
    let _ = calc::add(&"a", "b");
    let _ = store::put(vec!["a"]);
}
