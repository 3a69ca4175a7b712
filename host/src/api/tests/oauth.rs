//! The authorization server as clients, browsers and attackers meet it.

use std::time::Duration;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use leno_authorization::{Client, ClientKind, ClientSettings, GrantType};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use url::{Url, form_urlencoded};

use super::*;
use crate::oauth_app::settings::OAuthApp;

const CLIENT: &str = "activepieces";
const SECRET: &str = "s:%+ x-of-activepieces";
const CALLBACK: &str = "https://cloud.activepieces.com/redirect";
const OTHER: &str = "https://app.example.com/cb?x=1";
const ISSUER: &str = "http://127.0.0.1:4747";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const AT: &str = "/api/integration/ever-gauzy/oauth";

/// The settings of every host of these tests.
pub(super) fn settings() -> OAuthApp {
    let settings = ClientSettings {
        description: String::new(),
        client_type: ClientKind::Confidential,
        redirect_uris: vec![CALLBACK.into(), OTHER.into()],
        allowed_scopes: None,
        allowed_grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        pkce_required: false,
        access_token_ttl: 3_600,
        refresh_token_ttl: 86_400,
    };
    let client = Client {
        id: CLIENT.into(),
        tenant: None,
        name: "Activepieces".into(),
        settings,
        secrets: Vec::new(),
        code_secrets: vec![SecretString::from("code-secret")],
        active: true,
    };
    let settings = crate::oauth_app::settings::Settings {
        consent: None,
        origins: vec!["https://app.gauzy.co".into()],
        registration: true,
    };
    OAuthApp { client: Some((client, SECRET.into())), settings, code_ttl: Duration::from_secs(60), redis: None }
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// The parameters of an address.
fn parameters(location: &str) -> Vec<(String, String)> {
    Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

fn parameter(location: &str, name: &str) -> Option<String> {
    let mut found: Vec<String> =
        parameters(location).into_iter().filter(|(key, _)| key == name).map(|(_, value)| value).collect();
    assert!(found.len() < 2, "{name} twice in {location}");
    found.pop()
}

impl Answer {
    fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    fn cookie(&self) -> String {
        let set = self.headers.get("set-cookie").expect("a cookie").to_str().unwrap();
        set.split(';').next().unwrap().to_owned()
    }

    #[track_caller]
    fn told(&self, status: u16, error: &str) -> &Self {
        assert_eq!((self.status, self.body["error"].as_str()), (status, Some(error)), "{}", self.text);
        assert_eq!(self.body["statusCode"], status);
        let words = self.body["error_description"].as_str().unwrap();
        assert!(
            !words.is_empty() && words.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
        );
        assert_eq!(self.headers["cache-control"], "no-store");
        assert!(self.headers.get("location").is_none());
        self
    }
}

impl Host {
    /// Sends a request to what is not of the REST API.
    async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, body }
    }

    fn user(&self) -> String {
        format!("Bearer {}", self.token)
    }

    async fn authorize(&self, pairs: &[(&str, &str)]) -> Answer {
        self.raw("GET", &format!("{AT}/authorize?{}", form(pairs)), &[], Body::empty()).await
    }

    /// An authorization request with `more`; its id.
    async fn begin(&self, more: &[(&str, &str)]) -> String {
        let mut pairs = vec![("client_id", CLIENT), ("redirect_uri", CALLBACK), ("response_type", "code")];
        pairs.extend_from_slice(more);
        let answer = self.authorize(&pairs).await;
        assert_eq!(answer.status, 302, "{}", answer.text);
        parameter(answer.location(), "request_id").unwrap_or_else(|| panic!("{}", answer.location()))
    }

    async fn approve(&self, id: &str) -> Answer {
        let body = json!({"request_id": id}).to_string();
        let user = self.user();
        let headers = [("authorization", user.as_str()), ("content-type", "application/json")];
        self.raw("POST", &format!("{AT}/authorize"), &headers, body).await
    }

    /// A fresh code for an authorization request with `more`.
    async fn code(&self, more: &[(&str, &str)]) -> String {
        let id = self.begin(more).await;
        let answer = self.approve(&id).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        parameter(answer.body["redirect_url"].as_str().unwrap(), "code").unwrap()
    }

    async fn token_as(&self, headers: &[(&str, &str)], pairs: &[(&str, &str)]) -> Answer {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.raw("POST", &format!("{AT}/token"), &all, form(pairs)).await
    }

    /// A token request of the client of the settings.
    async fn token(&self, pairs: &[(&str, &str)]) -> Answer {
        let mut all = vec![("client_id", CLIENT), ("client_secret", SECRET)];
        all.extend_from_slice(pairs);
        self.token_as(&[], &all).await
    }

    async fn redeem(&self, code: &str) -> Answer {
        self.token(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK)]).await
    }

    async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Registers a client for the tenant of the user; its id and secret.
    async fn client(&self, body: Value) -> (String, String) {
        let claims = Subject {
            permissions: vec!["OAUTH_CLIENT_EDIT".into(), "OAUTH_CLIENT_VIEW".into()],
            ..self.claims.clone()
        };
        let admin = self.identity.mint(&claims, Duration::from_secs(60));
        let request = request("POST", "/api/oauth-clients")
            .header("authorization", format!("Bearer {admin}"))
            .header("content-type", "application/json");
        let answer = self.send(request.body(body.to_string().into()).unwrap()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
        (text("clientId"), text("clientSecret"))
    }

    /// Whether an access token still opens the API.
    async fn opens(&self, token: &Value) -> u16 {
        let bearer = format!("Bearer {}", token.as_str().unwrap());
        let request = request("GET", "/api/app-connections").header("authorization", bearer);
        self.send(request.body(Body::empty()).unwrap()).await.status
    }

    async fn revocations(&self, connections: &str) -> usize {
        leno_db::audit_events(&self.db, connections).await.unwrap().len()
    }
}

