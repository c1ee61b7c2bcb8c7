use rpc_runtime::server::log::{self, Level, LogFormat};
use rpc_runtime::server::{Server, ServerOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _log = log::start(Level::INFO, LogFormat::Text, Box::new(std::io::stderr()))?;
    let options = ServerOptions::new("127.0.0.1:7101".parse()?, "data");
    let server = Server::start(options.native(stubs::words::serve(Words))).await?;
    println!("listening on {}", server.local_addr()?);
    let stop = async { tokio::signal::ctrl_c().await.expect("Ctrl-C can be waited for") };
    server.run(stop).await;
    Ok(())
}
