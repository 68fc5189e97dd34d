//! The endpoint itself: where it listens, what it refuses, how it ends.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
};

use aws_sdk_dynamodb::types::AttributeValue;
use minigate_embedded_aws::{
    BindError, DatabaseError, EmbeddedAws, Options, StartError, loopback::ANY_PORT,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{Aws, clients, dynamodb::create_table};

async fn start_error(address: SocketAddr, data_dir: Option<PathBuf>) -> StartError {
    let options = Options { address, data_dir, ..Options::default() };
    EmbeddedAws::start(options).await.expect_err("it does not start")
}

#[tokio::test]
async fn other_machines_are_kept_out() {
    let error = start_error("0.0.0.0:8000".parse().unwrap(), None).await;
    assert!(matches!(error, StartError::Bind(BindError::NotLoopback(_))));
    assert_eq!(
        error.to_string(),
        "refusing to listen on 0.0.0.0:8000: the endpoint has no authentication, so it must not \
         be reachable from other machines; use a loopback address such as 127.0.0.1:8000"
    );
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap();
    let error = start_error(address, None).await;
    let StartError::Bind(BindError::Unavailable { source, .. }) = &error else {
        panic!("unexpected: {error:?}");
    };
    assert_eq!(source.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn data_in_a_directory_outlives_the_process_and_has_one_user() {
    let directory = std::env::temp_dir().join(format!("embedded-aws-{}", std::process::id()));
    let options = || Options { data_dir: Some(directory.clone()), ..Options::default() };

    let first = EmbeddedAws::start(options()).await.unwrap();
    let (dynamodb, _) = clients(&first.endpoint_url());
    create_table(&dynamodb, "Main").await;
    for (id, expiry) in [("kept", "4102444800"), ("expired", "1")] {
        dynamodb
            .put_item()
            .table_name("Main")
            .item("PK", AttributeValue::S(id.into()))
            .item("SK", AttributeValue::S("-".into()))
            .item("expires_at", AttributeValue::N(expiry.into()))
            .send()
            .await
            .unwrap();
    }
    let error = start_error(ANY_PORT, Some(directory.clone())).await;
    assert!(matches!(error, StartError::Database(DatabaseError::InUse { .. })), "{error:?}");
    first.shutdown().await;

    let second = EmbeddedAws::start(options()).await.unwrap();
    let (dynamodb, _) = clients(&second.endpoint_url());
    for (id, survives) in [("kept", true), ("expired", false)] {
        let read = dynamodb
            .get_item()
            .table_name("Main")
            .key("PK", AttributeValue::S(id.into()))
            .key("SK", AttributeValue::S("-".into()))
            .send()
            .await
            .unwrap();
        assert_eq!(read.item.is_some(), survives, "{id}");
    }
    second.shutdown().await;
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_directory_that_is_a_file_is_named() {
    let error = start_error(ANY_PORT, Some(PathBuf::from("/dev/null"))).await;
    assert!(matches!(error, StartError::Database(DatabaseError::Directory { .. })), "{error:?}");
    assert!(error.to_string().contains("/dev/null"), "{error}");
}

/// Sends one request by hand and returns the whole answer.
async fn post(address: SocketAddr, target: &str) -> String {
    send(address, "POST", &format!("host: localhost\r\n{target}")).await
}

/// The same with these headers, that of the host included.
async fn send(address: SocketAddr, method: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "{method} / HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: 2\r\n\
         content-type: application/x-amz-json-1.0\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_is_not_embedded_is_refused_in_the_way_of_aws() {
    let aws = Aws::start().await;
    for (target, code) in [
        ("", "UnknownOperationException"),
        ("x-amz-target: AmazonSQS.SendMessage\r\n", "SerializationException"),
        ("x-amz-target: AmazonSQS.AddPermission\r\n", "InvalidAction"),
        ("x-amz-target: AmazonSNS.Publish\r\n", "UnknownOperationException"),
        ("x-amz-target: DynamoDB_20120810.Fly\r\n", "UnknownOperationException"),
        ("x-amz-target: secretsmanager.RotateSecret\r\n", "UnknownOperationException"),
        ("x-amz-target: secretsmanager.GetSecretValue\r\n", "SerializationException"),
    ] {
        let answer = post(aws.embedded.address(), target).await;
        let status = answer.lines().next();
        assert!(status.is_some_and(|line| line.contains(" 400 ")), "{target}: {answer}");
        assert!(answer.contains(code), "{target}: {answer}");
    }
}

#[tokio::test]
async fn web_pages_are_refused() {
    let aws = Aws::start().await;
    let (address, port) = (aws.embedded.address(), aws.embedded.address().port());
    let list = "x-amz-target: secretsmanager.ListSecrets\r\n";
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "[::1]".to_owned()] {
        for origin in [String::new(), format!("origin: http://{host}\r\n")] {
            let answer = send(address, "POST", &format!("host: {host}\r\n{origin}{list}")).await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{host} {origin}: {answer}");
            assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        }
    }
    let own = format!("host: 127.0.0.1:{port}\r\n");
    for (headers, expected) in [
        // As after DNS rebinding.
        (format!("host: evil.example:{port}\r\n"), "loopback host only"),
        (format!("host: 127.0.0.1.evil.example:{port}\r\n"), "evil.example"),
        (format!("{own}host: evil.example\r\n"), "one header Host"),
        (String::new(), "one header Host"),
        // As from a page of another site, of another local server, of a file.
        (format!("{own}origin: https://evil.example\r\n"), "https://evil.example"),
        (format!("{own}origin: http://localhost:5173\r\n"), "no web pages"),
        (format!("{own}origin: null\r\n"), "no web pages"),
    ] {
        for target in ["", list, "x-amz-target: DynamoDB_20120810.ListTables\r\n"] {
            let answer = send(address, "POST", &format!("{headers}{target}")).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{headers}{target}: {answer}");
            assert!(answer.contains(expected), "{headers}{target}: {answer}");
            assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
        }
        let preflight = send(address, "OPTIONS", &headers).await;
        assert!(preflight.starts_with("HTTP/1.1 403 "), "{headers}: {preflight}");
    }
}

#[tokio::test]
async fn after_shutdown_or_drop_nothing_answers() {
    for gracefully in [true, false] {
        let Aws { embedded, dynamodb, .. } = Aws::start().await;
        let address = embedded.address();
        // Leaves an idle connection behind, which must not hold the shutdown.
        dynamodb.list_tables().send().await.unwrap();
        if gracefully {
            embedded.shutdown().await;
        } else {
            drop(embedded);
            tokio::task::yield_now().await;
        }
        assert!(TcpStream::connect(address).await.is_err(), "gracefully: {gracefully}");
    }
}
