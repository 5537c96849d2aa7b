use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

async fn gateway() -> (TcpListener, Upstream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    (listener, Upstream::http(url, UpstreamKind::Auto, Duration::from_secs(5)))
}

fn put(body: impl Into<Bytes>) -> Push {
    let path = PushPath::parse("/metrics/job/a").unwrap();
    let mut page = Page::default();
    page.bytes = body.into();
    Push { method: Method::PUT, path, page: Arc::new(page), room: None }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// Reads the head of a request and its body of so many bytes.
async fn request(gateway: &mut TcpStream, body: usize) -> String {
    let mut seen = Vec::new();
    let length = loop {
        let end = seen.windows(4).position(|window| window == b"\r\n\r\n");
        match end {
            Some(end) => break end + 4 + body,
            None => assert!(gateway.read_buf(&mut seen).await.unwrap() > 0),
        }
    };
    while seen.len() < length {
        assert!(gateway.read_buf(&mut seen).await.unwrap() > 0);
    }
    String::from_utf8(seen).unwrap()
}

#[tokio::test]
async fn a_push_once_begun_is_sent_to_its_last_byte_though_nobody_waits_for_it() {
    let (listener, upstream) = gateway().await;
    let body = Bytes::from(vec![b'#'; 8 << 20]);
    let length = body.len();

    // Longer than what the kernel takes in for a gateway that does not read.
    let given_up = upstream.push(put(body), Instant::now() + Duration::from_millis(50)).await;
    assert!(matches!(given_up, Err(UpstreamError::TimedOut { .. })), "{given_up:?}");

    let (mut gateway, _) = listener.accept().await.unwrap();
    let mut seen = vec![0; 1 << 20];
    let mut bytes = 0;
    while bytes < length {
        let more = gateway.read(&mut seen).await.unwrap();
        assert!(more > 0, "cut off after {bytes} bytes");
        bytes += seen[..more].iter().filter(|byte| **byte == b'#').count();
    }
    gateway.write_all(OK).await.unwrap();
    upstream.settle(soon()).await;
    assert!(upstream.pushes.is_empty());
}

#[tokio::test]
async fn a_connection_is_kept_and_one_that_was_closed_meanwhile_is_replaced() {
    let (listener, upstream) = gateway().await;
    let pushes = async {
        for number in 0..4 {
            let answer = upstream.push(put(format!("m {number}\n")), soon()).await.unwrap();
            assert_eq!(answer.status, 200);
        }
    };
    let answers = async {
        for _ in 0..2 {
            let (mut gateway, _) = listener.accept().await.unwrap();
            for _ in 0..2 {
                let head = request(&mut gateway, 4).await;
                assert!(head.starts_with("PUT /metrics/job/a HTTP/1.1\r\n"), "{head}");
                assert!(head.contains(&format!("host: {}\r\n", listener.local_addr().unwrap())), "{head}");
                gateway.write_all(OK).await.unwrap();
            }
        }
        assert!(timeout(Duration::from_millis(100), listener.accept()).await.is_err());
    };
    tokio::join!(pushes, answers);
}

#[tokio::test]
async fn a_store_that_is_down_is_left_alone_until_it_is_back() {
    let (listener, upstream) = gateway().await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    for _ in 0..5 {
        let refused = upstream.push(put("m 1\n"), soon()).await.unwrap_err();
        assert!(matches!(refused, UpstreamError::Unreachable { .. }), "{refused}");
    }
    let refused = upstream.push(put("m 1\n"), soon()).await.unwrap_err().to_string();
    assert!(refused.contains("has failed 5 times in a row (tcp connect error: Connection refused"), "{refused}");
    assert!(upstream.look().await.is_err());

    let listener = TcpListener::bind(address).await.unwrap();
    let answers = async {
        let (mut gateway, _) = listener.accept().await.unwrap();
        assert!(request(&mut gateway, 0).await.starts_with("GET /-/ready HTTP/1.1\r\n"));
        gateway.write_all(OK).await.unwrap();
        request(&mut gateway, 4).await;
        gateway.write_all(OK).await.unwrap();
    };
    let pushes = async {
        upstream.look().await.unwrap();
        assert_eq!(upstream.push(put("m 1\n"), soon()).await.unwrap().status, 200);
    };
    tokio::join!(answers, pushes);
}

#[tokio::test]
async fn an_answer_without_a_body_or_a_length_is_read_to_its_end() {
    let (listener, upstream) = gateway().await;
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n1\r\n\n\r\n0\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nbad\n",
    ];
    let gateway = async {
        let (mut gateway, _) = listener.accept().await.unwrap();
        for answer in answers {
            request(&mut gateway, 4).await;
            gateway.write_all(answer).await.unwrap();
        }
    };
    let pushes = async {
        for (status, body) in [(200, ""), (400, "bad\n"), (400, "bad\n")] {
            let answer = upstream.push(put("m 1\n"), soon()).await.unwrap();
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (status, body.as_bytes()));
        }
    };
    tokio::join!(gateway, pushes);
}

#[tokio::test]
async fn a_store_in_this_process_is_asked_as_a_gateway_is() {
    let store = tower::service_fn(|request: Request<Full<Bytes>>| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let said = format!("{} {} {}", head.method, head.uri, String::from_utf8_lossy(&body));
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(said))))
    });
    let upstream = Upstream::embedded(store, Duration::from_secs(5));
    let answer = upstream.push(put("m 1\n"), soon()).await.unwrap();
    assert_eq!(answer.body, "PUT /metrics/job/a m 1\n");
    upstream.look().await.unwrap();
}
