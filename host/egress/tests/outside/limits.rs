//! A hostile server gets no more time, memory and bytes than the caps allow.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use leno_base::budget::Budgets;
use leno_egress::{Caps, Client, ClientConfig, Error, Meter, Payer, Request, Resolver, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::support::*;

/// Reads the head of a request.
async fn head(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(read).unwrap()
}

/// A server that sends `head` and then `chunk` without end to every request.
async fn endless(answer: &'static str, chunk: Vec<u8>) -> Server {
    let chunk = Arc::new(chunk);
    Server::raw(listen([127, 0, 0, 1], 0).await, move |mut stream| {
        let chunk = Arc::clone(&chunk);
        async move {
            head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            while stream.write_all(&chunk).await.is_ok() {}
        }
    })
}

/// A server that sends a byte from time to time, and reports when its peer is gone.
async fn drip() -> (Server, mpsc::UnboundedReceiver<()>) {
    let (gone, peer_gone) = mpsc::unbounded_channel();
    let server = Server::raw(listen([127, 0, 0, 1], 0).await, move |mut stream| {
        let gone = gone.clone();
        async move {
            head(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
            let (mut read, mut write) = stream.split();
            let dripping = async {
                while write.write_all(b".").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            };
            let mut byte = [0];
            tokio::select! {
                () = dripping => {}
                _ = read.read(&mut byte) => {}
            }
            let _ = gone.send(());
        }
    });
    (server, peer_gone)
}

async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(10), event).await.expect("it should have happened by now")
}

#[tokio::test]
async fn a_dripping_server_is_left_at_the_deadline_and_its_connection_closed() {
    let (server, mut peer_gone) = drip().await;
    let start = Instant::now();
    let request = Request { timeout: Duration::from_millis(300), ..get(server.url("/")) };
    let meter = Arc::clone(&request.meter);
    let error = send(request, &[&server.grant()]).await.unwrap_err();
    assert_eq!(error.code(), "timeout");
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(meter.received() > 0 && meter.sent() > 0, "what came until then is on the bill: {meter:?}");
    soon(peer_gone.recv()).await.unwrap();

    let caps = Caps { timeout: Duration::from_millis(50), ..Caps::default() };
    let error = send_within(get(server.url("/")), &[&server.grant()], &caps).await.unwrap_err();
    assert!(matches!(&error, Error::Timeout { limit, .. } if *limit == caps.timeout), "{error}");
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let (server, mut peer_gone) = drip().await;
    let (client, policy, caps) = (client(&Names::loopback()), policy(&["*"], &[&server.grant()]), Caps::default());
    let request = get(server.url("/"));
    let meter = Arc::clone(&request.meter);
    {
        let mut sending = client.send(request, &policy, &caps);
        // Polled until the body has started.
        while meter.received() < 100 {
            tokio::select! {
                _ = &mut sending => panic!("the server never ends"),
                () = tokio::time::sleep(Duration::from_millis(1)) => {}
            }
        }
    }
    soon(peer_gone.recv()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_never_answers_or_never_ends_its_head_is_left() {
    let silent = Server::raw(listen([127, 0, 0, 1], 0).await, |mut stream| async move {
        head(&mut stream).await;
        std::future::pending::<()>().await;
    });
    let slow = endless("HTTP/1.1 200 OK\r\n", b"x-a: b".to_vec()).await;
    let interim = endless("", b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()).await;
    for server in [silent, slow, interim] {
        let request = Request { timeout: Duration::from_millis(200), ..get(server.url("/")) };
        let error = send(request, &[&server.grant()]).await.unwrap_err();
        assert!(["timeout", "response-too-large", "bad-response"].contains(&error.code()), "{error}");
    }
}

#[tokio::test]
async fn interim_responses_without_end_are_ended_by_their_bytes() {
    let server = endless("", b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000)).await;
    let error = send(get(server.url("/")), &[&server.grant()]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the response from `127.0.0.1` has more than 1048576 bytes besides its body (LENO_UPSTREAM_HEAD_BYTES)"
    );
}

#[tokio::test]
async fn requests_that_share_a_meter_share_its_limits_and_each_body_is_in_the_memory_of_its_tenant() {
    let server = Server::http(|_| reply(200, vec![b'x'; 100_000])).await;
    let budgets = Budgets::default();
    let resolver: Arc<dyn Resolver> = Names::loopback();
    let config = ClientConfig { resolver, budgets: budgets.clone(), ..ClientConfig::default() };
    let (client, policy) = (Client::new(config).unwrap(), policy(&["*"], &[&server.grant()]));
    let meter = Arc::new(Meter::of(Payer::new(Some("t".into()), "p")).within(100, 450_000));
    let caps = Caps::default();
    let sends = (0..16).map(|_| client.send(Request { meter: meter.clone(), ..get(server.url("/")) }, &policy, &caps));
    // Two at once: of many more, none might get all of its bytes before the limit is reached.
    let ended: Vec<_> = stream::iter(sends).buffered(2).collect().await;
    let (fit, refused): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
    assert!((3..=4).contains(&fit.len()), "{}", fit.len());
    assert!(meter.received() <= 450_000, "{meter:?}");
    for error in refused {
        assert_eq!(error.unwrap_err().to_string(), "one call may receive 450000 bytes");
    }
    let used = || -> Vec<u64> {
        let known = budgets.all();
        known.iter().filter(|it| it.spec().env.ends_with("UPSTREAM_BYTES")).map(|it| it.used()).collect()
    };
    let held = fit.iter().flatten().map(|response| response.hold.bytes()).sum::<u64>();
    assert!(held >= 100_000 * fit.len() as u64);
    assert_eq!(used(), [held, held]);
    drop(fit);
    assert_eq!(used(), [0, 0]);
}

#[tokio::test]
async fn a_lookup_that_hangs_is_left_when_the_connection_should_stand() {
    struct Hanging;
    #[async_trait::async_trait]
    impl Resolver for Hanging {
        async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
            std::future::pending().await
        }
    }
    let config = ClientConfig {
        resolver: Arc::new(Hanging),
        connect_timeout: Duration::from_millis(100),
        ..ClientConfig::default()
    };
    let client = Client::new(config).unwrap();
    let request = get("https://api.test/");
    let meter = Arc::clone(&request.meter);
    let error = client.send(request, &policy(&["*"], &[]), &Caps::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Timeout { limit, .. } if limit.as_millis() == 100), "{error:?}");
    assert_eq!((meter.requests(), meter.sent()), (0, 0), "nothing was sent");
}

