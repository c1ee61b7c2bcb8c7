#[path = "../goldens/overloads/gen/mod.rs"]
mod stubs;

use stubs::calc::AsyncClient;

async fn call(client: &AsyncClient) -> Result<i64, rpc_runtime::Error> {
    let _ = client.add('a', "b").await?;
    client.add_int_int(1, 2).await
}

fn main() {
    let _ = call;
}
