//! From the user's click to a request with their token, and on after the token has ended.

use std::time::Duration;

use leno_testkit::peers::{Browser, CLIENT_SECRET};
use serde_json::{Value, json};

use crate::scene::{PIECE, Scene};

/// The `code` and `state` with which the provider sent the browser back.
fn sent_back(browser: &Browser) -> Vec<String> {
    let back = browser.history.iter().find(|url| url.contains("/oauth2/callback?")).unwrap();
    let back = reqwest::Url::parse(back).unwrap();
    ["code", "state"]
        .map(|name| back.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned())
        .into_iter()
        .collect()
}

#[tokio::test]
async fn a_user_signs_in_and_the_token_is_renewed_once_each_time_it_has_ended() {
    let Some(scene) = Scene::start().await else { return };
    scene.sign_in("crm", 4).await;
    let me = scene.run("me", "crm").await;
    assert_eq!(me.output()["status"], 200, "{}", me.text);
    assert!(me.output()["body"].as_str().unwrap().contains("u1"), "{}", me.text);

    for round in 1..=2 {
        // The renewed token is to end as well.
        scene.provider.ttl(if round == 1 { 4 } else { 3600 }).await.unwrap();
        tokio::time::sleep(Duration::from_millis(4100)).await;
        for _ in 0..3 {
            let me = scene.run("me", "crm").await;
            assert_eq!(me.output()["status"], 200, "{}", me.text);
        }
        let state = scene.provider.state().await.unwrap();
        assert_eq!((state.refreshes(), state.revoked_grants), (round, 0), "{state:?}");
    }
    let state = scene.provider.state().await.unwrap();
    assert_ne!(state.refresh_tokens[0], state.refresh_tokens[1]);
    assert_eq!(state.granted["authorization_code"], 1);
    assert_eq!(scene.connection("crm").await["status"], "ACTIVE");
}

#[tokio::test]
async fn the_last_page_holds_neither_the_code_nor_a_token_and_works_once() {
    let Some(scene) = Scene::start().await else { return };
    let mut browser = Browser::new();
    let url = scene.begin(&mut browser, "crm").await;
    let page = browser.open(&url).await.unwrap();
    let connection = scene.connection("crm").await;
    assert_eq!(connection["status"], "ACTIVE", "{}", page.text);
    assert!(page.text.contains(connection["id"].as_str().unwrap()), "{}", page.text);
    let [code, _] = <[String; 2]>::try_from(sent_back(&browser)).unwrap();
    let (_, value) = scene.decrypt_all("crm").await;
    for secret in [&code, value["value"]["access_token"].as_str().unwrap(), CLIENT_SECRET] {
        assert!(!page.text.contains(secret), "{}", page.text);
    }
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("content-security-policy").contains("default-src 'none'"));

    // The same address again, by reload or by another person who saw it.
    let again = browser.open(&page.url).await.unwrap();
    assert!(again.text.contains("\"error\""), "{}", again.text);
    let state = scene.provider.state().await.unwrap();
    assert_eq!(state.requests["authorization_code"], 1, "the code was spent twice");
}

#[tokio::test]
async fn another_browser_cannot_finish_a_sign_in() {
    let Some(scene) = Scene::start().await else { return };
    let mut browser = Browser::new();
    let url = scene.begin(&mut browser, "crm").await;
    let back = browser.open_until(&url, scene.server.url()).await.unwrap();
    let page = Browser::new().open(&back).await.unwrap();
    assert!(page.text.contains("\"error\""), "{}", page.text);
    assert_eq!(scene.connection("crm").await, Value::Null);
    assert_eq!(scene.provider.state().await.unwrap().arrived, 0);
}

#[tokio::test]
async fn a_client_that_stands_for_itself_gets_a_new_token_when_the_old_one_has_ended() {
    let Some(scene) = Scene::start().await else { return };
    scene.provider.ttl(1).await.unwrap();
    let body = json!({
        "externalId": "robot", "displayName": "Robot", "pieceName": PIECE, "type": "OAUTH2",
        "value": {
            "type": "OAUTH2", "client_id": "leno", "client_secret": CLIENT_SECRET, "redirect_url": "", "code": "",
            "scope": "read", "grant_type": "client_credentials", "authorization_method": "HEADER",
            "props": {"base": scene.provider.issuer()},
        },
    });
    let made = scene.client.post("/api/app-connections", &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    scene.provider.ttl(3600).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (status, value) = scene.decrypt("robot").await;
    assert_eq!(status, 200, "{value}");
    assert_eq!(value["value"]["expires_in"], 3600, "{value}");
    assert_eq!(scene.provider.state().await.unwrap().granted["client_credentials"], 2);
    assert_eq!(scene.run("noop", "robot").await.output(), &json!({}));
}

#[tokio::test]
async fn a_token_that_a_service_rejects_before_its_end_is_renewed_within_the_call() {
    let Some(scene) = Scene::start().await else { return };
    scene.sign_in("crm", 3600).await;
    let (_, whole) = scene.decrypt_all("crm").await;
    let mut value = whole["value"].clone();
    // As if the provider had ended the token, ten minutes after it gave it.
    value["access_token"] = "ended".into();
    value["claimed_at"] = (value["claimed_at"].as_u64().unwrap() - 600).into();
    let body = json!({"externalId": "crm", "displayName": "crm", "pieceName": PIECE, "type": "OAUTH2", "value": value});
    let stored = scene.client.post("/api/app-connections", &body).await.unwrap();
    assert_eq!(stored.status, 201, "{}", stored.text);
    for _ in 0..2 {
        assert_eq!(scene.run("me", "crm").await.output()["status"], 200);
    }
    let state = scene.provider.state().await.unwrap();
    assert_eq!((state.refreshes(), state.revoked_grants), (1, 0), "{state:?}");
}
