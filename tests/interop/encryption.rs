//! Leno's rows and Activepieces' cipher, as Node knows it.

use leno_testkit::peers;
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _, SqliteConnection};

use crate::scene::{KEY, Scene};

#[tokio::test]
async fn node_decrypts_what_leno_wrote() {
    let Some(scene) = Scene::start().await else { return };
    let secret = "sk-päss ✓ \"quoted\"";
    // Of a piece that is not here: nothing is known of where the secret goes, so it may have any character.
    let body = json!({
        "externalId": "token", "displayName": "Token", "pieceName": "unknown", "type": "SECRET_TEXT",
        "value": {"type": "SECRET_TEXT", "secret_text": secret},
    });
    let made = scene.client.post("/api/app-connections", &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    scene.sign_in("crm", 3600).await;

    let file = scene.server.data().join("leno.db");
    let mut database = SqliteConnection::connect(&format!("sqlite://{}?mode=ro", file.display())).await.unwrap();
    let rows = sqlx::query("SELECT external_id, value FROM app_connection").fetch_all(&mut database).await.unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let sealed: Value = serde_json::from_str(row.get("value")).unwrap();
        // An older reader knows these two only.
        let sealed = json!({"iv": sealed["iv"], "data": sealed["data"]});
        let ask = json!({"op": "open", "key": KEY, "sealed": sealed});
        let opened = peers::node(&scene.folder, "crypto.mjs", &ask).await.unwrap();
        let plain: Value = serde_json::from_str(opened["plain"].as_str().unwrap()).unwrap();
        match row.get("external_id") {
            "token" => assert_eq!(plain, body["value"]),
            _ => assert!(plain["type"] == "OAUTH2" && plain["refresh_token"].is_string(), "{plain}"),
        }
    }
}

#[tokio::test]
async fn a_row_that_somebody_else_encrypted_is_not_used_even_with_the_right_key() {
    let Some(scene) = Scene::start().await else { return };
    scene.sign_in("crm", 3600).await;
    let forged = json!({"type": "OAUTH2", "access_token": "forged", "token_url": "http://127.0.0.1:9/"}).to_string();
    let ask = json!({"op": "seal", "key": KEY, "plain": forged});
    let mut sealed = peers::node(&scene.folder, "crypto.mjs", &ask).await.unwrap();

    let file = scene.server.data().join("leno.db");
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let old = sqlx::query("SELECT value FROM app_connection").fetch_one(&mut database).await.unwrap();
    let old: Value = serde_json::from_str(old.get("value")).unwrap();
    // Without a MAC, and with one that was made for something else.
    for mac in [Value::Null, old["mac"].clone()] {
        (sealed["kid"], sealed["mac"]) = (old["kid"].clone(), mac);
        let changed = sqlx::query("UPDATE app_connection SET value = $1").bind(sealed.to_string());
        changed.execute(&mut database).await.unwrap();
        let (status, body) = scene.decrypt("crm").await;
        assert!(!status.is_success() && !body.to_string().contains("forged"), "{status} {body}");
    }
}
