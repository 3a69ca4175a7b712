//! Where requests end up, and where they never do.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use leno_egress::{Caps, Client, ClientConfig, Denied, Error, Resolver, Transport};
use tokio::net::TcpListener;

use crate::support::*;

#[tokio::test]
async fn a_granted_private_server_is_reached_by_address_and_by_name() {
    let server = Server::http(|seen| reply(200, seen.target.clone())).await;
    let grant = server.grant();
    let response = send(get(server.url("/a?b=c#d")), &[&grant]).await.unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"/a?b=c"[..]));
    assert_eq!(response.url, server.url("/a?b=c"));

    let names = Names::loopback();
    let url = format!("http://API.Test.:{}/x", server.addr.port());
    let response = client(&names).send(get(url), &policy(&["api.test"], &[&grant]), &Caps::default()).await.unwrap();
    assert_eq!(response.url, format!("http://api.test:{}/x", server.addr.port()));
    assert_eq!(names.asked(), ["api.test"]);
    let host = server.seen.lock().unwrap()[1].header("host").unwrap().to_owned();
    assert_eq!(host, format!("api.test:{}", server.addr.port()));
}

#[tokio::test]
async fn a_host_outside_the_allow_list_is_refused_without_a_lookup() {
    let names = Names::loopback();
    let client = client(&names);
    for url in
        ["https://b.test/", "https://a.test.b.test/", "http://a.test:8080/", "http://a.test/", "https://a.test:1/"]
    {
        let error = client.send(get(url), &policy(&["a.test"], &[]), &Caps::default()).await.unwrap_err();
        assert_eq!(error.code(), "egress-denied", "{url}");
    }
    assert_eq!(names.asked(), [""; 0]);
}

#[tokio::test]
async fn no_disguise_of_a_private_address_reaches_a_listener() {
    let v4 = listen([127, 0, 0, 1], 0).await;
    let port = v4.local_addr().unwrap().port();
    let mut traps = vec![Server::trap(v4)];
    // Not every machine has IPv6.
    traps.extend(TcpListener::bind(("::1", port)).await.ok().map(Server::trap));

    let allow = ["*".to_owned(), format!("*:{port}"), "http://*".to_owned(), format!("http://*:{port}")];
    let policy = policy(&allow.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let client = Client::new(ClientConfig::default()).unwrap();
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0X7F.0x1",
        "0177.0.0.1",
        "0",
        "0.0.0.0",
        "１２７.０.０.１",
        "%31%32%37.0.0.1",
        "localhost",
        "LOCALHOST",
        "LocalHost.",
        "a@127.0.0.1",
        "1.1.1.1@127.0.0.1",
        "127.0.0.1@127.0.0.1",
        "169.254.169.254",
        "[::]",
        "[::1]",
        "[0000::0001]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::FFFF:169.254.169.254]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00:ec2::254]",
    ] {
        for url in [
            format!("http://{host}:{port}/"),
            format!("https://{host}:{port}/"),
            format!("HTTP://{host}:{port}"),
            format!("http://{host}/"),
        ] {
            let error = client.send(get(&url), &policy, &Caps::default()).await.unwrap_err();
            assert_eq!(error.code(), "egress-denied", "{url}: {error}");
        }
    }
    for trap in traps {
        assert_eq!(trap.connections().await, 0, "{}", trap.addr);
    }
}

#[tokio::test]
async fn a_name_is_refused_if_any_of_its_addresses_is() {
    let trap = Server::trap(listen([127, 0, 0, 1], 0).await);
    let port = trap.addr.port();
    for addresses in [
        &["127.0.0.1"][..],
        &["1.1.1.1", "127.0.0.1"],
        &["127.0.0.1", "1.1.1.1"],
        &["::ffff:127.0.0.1"],
        &["2606:4700::1111", "::1"],
        &["169.254.169.254"],
        &["10.0.0.1"],
    ] {
        let names = Names::new(|_, _| addresses.iter().map(|address| address.parse().unwrap()).collect());
        let policy = policy(&["http://api.test", &format!("http://api.test:{port}")], &[]);
        let url = format!("http://api.test:{port}/");
        let error = client(&names).send(get(url), &policy, &Caps::default()).await.unwrap_err();
        assert!(matches!(error, Error::Denied(Denied::Address { .. })), "{addresses:?}: {error}");
        let told = error.to_string();
        assert!(told.contains("`api.test` resolves to an address that is not public"), "{told}");
        let refused = addresses.iter().find(|address| !["1.1.1.1", "2606:4700::1111"].contains(address)).unwrap();
        let refused = refused.trim_start_matches("::ffff:");
        assert!(!told.contains(refused) && error.for_operator().contains(refused), "{told}");
    }
    assert_eq!(trap.connections().await, 0);
}