#[tokio::test]
async fn a_user_allows_a_client_which_then_acts_for_the_user() {
    let host = Host::empty().await;
    let id = host.begin(&[("scope", "integrations:read"), ("state", "a&b=c+d%é")]).await;
    let user = host.user();
    let shown = host.raw("GET", &format!("{AT}/authorize/request/{id}"), &[("authorization", &user)], "").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert_eq!(
        shown.body,
        json!({"clientId": CLIENT, "redirectUri": CALLBACK, "clientName": "Activepieces", "scope": "integrations:read"})
    );
    let approved = host.approve(&id).await;
    let to = approved.body["redirect_url"].as_str().unwrap();
    assert!(to.starts_with(&format!("{CALLBACK}?")));
    assert_eq!(parameter(to, "state").as_deref(), Some("a&b=c+d%é"));
    assert_eq!(parameter(to, "iss").as_deref(), Some(ISSUER));
    let code = parameter(to, "code").unwrap();
    let answer = host.redeem(&code).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        (answer.headers["cache-control"].as_bytes(), answer.headers["pragma"].as_bytes()),
        (&b"no-store"[..], &b"no-cache"[..])
    );
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 3_600);
    assert_eq!(answer.body["scope"], "integrations:read");
    let token = answer.body["access_token"].as_str().unwrap();
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3_600);
    assert_eq!(claims["permissions"], json!(["INTEGRATION_VIEW"]));
    assert_eq!((&claims["clientId"], &claims["scope"]), (&json!(CLIENT), &json!("integrations:read")));
    assert_eq!(claims["tenantId"], host.claims.tenant_id.to_string());
    assert!(claims["jti"].as_str().is_some_and(|jti| jti.len() == 36) && claims.get("aud").is_none());
    assert_eq!(host.opens(&answer.body["access_token"]).await, 200);
    // Narrower than the user's own: it may not write.
    let bearer = format!("Bearer {token}");
    let body = json!({"pieceName": "p", "externalId": "e", "displayName": "E", "type": "SECRET_TEXT", "value": {}});
    let request = request("POST", "/api/app-connections").header("authorization", &bearer);
    let request = request.header("content-type", "application/json").body(body.to_string().into()).unwrap();
    host.send(request).await.refused(403, "permission_required");
    // And lets in nobody else.
    let id = host.begin(&[]).await;
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let refused = host.raw("POST", &format!("{AT}/authorize"), &headers, json!({"request_id": id}).to_string()).await;
    refused.told(403, "access_denied");
    let events = leno_db::audit_events(&host.db, CLIENT).await.unwrap();
    let events: Vec<&str> = events.iter().map(|(_, event)| event.as_str()).collect();
    assert_eq!(events, ["oauth.approved", "oauth.granted"]);
}

