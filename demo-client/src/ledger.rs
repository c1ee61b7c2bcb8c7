//! A service in Rust, compiled into its provider's binary. It keeps accounts in memory, which all
//! calls share.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, ensure};
use rpc_runtime::{Call, Failure, NativeService, Network};
use tokio::task::JoinSet;

use crate::native_stubs::{TOPOLOGY, ledger};

/// Number of tasks that call at the same time.
const TASKS: i64 = 64;

/// Number of calls of each task.
const CALLS: i64 = 100;

/// The accounts and their balances.
#[derive(Debug, Default)]
struct Ledger {
    balances: Mutex<BTreeMap<String, i64>>,
}

impl ledger::Handler for Ledger {
    async fn post(&self, call: &Call, account: String, amount: i64) -> Result<i64, Failure> {
        let mut balances = self.balances.lock().unwrap_or_else(PoisonError::into_inner);
        let balance = balances.entry(account).or_default();
        let after = balance
            .checked_add(amount)
            .filter(|after| *after >= 0)
            .ok_or_else(|| {
                let client = call.client();
                Failure::new(
                    "Overdrawn",
                    format!("{client} posts {amount}, and the balance is {balance}"),
                )
            })?;
        *balance = after;
        Ok(after)
    }

    async fn close(&self, _: &Call, account: String) -> Result<i64, Failure> {
        let mut balances = self.balances.lock().unwrap_or_else(PoisonError::into_inner);
        balances
            .remove(&account)
            .ok_or_else(|| Failure::new("NoAccount", format!("there is no `{account}`")))
    }
}

/// Returns the services that are compiled into the third server.
pub fn services() -> Vec<NativeService> {
    vec![ledger::serve(Ledger::default())]
}

/// Calls from many tasks over one session, and then posts an amount that the account does not have.
pub fn call() -> anyhow::Result<()> {
    let network = Network::builder(&TOPOLOGY).build()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let begin = std::time::Instant::now();
    runtime.block_on(post_from_tasks(&network))?;
    let calls = TASKS * CALLS;
    let micros = begin.elapsed().as_micros();
    println!(
        "{TASKS} tasks posted {CALLS} times each over one session: {calls} calls in {micros} µs"
    );
    let client = ledger::Client::new(&network);
    let refused = client
        .post("till".to_owned(), -calls - 1)
        .err()
        .context("an account was overdrawn")?;
    let kind = refused.raised().unwrap_or_default();
    let executed = refused.executed();
    println!(
        "post(\"till\", {})  ran: {executed}  {} ({kind})",
        -calls - 1,
        refused.message()
    );
    ensure!(
        kind == "Overdrawn",
        "the call failed for another reason: {refused}"
    );
    let left = client.close("till".to_owned())?;
    println!("close(\"till\")        -> {left}");
    ensure!(
        left == calls,
        "the balance was {left}, and {calls} were posted"
    );
    Ok(())
}

async fn post_from_tasks(network: &Network) -> anyhow::Result<()> {
    let client = ledger::AsyncClient::new(network);
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let client = client.clone();
        tasks.spawn(async move {
            for _ in 0..CALLS {
                client.post("till".to_owned(), 1).await?;
            }
            Ok::<_, rpc_runtime::Error>(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task??;
    }
    Ok(())
}
