//! The authorization server as clients, browsers and attackers meet it.

mod clients;
mod codes;
mod decisions;
mod endpoints;
mod grants;
mod requests;

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