#[tokio::test]
async fn a_request_whose_client_or_redirect_uri_is_wrong_goes_nowhere() {
    let host = Host::empty().await;
    let ask = |pairs: Vec<(&'static str, String)>| {
        let host = &host;
        async move {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            host.authorize(&pairs).await
        }
    };
    let with = |client: &str, uri: &str| {
        vec![("client_id", client.to_owned()), ("redirect_uri", uri.to_owned()), ("response_type", "code".to_owned())]
    };
    let unknown = ask(with("nobody", CALLBACK)).await;
    unknown.told(400, "invalid_request");
    ask(with(&"x".repeat(10_000), CALLBACK)).await.told(400, "invalid_request");
    for uri in [
        "https://evil.example.com/",
        "https://cloud.activepieces.com/redirect/",
        "https://CLOUD.activepieces.com/redirect",
        "https://cloud.activepieces.com/redirect?x=1",
        "https://cloud.activepieces.com/redirect/../redirect",
        "https://cloud.activepieces.com:443/redirect",
        "https://u@cloud.activepieces.com/redirect",
        "https://cloud.activepieces.com.evil/redirect",
        "https://cloud.activepieces.com/redirect#f",
        "http://cloud.activepieces.com/redirect",
        "https:\\\\cloud.activepieces.com\\redirect",
        "https://cloud.activepieces.com/redirect\n",
        "javascript:alert(1)",
        "",
    ] {
        ask(with(CLIENT, uri)).await.told(400, "invalid_request");
    }
    for twice in ["client_id", "redirect_uri"] {
        let mut pairs = with(CLIENT, CALLBACK);
        pairs.push((twice, CALLBACK.to_owned()));
        ask(pairs).await.told(400, "invalid_request");
    }
    // A client that is switched off looks like one that there is not.
    let (id, _) = host.client(json!({"name": "C", "redirectUris": [CALLBACK]})).await;
    let admin = Subject { permissions: vec!["OAUTH_CLIENT_EDIT".into()], ..host.claims.clone() };
    let admin = host.identity.mint(&admin, Duration::from_secs(60));
    let request =
        request("PATCH", &format!("/api/oauth-clients/{id}")).header("authorization", format!("Bearer {admin}"));
    let request = request.header("content-type", "application/json").body(r#"{"isActive":false}"#.into()).unwrap();
    assert_eq!(host.send(request).await.status, 200);
    assert_eq!(ask(with(&id, CALLBACK)).await.body, unknown.body);
}

#[tokio::test]
async fn every_other_fault_is_told_to_the_client() {
    let host = Host::empty().await;
    let base = [("client_id", CLIENT), ("redirect_uri", OTHER), ("state", "s t")];
    let challenge = challenge();
    let long = "x".repeat(60_000);
    for (more, error) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "id_token")], "unsupported_response_type"),
        (vec![], "invalid_request"),
        (vec![("response_type", "code"), ("response_type", "code")], "invalid_request"),
        (
            vec![("response_type", "code"), ("code_challenge", &challenge), ("code_challenge", &challenge)],
            "invalid_request",
        ),
        (vec![("response_type", "code"), ("code_challenge", &challenge)], "invalid_request"),
        (
            vec![("response_type", "code"), ("code_challenge", &challenge), ("code_challenge_method", "plain")],
            "invalid_request",
        ),
        (
            vec![("response_type", "code"), ("code_challenge", "short"), ("code_challenge_method", "S256")],
            "invalid_request",
        ),
        (vec![("response_type", "code"), ("scope", "a\"b")], "invalid_scope"),
        (vec![("response_type", "code"), ("resource", "https://other.example.com")], "invalid_target"),
    ] {
        let mut pairs = base.to_vec();
        pairs.extend(more.iter().map(|(name, value)| (*name, &**value)));
        let answer = host.authorize(&pairs).await;
        assert_eq!(answer.status, 302, "{more:?}: {}", answer.text);
        let to = answer.location();
        assert!(to.starts_with("https://app.example.com/cb?x=1&"), "{to}");
        assert_eq!(parameter(to, "error").as_deref(), Some(error), "{more:?}");
        assert_eq!((parameter(to, "state").as_deref(), parameter(to, "iss").as_deref()), (Some("s t"), Some(ISSUER)));
        assert_eq!(parameter(to, "x").as_deref(), Some("1"));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    // Two states are neither's.
    let answer = host.authorize(&[&base[..], &[("state", "b"), ("response_type", "code")]].concat()).await;
    assert_eq!(
        (parameter(answer.location(), "error").as_deref(), parameter(answer.location(), "state")),
        (Some("invalid_request"), None)
    );
    let answer = host
        .authorize(&[("client_id", CLIENT), ("redirect_uri", CALLBACK), ("response_type", "code"), ("state", &long)])
        .await;
    assert_eq!((answer.status, parameter(answer.location(), "error").as_deref()), (302, Some("invalid_request")));
    // An empty parameter is none, and an unknown one is passed over.
    let id = host
        .begin(&[("state", ""), ("scope", ""), ("foo", "bar"), ("access_type", "offline"), ("prompt", "consent")])
        .await;
    let approved = host.approve(&id).await;
    assert_eq!(parameter(approved.body["redirect_url"].as_str().unwrap(), "state"), None);
}

#[tokio::test]
async fn a_code_is_good_once_and_a_second_time_ends_what_it_gave() {
    let host = Host::empty().await;
    let code = host.code(&[]).await;
    let first = host.redeem(&code).await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(host.opens(&first.body["access_token"]).await, 200);
    host.redeem(&code).await.told(400, "invalid_grant");
    assert_eq!(host.opens(&first.body["access_token"]).await, 401);
    host.refresh(first.body["refresh_token"].as_str().unwrap()).await.told(400, "invalid_grant");
    let events = leno_db::audit_events(&host.db, CLIENT).await.unwrap();
    assert!(events.iter().any(|(_, event)| event == "oauth.code_replayed"), "{events:?}");
}

