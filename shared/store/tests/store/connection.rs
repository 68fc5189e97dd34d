//! The connection that is opened before it is needed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use minigate_embedded_aws::protocol::Service;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use crate::bed::{Bed, client};

#[tokio::test]
async fn it_is_no_call_and_is_used_by_the_first_one() {
    let bed = Bed::start().await;
    let (endpoint_url, connections) = counting(&bed.faults.endpoint_url()).await;
    let store = Bed::store_at(client(&endpoint_url));
    store.connect().await;
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    assert_eq!(bed.faults.count(Service::DynamoDb), 0);
    store.probe().await.unwrap();
    assert_eq!(connections.load(Ordering::Relaxed), 1, "another connection was opened");
    assert_eq!(bed.faults.count(Service::DynamoDb), 1);
}

#[tokio::test]
async fn a_dynamodb_that_is_not_there_is_no_harm() {
    Bed::store_at(client("http://127.0.0.1:9")).connect().await;
}

/// A port that leads to this endpoint, and how many connections were made to it.
async fn counting(endpoint_url: &str) -> (String, Arc<AtomicUsize>) {
    let upstream = endpoint_url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let mut server = TcpStream::connect(&upstream).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (url, connections)
}
