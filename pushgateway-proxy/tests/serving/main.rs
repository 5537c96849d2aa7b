//! The gate as hosts meet it: over TCP and TLS, with clients that break off, dawdle or leave.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in its helpers too")]

mod clients;
mod gate;
mod victoria;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gate::{Gate, head, push, read_all};

#[tokio::test]
async fn a_host_that_pins_our_authority_pushes_and_one_that_pins_another_does_not() {
    let mut gate = Gate::start(|_| ()).await;
    let other = Gate::start(|_| ()).await;

    let answer = gate.exchange(&push("m 1\n")).await;

    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nkept\n"), "{answer}");
    assert_eq!(gate.bodies.recv().await.unwrap(), "m 1\n");
    let refused = gate.connect_trusting(&other.directory.path().join("tls/ca.pem")).await.unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
}

#[tokio::test]
async fn a_push_whose_client_breaks_off_never_reaches_the_gateway() {
    let mut gate = Gate::start(|_| ()).await;
    let chunked = push("").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    for half in
        [format!("{}m 1\n", head(100)), format!("{chunked}4\r\nm 1\n\r\n"), format!("{chunked}4\r\nm 1\n\r\nzz\r\n")]
    {
        let mut host = gate.connect().await.unwrap();
        host.write_all(half.as_bytes()).await.unwrap();
        host.shutdown().await.unwrap();
        read_all(&mut host).await;
    }

    gate.exchange(&push("whole 1\n")).await;

    assert_eq!(gate.bodies.recv().await.unwrap(), "whole 1\n", "the first that arrives is the first that was whole");
}

