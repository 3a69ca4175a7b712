use std::time::Duration;

use leno_egress::{Caps, Credentials, Error, Policy, Request, Response, Transport as _};
use leno_metadata::ConnectionValue;

use super::*;
use crate::{
    Fault, Http,
    http::{get, json, post, reply},
    mask::Mask,
};

const URL: &str = "https://api.test/v1";

struct Net {
    script: Arc<Script>,
    policy: Policy,
    private: Vec<PrivateGrant>,
}

impl Net {
    fn new(hosts: &[&str], private: &[&str]) -> Self {
        let private: Vec<PrivateGrant> = private.iter().map(|grant| grant.parse().unwrap()).collect();
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Self {
            script: Arc::new(Script::new(Arc::new(Mask::default()))),
            policy: Policy::new(hosts, private.clone()),
            private,
        }
    }

    fn http(&self) -> Http<'_> {
        Http { script: &self.script }
    }

    async fn send(&self, request: Request) -> Result<Response, Error> {
        Scripted::new(self.script.clone(), self.private.clone()).send(request, &self.policy, &Caps::default()).await
    }

    async fn code(&self, request: Request) -> String {
        self.send(request).await.map_or_else(|error| error.code().to_owned(), |response| response.status.to_string())
    }
}

fn asking(url: &str) -> Request {
    Request { redirects: 5, ..Request::new("GET", url) }
}

fn authorized(url: &str, hosts: &[&str]) -> Request {
    let credentials = Credentials {
        hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
        headers: vec![("Authorization".to_owned(), "Bearer canary".into())],
        query: vec![("key".to_owned(), "canary".into())],
    };
    Request { credentials: Some(Arc::new(credentials)), ..asking(url) }
}

#[tokio::test]
async fn what_the_policy_denies_is_not_shown_to_the_script() {
    let net = Net::new(&["api.test"], &[]);
    for url in
        ["https://other.test/", "http://api.test/", "https://api.test:8443/", "https://10.0.0.1/", "ftp://api.test/"]
    {
        assert_eq!(net.code(asking(url)).await, "egress-denied", "{url}");
    }
    assert_eq!(net.code(asking("nonsense")).await, "invalid-request");
    assert!(net.script.sent().is_empty() && net.script.complaints().is_empty());
}

#[tokio::test]
async fn what_the_client_would_not_send_is_refused_in_its_words() {
    let net = Net::new(&["api.test"], &[]);
    let refused = |change: fn(&mut Request)| {
        let mut request = asking(URL);
        change(&mut request);
        net.send(request)
    };
    let host = refused(|it| it.headers.push(("Host".into(), "evil.test".into()))).await.unwrap_err();
    assert!(matches!(host, Error::Invalid { .. }) && host.to_string().contains("`host`"), "{host}");
    assert_eq!(refused(|it| it.method = "CONNECT".into()).await.unwrap_err().code(), "invalid-request");
    assert_eq!(refused(|it| it.body = Some(vec![0; 11 << 20].into())).await.unwrap_err().code(), "invalid-request");
    assert!(net.script.sent().is_empty());
}

#[tokio::test]
async fn credentials_go_only_where_they_may() {
    let net = Net::new(&["*", "http://plain.test"], &["10.0.0.5"]);
    net.http()
        .allow(get(URL).authorized().header("authorization", "Bearer canary").query("key", "canary"))
        .respond(reply(200));
    net.http().allow(get("http://10.0.0.5/").authorized()).respond(reply(200));
    assert_eq!(net.code(authorized(URL, &["api.test"])).await, "200");
    assert_eq!(net.code(authorized("http://10.0.0.5/", &["10.0.0.5"])).await, "200");
    let net = Net::new(&["*", "http://plain.test"], &[]);
    for (url, hosts) in
        [(URL, ["other.test"]), ("http://plain.test/", ["http://plain.test"]), ("http://plain.test/", ["plain.test"])]
    {
        let error = net.send(authorized(url, &hosts)).await.unwrap_err();
        assert_eq!(error.code(), "egress-denied", "{url} {hosts:?}");
        assert!(error.to_string().contains("credentials"), "{error}");
    }
}

#[tokio::test]
async fn a_redirect_is_checked_and_leaves_the_origins_secrets_behind() {
    let net = Net::new(&["api.test", "cdn.test"], &[]);
    let away = |to: &str| reply(302).header("Location", to);
    net.http().expect(get("https://api.test/same").authorized()).respond(away("/v1?key=canary&a=b"));
    net.http().expect(get(URL).authorized().query("a", "b")).respond(away("https://cdn.test/x"));
    net.http()
        .expect(get("https://cdn.test/x").not_authorized().without_header("authorization").without_header("cookie"))
        .respond(reply(200));
    let mut request = authorized("https://api.test/same", &["api.test"]);
    request.headers.push(("Cookie".into(), "a=b".into()));
    let response = net.send(request).await.unwrap();
    assert_eq!(response.url, "https://cdn.test/x");
    let urls: Vec<String> = net.script.sent().iter().map(|sent| sent.url.to_string()).collect();
    assert_eq!(urls, ["https://api.test/same?key=canary", "https://api.test/v1?a=b&key=canary", "https://cdn.test/x"]);

    net.http().expect(get(URL)).respond(away("https://169.254.169.254/"));
    let denied = net.send(asking(URL)).await.unwrap_err();
    assert!(matches!(denied, Error::RedirectDenied { .. }), "{denied}");
    assert!(net.script.complaints().is_empty());
}

