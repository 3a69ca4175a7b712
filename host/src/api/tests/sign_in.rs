//! Signing in at a provider, as a browser meets it on its way back.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Json, routing::post};
use leno_testkit::craft::{Core, document};

use super::{connections::LIST, *};

const CALLBACK: &str = "/api/app-connections/oauth2/callback";

/// A token endpoint that takes every code. It ends with the test's runtime.
pub(super) struct Provider {
    base: String,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    pub(super) async fn start() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let token = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let tokens =
                json!({"access_token": "at", "refresh_token": "rt", "token_type": "Bearer", "expires_in": 3600});
            std::future::ready(Json(tokens))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/token", post(token))).await });
        Self { base, asked }
    }

    /// Token requests so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

pub(super) async fn host() -> Host {
    Host::with_piece().await
}

/// Serves a piece of this name that signs in there.
pub(super) async fn serve(host: &Host, provider: &Provider, name: &str, issuer: Option<&str>) {
    let mut piece = document(name, "1.0.0");
    let base = &provider.base;
    piece["auth"] = json!({
        "type": "OAUTH2", "displayName": "Account", "required": true, "authUrl": format!("{base}/auth"),
        "tokenUrl": format!("{base}/token"), "scope": ["read"], "props": {},
    });
    if let Some(issuer) = issuer {
        piece["auth"]["issuer"] = issuer.into();
    }
    let component = Core::new(&piece.to_string()).component();
    let uploaded = host.operate("POST", "/api/admin/pieces", Some("application/wasm"), component).await;
    assert_eq!(uploaded.status, 201, "{}", uploaded.text);
}

/// A sign-in under way, in its browser.
pub(super) struct Begun {
    state: String,
    cookie: String,
}

pub(super) async fn begin(host: &Host, token: &str, piece: &str, external_id: &str) -> Begun {
    let body = json!({"pieceName": piece, "clientId": "client", "clientSecret": "secret", "externalId": external_id});
    let started = host.call("POST", "/api/app-connections/oauth2/start", token, Some(body)).await;
    assert_eq!(started.status, 200, "{}", started.text);
    let cookie = started.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    Begun { state: started.body["state"].as_str().unwrap().to_owned(), cookie }
}

impl Begun {
    /// The page to which the provider sends the browser back: at the redirect URI of `piece`, or at the common one, with
    /// `further` parameters.
    pub(super) async fn back(&self, host: &Host, piece: &str, further: &str) -> Answer {
        let at = if piece.is_empty() { CALLBACK.to_owned() } else { format!("{CALLBACK}/{piece}") };
        let request = request("GET", &format!("{at}?state={}&code=a-code{further}", self.state));
        host.send(request.header("cookie", &self.cookie).body(Body::empty()).unwrap()).await
    }
}

/// The names of a user's connections.
async fn names(host: &Host, token: &str) -> Vec<String> {
    let list = host.call("GET", LIST, token, None).await;
    list.body["data"].as_array().unwrap().iter().map(|row| row["externalId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_response_of_another_issuer_or_of_none_is_refused_and_its_code_goes_nowhere() {
    let (host, provider) = (host().await, Provider::start().await);
    serve(&host, &provider, "one", Some("https://provider.test")).await;
    for (issuer, said) in [
        ("&iss=https%3A%2F%2Fevil.test", "came from another provider"),
        ("&iss=https%3A%2F%2Fprovider.test%2F", "came from another provider"),
        ("&iss=", "came from another provider"),
        ("", "does not say which provider it came from"),
    ] {
        let begun = begin(&host, &host.token, "one", "mine").await;
        let page = begun.back(&host, "", issuer).await;
        assert!(page.text.contains("The connection failed.") && page.text.contains(said), "{issuer}: {}", page.text);
        assert!(page.text.contains("invalid_request") && !page.text.contains("a-code"), "{issuer}: {}", page.text);
        // It cannot be tried again with a better one.
        let again = begun.back(&host, "", "&iss=https%3A%2F%2Fprovider.test").await;
        assert!(again.text.contains("invalid_state"), "{}", again.text);
    }
    assert_eq!((provider.asked(), names(&host, &host.token).await), (0, vec![]));
    let begun = begin(&host, &host.token, "one", "mine").await;
    let page = begun.back(&host, "", "&iss=https%3A%2F%2Fprovider.test").await;
    assert!(page.text.contains("You are connected."), "{}", page.text);
    assert_eq!((provider.asked(), names(&host, &host.token).await), (1, vec!["mine".to_owned()]));
}

#[tokio::test]
async fn a_response_at_the_redirect_uri_of_another_piece_is_refused_and_its_code_goes_nowhere() {
    let (host, provider) = (host().await, Provider::start().await);
    for name in ["one", "two"] {
        serve(&host, &provider, name, None).await;
    }
    // That of another piece, of none, and the common one.
    for at in ["two", "three", ""] {
        let begun = begin(&host, &host.token, "one", "mine").await;
        let page = begun.back(&host, at, "").await;
        let said = "came to the redirect URI of another piece";
        assert!(page.text.contains("The connection failed.") && page.text.contains(said), "{at}: {}", page.text);
        assert!(!page.text.contains("a-code"), "{at}: {}", page.text);
    }
    assert_eq!((provider.asked(), names(&host, &host.token).await), (0, vec![]));
    let page = begin(&host, &host.token, "one", "mine").await.back(&host, "one", "").await;
    assert!(page.text.contains("You are connected."), "{}", page.text);
    assert_eq!((provider.asked(), names(&host, &host.token).await), (1, vec!["mine".to_owned()]));
}

#[tokio::test]
async fn a_sign_in_that_a_user_began_before_they_had_an_account_arrives_at_the_account() {
    let (host, provider) = (host().await, Provider::start().await);
    serve(&host, &provider, "one", None).await;
    let guest = host.guest().await;
    let begun = begin(&host, &guest, "one", "mine").await;
    let linked = host.json("/api/users/link", &json!({"anonymousToken": guest})).await;
    assert_eq!((linked.status, &linked.body["connections"]), (200, &json!([])), "{}", linked.text);
    let page = begun.back(&host, "one", "").await;
    assert!(page.text.contains("You are connected."), "{}", page.text);
    assert_eq!(names(&host, &host.token).await, ["mine"]);
    assert_eq!(names(&host, &guest).await, [""; 0]);
    assert_eq!(host.decrypted("mine", "").await.body["value"]["access_token"], "at");
}
