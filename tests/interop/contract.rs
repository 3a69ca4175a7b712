//! What clients of Activepieces' and the workflow builder's contract do, and what they must not be able to do.

use std::time::Duration;

use leno_testkit::peers::{Browser, CLIENT_SECRET, Fault};
use leno_testkit::{Caller, Grant, Upstream, craft};
use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::{PIECE, SOON, Scene};

/// The result that the last page reports.
fn result(page: &str) -> Value {
    let text = page.split("const result = ").nth(1).unwrap().split(";\n").next().unwrap();
    serde_json::from_str(text).unwrap()
}

/// Signs in without a draft. Returns what the page reports, and the real code.
async fn ticket(scene: &Scene) -> (Value, String) {
    let mut browser = Browser::new();
    let start = format!("{}/api/app-connections/oauth2/start", scene.server.url());
    let body = json!({
        "pieceName": PIECE, "clientId": "leno", "props": {"base": scene.provider.issuer()},
        "redirectUrl": format!("{}/api/app-connections/oauth2/callback", scene.server.url()),
    });
    let started = browser.fetch(Method::POST, &start, scene.client.token(), &body).await.unwrap();
    let started: Value = serde_json::from_str(&started.text).unwrap();
    let page = browser.open(started["authorizationUrl"].as_str().unwrap()).await.unwrap();
    let back = browser.history.iter().find(|url| url.contains("/oauth2/callback?")).unwrap();
    let back = reqwest::Url::parse(back).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let result = result(&page.text);
    assert_eq!(result["state"], started["state"]);
    assert!(!page.text.contains(&code), "{}", page.text);
    (result, code)
}

fn connection(external_id: &str, code: &Value) -> Value {
    json!({
        "externalId": external_id, "displayName": external_id, "pieceName": PIECE, "type": "OAUTH2",
        "value": {"client_id": "leno", "client_secret": CLIENT_SECRET, "code": code, "redirect_url": "whatever"},
    })
}

