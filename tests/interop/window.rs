//! Signing in in a popup of a real browser.

use std::path::Path;

use leno_testkit::peers::{self, Browser};
use serde_json::{Value, json};

use crate::scene::Scene;

/// Signs in in a popup. Returns what the opening page saw, and the state of the sign-in.
async fn popup(scene: &Scene, page: &str, way: &str) -> Option<(Value, String)> {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    if !Path::new(&chromium).is_file() {
        eprintln!("skipped: no browser at {chromium}; set CHROMIUM");
        return None;
    }
    scene.provider.page(page).await.unwrap();
    let mut browser = Browser::new();
    let url = scene.begin(&mut browser, "crm").await;
    let state = reqwest::Url::parse(&url).unwrap();
    let state = state.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let opener = format!("{}/healthz", scene.server.url());
    let cookies: Vec<Value> = browser
        .cookies(&opener)
        .unwrap()
        .into_iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let ask = json!({
        "url": url, "state": state, "way": way, "opener": opener, "cookies": cookies, "chromium": chromium,
    });
    Some((peers::node(&scene.folder, "window.mjs", &ask).await.unwrap(), state))
}

/// The result of a successful sign-in, without anything that grants access.
async fn check_result(scene: &Scene, result: &Value, state: &str) {
    let connection = scene.connection("crm").await;
    let expected = json!({"connectionId": connection["id"], "externalId": "crm", "state": state});
    assert_eq!((result, &connection["status"]), (&expected, &json!("ACTIVE")));
}

#[tokio::test]
async fn the_popup_tells_its_opener_the_result_by_message_channel_and_storage() {
    let Some(scene) = Scene::start().await else { return };
    let Some((seen, state)) = popup(&scene, "", "opener").await else { return };
    check_result(&scene, &seen["messages"][0]["data"], &state).await;
    assert_eq!(seen["messages"][0]["origin"], scene.server.url());
    check_result(&scene, &seen["channel"][0], &state).await;
    check_result(&scene, &seen["storage"][0], &state).await;
    let stored: Value = serde_json::from_str(seen["stored"].as_str().unwrap()).unwrap();
    check_result(&scene, &stored, &state).await;
    // What the popup showed is out of its address, too.
    let last = seen["visited"].as_array().unwrap().last().unwrap().as_str().unwrap();
    assert!(!last.contains("code="), "{seen}");
}

#[tokio::test]
async fn a_popup_whose_opener_was_cut_off_tells_it_by_channel_and_storage() {
    let Some(scene) = Scene::start().await else { return };
    let Some((seen, state)) = popup(&scene, "coop", "opener").await else { return };
    assert_eq!(seen["messages"], json!([]), "the opener was not cut off");
    check_result(&scene, &seen["channel"][0], &state).await;
    check_result(&scene, &seen["storage"][0], &state).await;
}

#[tokio::test]
async fn a_popup_that_is_closed_early_leaves_no_connection() {
    let Some(scene) = Scene::start().await else { return };
    let Some((seen, _)) = popup(&scene, "wait", "closed").await else { return };
    assert_eq!((&seen["messages"], &seen["stored"]), (&json!([]), &Value::Null), "{seen}");
    assert_eq!(scene.connection("crm").await, Value::Null);
    // The next attempt is like the first.
    scene.provider.page("").await.unwrap();
    scene.sign_in("crm", 3600).await;
}