#[tokio::test]
async fn a_post_that_is_redirected_becomes_a_get_without_its_body() {
    let net = Net::new(&["api.test"], &[]);
    net.http().expect(post(URL).body("text")).respond(reply(303).header("location", "https://api.test/done"));
    net.http().expect(get("https://api.test/done").without_header("content-type").body("")).respond(reply(200));
    let mut request = asking(URL);
    request.method = "post".into();
    request.headers.push(("Content-Type".into(), "text/plain".into()));
    request.body = Some("text".into());
    assert_eq!(net.code(request).await, "200");
}

#[tokio::test]
async fn an_unexpected_request_is_told_with_what_comes_nearest_and_without_secrets() {
    let net = Net::new(&["*"], &[]);
    let connection = ConnectionValue::new(serde_json::json!({"type": "SECRET_TEXT", "secret_text": "canary"})).unwrap();
    net.script.mask.set(&connection, None);
    net.http().expect(post("https://else.test/")).respond(reply(200));
    net.http().expect(get(URL).query("city", "Berlin").header("authorization", "Bearer canary")).respond(reply(200));
    let mut request = authorized(&format!("{URL}?city=Paris"), &["api.test"]);
    request.headers.push(("accept".into(), "text/plain".into()));
    let error = net.send(request).await.unwrap_err();
    assert_eq!(error.code(), "unavailable");
    let [complaint, never, never_either] = &net.script.complaints()[..] else { panic!() };
    assert_eq!(
        complaint,
        "the piece sent an unexpected request:
  GET https://api.test/v1?city=Paris&key=**REDACTED**
    accept: text/plain
    authorization: Bearer **REDACTED**
  expected:
  - GET https://api.test/v1, query city=Berlin, header authorization: Bearer **REDACTED**
    but the query parameter `city` is `Paris`
  - POST https://else.test/
    but the method is GET; the address is https://api.test/v1"
    );
    assert_eq!(never, "an expected request was never sent:\n  POST https://else.test/");
    assert!(
        never_either.starts_with("an expected request was never sent:\n  GET https://api.test/v1"),
        "{never_either}"
    );
    assert!(net.script.complaints().is_empty(), "told once");
    assert!(!format!("{:?}", net.script.sent()).contains("canary"));
}

#[tokio::test]
async fn arrangements_are_used_up_in_order() {
    let net = Net::new(&["api.test"], &[]);
    net.http().expect(get(URL)).respond(reply(201));
    net.http().expect(get(URL)).times(2).respond(reply(202));
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(net.code(asking(URL)).await);
    }
    assert_eq!(codes, ["201", "202", "202", "unavailable"]);
    let complaints = net.script.complaints().join("\n");
    assert!(complaints.contains("but it was sent 2 times already"), "{complaints}");

    net.http().expect(get(URL)).times(3).respond(reply(200));
    net.code(asking(URL)).await;
    assert_eq!(net.script.complaints(), [format!("an expected request was sent 1 times instead of 3:\n  GET {URL}")]);
}

#[tokio::test]
async fn each_part_of_a_matcher_matters() {
    let matcher = || post(&format!("{URL}?a=1&b=2")).query("a", 1).header("X-A", "y").json(serde_json::json!({"c": 3}));
    let request = |url: &str, header: &str, body: &str| Request {
        method: "POST".into(),
        headers: vec![("x-a".into(), header.to_owned())],
        body: Some(body.to_owned().into()),
        ..asking(url)
    };
    for (request, fits) in [
        (request(&format!("{URL}?b=2&a=1"), "y", "{ \"c\": 3 }"), true),
        (request(&format!("{URL}?b=2&a=1&c=3"), "y", r#"{"c":3}"#), false),
        (request(URL, "y", r#"{"c":3}"#), false),
        (request("https://api.test/v2?a=1&b=2", "y", r#"{"c":3}"#), false),
        (request(&format!("{URL}?a=1&b=2"), "z", r#"{"c":3}"#), false),
        (request(&format!("{URL}?a=1&b=2"), "y", r#"{"c":4}"#), false),
    ] {
        let net = Net::new(&["api.test"], &[]);
        net.http().allow(matcher()).respond(reply(200));
        let (url, code) = (request.url.clone(), net.code(request).await);
        assert_eq!(code == "200", fits, "{url}: {:?}", net.script.complaints());
    }
}

#[tokio::test]
async fn answers_have_the_limits_of_the_real_ones() {
    let net = Net::new(&["api.test"], &[]);
    let caps = Caps { response_bytes: 10, header_count: 2, header_bytes: 60, ..Caps::default() };
    let transport = Scripted::new(net.script.clone(), Vec::new());
    for (answer, code) in [
        (reply(200).body("0123456789"), "200"),
        (reply(200).body("0123456789a"), "response-too-large"),
        (reply(200).header("a", "1").header("b", "2").header("c", "3"), "response-too-large"),
        (reply(200).header("a", &"x".repeat(60)), "response-too-large"),
    ] {
        net.http().expect(get(URL)).respond(answer);
        let got = transport.send(asking(URL), &net.policy, &caps).await;
        assert_eq!(got.map_or_else(|error| error.code().to_owned(), |response| response.status.to_string()), code);
    }
    net.http().expect(get(URL)).respond(json(200, 1));
    transport.send(asking(URL), &net.policy, &Caps::default()).await.unwrap();
    let (sent, received) = transport.traffic();
    assert_eq!(sent, 5 * ("GET".len() + URL.len()) as u64);
    assert!(received > 0);
}

#[tokio::test]
async fn an_outage_takes_no_time() {
    let net = Net::new(&["api.test"], &[]);
    net.http().expect(get(URL)).fail(Fault::Timeout);
    let error = net.send(Request { timeout: Duration::from_secs(20), ..asking(URL) }).await.unwrap_err();
    assert_eq!(error.to_string(), "`api.test` took longer than 20s");
}