#[tokio::test]
async fn a_client_that_makes_the_connection_itself_gets_a_ticket_that_works_once_for_its_owner() {
    let Some(scene) = Scene::start().await else { return };
    let (told, _) = ticket(&scene).await;
    let stranger = scene.server.client_of(&Caller::operator());
    let refused = stranger.post("/api/app-connections", &connection("stolen", &told["code"])).await.unwrap();
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(scene.provider.state().await.unwrap().arrived, 0, "the code was spent for somebody else");

    // Any attempt spends the ticket; the owner starts again.
    let (told, code) = ticket(&scene).await;
    let made = scene.client.post("/api/app-connections", &connection("crm", &told["code"])).await.unwrap();
    assert_eq!((made.status, &made.body["status"]), (201, &"ACTIVE".into()), "{}", made.text);
    let again = scene.client.post("/api/app-connections", &connection("again", &told["code"])).await.unwrap();
    assert_eq!(again.status, 400, "{}", again.text);
    assert_eq!(scene.run("me", "crm").await.output()["status"], 200);
    let (_, value) = scene.decrypt_all("crm").await;
    for spent in [code.as_str(), told["code"].as_str().unwrap(), "code_verifier"] {
        assert!(!value.to_string().contains(spent), "{value}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_while_the_code_is_exchanged_finds_its_connection() {
    let Some(scene) = Scene::start().await else { return };
    let (told, _) = ticket(&scene).await;
    scene.provider.fault(Fault::HoldAfter).await.unwrap();
    let client = scene.server.client();
    let asked =
        tokio::spawn(async move { client.post("/api/app-connections", &connection("crm", &told["code"])).await });
    scene.provider.until(SOON, |state| state.held == 1).await.unwrap();
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    scene.provider.release().await.unwrap();
    let end = std::time::Instant::now() + SOON;
    while scene.connection("crm").await["status"] != "ACTIVE" {
        assert!(std::time::Instant::now() < end, "the code was spent for nothing");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(scene.run("me", "crm").await.output()["status"], 200);
}

#[tokio::test]
async fn a_test_does_not_spend_the_code() {
    let Some(scene) = Scene::start().await else { return };
    let mut browser = Browser::new();
    let callback = format!("{}/api/app-connections/oauth2/callback", scene.server.url());
    let body = json!({"pieceName": PIECE, "clientId": "leno", "redirectUrl": callback, "props": {"base": scene.provider.issuer()}});
    let start = format!("{}/api/app-connections/oauth2/start", scene.server.url());
    let started = browser.fetch(Method::POST, &start, scene.client.token(), &body).await.unwrap();
    let started: Value = serde_json::from_str(&started.text).unwrap();
    // As a client with a redirect page of its own: it reads the code itself.
    let back = browser.open_until(started["authorizationUrl"].as_str().unwrap(), &callback).await.unwrap();
    let back = reqwest::Url::parse(&back).unwrap();
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let mut body = connection("crm", &code.into());
    body["value"]["redirect_url"] = callback.into();
    body["value"]["props"] = json!({"base": scene.provider.issuer()});
    body["value"]["code_verifier"] = started["codeVerifier"].clone();
    let tried = scene.client.post("/api/app-connections/test", &body).await.unwrap();
    assert_eq!((tried.status, &tried.body["status"]), (200, &"success".into()), "{}", tried.text);
    assert_eq!(scene.provider.state().await.unwrap().arrived, 0);
    let made = scene.client.post("/api/app-connections", &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);

    body["value"]["redirect_url"] = "".into();
    let refused = scene.client.post("/api/app-connections/test", &body).await.unwrap();
    assert_eq!((refused.status, &refused.body["status"]), (400, &"error".into()), "{}", refused.text);
    let stored = format!("/api/app-connections/{}/test", made.body["id"].as_str().unwrap());
    let tried = scene.client.post(&stored, &json!({})).await.unwrap();
    assert_eq!((tried.status, &tried.body["status"]), (200, &"success".into()), "{}", tried.text);
}

#[tokio::test]
async fn the_piece_itself_says_whether_credentials_work() {
    let Some(scene) = Scene::with(|options| options.grant(PIECE, Grant::private(["127.0.0.0/8"]))).await else {
        return;
    };
    let service = Upstream::start().await.unwrap();
    let body = |url: String| json!({"pieceName": PIECE, "type": "CUSTOM_AUTH", "value": {"props": {"url": url, "key": "k-123"}}});
    // The piece asks `URL/check`; to this service the rest of that is a query.
    let refused = scene.client.post("/api/app-connections/test", &body(service.url("/status/401?"))).await.unwrap();
    assert_eq!((refused.status, &refused.body["status"]), (400, &"error".into()), "{}", refused.text);
    let fine = scene.client.post("/api/app-connections/test", &body(service.url("/echo"))).await.unwrap();
    assert_eq!((fine.status, &fine.body["status"]), (200, &"success".into()), "{}", fine.text);
    let seen = service.received();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(seen.iter().all(|request| request.header("x-key") == Some("k-123")), "{seen:?}");
    assert!(!refused.text.contains("k-123") && !fine.text.contains("k-123"));
}

#[tokio::test]
async fn a_connection_that_is_removed_is_revoked_at_the_provider() {
    let Some(scene) = Scene::start().await else { return };
    scene.sign_in("crm", 3600).await;
    let (_, value) = scene.decrypt("crm").await;
    let token = value["value"]["access_token"].as_str().unwrap().to_owned();
    let path = format!("/api/app-connections/{}", scene.connection("crm").await["id"].as_str().unwrap());
    let removed = scene.client.send(Method::DELETE, &path, None).await.unwrap();
    assert_eq!(removed.body, json!({"success": true}), "{}", removed.text);
    scene.provider.until(SOON, |state| state.revocations == 1).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let end = std::time::Instant::now() + SOON;
    loop {
        let me = http.get(format!("{}/me", scene.provider.issuer())).bearer_auth(&token).send().await.unwrap();
        if me.status() == 401 {
            break;
        }
        assert!(std::time::Instant::now() < end, "the token still works");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn users_sign_in_with_the_operators_client_and_never_hold_its_secret() {
    let Some(scene) = Scene::start().await else { return };
    let tenant = scene.server.operator().tenant_id.unwrap();
    let start = json!({
        "pieceName": PIECE, "type": "PLATFORM_OAUTH2", "externalId": "crm", "props": {"base": scene.provider.issuer()},
    });
    let begin = "/api/app-connections/oauth2/start";
    let missing = scene.client.post(begin, &start).await.unwrap();
    assert_eq!((missing.status, missing.code()), (400, "no_oauth_app"), "{}", missing.text);
    let path = format!("/api/admin/oauth-apps/{PIECE}?tenantId={tenant}");
    let app = json!({"clientId": "leno", "clientSecret": CLIENT_SECRET});
    let registered = scene.client.send(Method::PUT, &path, Some(&app)).await.unwrap();
    assert_eq!(registered.status, 200, "{}", registered.text);
    assert!(!registered.text.contains(CLIENT_SECRET));

    // This piece lets a prop name the host of the token URL: the operator's secret could be sent anywhere.
    let refused = scene.client.post(begin, &start).await.unwrap();
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(
        refused.text.contains("operator's client secret") && refused.text.contains("/props/base"),
        "{}",
        refused.text
    );
    let mut exchange = connection("crm", &"a-code".into());
    exchange["type"] = "PLATFORM_OAUTH2".into();
    exchange["value"]["props"] = json!({"base": scene.provider.issuer()});
    let refused = scene.client.post("/api/app-connections", &exchange).await.unwrap();
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(scene.provider.state().await.unwrap().arrived, 0, "the secret was sent");

    // And a user cannot bring tokens that would be renewed with it.
    let mut import = connection("import", &Value::Null);
    import["type"] = "PLATFORM_OAUTH2".into();
    import["value"] = json!({
        "access_token": "a", "refresh_token": "r", "token_url": "https://evil.example/token", "expires_in": 1,
        "claimed_at": 1, "props": {"base": "https://evil.example"},
    });
    let refused = scene.client.post("/api/app-connections", &import).await.unwrap();
    assert_eq!(refused.status, 400, "{}", refused.text);
    let listed = scene.client.get(&format!("/api/admin/oauth-apps?tenantId={tenant}")).await.unwrap();
    assert_eq!(listed.body, json!([{"pieceName": PIECE, "clientId": "leno"}]));
    let removed = scene.client.send(Method::DELETE, &path, None).await.unwrap();
    assert_eq!(removed.status, 204);
}

#[tokio::test]
async fn a_connection_by_the_operators_client_is_renewed_without_its_owner_ever_holding_the_secret() {
    const FIXED: &str = "fixed";
    let grant = Grant::private(["127.0.0.0/8"]);
    let Some(scene) = Scene::with(|options| options.grant(FIXED, grant)).await else { return };
    let base = scene.provider.issuer();
    let piece = json!({
        "name": FIXED, "version": "1.0.0", "displayName": "A piece of one provider", "actions": {}, "triggers": {},
        "egress": {"hosts": [base]},
        "auth": {
            "type": "OAUTH2", "displayName": "Provider", "authUrl": format!("{base}/auth"),
            "tokenUrl": format!("{base}/token"), "issuer": base, "scope": ["openid", "offline_access"], "authorizationMethod": "HEADER",
        },
    });
    scene.server.deliver("fixed.wasm", &craft::Core::new(&piece.to_string()).component()).unwrap();
    scene.client.active("fixed.wasm").await.unwrap();
    let tenant = scene.server.operator().tenant_id.unwrap();
    let app = json!({"clientId": "leno", "clientSecret": CLIENT_SECRET});
    let path = format!("/api/admin/oauth-apps/{FIXED}?tenantId={tenant}");
    assert_eq!(scene.client.send(Method::PUT, &path, Some(&app)).await.unwrap().status, 200);

    scene.provider.ttl(1).await.unwrap();
    let mut browser = Browser::new();
    let url = format!("{}/api/app-connections/oauth2/start", scene.server.url());
    let start = json!({"pieceName": FIXED, "type": "PLATFORM_OAUTH2", "externalId": "crm"});
    let started = browser.fetch(Method::POST, &url, scene.client.token(), &start).await.unwrap();
    let started: Value = serde_json::from_str(&started.text).unwrap();
    assert_eq!(started["clientId"], "leno", "{started}");
    let page = browser.open(started["authorizationUrl"].as_str().unwrap()).await.unwrap();
    assert_eq!(result(&page.text)["externalId"], "crm", "{}", page.text);

    scene.provider.ttl(3600).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (status, value) = scene.decrypt_all("crm").await;
    assert_eq!((status.as_u16(), &value["value"]["expires_in"]), (200, &3600.into()), "{value}");
    assert_eq!(value["type"], "PLATFORM_OAUTH2");
    assert!(!value.to_string().contains(CLIENT_SECRET), "{value}");
    assert_eq!(scene.provider.state().await.unwrap().refreshes(), 1);
}