#[tokio::test]
async fn a_push_is_sent_to_its_end_when_its_client_has_gone_and_a_stop_waits_for_it() {
    let mut gate = Gate::start(|_| ()).await;
    let mut host = gate.connect().await.unwrap();
    host.write_all(push("wait 1\n").as_bytes()).await.unwrap();
    assert_eq!(gate.bodies.recv().await.unwrap(), "wait 1\n");
    drop(host);
    let go_on = Arc::clone(&gate.go_on);

    let stopped = tokio::spawn(gate.stops());
    tokio::task::yield_now().await;
    assert!(!stopped.is_finished());
    go_on.notify_one();

    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_in_hand_is_answered_after_the_stop_began() {
    let mut gate = Gate::start(|_| ()).await;
    let mut host = gate.connect().await.unwrap();
    host.write_all(push("wait 1\n").as_bytes()).await.unwrap();
    gate.bodies.recv().await.unwrap();
    let go_on = Arc::clone(&gate.go_on);
    let address = gate.address;

    let stopped = tokio::spawn(gate.stops());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go_on.notify_one();

    assert!(read_all(&mut host).await.starts_with("HTTP/1.1 200 OK\r\n"));
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_push_that_was_on_its_way_when_the_stop_began_is_answered() {
    let gate = Gate::start(|_| ()).await;
    let mut host = gate.connect().await.unwrap();
    let address = gate.address;

    let stopped = tokio::spawn(gate.stops());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    host.write_all(push("m 1\n").as_bytes()).await.unwrap();

    assert!(read_all(&mut host).await.starts_with("HTTP/1.1 200 OK\r\n"));
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_dawdles_is_told_so_and_let_go() {
    let mut gate = Gate::start(|config| config.request_timeout = Duration::from_millis(200)).await;

    let answer = gate.exchange(&format!("{}m 1\n", head(100))).await;

    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n") && answer.contains("connection: close"), "{answer}");
    assert!(gate.bodies.try_recv().is_err());
}

#[tokio::test]
async fn silence_before_during_and_between_requests_ends_the_connection() {
    let gate = Gate::start(|config| {
        config.header_timeout = Duration::from_millis(200);
        config.idle_timeout = Duration::from_millis(300);
    })
    .await;
    let keep_alive = push("m 1\n").replace("Connection: close\r\n", "");
    for (sent, answered) in [("", ""), ("PUT /metrics/job/a HTTP/1.1\r\nHost:", ""), (&*keep_alive, "HTTP/1.1 200 OK")]
    {
        assert!(gate.exchange(sent).await.starts_with(answered), "{sent:?}");
    }
    let mut before_tls = TcpStream::connect(gate.address).await.unwrap();
    before_tls.write_all(&[0x16, 3, 1]).await.unwrap();
    assert_eq!(read_all(&mut before_tls).await, "");
}

#[tokio::test]
async fn a_connection_that_rests_takes_the_next_push_and_leaves_when_its_time_is_over() {
    let idle = Duration::from_millis(1200);
    let gate = Gate::start(|config| config.idle_timeout = idle).await;
    let keep_alive = push("m 1\n").replace("Connection: close\r\n", "");
    let mut host = gate.connect().await.unwrap();
    let mut answer = [0; 256];
    for _ in 0..2 {
        host.write_all(keep_alive.as_bytes()).await.unwrap();
        let length = host.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
        // Long enough for it to rest, not long enough for it to end.
        tokio::time::sleep(idle * 2 / 3).await;
    }
    // It is the last push that counts, and a proper end: `read_to_end` would not take another one.
    let begin = Instant::now();
    assert_eq!(host.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert!(begin.elapsed() < idle, "{:?}", begin.elapsed());

    let mut resting = gate.connect().await.unwrap();
    resting.write_all(keep_alive.as_bytes()).await.unwrap();
    assert!(resting.read(&mut answer).await.unwrap() > 0);
    tokio::time::sleep(idle / 2 + idle / 12).await;
    let begin = Instant::now();
    let stopped = tokio::spawn(gate.stops());
    assert_eq!(resting.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    assert!(begin.elapsed() < idle / 4, "{:?}", begin.elapsed());
    drop(resting);
    stopped.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_arrives_while_the_client_still_sends() {
    let gate = Gate::start(|config| config.body_limit = 1000).await;
    let mut host = gate.connect().await.unwrap();
    let (mut from, mut to) = tokio::io::split(&mut host);

    let sending = async {
        let _ = to.write_all(push(&"#".repeat(4 << 20)).as_bytes()).await;
    };
    let mut answer = [0; 16];
    let (_, read) = tokio::join!(sending, from.read_exact(&mut answer));

    read.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413 Pay");
}

#[tokio::test]
async fn somebody_who_typed_http_is_told_so() {
    let gate = Gate::start(|_| ()).await;
    let mut host = TcpStream::connect(gate.address).await.unwrap();
    host.write_all(push("m 1\n").as_bytes()).await.unwrap();
    let answer = read_all(&mut host).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "this port speaks TLS; use https:// instead\n");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
}

#[tokio::test]
async fn one_connection_too_many_takes_the_place_of_one_that_sleeps() {
    let mut gate = Gate::start(|config| config.max_connections = 2).await;
    let mut asleep = gate.connect().await.unwrap();
    let mut at_work = gate.connect().await.unwrap();
    at_work.write_all(push("wait 1\n").as_bytes()).await.unwrap();
    gate.bodies.recv().await.unwrap();

    let mut third = gate.connect().await.unwrap();
    assert_eq!(read_all(&mut asleep).await, "", "closed without a word");
    third.write_all(push("wait 2\n").as_bytes()).await.unwrap();
    gate.bodies.recv().await.unwrap();
    assert!(gate.connect().await.is_err(), "both are at work");

    // Again and again: the gateway shows a body before it begins to wait.
    let go_on = async {
        loop {
            gate.go_on.notify_one();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let answers = async { tokio::join!(read_all(&mut at_work), read_all(&mut third)) };
    let (first, second) = tokio::select! {
        answers = answers => answers,
        () = go_on => unreachable!("it goes on for ever"),
    };
    assert!(first.starts_with("HTTP/1.1 200 OK") && second.starts_with("HTTP/1.1 200 OK"), "{first} {second}");
}

#[tokio::test]
async fn strangers_are_told_so_before_the_handshake() {
    let gate = Gate::start(|_| ()).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let stranger = socket.connect(gate.address).await.unwrap();

    let refused = gate.shake_hands(stranger, &gate.directory.path().join("tls/ca.pem")).await.unwrap_err();

    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    assert!(gate.exchange(&push("m 1\n")).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_balancer_of_ours_says_whom_it_speaks_for() {
    let gate = Gate::start(|config| {
        config.trusted_proxies = ["127.0.0.1".parse().unwrap()].into_iter().collect();
        config.proxy_protocol = true;
        config.allow = ["203.0.113.7".parse().unwrap()].into_iter().collect();
    })
    .await;
    let ca = gate.directory.path().join("tls/ca.pem");
    let through = async |header: &str| {
        let mut tcp = TcpStream::connect(gate.address).await.unwrap();
        tcp.write_all(header.as_bytes()).await.unwrap();
        gate.shake_hands(tcp, &ca).await
    };
    let mut host = through("PROXY TCP4 203.0.113.7 127.0.0.1 5 9443\r\n").await.unwrap();
    host.write_all(push("m 1\n").as_bytes()).await.unwrap();
    assert!(read_all(&mut host).await.starts_with("HTTP/1.1 200 OK"));

    let refused = through("PROXY TCP4 203.0.113.8 127.0.0.1 5 9443\r\n").await.unwrap_err();
    assert!(refused.to_string().contains("AccessDenied"), "{refused}");
    assert!(through("").await.is_err(), "without a header there is no connection");
    assert!(through("PROXY UNKNOWN\r\n").await.is_err(), "the balancer itself may not push");
}

/// Whoever stands before us might have read the length, and would take what follows the chunks for a body.
#[tokio::test]
async fn a_request_with_a_length_and_chunks_is_refused_and_the_last_of_its_connection() {
    let mut gate = Gate::start(|_| ()).await;
    let first = push("").replace("Connection: close\r\n", "");
    for both in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
    ] {
        let first = first.replace("Content-Length: 0", both);

        let answer = gate.exchange(&format!("{first}0\r\n\r\n{}", push("smuggled 1\n"))).await;

        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(gate.bodies.try_recv().is_err());
    }
}

#[tokio::test]
async fn a_stop_does_not_wait_longer_than_the_grace_for_a_gateway_that_says_nothing() {
    let mut gate = Gate::start(|config| config.grace = Duration::from_secs(2)).await;
    let mut host = gate.connect().await.unwrap();
    host.write_all(push("wait 1\n").as_bytes()).await.unwrap();
    gate.bodies.recv().await.unwrap();

    let begun = Instant::now();
    gate.stops().await.unwrap();

    let lasted = begun.elapsed();
    assert!((2000..3500).contains(&lasted.as_millis()), "{lasted:?}");
}
