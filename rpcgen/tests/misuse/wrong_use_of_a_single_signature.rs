#[path = "../goldens/tenant/gen/mod.rs"]
mod stubs;

use stubs::svc1;

fn main() {
    let _ = svc1::rpc1("7", vec![]);
    let _ = svc1::rpc1(7, vec!["a"]);
    let _ = svc1::rpc1(7);
    let _ = stubs::svc2::rpc2(1);
}
