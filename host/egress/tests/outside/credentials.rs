//! The connection's secrets go where they belong and show nowhere else.

use std::sync::Arc;

use leno_egress::{Caps, Credentials, Request, Transport};

use crate::support::*;

const CANARY: &str = "c4n4ry";

fn credentials(hosts: &[&str]) -> Option<Arc<Credentials>> {
    Some(Arc::new(Credentials {
        hosts: hosts.iter().map(|pattern| pattern.parse().unwrap()).collect(),
        headers: vec![("Authorization".to_owned(), format!("Bearer {CANARY}").into())],
        query: vec![("key".to_owned(), CANARY.into())],
    }))
}

fn authorized(url: String, hosts: &[&str]) -> Request {
    Request { credentials: credentials(hosts), redirects: 5, ..get(url) }
}

#[tokio::test]
async fn credentials_are_added_by_the_host_and_replace_the_pieces_own() {
    let server = Server::http(|_| reply(200, "")).await;
    let mut request = authorized(server.url("/x?a=%20b&key=mine"), &["127.0.0.1"]);
    request.headers = vec![("authorization".to_owned(), "Basic mine".to_owned()), ("x-a".to_owned(), "b".to_owned())];
    let response = send(request, &[&server.grant()]).await.unwrap();
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen[0].target, format!("/x?a=%20b&key={CANARY}"));
    assert_eq!(seen[0].headers.get_all("authorization").iter().collect::<Vec<_>>(), [&format!("Bearer {CANARY}")]);
    assert_eq!(response.url, server.url("/x?a=%20b&key=mine"), "the piece sees its own URL");
}

#[tokio::test]
async fn credentials_for_another_host_are_refused_before_anything_is_sent() {
    let server = Server::http(|_| reply(200, "")).await;
    let names = Names::loopback();
    for hosts in [&[][..], &["api.test"], &["*.test"], &["127.0.0.1:1"]] {
        let request = authorized(server.url("/"), hosts);
        let sent = client(&names).send(request, &policy(&["*:81", "*"], &["127.0.0.1"]), &Caps::default()).await;
        assert_eq!(sent.unwrap_err().code(), "egress-denied", "{hosts:?}");
    }
    let request = authorized("http://api.test/".to_owned(), &["http://api.test"]);
    let error = client(&names).send(request, &policy(&["http://*"], &[]), &Caps::default()).await.unwrap_err();
    assert!(error.to_string().contains("credentials are not sent to `api.test` over plain http"), "{error}");
    assert_eq!(server.connections().await, 0);
    assert_eq!(names.asked(), [""; 0]);
}

#[tokio::test]
async fn credentials_are_not_sent_in_the_clear_to_a_name_that_turns_out_public() {
    let names = Names::new(|_, _| vec![[1, 1, 1, 1].into()]);
    let request = authorized("http://api.test/".to_owned(), &["api.test"]);
    let sent = client(&names).send(request, &policy(&["http://api.test"], &["127.0.0.1"]), &Caps::default()).await;
    let message = sent.unwrap_err().to_string();
    assert!(message.contains("credentials are not sent to `api.test` over plain http"), "{message}");
}

#[tokio::test]
async fn a_redirect_within_the_origin_keeps_credentials_and_one_across_drops_them() {
    let other = Server::http(|_| reply(200, "")).await;
    let there = other.url("/there");
    // The server echoes the query, secret and all, into where it redirects to.
    let first = Server::http(move |seen| match seen.target.split_once('?') {
        Some(("/", query)) => redirect(307, &format!("/next?{query}")),
        Some((_, query)) => redirect(307, &format!("{there}?{query}&b=c")),
        None => reply(500, ""),
    })
    .await;
    let request = authorized(first.url("/?a=1"), &["*", &format!("*:{}", other.addr.port())]);
    let response = send(request, &[&first.grant(), &other.grant()]).await.unwrap();

    let seen = first.seen.lock().unwrap();
    assert_eq!(seen[1].target, format!("/next?a=1&key={CANARY}"), "added once, not twice");
    assert_eq!(seen[1].header("authorization"), Some(&*format!("Bearer {CANARY}")));
    let seen = other.seen.lock().unwrap();
    assert_eq!((seen[0].target.as_str(), seen[0].header("authorization")), ("/there?a=1&b=c", None));
    assert_eq!(response.url, other.url("/there?a=1&b=c"));
}

#[tokio::test]
async fn no_error_and_no_debug_output_shows_a_credential() {
    let closed = listen([127, 0, 0, 1], 0).await.local_addr().unwrap();
    let hang = Server::raw(listen([127, 0, 0, 1], 0).await, |stream| async move { drop(stream) });
    let junk = Server::raw(listen([127, 0, 0, 1], 0).await, |mut stream| async move {
        let mut buffer = [0; 4096];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 not http\r\n\r\n").await;
    });
    let away = Server::http(|seen| redirect(302, &format!("http://169.254.169.254{}", seen.target))).await;
    let ring = Server::http(|seen| redirect(302, &seen.target)).await;
    let large = Server::http(|_| reply(200, vec![b'x'; 11 << 20])).await;
    for addr in [closed, hang.addr, junk.addr, away.addr, ring.addr, large.addr] {
        let request = authorized(format!("http://{addr}/"), &["127.0.0.1"]);
        let error = send(request, &[&addr.to_string()]).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
    }
    let long = authorized(format!("https://api.test/{}", "x".repeat(80_000)), &["*"]);
    let error = send(long, &[]).await.unwrap_err();
    assert_eq!(error.code(), "invalid-request");
    assert!(!format!("{:?}", credentials(&["*"])).contains(CANARY));
}
