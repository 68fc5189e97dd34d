//! Two instances that share a limit of 5 per second, on a table in memory so that it runs anywhere.
//!
//! `cargo run -p minigate-limiter --example shared_limit`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime},
};

use minigate_limiter::{Limiter, MemoryTable, Policy};

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "a program of its own may read the clock")]
async fn main() -> Result<(), Box<dyn Error>> {
    // In production: `DynamoTable::new(client, "limits")`.
    let table = Arc::new(MemoryTable::default());
    let instances =
        [1, 2].map(|seed| Limiter::builder(Arc::clone(&table), SystemTime::now).seed(seed).build());
    let policy = Policy::rate("example", 5, Duration::from_secs(1)).build()?;

    for request in 0..14 {
        let instance = request % 2;
        let decision = instances[instance].check(policy.on("user#42")?).await;
        match decision.retry_after() {
            None => {
                let remaining = decision.states()[0].remaining();
                println!("request {request}, instance {instance}: allowed, {remaining} left");
            }
            Some(wait) => {
                println!("request {request}, instance {instance}: denied, retry after {wait:?}");
                tokio::time::sleep(wait).await;
            }
        }
    }
    for (number, instance) in instances.iter().enumerate() {
        instance.shutdown().await;
        println!("instance {number}: {:?}", instance.metrics());
    }
    Ok(())
}
