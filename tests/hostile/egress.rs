//! Guests that try to reach what they may not.

use leno_testkit::{Grant, Options, Run, Trap, Upstream};
use serde_json::{Value, json};

use crate::scene::{HOSTILE, Scene};

const OPEN: &str = "hostile-open";

/// Runs `fetch` and returns what the guest got: `{"response": …}` or `{"error": …}`.
async fn fetch(scene: &Scene, piece: &str, request: Value) -> anyhow::Result<Value> {
    Ok(scene.client.run(&Run::new(piece, "fetch").input(request)).await?.output().clone())
}

#[track_caller]
fn assert_refused(told: &Value, kind: &str, subject: &str) {
    assert_eq!(told["error"]["kind"], kind, "{subject}: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_the_manifest_does_not_name_is_denied_and_the_call_goes_on() -> anyhow::Result<()> {
    let scene = Scene::with_hostile(Options::new()).await?;
    let hosts = [
        ("not-listed.test", "`egress.hosts`"),
        ("evil-allowed.test", "`egress.hosts`"),
        ("allowed.test.evil.test", "`egress.hosts`"),
        ("test", "`egress.hosts`"),
        ("allowed.test@evil.test", "user name"),
    ];
    for (host, says) in hosts {
        let told = fetch(&scene, HOSTILE, json!({ "url": format!("https://{host}/") })).await?;
        assert_refused(&told, "denied", host);
        assert!(told["error"]["message"].as_str().is_some_and(|message| message.contains(says)), "{told}");
    }
    let denials = scene.client.metrics().await?.sum("leno_denials_total", &[("piece", HOSTILE)]);
    assert!((denials - 5.0).abs() < f64::EPSILON, "{denials} denials are counted");
    let log = scene.server.stderr.all();
    let audited = log.iter().filter(|line| line.contains("event=\"denied\"") && line.contains("http.send")).count();
    assert_eq!(audited, 5, "audit events");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_denied_in_every_disguise() -> anyhow::Result<()> {
    let trap = Trap::on("127.0.0.1").await?;
    let trap_6 = Trap::on("::1").await.ok();
    let port = trap.address.port();
    let scene = Scene::with(Options::new().guest(OPEN)).await?;
    scene.client.active("hostile-open.wasm").await?;
    let hosts = [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "[::1]",
        "[::]",
        "0.0.0.0",
        "0",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "172.16.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a@127.0.0.1",
        "example.com@127.0.0.1",
        "１２７.０.０.１",
        "127。0。0。1",
    ];
    for host in hosts {
        for scheme in ["http", "https"] {
            let told = fetch(&scene, OPEN, json!({ "url": format!("{scheme}://{host}:{port}/") })).await?;
            let kind = told["error"]["kind"].as_str().unwrap_or_default();
            assert!(["denied", "invalid-input"].contains(&kind), "{scheme}://{host}: {told}");
        }
    }
    if let Some(trap) = &trap_6 {
        let told = fetch(&scene, OPEN, json!({ "url": format!("http://[::1]:{}/", trap.address.port()) })).await?;
        assert_refused(&told, "denied", "[::1]");
        assert_eq!(trap.connects().await, 0);
    }
    assert_eq!(trap.connects().await, 0);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_opens_one_port_and_not_its_neighbour() -> anyhow::Result<()> {
    let (upstream, trap) = (Upstream::start().await?, Trap::on("127.0.0.1").await?);
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::private([upstream.address]))).await?;
    for url in [upstream.url("/echo"), upstream.url_by_name("/echo")] {
        let told = fetch(&scene, HOSTILE, json!({ "url": url })).await?;
        assert_eq!(told["response"]["status"], 200, "{told}");
    }
    for host in ["127.0.0.1", "localhost"] {
        let told = fetch(&scene, HOSTILE, json!({ "url": format!("http://{host}:{}/", trap.address.port()) })).await?;
        assert_refused(&told, "denied", host);
    }
    assert_eq!(trap.connects().await, 0);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn schemes_other_than_http_are_refused() -> anyhow::Result<()> {
    let scene = Scene::with(Options::new().guest(OPEN)).await?;
    scene.client.active("hostile-open.wasm").await?;
    for url in [
        "file:///etc/passwd",
        "ftp://example.com/",
        "data:text/plain,x",
        "javascript:1",
        "gopher://x/",
        "",
        "//x/",
        "x",
    ] {
        let told = fetch(&scene, OPEN, json!({ "url": url })).await?;
        let kind = told["error"]["kind"].as_str().unwrap_or_default();
        assert!(["denied", "invalid-input"].contains(&kind), "{url}: {told}");
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_checked_like_a_first_request_at_every_hop() -> anyhow::Result<()> {
    let (upstream, trap) = (Upstream::start().await?, Trap::on("127.0.0.1").await?);
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::private([upstream.address]))).await?;
    let targets = [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "https://not-listed.test/".to_owned(),
        "//not-listed.test/".to_owned(),
        format!("http://127.0.0.1:{}/", trap.address.port()),
        format!("http://localhost:{}/", trap.address.port()),
        upstream.url(&format!("/redirect/302?http://127.0.0.1:{}/", trap.address.port())),
    ];
    for status in [301, 302, 303, 307, 308] {
        for target in &targets {
            let url = upstream.url(&format!("/redirect/{status}?{target}"));
            let told = fetch(&scene, HOSTILE, json!({ "url": url, "redirects": 5 })).await?;
            let kind = told["error"]["kind"].as_str().unwrap_or_default();
            assert!(["denied", "invalid-input"].contains(&kind), "{status} to {target}: {told}");
        }
    }
    assert_eq!(trap.connects().await, 0);
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_as_often_as_asked_and_no_more() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::private([upstream.address]))).await?;
    let told = fetch(&scene, HOSTILE, json!({ "url": upstream.url("/loop"), "redirects": 0 })).await?;
    assert_eq!(told["response"]["status"], 302, "{told}");
    let told = fetch(&scene, HOSTILE, json!({ "url": upstream.url("/loop"), "redirects": 255 })).await?;
    assert_eq!(told["error"]["code"], "too-many-redirects", "{told}");
    let requests = upstream.received().len();
    assert!((2..=50).contains(&requests), "{requests} requests");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_go_to_the_hosts_of_the_connection_only() -> anyhow::Result<()> {
    const TOKEN: &str = "token-for-127-only";
    let (upstream, other) = (Upstream::start().await?, Upstream::start().await?);
    let grant = Grant::private([upstream.address, other.address]);
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, grant)).await?;
    let run = |request: Value| Run::new(HOSTILE, "fetch").secret(TOKEN).input(request);
    let carries = |upstream: &Upstream| upstream.received().iter().any(|request| request.head.contains(TOKEN));

    // To the connection's host: the host adds them, and a header of the guest's own never stands beside or before them.
    let forged = json!([["Authorization", "Bearer forged"], ["authorization", "Bearer forged too"]]);
    let request = json!({ "url": upstream.url("/echo"), "authorize": true });
    assert_eq!(scene.client.run(&run(request)).await?.output()["response"]["status"], 200);
    let request = json!({ "url": upstream.url("/echo"), "authorize": true, "headers": forged });
    scene.client.run(&run(request)).await?;
    for received in upstream.received() {
        let sent = received.headers.iter().filter(|(name, _)| name == "authorization").map(|(_, value)| value.as_str());
        assert_eq!(sent.collect::<Vec<_>>(), [format!("Bearer {TOKEN}")], "{}", received.head);
    }

    // To another host that the piece may reach, directly and by redirect: they are not added.
    scene.client.run(&run(json!({ "url": other.url_by_name("/echo"), "authorize": true }))).await?;
    let redirect = upstream.url(&format!("/redirect/307?{}", other.url_by_name("/echo")));
    let own = json!([["Authorization", "Bearer own"], ["Cookie", "own=1"]]);
    let redirected = json!({ "url": redirect, "authorize": true, "redirects": 5 });
    scene.client.run(&run(redirected)).await?;
    assert!(carries(&upstream) && !carries(&other), "{:?}", other.received());

    // What the guest itself meant for the first host does not follow either.
    fetch(&scene, HOSTILE, json!({ "url": redirect, "redirects": 5, "headers": own })).await?;
    for received in other.received() {
        assert_eq!((received.header("authorization"), received.header("cookie")), (None, None), "{}", received.head);
    }

    // Without a connection there is nothing to add, and the guest gets an error that says so.
    let told = fetch(&scene, HOSTILE, json!({ "url": upstream.url("/echo"), "authorize": true })).await?;
    assert_refused(&told, "unauthorized", "no connection");
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_without_measure_is_cut_off_in_bounded_memory() -> anyhow::Result<()> {
    // The default limit of a response body, and what the host may take beside two copies of it.
    const ROOM: u64 = (2 * 25 + 96) << 20;
    let upstream = Upstream::start().await?;
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::private([upstream.address]))).await?;
    for path in ["/bytes/5000000000", "/endless", "/gzip/5000000000", "/headers/10000", "/header/10000000"] {
        scene.server.forget_peak()?;
        let before = scene.server.figures()?.resident;
        let told = fetch(&scene, HOSTILE, json!({ "url": upstream.url(path) })).await?;
        assert_eq!(told["error"]["code"], "response-too-large", "{path}: {told}");
        let grown = scene.server.figures()?.peak.saturating_sub(before);
        assert!(grown <= ROOM, "{path}: {} MiB", grown >> 20);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_response_is_an_error_of_the_service() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::private([upstream.address]))).await?;
    for path in ["/garbage", "/short"] {
        let told = fetch(&scene, HOSTILE, json!({ "url": upstream.url(path) })).await?;
        assert_refused(&told, "unavailable", path);
    }
    scene.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_smuggled_onto_the_wire() -> anyhow::Result<()> {
    let upstream = Upstream::start().await?;
    let scene = Scene::with_hostile(Options::new().grant(HOSTILE, Grant::private([upstream.address]))).await?;
    let url = upstream.url("/echo");
    let smuggled = "x\r\nX-Smuggled: 1\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    let requests = [
        json!({ "url": url, "headers": [["X-A", smuggled]] }),
        json!({ "url": url, "headers": [[smuggled, "1"]] }),
        json!({ "url": url, "headers": [["X-A", "a\nb"]] }),
        json!({ "url": url, "headers": [["X-A", "a\u{0}b"]] }),
        json!({ "url": url, "headers": [["", "1"]] }),
        json!({ "url": url, "method": format!("GET /smuggled HTTP/1.1\r\nX-Smuggled: 1\r\n\r\nGET") }),
        json!({ "url": url, "method": "GET /smuggled" }),
        json!({ "url": url, "method": "CONNECT" }),
    ];
    for request in requests {
        let told = fetch(&scene, HOSTILE, request.clone()).await?;
        let kind = told["error"]["kind"].as_str().unwrap_or_default();
        assert!(["denied", "invalid-input"].contains(&kind), "{request}: {told}");
    }
    assert_eq!(upstream.received(), []);

    // Headers that frame the message belong to the host. Whether it refuses them or sets its own, one request arrives.
    for (name, value) in [
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Host", "not-listed.test"),
        ("Connection", "upgrade"),
        ("Upgrade", "websocket"),
        ("Expect", "100-continue"),
        ("TE", "trailers"),
        ("Trailer", "x"),
        ("Proxy-Authorization", "Basic eA=="),
    ] {
        let request = json!({
            "url": url, "method": "POST", "headers": [[name, value]], "body": "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        });
        fetch(&scene, HOSTILE, request).await?;
    }
    for received in upstream.received() {
        assert_eq!((received.method.as_str(), received.target.as_str()), ("POST", "/echo"), "{}", received.head);
        assert_eq!(received.header("host"), Some(upstream.address.to_string().as_str()), "{}", received.head);
        assert_eq!(received.header("transfer-encoding"), None, "{}", received.head);
        assert_eq!(received.header("proxy-authorization"), None, "{}", received.head);
        let lengths = received.headers.iter().filter(|(name, _)| name == "content-length").count();
        assert_eq!((lengths, received.body.len()), (1, 41), "{}", received.head);
    }
    scene.end().await
}
