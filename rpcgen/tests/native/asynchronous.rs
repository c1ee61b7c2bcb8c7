use stubs::words::AsyncClient;

async fn both(words: &AsyncClient) -> Result<(), rpc_runtime::Error> {
    let (one, all) = tokio::try_join!(words.count("to be"), words.count(["to be", "or not to be"]))?;
    println!("{one:?} {all:?}");
    Ok(())
}