#[tokio::test]
async fn where_this_host_listens_needs_a_grant_of_exactly_that_address_and_port() {
    let server = Server::http(|_| reply(200, "")).await;
    let (grant, port) = (server.grant(), server.addr.port());
    let resolver: Arc<dyn Resolver> = Names::loopback();
    let client = Client::new(ClientConfig { resolver, own: vec![server.addr], ..ClientConfig::default() }).unwrap();
    let allow = ["*".to_owned(), format!("http://*:{port}")];
    let allow: Vec<_> = allow.iter().map(String::as_str).collect();
    for url in [server.url("/"), format!("http://api.test:{port}/")] {
        for wide in ["127.0.0.1", "127.0.0.0/8", &format!("127.0.0.0/8:{port}")] {
            let error = client.send(get(&url), &policy(&allow, &[wide]), &Caps::default()).await.unwrap_err();
            assert!(matches!(error, Error::Denied(Denied::Own { .. })), "{url} {wide}: {error}");
        }
        assert_eq!(server.connections().await, 0);
    }
    for url in [server.url("/"), format!("http://api.test:{port}/")] {
        client.send(get(&url), &policy(&allow, &["127.0.0.0/8", &grant]), &Caps::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_changes_between_check_and_connection_leads_to_the_checked_address() {
    let listener = listen([127, 0, 0, 1], 0).await;
    let port = listener.local_addr().unwrap().port();
    let server = Server::answering(listener, None, |_| {
        let mut reply = reply(200, "checked");
        reply.headers_mut().insert("connection", "close".parse().unwrap());
        reply
    });
    let trap = Server::trap(listen([127, 0, 0, 2], port).await);
    let names = Names::new(|_, before| vec![Ipv4Addr::new(127, 0, 0, if before == 0 { 1 } else { 2 }).into()]);
    let client = client(&names);
    let policy = policy(&["api.test"], &[&server.grant()]);
    let url = format!("http://api.test:{port}/");

    let response = client.send(get(&url), &policy, &Caps::default()).await.unwrap();
    assert_eq!(response.body, "checked");
    assert_eq!(names.asked(), ["api.test"], "one lookup, for the check and the connection");

    let error = client.send(get(&url), &policy, &Caps::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Denied(Denied::Address { address, .. }) if address.to_string() == "127.0.0.2"));
    assert_eq!(names.asked().len(), 2);
    assert_eq!(trap.connections().await, 0);
    assert_eq!(server.connections().await, 1);
}

#[tokio::test]
async fn plain_http_to_a_host_that_turns_out_public_is_refused() {
    let names = Names::new(|_, _| vec![Ipv4Addr::new(1, 1, 1, 1).into()]);
    let client = client(&names);
    for grant in ["127.0.0.1:80", "127.0.0.1"] {
        let sent = client.send(get("http://api.test/"), &policy(&["api.test"], &[grant]), &Caps::default()).await;
        assert!(matches!(sent.unwrap_err(), Error::Denied(Denied::Plain { .. })), "{grant}");
    }
    let policy = policy(&["api.test"], &["127.0.0.1:81"]);
    let sent = client.send(get("https://api.test:81/"), &policy, &Caps::default()).await;
    assert!(matches!(sent.unwrap_err(), Error::Denied(Denied::Port { port: 81, .. })));
}

#[tokio::test]
async fn a_connection_is_reused_by_calls_with_the_same_grants_and_by_no_others() {
    let server = Server::http(|_| reply(200, "")).await;
    let client = client(&Names::loopback());
    let grant = server.grant();
    let pattern = format!("http://api.test:{}", server.addr.port());
    let url = format!("{pattern}/");
    for _ in 0..3 {
        for policy in [policy(&[&pattern], &[&grant, "10.0.0.1:1"]), policy(&["*", &pattern], &[&grant])] {
            client.send(get(&url), &policy, &Caps::default()).await.unwrap();
            // A connection is free a moment after its response; no event tells when.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let error = client.send(get(&url), &policy(&[&pattern], &[]), &Caps::default()).await.unwrap_err();
    assert_eq!(error.code(), "egress-denied");
    client.send(get(&url), &policy(&[&pattern], &[&grant, "10.0.0.1"]), &Caps::default()).await.unwrap();
    assert_eq!(server.connections().await, 2);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let caps = Caps::default();
    let nowhere = Names::new(|_, _| Vec::new());
    let error = client(&nowhere).send(get("https://api.test/"), &policy(&["*"], &[]), &caps).await.unwrap_err();
    assert_eq!(error.code(), "dns-failed");
    assert!(error.to_string().contains("`api.test`") && error.to_string().contains("no such host"), "{error}");

    let closed = listen([127, 0, 0, 1], 0).await.local_addr().unwrap();
    let error = send(get(format!("http://{closed}/")), &[&closed.to_string()]).await.unwrap_err();
    assert_eq!(error.code(), "unavailable");
    assert!(error.to_string().contains("refused"), "{error}");

    let silent = Server::raw(listen([127, 0, 0, 1], 0).await, |stream| async move { drop(stream) });
    let error = send(get(silent.url("/")), &[&silent.grant()]).await.unwrap_err();
    assert_eq!(error.code(), "unavailable", "{error}");
}

#[tokio::test]
async fn a_call_shares_nothing_with_another_but_the_connection() {
    let server = Server::http(|_| {
        let mut reply = reply(200, "");
        reply.headers_mut().insert("set-cookie", "session=1".parse().unwrap());
        reply
    })
    .await;
    let (names, grant) = (Names::loopback(), server.grant());
    let client = Arc::new(client(&names));
    for _ in 0..2 {
        client.send(get(server.url("/")), &policy(&["*"], &[&grant]), &Caps::default()).await.unwrap();
    }
    for seen in server.seen.lock().unwrap().iter() {
        let mut names: Vec<&str> = seen.headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
        assert!(seen.header("user-agent").unwrap().starts_with("leno/"));
    }
}
