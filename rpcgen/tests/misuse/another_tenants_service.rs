#[path = "../goldens/tenant/gen/mod.rs"]
mod stubs;

fn main() {
    let _ = stubs::svc2::rpc1(1);
}
