//! A page of another origin that makes connections by links, in a real browser with a real provider.

use std::path::Path;

use leno_testkit::{
    Caller, Grant, Options,
    peers::{self, CLIENT_SECRET},
};
use serde_json::{Value, json};

use crate::{
    pages::shots,
    scene::{PIECE, Scene},
};

#[tokio::test]
async fn a_page_of_another_origin_runs_whole_connect_sessions_and_no_other_page_is_told() {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    if !Path::new(&chromium).is_file() {
        eprintln!("skipped: no browser at {chromium}; set CHROMIUM");
        return;
    }
    let (port, other) = (peers::free_port().unwrap(), peers::free_port().unwrap());
    let origin = format!("http://localhost:{port}");
    let service = peers::free_port().unwrap();
    let further = |options: Options| {
        let mut private = options.private(PIECE);
        private.push(format!("127.0.0.1:{service}"));
        options.grant(PIECE, Grant::private(private)).env("LENO_ALLOWED_ORIGINS", &origin)
    };
    let Some(scene) = Scene::with(further).await else { return };
    let client = scene.server.client_of(&Caller::user());
    let link = async |external_id: &str, origin: Option<&str>| {
        let body = json!({
            "pieceName": "oauth-probe", "externalId": external_id, "displayName": "Accounts of Ada", "origin": origin,
            "fields": {"client_id": "leno", "client_secret": CLIENT_SECRET, "base": scene.provider.issuer()},
        });
        let opened = client.post("/api/connect-sessions", &body).await.unwrap();
        assert_eq!(opened.status, 201, "{}", opened.text);
        (opened.body["url"].as_str().unwrap().to_owned(), opened.body["id"].clone())
    };
    let (mut links, mut ids) = (json!({}), json!({}));
    for (name, origin) in [
        ("key", Some(&*origin)),
        ("window", Some(&*origin)),
        ("frame", Some(&*origin)),
        ("cancelled", Some(&*origin)),
        ("stranger", Some(&*origin)),
        ("plain", None),
    ] {
        let (url, id) = link(name, origin).await;
        (links[name], ids[name]) = (url.into(), id);
    }
    let shots = shots();
    let ask = json!({
        "base": scene.server.url(), "port": port, "other": other, "links": links, "service": service,
        "chromium": chromium, "shots": shots,
    });
    let seen = peers::node(&scene.folder, "embed.mjs", &ask).await.unwrap();

    for (page, violations) in seen["violations"].as_object().unwrap() {
        assert_eq!(*violations, json!([]), "{page}");
    }
    let list = client.get("/api/app-connections").await.unwrap();
    let made = |name: &str| {
        let rows = list.body["data"].as_array().unwrap();
        rows.iter().find(|row| row["externalId"] == name).map(|row| row["id"].clone()).unwrap_or_default()
    };
    for name in ["key", "window", "frame"] {
        let told = json!([{
            "type": "leno:connected", "sessionId": ids[name], "connectionId": made(name), "externalId": name,
            "pieceName": PIECE,
        }]);
        assert_eq!(seen[name], told, "{name}");
        assert_ne!(made(name), Value::Null);
    }
    assert_eq!(seen["cancelled"], json!([{"type": "leno:cancelled", "sessionId": ids["cancelled"]}]));
    assert_eq!(made("cancelled"), Value::Null);
    assert!(!seen["wrong"].as_str().unwrap().is_empty());
    assert_eq!((&seen["framed"], &seen["stranger"]), (&json!(0), &json!([])));
    assert!(seen["plain"].as_str().unwrap().contains("Accounts of Ada"));
    assert_ne!((made("stranger"), made("plain")), (Value::Null, Value::Null));
    // The piece was handed the credentials by nobody: the host sent the key, and only once it was entered.
    assert_eq!(seen["keys"], json!(["wrong", "right"]));
}
