//! Redirects are requests like any other.

use bytes::Bytes;
use leno_egress::{Caps, Denied, Error, Request, Transport};

use crate::support::*;

fn following(url: String, redirects: u8) -> Request {
    Request { redirects, ..get(url) }
}

#[tokio::test]
async fn without_redirects_a_redirect_is_the_response() {
    let server = Server::http(|_| redirect(302, "/elsewhere")).await;
    let response = send(get(server.url("/")), &[&server.grant()]).await.unwrap();
    assert_eq!(response.status, 302);
    assert!(response.headers.contains(&("location".to_owned(), "/elsewhere".to_owned())));
    let caps = Caps { redirects: 0, ..Caps::default() };
    let response = send_within(following(server.url("/"), 5), &[&server.grant()], &caps).await.unwrap();
    assert_eq!(response.status, 302, "the caps have the last word");
}

#[tokio::test]
async fn a_redirect_is_followed_to_its_end() {
    let server = Server::http(|seen| match seen.target.as_str() {
        "/a/b" => redirect(301, "../c?d=e#f"),
        "/c?d=e" => redirect(307, "//LOCALHOST.invalid/"),
        _ => reply(200, "end"),
    })
    .await;
    let error = send(following(server.url("/a/b"), 5), &[&server.grant()]).await.unwrap_err();
    assert!(matches!(error, Error::RedirectDenied { denied: Denied::Plain { .. }, .. }), "{error}");

    let server = Server::http(|seen| if seen.target == "/" { redirect(302, "/end") } else { reply(200, "end") }).await;
    let response = send(following(server.url("/"), 5), &[&server.grant()]).await.unwrap();
    assert_eq!((response.url, response.body), (server.url("/end"), Bytes::from("end")));
}

#[tokio::test]
async fn a_redirect_goes_nowhere_that_the_piece_may_not_go_itself() {
    let trap = Server::trap(listen([127, 0, 0, 1], 0).await);
    let port = trap.addr.port();
    for target in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "https://169.254.169.254/".to_owned(),
        "http://[::ffff:169.254.169.254]/".to_owned(),
        "http://2852039166/".to_owned(),
        "https://[fd00:ec2::254]/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "FILE:///etc/passwd".to_owned(),
        "ftp://1.1.1.1/".to_owned(),
        "data:text/plain,hello".to_owned(),
        "gopher://1.1.1.1/".to_owned(),
        format!("http://127.0.0.1:{port}/"),
        format!("http://0x7f.1:{port}/"),
        format!("//127.0.0.1:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("https://localhost:{port}/"),
        "http://1.1.1.1/".to_owned(),
    ] {
        let location = target.clone();
        let server = Server::http(move |_| redirect(302, &location)).await;
        let error = send(following(server.url("/"), 5), &[&server.grant()]).await.unwrap_err();
        assert_eq!(error.code(), "egress-denied", "{target}: {error}");
        assert!(error.to_string().starts_with("`127.0.0.1` redirected"), "{error}");
    }
    assert_eq!(trap.connections().await, 0);
}