#[tokio::test]
async fn a_body_is_read_to_the_cap_and_not_beyond() {
    let server =
        Server::http(|seen| reply(200, vec![b'x'; seen.target.trim_start_matches('/').parse().unwrap()])).await;
    let caps = Caps { response_bytes: 100_000, ..Caps::default() };
    for (size, fits) in [(0, true), (1, true), (99_999, true), (100_000, true), (100_001, false), (5_000_000, false)] {
        let request = get(server.url(&format!("/{size}")));
        let meter = Arc::clone(&request.meter);
        match send_within(request, &[&server.grant()], &caps).await {
            Ok(response) => {
                assert!(fits && response.body.len() == size);
                assert!(meter.received() > size as u64);
            }
            Err(error) => assert!(!fits && error.code() == "response-too-large", "{size}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_response_of_five_gigabytes_is_refused_on_its_word() {
    let server = endless("HTTP/1.1 200 OK\r\ncontent-length: 5368709120\r\n\r\n", vec![0; 65536]).await;
    let request = get(server.url("/"));
    let meter = Arc::clone(&request.meter);
    let error = send(request, &[&server.grant()]).await.unwrap_err();
    assert_eq!(error.code(), "response-too-large");
    assert!(meter.received() < 1000, "{meter:?}");

    let unannounced = endless("HTTP/1.1 200 OK\r\n\r\n", vec![0; 65536]).await;
    let request = get(unannounced.url("/"));
    let meter = Arc::clone(&request.meter);
    let error = send(request, &[&unannounced.grant()]).await.unwrap_err();
    assert_eq!(error.code(), "response-too-large");
    assert!(meter.received() < (11 << 20), "{meter:?}");
}

#[tokio::test]
async fn a_method_that_means_a_body_says_that_there_is_none() {
    let server = Server::http(|_| reply(200, "")).await;
    for (method, body, expected) in [
        ("POST", None, Some("0")),
        ("PUT", None, Some("0")),
        ("PATCH", Some(Bytes::new()), Some("0")),
        ("POST", Some(Bytes::from_static(b"abc")), Some("3")),
        ("GET", None, None),
        ("DELETE", None, None),
        ("HEAD", None, None),
        ("OPTIONS", None, None),
    ] {
        let request = Request { method: method.to_owned(), body, ..get(server.url("/")) };
        send(request, &[&server.grant()]).await.unwrap();
        let seen = server.seen.lock().unwrap();
        let seen = seen.last().unwrap();
        assert_eq!((seen.method.as_str(), seen.header("content-length")), (method, expected));
        assert_eq!(seen.header("transfer-encoding"), None);
    }
}

#[tokio::test]
async fn the_length_that_head_announces_is_no_body() {
    let server = Server::raw(listen([127, 0, 0, 1], 0).await, |mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5368709120\r\n\r\n").await;
    });
    let response =
        send(Request { method: "HEAD".to_owned(), ..get(server.url("/")) }, &[&server.grant()]).await.unwrap();
    assert_eq!((response.status, response.body.len()), (200, 0));
}

#[tokio::test]
async fn response_headers_are_capped_in_number_and_bytes() {
    let answer = |count: usize, size: usize| {
        let headers: String = (0..count).map(|n| format!("x-{n}: {}\r\n", "v".repeat(size))).collect();
        format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n")
    };
    for (text, fits) in [
        (answer(90, 10), true),
        (answer(10_000, 1), false),
        (answer(101, 1), false),
        (answer(90, 1000), false),
        (answer(1, 70_000), false),
        (answer(1, 1_000_000), false),
    ] {
        let length = text.len();
        let text: &'static str = text.leak();
        let server = Server::raw(listen([127, 0, 0, 1], 0).await, move |mut stream| async move {
            head(&mut stream).await;
            let _ = stream.write_all(text.as_bytes()).await;
            // Waits for the peer, since closing with unread data would reset the connection under it.
            let _ = stream.read_u8().await;
        });
        match send(get(server.url("/")), &[&server.grant()]).await {
            Ok(response) => assert!(fits && response.headers.len() == 91),
            Err(error) => assert!(!fits && error.code() == "response-too-large", "{length}: {error}"),
        }
    }
    let caps = Caps { header_count: 2, ..Caps::default() };
    let server = Server::http(|_| reply(200, "")).await;
    send_within(get(server.url("/")), &[&server.grant()], &caps).await.unwrap();
    let server = Server::http(|_| redirect(200, "/")).await;
    let error = send_within(get(server.url("/")), &[&server.grant()], &caps).await.unwrap_err();
    assert!(error.to_string().contains("more than 2 headers"), "{error}");
}

#[tokio::test]
async fn nothing_that_could_smuggle_reaches_the_wire() {
    let server = Server::http(|_| reply(200, "")).await;
    let with = |method: &str, path: &str, header: (&str, &str)| {
        let mut request = get(server.url(path));
        request.method = method.to_owned();
        request.headers = vec![(header.0.to_owned(), header.1.to_owned())];
        request
    };
    let fine = ("x-a", "b");
    for request in [
        with("GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "/", fine),
        with("GET\r\n", "/", fine),
        with("CONNECT", "/", fine),
        with("TRACE", "/", fine),
        with("", "/", fine),
        with("GET", "/\r\nX: y", fine),
        with("GET", "/", ("x-a", "b\r\nx-c: d")),
        with("GET", "/", ("x-a\r\nx-c", "d")),
        with("GET", "/", ("x-a: b\r\nx-c", "d")),
        with("GET", "/", ("host", "evil.test")),
        with("POST", "/", ("content-length", "1000")),
        with("POST", "/", ("transfer-encoding", "chunked")),
        with("POST", "/", ("Transfer-Encoding ", "chunked")),
        with("GET", "/", ("connection", "upgrade")),
        with("GET", "/", ("upgrade", "websocket")),
        with("GET", "/", ("te", "trailers")),
        with("GET", "/", ("proxy-authorization", "x")),
        with("GET", "/", ("expect", "100-continue")),
    ] {
        let (method, headers) = (request.method.clone(), request.headers.clone());
        let error = send(request, &[&server.grant()]).await.unwrap_err();
        assert_eq!(error.code(), "invalid-request", "{method:?} {headers:?}: {error}");
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
    assert_eq!(server.connections().await, 0);
    // What is encoded stays encoded.
    send(get(server.url("/%0d%0aX:%20y?q=%0d%0a")), &[&server.grant()]).await.unwrap();
    assert_eq!(server.seen.lock().unwrap()[0].target, "/%0d%0aX:%20y?q=%0d%0a");
}

#[tokio::test]
async fn a_request_body_is_capped_before_it_is_sent() {
    let server = Server::http(|seen| reply(200, seen.body.len().to_string())).await;
    let caps = Caps { request_bytes: 1000, ..Caps::default() };
    let post = |size: usize| {
        let mut request = get(server.url("/"));
        request.method = "POST".to_owned();
        request.body = Some(Bytes::from(vec![b'x'; size]));
        request
    };
    let error = send_within(post(1001), &[&server.grant()], &caps).await.unwrap_err();
    assert!(error.code() == "invalid-request" && error.to_string().contains("1001"), "{error}");
    assert_eq!(server.connections().await, 0);
    let request = post(1000);
    let meter = Arc::clone(&request.meter);
    let response = send_within(request, &[&server.grant()], &caps).await.unwrap();
    assert_eq!(response.body, "1000");
    assert_eq!(meter.requests(), 1);
    assert!((1000..1100).contains(&meter.sent()), "{meter:?}");
    assert!((4..200).contains(&meter.received()), "{meter:?}");
}

#[tokio::test]
async fn every_hop_is_on_the_bill_also_when_the_request_fails() {
    let server = Server::http(|_| redirect(302, "/")).await;
    let request = Request { redirects: 4, ..get(server.url("/")) };
    let meter = Arc::clone(&request.meter);
    send(request, &[&server.grant()]).await.unwrap_err();
    assert_eq!(meter.requests(), 5);
    assert!(meter.sent() >= 5 * 20 && meter.received() >= 5 * 12, "{meter:?}");
}
