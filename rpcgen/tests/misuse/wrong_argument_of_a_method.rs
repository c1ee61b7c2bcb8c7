#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::calc::Client;

fn call(client: &Client) {
    let _ = client.add(2, "b");
    let _ = client.add(true, 2);
}

fn main() {
    let _ = call;
}