#[tokio::test]
async fn a_location_that_cannot_be_read_is_a_bad_response() {
    for target in ["http://", "http://[::1/", "http://a.test\\@b.test/", "\\\\b.test\\x"] {
        let server = Server::http(move |_| redirect(302, target)).await;
        let error = send(following(server.url("/"), 5), &[&server.grant()]).await.unwrap_err();
        assert_eq!(error.code(), "bad-response", "{target}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_redirects_to_itself_is_left_after_the_allowed_number() {
    let server = Server::http(|_| redirect(302, "/")).await;
    let grant = server.grant();
    let error = send(following(server.url("/"), 50), &[&grant]).await.unwrap_err();
    assert_eq!(error.code(), "too-many-redirects");
    assert!(matches!(error, Error::TooManyRedirects { limit: 10, .. }), "{error}");
    assert_eq!(server.seen.lock().unwrap().len(), 11);
    let error = send(following(server.url("/"), 2), &[&grant]).await.unwrap_err();
    assert!(matches!(error, Error::TooManyRedirects { limit: 2, .. }), "{error}");
    assert_eq!(server.seen.lock().unwrap().len(), 14);
}

#[tokio::test]
async fn the_body_and_what_describes_it_stay_behind_when_the_method_becomes_get() {
    for (status, method, expected) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "DELETE", "DELETE"),
        (303, "HEAD", "HEAD"),
    ] {
        let server =
            Server::http(move |seen| if seen.target == "/" { redirect(status, "/end") } else { reply(200, "") }).await;
        let mut request = following(server.url("/"), 1);
        request.method = method.to_owned();
        request.headers =
            vec![("content-type".to_owned(), "text/plain".to_owned()), ("x-a".to_owned(), "b".to_owned())];
        request.body = (method != "HEAD").then(|| Bytes::from("payload"));
        send(request, &[&server.grant()]).await.unwrap();
        let seen = server.seen.lock().unwrap();
        let last = seen.last().unwrap();
        assert_eq!(last.method, expected, "{status} {method}");
        let kept = expected == method && method != "HEAD";
        assert_eq!(last.body.is_empty(), !kept, "{status} {method}");
        assert_eq!(last.headers.contains_key("content-type"), expected == method, "{status} {method}");
        assert_eq!(last.header("x-a"), Some("b"));
        assert!(!last.headers.contains_key("referer"));
    }
}

#[tokio::test]
async fn headers_meant_for_one_origin_are_not_sent_to_the_next() {
    let other = Server::http(|_| reply(200, "")).await;
    let there = other.url("/");
    let first = Server::http(move |seen| redirect(302, if seen.target == "/" { "/same" } else { &there })).await;
    let mut request = following(first.url("/"), 5);
    request.headers = [("Authorization", "Bearer canary"), ("Cookie", "a=canary"), ("X-Other", "kept")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    send(request, &[&first.grant(), &other.grant()]).await.unwrap();

    for seen in first.seen.lock().unwrap().iter() {
        assert_eq!((seen.header("authorization"), seen.header("cookie")), (Some("Bearer canary"), Some("a=canary")));
    }
    let seen = other.seen.lock().unwrap();
    assert_eq!(
        (seen[0].header("authorization"), seen[0].header("cookie")),
        (None, None),
        "another port, another origin"
    );
    assert_eq!(seen[0].header("x-other"), Some("kept"));
}

#[tokio::test]
async fn headers_do_not_come_back_when_the_way_leads_back() {
    let first = listen([127, 0, 0, 1], 0).await;
    let home = format!("http://{}/home", first.local_addr().unwrap());
    let other = Server::http(move |_| redirect(302, &home)).await;
    let there = other.url("/");
    let first = Server::answering(
        first,
        None,
        move |seen| if seen.target == "/" { redirect(302, &there) } else { reply(200, "") },
    );
    let mut request = following(first.url("/"), 5);
    request.headers = vec![("Authorization".to_owned(), "Bearer canary".to_owned())];
    send(request, &[&first.grant(), &other.grant()]).await.unwrap();
    let seen = first.seen.lock().unwrap();
    assert_eq!((seen[0].header("authorization"), seen[1].header("authorization")), (Some("Bearer canary"), None));
}

#[tokio::test]
async fn a_name_in_a_redirect_is_resolved_and_vetted_too() {
    let names =
        Names::new(|host, _| vec![if host == "a.test" { [127, 0, 0, 1].into() } else { [127, 0, 0, 2].into() }]);
    let listener = listen([127, 0, 0, 1], 0).await;
    let port = listener.local_addr().unwrap().port();
    let trap = Server::trap(listen([127, 0, 0, 2], port).await);
    let server = Server::answering(listener, None, move |_| redirect(302, &format!("http://b.test:{port}/")));
    let policy = policy(&["*"], &[&server.grant()]);
    let request = following(format!("http://a.test:{port}/"), 5);
    let error = client(&names).send(request, &policy, &Caps::default()).await.unwrap_err();
    assert!(matches!(&error, Error::RedirectDenied { denied: Denied::Address { .. }, .. }), "{error}");
    assert_eq!(names.asked(), ["a.test", "b.test"]);
    assert_eq!(trap.connections().await, 0);
}
