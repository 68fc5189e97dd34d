//! Two instances that share a cache, on a second level in memory so that it runs anywhere.
//!
//! `cargo run -p minigate-cache --example shared_cache`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, SystemTime},
};

use minigate_cache::{Cache, MemoryLevel, Namespace, Tag};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

#[derive(Debug, Serialize, Deserialize)]
struct Profile {
    name: String,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "a program of its own may read the clock")]
async fn main() -> Result<(), Box<dyn Error>> {
    // In production: `DynamoLevel::new(client, "cache")`.
    let level = Arc::new(MemoryLevel::default());
    let tags = [Tag::new("user#42")?];
    let mut instances = Vec::new();
    for _ in 0..2 {
        let cache = Cache::builder(Arc::clone(&level), SystemTime::now).build()?;
        let profiles: Namespace<Profile> = cache
            .namespace("profiles", Duration::from_secs(60))
            .grace(Duration::from_secs(60))
            .tag_window(Duration::from_secs(1))
            .build()?;
        instances.push((cache, profiles));
    }

    for round in 0..3 {
        for (number, (_, profiles)) in instances.iter().enumerate() {
            let profile = profiles.at("42")?.tags(&tags).get_or_load(load).await?;
            println!("instance {number}: {} from {:?}", profile.name, profile.source());
            // Lets the first instance's write reach the second level.
            sleep(Duration::from_millis(10)).await;
        }
        if round == 1 {
            println!("invalidated by instance 0; a consistent read by instance 1 sees it at once:");
            sleep(Duration::from_millis(100)).await;
            instances[0].0.invalidate_tag(&tags[0]).await?;
            sleep(Duration::from_millis(100)).await;
            let lookup = instances[1].1.at("42")?.tags(&tags).consistent();
            println!("instance 1: from {:?}", lookup.get_or_load(load).await?.source());
        }
    }
    for (number, (_, profiles)) in instances.iter().enumerate() {
        println!("instance {number}: {:?}", profiles.metrics());
    }
    Ok(())
}

async fn load() -> Result<Profile, std::io::Error> {
    println!("(a load)");
    Ok(Profile { name: "Ada".to_owned() })
}