#[tokio::test]
async fn fifty_redemptions_at_once_have_one_winner() {
    let host = Host::empty().await;
    for _ in 0..5 {
        let code = host.code(&[]).await;
        let answers = futures_util::future::join_all((0..50).map(|_| host.redeem(&code))).await;
        let mut won = 0;
        for answer in answers {
            match answer.status {
                200 => won += 1,
                _ => drop(answer.told(400, "invalid_grant")),
            }
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn a_code_that_does_not_fit_is_not_spent_until_it_was_guessed_with_five_times() {
    let host = Host::empty().await;
    let (other, secret) = host.client(json!({"name": "B", "redirectUris": [CALLBACK]})).await;
    let grant = |code: &str, uri: &str| {
        [("grant_type", "authorization_code".to_owned()), ("code", code.to_owned()), ("redirect_uri", uri.to_owned())]
    };
    let code = host.code(&[]).await;
    // Another client with a secret of its own.
    let theirs = grant(&code, CALLBACK);
    let mut pairs: Vec<(&str, &str)> = theirs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    pairs.extend([("client_id", other.as_str()), ("client_secret", secret.as_str())]);
    host.token_as(&[], &pairs).await.told(400, "invalid_grant");
    let wrong = grant(&code, OTHER);
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for _ in 0..4 {
        host.token(&wrong).await.told(400, "invalid_grant");
    }
    host.token(&[("grant_type", "authorization_code"), ("code", &code)]).await.told(400, "invalid_request");
    assert_eq!(host.redeem(&code).await.status, 200);

    let code = host.code(&[]).await;
    let wrong = grant(&code, OTHER);
    let wrong: Vec<(&str, &str)> = wrong.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for _ in 0..5 {
        host.token(&wrong).await.told(400, "invalid_grant");
    }
    host.redeem(&code).await.told(400, "invalid_grant");
    let events = leno_db::audit_events(&host.db, CLIENT).await.unwrap();
    assert!(events.iter().any(|(_, event)| event == "oauth.code_exhausted"), "{events:?}");
}

#[tokio::test]
async fn pkce_binds_a_code_to_who_asked_for_it() {
    let host = Host::empty().await;
    let challenge = challenge();
    let asked = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let redeem = |code: String, verifier: Option<String>| {
        let host = &host;
        async move {
            let mut pairs = vec![("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
            if let Some(verifier) = &verifier {
                pairs.push(("code_verifier", verifier));
            }
            host.token(&pairs).await
        }
    };
    assert_eq!(redeem(host.code(&asked).await, Some(VERIFIER.into())).await.status, 200);
    redeem(host.code(&asked).await, None).await.told(400, "invalid_grant");
    redeem(host.code(&asked).await, Some("x".repeat(43))).await.told(400, "invalid_grant");
    for bad in ["x".repeat(42), "x".repeat(129), format!("{}!", "x".repeat(43))] {
        redeem(host.code(&asked).await, Some(bad)).await.told(400, "invalid_request");
    }
    // Somebody took the challenge out on the way.
    redeem(host.code(&[]).await, Some(VERIFIER.into())).await.told(400, "invalid_grant");
    // A public client has nothing else.
    let public = json!({"name": "P", "redirectUris": ["http://127.0.0.1/cb"], "clientType": "public"});
    let (public, secret) = host.client(public).await;
    assert_eq!(secret, "");
    let pairs = [("client_id", public.as_str()), ("redirect_uri", "http://127.0.0.1:9/cb"), ("response_type", "code")];
    let answer = host.authorize(&pairs).await;
    assert_eq!(parameter(answer.location(), "error").as_deref(), Some("invalid_request"));
    let answer = host.authorize(&[&pairs[..], &asked[..]].concat()).await;
    let id = parameter(answer.location(), "request_id").unwrap();
    let approved = host.approve(&id).await;
    let code = parameter(approved.body["redirect_url"].as_str().unwrap(), "code").unwrap();
    let pairs = [
        ("client_id", public.as_str()),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "http://127.0.0.1:9/cb"),
        ("code_verifier", VERIFIER),
    ];
    let answer = host.token_as(&[], &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(answer.body["refresh_token"].is_string());
}

#[tokio::test]
async fn a_client_proves_itself_in_one_way_and_nobody_learns_whether_there_is_one() {
    let host = Host::empty().await;
    let basic = |id: &str, secret: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for header in [basic(CLIENT, SECRET), basic(CLIENT, &encode(SECRET))] {
        let code = host.code(&[]).await;
        let pairs = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
        let answer = host.token_as(&[("authorization", &header)], &pairs).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let grant = [("grant_type", "authorization_code"), ("code", "v1.x.y"), ("redirect_uri", CALLBACK)];
    let good = basic(CLIENT, SECRET);
    let both = [&grant[..], &[("client_secret", SECRET)]].concat();
    host.token_as(&[("authorization", &good)], &both).await.told(400, "invalid_request");
    let another = [&grant[..], &[("client_id", "another")]].concat();
    host.token_as(&[("authorization", &good)], &another).await.told(400, "invalid_request");
    for header in [basic(CLIENT, "wrong"), basic("nobody", "wrong"), "Basic !".into(), "Bearer x".into()] {
        let answer = host.token_as(&[("authorization", &header)], &grant).await;
        answer.told(401, "invalid_client");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    }
    let wrong = host.token_as(&[], &[&grant[..], &[("client_id", CLIENT), ("client_secret", "wrong")]].concat()).await;
    let nobody =
        host.token_as(&[], &[&grant[..], &[("client_id", "nobody"), ("client_secret", "wrong")]].concat()).await;
    let none = host.token_as(&[], &[&grant[..], &[("client_id", CLIENT)]].concat()).await;
    for answer in [&wrong, &nobody, &none] {
        answer.told(401, "invalid_client");
        assert_eq!(answer.body, wrong.body);
    }
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let path = format!("{AT}/token?client_secret=canary");
    host.raw("POST", &path, &headers, form(&grant)).await.told(400, "invalid_request");
}

#[tokio::test]
async fn the_token_endpoint_takes_forms_by_post_and_these_grants() {
    let host = Host::empty().await;
    for method in ["GET", "PUT", "DELETE"] {
        let answer = host.raw(method, &format!("{AT}/token"), &[], "").await;
        answer.told(405, "invalid_request");
        assert_eq!(answer.headers["allow"], "POST");
    }
    let json = json!({"client_id": CLIENT, "client_secret": SECRET, "grant_type": "authorization_code"}).to_string();
    for kind in ["application/json", "text/plain", ""] {
        let headers: Vec<(&str, &str)> =
            Some(("content-type", kind)).filter(|_| !kind.is_empty()).into_iter().collect();
        host.raw("POST", &format!("{AT}/token"), &headers, json.clone()).await.told(400, "invalid_request");
    }
    let code = host.code(&[]).await;
    let pairs = [
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
    ];
    // At the path of Gauzy's documents, and with a charset.
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
    assert_eq!(host.raw("POST", "/token", &headers, form(&pairs)).await.status, 200);
    for grant in ["password", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"] {
        host.token(&[("grant_type", grant)]).await.told(400, "unsupported_grant_type");
    }
    host.token(&[]).await.told(400, "invalid_request");
    host.token(&[("grant_type", "refresh_token"), ("grant_type", "refresh_token")]).await.told(400, "invalid_request");
    let (id, secret) = host
        .client(json!({"name": "C", "redirectUris": [CALLBACK], "allowedGrantTypes": ["authorization_code"]}))
        .await;
    let pairs = [
        ("client_id", id.as_str()),
        ("client_secret", &secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
    ];
    host.token_as(&[], &pairs).await.told(400, "unauthorized_client");
    let long = "x".repeat(1 << 20);
    let answer = host.redeem(&long).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_thief_and_the_robbed_both_lose_it() {
    let host = Host::empty().await;
    let first = host.redeem(&host.code(&[("scope", "integrations:read tasks:read")]).await).await;
    let one = first.body["refresh_token"].as_str().unwrap().to_owned();
    let narrowed = [("grant_type", "refresh_token"), ("refresh_token", one.as_str()), ("scope", "tasks:read")];
    let wide =
        [("grant_type", "refresh_token"), ("refresh_token", one.as_str()), ("scope", "tasks:read invoices:read")];
    host.token(&wide).await.told(400, "invalid_scope");
    let second = host.token(&narrowed).await;
    assert_eq!((second.status, &second.body["scope"]), (200, &json!("tasks:read")), "{}", second.text);
    let two = second.body["refresh_token"].as_str().unwrap().to_owned();
    let third = host.refresh(&two).await;
    assert_eq!((third.status, &third.body["scope"]), (200, &json!("integrations:read tasks:read")));
    assert_eq!(host.opens(&third.body["access_token"]).await, 200);
    host.refresh(&one).await.told(400, "invalid_grant");
    host.refresh(third.body["refresh_token"].as_str().unwrap()).await.told(400, "invalid_grant");
    for answer in [&first, &second, &third] {
        assert_eq!(host.opens(&answer.body["access_token"]).await, 401);
    }
    // Another client's is none.
    let (other, secret) = host.client(json!({"name": "B", "redirectUris": [CALLBACK]})).await;
    let mine = host.redeem(&host.code(&[]).await).await;
    let token = mine.body["refresh_token"].as_str().unwrap();
    let theirs = [
        ("client_id", other.as_str()),
        ("client_secret", &secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
    ];
    host.token_as(&[], &theirs).await.told(400, "invalid_grant");
    // Twenty at once: one wins, and then it is over.
    let answers = futures_util::future::join_all((0..20).map(|_| host.refresh(token))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    host.refresh(winner.body["refresh_token"].as_str().unwrap()).await.told(400, "invalid_grant");
}

#[tokio::test]
async fn a_token_can_be_revoked_and_explained_by_its_own_client_only() {
    let host = Host::empty().await;
    let (other, secret) = host.client(json!({"name": "B", "redirectUris": [CALLBACK]})).await;
    let ask = |at: &'static str, client: String, secret: String, token: Value, hint: &'static str| {
        let host = &host;
        async move {
            let token = token.as_str().unwrap_or("unknown").to_owned();
            let pairs = [
                ("client_id", client.as_str()),
                ("client_secret", &secret),
                ("token", &token),
                ("token_type_hint", hint),
            ];
            let headers = [("content-type", "application/x-www-form-urlencoded")];
            host.raw("POST", &format!("{AT}/{at}"), &headers, form(&pairs)).await
        }
    };
    let mine = |at, token: &Value, hint| ask(at, CLIENT.into(), SECRET.into(), token.clone(), hint);
    let theirs = |at, token: &Value| ask(at, other.clone(), secret.clone(), token.clone(), "");
    for kind in ["access_token", "refresh_token"] {
        let got = host.redeem(&host.code(&[("scope", "integrations:read"), ("resource", ISSUER)]).await).await.body;
        let active = mine("introspect", &got["access_token"], "").await;
        assert_eq!(
            (&active.body["active"], &active.body["scope"], &active.body["aud"]),
            (&json!(true), &json!("integrations:read"), &json!(ISSUER)),
            "{}",
            active.text
        );
        assert_eq!(mine("introspect", &got["refresh_token"], "").await.body["active"], true);
        for token in [&got["access_token"], &got["refresh_token"]] {
            assert_eq!(theirs("introspect", token).await.body, json!({"active": false}));
            let answer = theirs("revoke", token).await;
            assert_eq!((answer.status, answer.body), (200, json!({})));
        }
        assert_eq!(host.opens(&got["access_token"]).await, 200);
        assert_eq!(mine("revoke", &Value::Null, "").await.status, 200);
        // With a hint that is wrong.
        let hint = if kind == "access_token" { "refresh_token" } else { "access_token" };
        assert_eq!(mine("revoke", &got[kind], hint).await.status, 200);
        assert_eq!(host.opens(&got["access_token"]).await, 401);
        assert_eq!(mine("introspect", &got["access_token"], "").await.body, json!({"active": false}));
        assert_eq!(mine("introspect", &got["refresh_token"], "").await.body, json!({"active": false}));
        host.refresh(got["refresh_token"].as_str().unwrap()).await.told(400, "invalid_grant");
    }
    ask("introspect", CLIENT.into(), "wrong".into(), json!("x"), "").await.told(401, "invalid_client");
    assert_eq!(mine("introspect", &json!(host.token.clone()), "").await.body, json!({"active": false}));
}

#[tokio::test]
async fn a_user_sees_and_takes_back_what_they_allowed() {
    let host = Host::empty().await;
    let got = host.redeem(&host.code(&[("scope", "integrations:read")]).await).await.body;
    let listed = host.get("/api/oauth-grants").await;
    assert_eq!(listed.body[0]["clientName"], "Activepieces");
    assert_eq!(listed.body[0]["scope"], "integrations:read");
    let id = listed.body[0]["id"].as_str().unwrap().to_owned();
    let stranger = Subject { user_id: Uuid::new_v4(), ..host.claims.clone() };
    let stranger = host.identity.mint(&stranger, Duration::from_secs(60));
    let remove = |token: String| {
        request("DELETE", &format!("/api/oauth-grants/{id}")).header("authorization", format!("Bearer {token}"))
    };
    host.send(remove(stranger).body(Body::empty()).unwrap()).await.refused(404, "grant_not_found");
    assert_eq!(host.opens(&got["access_token"]).await, 200);
    assert_eq!(host.send(remove(host.token.clone()).body(Body::empty()).unwrap()).await.status, 204);
    assert_eq!(host.opens(&got["access_token"]).await, 401);
    assert_eq!(host.get("/api/oauth-grants").await.body, json!([]));
}

#[tokio::test]
async fn a_request_is_decided_once_by_who_looked_at_it_first() {
    let host = Host::empty().await;
    let id = host.begin(&[]).await;
    let answers = futures_util::future::join_all((0..10).map(|_| host.approve(&id))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 404)));
    let id = host.begin(&[("state", "s")]).await;
    let user = host.user();
    let path = format!("{AT}/authorize/request/{id}");
    assert_eq!(host.raw("GET", &path, &[("authorization", &user)], "").await.status, 200);
    let stranger = Subject { user_id: Uuid::new_v4(), ..host.claims.clone() };
    let stranger = format!("Bearer {}", host.identity.mint(&stranger, Duration::from_secs(60)));
    host.raw("GET", &path, &[("authorization", &stranger)], "").await.told(403, "access_denied");
    host.raw("GET", &path, &[], "").await.told(401, "invalid_request");
    // Refused, the request is gone, and the client is told.
    let headers = [("authorization", user.as_str()), ("content-type", "application/json")];
    let body = json!({"request_id": id}).to_string();
    let denied = host.raw("POST", &format!("{AT}/authorize/deny"), &headers, body).await;
    let to = denied.body["redirect_url"].as_str().unwrap();
    assert_eq!(
        (parameter(to, "error").as_deref(), parameter(to, "state").as_deref(), parameter(to, "iss").as_deref()),
        (Some("access_denied"), Some("s"), Some(ISSUER))
    );
    host.approve(&id).await.told(404, "invalid_request");
    let missing = host.raw("POST", &format!("{AT}/authorize"), &headers, "{}").await;
    missing.told(400, "invalid_request");
    assert_eq!(missing.body["message"], "Missing request_id");
    // A client of another tenant is not for this user.
    let foreign = Subject { tenant_id: Uuid::new_v4(), ..host.claims.clone() };
    let foreign = format!("Bearer {}", host.identity.mint(&foreign, Duration::from_secs(60)));
    let (client, _) = host.client(json!({"name": "C", "redirectUris": [CALLBACK]})).await;
    let answer = host.authorize(&[("client_id", &client), ("redirect_uri", CALLBACK), ("response_type", "code")]).await;
    let id = parameter(answer.location(), "request_id").unwrap();
    let headers = [("authorization", foreign.as_str()), ("content-type", "application/json")];
    let body = json!({"request_id": id}).to_string();
    host.raw("POST", &format!("{AT}/authorize"), &headers, body).await.told(400, "unauthorized_client");
}

#[tokio::test]
async fn the_page_decides_for_the_browser_that_asked_and_for_no_other_site() {
    let host = Host::empty().await;
    let pairs = [
        ("client_id", CLIENT),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("state", "s"),
        ("scope", "integrations:read"),
    ];
    let begun = host.authorize(&pairs).await;
    let (browser, id) = (begun.cookie(), parameter(begun.location(), "request_id").unwrap());
    let page = format!("/pages/auth/oauth/authorize?request_id={id}");
    let shown = host.raw("GET", &page, &[("cookie", &browser)], "").await;
    assert!(shown.status == 200 && shown.text.contains("Sign in"), "{}", shown.text);
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let entered = form(&[("token", &host.token), ("request_id", &id)]);
    let wrong =
        host.raw("POST", "/pages/auth/session", &[form_type], form(&[("token", "x"), ("request_id", &id)])).await;
    assert!(wrong.status == 401 && wrong.text.contains("role=\"alert\""), "{}", wrong.text);
    let evil = [form_type, ("origin", "https://evil.example.com")];
    assert_eq!(host.raw("POST", "/pages/auth/session", &evil, entered.clone()).await.status, 403);
    let gauzy = [form_type, ("origin", "https://app.gauzy.co"), ("sec-fetch-site", "cross-site")];
    let signed = host.raw("POST", "/pages/auth/session", &gauzy, entered.clone()).await;
    assert_eq!((signed.status, signed.location()), (303, &*format!("{ISSUER}{page}")));
    let cookies = format!("{browser}; {}", signed.cookie());
    let shown = host.raw("GET", &page, &[("cookie", &cookies)], "").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for words in ["Activepieces", "cloud.activepieces.com", "See your connections", &host.claims.user_id.to_string()] {
        assert!(shown.text.contains(words), "{words}: {}", shown.text);
    }
    let policy = shown.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"), "{policy}");
    assert_eq!(shown.headers["x-frame-options"], "DENY");
    assert_eq!(shown.headers["referrer-policy"], "no-referrer");
    assert!(
        !shown.text.contains("http://") || shown.text.matches("http://").count() == shown.text.matches(ISSUER).count()
    );
    let csrf = shown.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let decide = |csrf: &str, cookies: &str, more: Vec<(&'static str, &'static str)>| {
        let body = form(&[("request_id", &id), ("csrf", csrf), ("decision", "approve")]);
        let cookies = cookies.to_owned();
        let host = &host;
        async move {
            let headers = [vec![form_type, ("cookie", &cookies)], more].concat();
            host.raw("POST", "/pages/auth/oauth/authorize", &headers, body).await
        }
    };
    assert_eq!(decide("", &cookies, vec![]).await.status, 403);
    assert_eq!(decide("x", &cookies, vec![]).await.status, 403);
    assert_eq!(decide(csrf, &cookies, vec![("origin", "https://evil.example.com")]).await.status, 403);
    assert_eq!(decide(csrf, &cookies, vec![("origin", "null")]).await.status, 403);
    assert_eq!(decide(csrf, &cookies, vec![("sec-fetch-site", "cross-site")]).await.status, 403);
    // Signed in, but in a browser that did not ask.
    let elsewhere = cookies.split("; ").nth(1).unwrap().to_owned();
    assert_eq!(decide(csrf, &elsewhere, vec![]).await.status, 403);
    let done = decide(csrf, &cookies, vec![("origin", "null"), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert!(done.location().starts_with(CALLBACK) && parameter(done.location(), "code").is_some());
    let again = decide(csrf, &cookies, vec![]).await;
    assert!(again.status == 404 && again.text.contains("<h1>"), "{}", again.text);
}

#[tokio::test]
async fn what_people_read_cannot_be_markup() {
    let host = Host::empty().await;
    let name = "<script>alert(1)</script>\"'&";
    let (client, _) = host.client(json!({"name": name, "description": "<b>", "redirectUris": [CALLBACK]})).await;
    let begun = host
        .authorize(&[("client_id", &client), ("redirect_uri", CALLBACK), ("response_type", "code"), ("scope", "<i>")])
        .await;
    let (browser, id) = (begun.cookie(), parameter(begun.location(), "request_id").unwrap());
    let form_type = ("content-type", "application/x-www-form-urlencoded");
    let signed = host.raw("POST", "/pages/auth/session", &[form_type], form(&[("token", &host.token)])).await;
    let cookies = format!("{browser}; {}", signed.cookie());
    let shown =
        host.raw("GET", &format!("/pages/auth/oauth/authorize?request_id={id}"), &[("cookie", &cookies)], "").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    for markup in ["<script", "<b>", "<i>"] {
        assert!(!shown.text.contains(markup), "{}", shown.text);
    }
}

#[tokio::test]
async fn the_metadata_is_that_of_the_settings_whatever_a_request_says() {
    let host = Host::empty().await;
    let spoofed = [
        ("host", "evil.example.com"),
        ("x-forwarded-host", "evil.example.com"),
        ("forwarded", "host=evil.example.com"),
    ];
    let answer = host.raw("GET", "/.well-known/oauth-authorization-server", &spoofed, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.body["issuer"], ISSUER);
    assert_eq!(answer.body["token_endpoint"], format!("{ISSUER}{AT}/token"));
    assert_eq!(answer.body["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(answer.body["authorization_response_iss_parameter_supported"], true);
    assert!(!answer.text.contains("evil"));
    let answer = host.raw("GET", "/.well-known/oauth-protected-resource", &spoofed, "").await;
    assert_eq!((&answer.body["resource"], &answer.body["authorization_servers"]), (&json!(ISSUER), &json!([ISSUER])));
    host.raw("GET", "/.well-known/oauth-authorization-server/other", &[], "").await.told(404, "invalid_request");
    // No other site reads what a user's browser gets here (RFC 9700, section 2.6).
    let answer = host.raw("OPTIONS", &format!("{AT}/authorize"), &[("origin", "https://evil.example.com")], "").await;
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn a_token_for_another_resource_or_from_another_issuer_is_refused() {
    let host = Host::empty().await;
    let key = jsonwebtoken::EncodingKey::from_secret(b"a-secret-that-is-long-enough-for-hs256");
    let now = leno_base::milliseconds(&SystemClock) / 1000;
    let claims = |more: Value| {
        let mut claims = json!({
            "id": host.claims.user_id, "tenantId": host.claims.tenant_id, "tokenType": "ACCESS_TOKEN_TYPE",
            "permissions": ["INTEGRATION_VIEW"], "iat": now, "exp": now + 60,
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!(jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap())
    };
    for good in [
        json!({}),
        json!({"aud": ISSUER}),
        json!({"aud": ["x", format!("{ISSUER}/")]}),
        json!({"iss": ISSUER}),
        json!({"exp": now - 29}),
    ] {
        assert_eq!(host.opens(&claims(good.clone())).await, 200, "{good}");
    }
    for bad in [
        json!({"aud": "https://other.example.com"}),
        json!({"aud": [format!("{ISSUER}/mcp")]}),
        json!({"aud": []}),
        json!({"iss": "https://other.example.com"}),
        json!({"exp": now - 31}),
        json!({"nbf": now + 60}),
        json!({"scope": "", "clientId": "c", "grantId": "g", "exp": now - 31}),
    ] {
        assert_eq!(host.opens(&claims(bad.clone())).await, 401, "{bad}");
    }
    let got = host.redeem(&host.code(&[("resource", &format!("{ISSUER}/"))]).await).await.body;
    assert_eq!(host.opens(&got["access_token"]).await, 200);
}

#[tokio::test]
async fn a_client_is_registered_only_with_what_is_safe_and_seen_only_by_its_tenant() {
    let host = Host::empty().await;
    let admin = |tenant: Uuid, permissions: &[&str]| {
        let permissions = permissions.iter().map(|one| (*one).to_owned()).collect();
        host.identity.mint(&Subject { tenant_id: tenant, permissions, ..host.claims.clone() }, Duration::from_secs(60))
    };
    let both = ["OAUTH_CLIENT_VIEW", "OAUTH_CLIENT_EDIT"];
    let own = admin(host.claims.tenant_id, &both);
    let send = |method: &'static str, path: String, token: String, body: Value| {
        let host = &host;
        async move {
            let request = request(method, &path).header("authorization", format!("Bearer {token}"));
            let request = request.header("content-type", "application/json");
            let body = if body.is_null() { Body::empty() } else { body.to_string().into() };
            host.send(request.body(body).unwrap()).await
        }
    };
    let at = || "/api/oauth-clients".to_owned();
    for uri in [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://*.example.com/",
        "/cb",
        "https://a.test/#f",
        "http://a.test/cb",
    ] {
        let answer = send("POST", at(), own.clone(), json!({"name": "C", "redirectUris": [uri]})).await;
        assert_eq!(answer.refused(400, "invalid_request").paths(), ["/redirectUris/0"], "{uri}");
    }
    let wrong = json!({
        "name": "", "redirectUris": [], "allowedScopes": ["a b"], "accessTokenTtl": 1, "refreshTokenTtl": 99_999_999, "allowedGrantTypes": [],
    });
    let answer = send("POST", at(), own.clone(), wrong).await.refused(400, "invalid_request");
    assert_eq!(
        answer.paths(),
        ["/name", "/redirectUris", "/allowedScopes/0", "/allowedGrantTypes", "/accessTokenTtl", "/refreshTokenTtl"]
    );
    let made = send("POST", at(), own.clone(), json!({"name": "C", "redirectUris": [CALLBACK]})).await;
    assert_eq!(
        (made.status, &made.headers["cache-control"]),
        (201, &"no-store".parse::<http::HeaderValue>().unwrap()),
        "{}",
        made.text
    );
    let (id, secret) =
        (made.body["clientId"].as_str().unwrap().to_owned(), made.body["clientSecret"].as_str().unwrap().to_owned());
    assert!(id.starts_with("gauzy_") && secret.len() == 64);
    let one = || format!("/api/oauth-clients/{id}");
    let listed = send("GET", at(), own.clone(), Value::Null).await;
    assert!(listed.body["total"] == 1 && !listed.text.contains("clientSecret") && !listed.text.contains(&secret));
    for (token, status) in [
        (admin(Uuid::new_v4(), &both), 404),
        (host.token.clone(), 403),
        (admin(host.claims.tenant_id, &["OAUTH_CLIENT_EDIT"]), 403),
    ] {
        assert_eq!(send("GET", one(), token, Value::Null).await.status, status);
    }
    for (token, status) in
        [(admin(Uuid::new_v4(), &both), 404), (admin(host.claims.tenant_id, &["OAUTH_CLIENT_VIEW"]), 403)]
    {
        assert_eq!(send("DELETE", one(), token.clone(), Value::Null).await.status, status);
        assert_eq!(send("PATCH", one(), token, json!({"name": "X"})).await.status, status);
    }
    // A secret is changed without cutting anybody off, nor the codes under way.
    let code = {
        let pairs = [("client_id", id.as_str()), ("redirect_uri", CALLBACK), ("response_type", "code")];
        let request = parameter(host.authorize(&pairs).await.location(), "request_id").unwrap();
        parameter(host.approve(&request).await.body["redirect_url"].as_str().unwrap(), "code").unwrap()
    };
    let rotated = send("POST", format!("{}/rotate-secret", one()), own.clone(), Value::Null).await;
    let next = rotated.body["clientSecret"].as_str().unwrap().to_owned();
    let redeem = |secret: String, code: String| {
        let (host, id) = (&host, &id);
        async move {
            let pairs = [
                ("client_id", id.as_str()),
                ("client_secret", &secret),
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", CALLBACK),
            ];
            host.token_as(&[], &pairs).await
        }
    };
    redeem("wrong".into(), code.clone()).await.told(401, "invalid_client");
    let got = redeem(secret.clone(), code).await;
    assert_eq!(got.status, 200, "{}", got.text);
    redeem(next.clone(), "v1.x.y".into()).await.told(400, "invalid_grant");
    let again = send("POST", format!("{}/rotate-secret", one()), own.clone(), Value::Null).await;
    assert_eq!(again.status, 200);
    redeem(secret, "v1.x.y".into()).await.told(401, "invalid_client");
    redeem(next, "v1.x.y".into()).await.told(400, "invalid_grant");
    // Removed, its tokens are nothing.
    assert_eq!(host.opens(&got.body["access_token"]).await, 200);
    assert_eq!(send("DELETE", one(), own.clone(), Value::Null).await.status, 204);
    assert_eq!(host.opens(&got.body["access_token"]).await, 401);
    assert_eq!(send("GET", one(), own, Value::Null).await.status, 404);
    assert!(host.revocations(&id).await >= 4);
}

#[tokio::test]
async fn who_guesses_is_slowed_down() {
    let host = Host::empty().await;
    let guess = |secret: String| {
        let host = &host;
        async move {
            host.token_as(
                &[],
                &[
                    ("client_id", CLIENT),
                    ("client_secret", &secret),
                    ("grant_type", "refresh_token"),
                    ("refresh_token", "x"),
                ],
            )
            .await
        }
    };
    let answers = futures_util::future::join_all((0..60).map(|number| guess(number.to_string()))).await;
    let slowed: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(slowed.len() > 20, "{}", slowed.len());
    for answer in slowed {
        answer.told(429, "temporarily_unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    // Not the client that they guess at.
    assert_eq!(guess(SECRET.into()).await.status, 400);
}
