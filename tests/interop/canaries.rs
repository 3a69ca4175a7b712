//! A canary in every input that takes a secret, and nowhere else afterwards.

use leno_testkit::peers::{Browser, Fault};
use leno_testkit::{Grant, Run};
use reqwest::Method;
use serde_json::{Value, json};

use crate::scene::{PIECE, Scene};

const PRIVILEGED: &str = "oauth-probe-privileged";
/// Every canary ends so; one needle finds them all.
const SONG: &str = "c4n4rys0ng";

/// A separate secret for one input.
fn canary(input: &str) -> String {
    format!("{input}-{SONG}")
}

/// A connection to store, of every type, good or not.
fn requests(base: &str) -> Vec<Value> {
    let request = |piece: &str, kind: &str, mut value: Value| {
        value["type"] = kind.into();
        let id = format!("{piece}-{kind}-{}", value.as_object().unwrap().len()).to_lowercase().replace('_', "-");
        json!({"externalId": id, "displayName": "D", "pieceName": piece, "type": kind, "value": value})
    };
    let oauth2 = json!({
        "client_id": "leno", "client_secret": canary("client-secret"), "redirect_url": "http://127.0.0.1:9/cb",
        "code": canary("code"), "code_verifier": canary("verifier"), "scope": "read", "props": {"base": base},
    });
    let imported = json!({
        "access_token": canary("access"), "refresh_token": canary("refresh"), "token_type": "Bearer", "scope": "read",
        "expires_in": 3600, "claimed_at": 4_000_000_000_u64, "token_url": format!("{base}/token"), "client_id": "leno",
        "client_secret": canary("imported-secret"), "redirect_url": "", "props": {"base": base},
        "data": {"id_token": canary("id-token")},
    });
    let mut all = Vec::new();
    for piece in [PIECE, PRIVILEGED] {
        all.extend([
            request(piece, "SECRET_TEXT", json!({"secret_text": canary("text")})),
            request(piece, "CUSTOM_AUTH", json!({"props": {"url": base, "key": canary("key")}})),
            request(piece, "OAUTH2", oauth2.clone()),
            request(piece, "OAUTH2", imported.clone()),
            // Refused: the piece takes none of these, or they are not whole.
            request(piece, "BASIC_AUTH", json!({"username": "ada", "password": canary("password")})),
            request(piece, "CLOUD_OAUTH2", json!({"access_token": canary("cloud")})),
            request(piece, "CUSTOM_AUTH", json!({"props": {"key": [canary("key-list")], "other": canary("other")}})),
            request(piece, "SECRET_TEXT", json!({"secret_text": {"inside": canary("inside")}})),
            request(piece, "UNHEARD_OF", json!({"anything": canary("anything")})),
        ]);
    }
    all
}

#[tokio::test]
async fn a_secret_is_in_no_answer_log_metric_or_file() {
    let scene = Scene::with(|options| {
        let private = options.private(PIECE);
        options.guest(PRIVILEGED).grant(PRIVILEGED, Grant::private(private).with_secrets()).env("LENO_LOG", "debug")
    });
    let Some(scene) = scene.await else { return };
    scene.client.active("oauth-probe-privileged.wasm").await.unwrap();
    let mut said = Vec::new();
    let mut say = |what: &str, text: &str| said.push(format!("{what}: {text}"));

    for request in requests(scene.provider.issuer()) {
        for path in ["/api/app-connections", "/api/app-connections/test"] {
            let answer = scene.client.post(path, &request).await.unwrap();
            assert!(answer.status < 500 || answer.status == 502, "{path} {request}: {}", answer.text);
            say(path, &answer.text);
        }
    }
    // A sign-in whose client's secret is wrong, and one that ends with a fault in the middle.
    for fault in [None, Some(Fault::DropAfter)] {
        if let Some(fault) = fault {
            scene.provider.fault(fault).await.unwrap();
        }
        let mut browser = Browser::new();
        let body = json!({
            "pieceName": PIECE, "clientId": "leno", "clientSecret": canary("start"), "externalId": "start",
            "displayName": "D", "props": {"base": scene.provider.issuer()},
        });
        let url = format!("{}/api/app-connections/oauth2/start", scene.server.url());
        let started = browser.fetch(Method::POST, &url, scene.client.token(), &body).await.unwrap();
        say("start", &started.text);
        let started: Value = serde_json::from_str(&started.text).unwrap();
        let page = browser.open(started["authorizationUrl"].as_str().unwrap()).await.unwrap();
        say("callback", &page.text);
    }
    // Wrong keys to the host itself, and bodies that are not what they should be.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let at = |path: &str| format!("{}{path}", scene.server.url());
    let wrong = [
        http.get(at("/api/internal/connections/x/decrypt?tenantId=a&ownerId=b"))
            .header("x-internal-token", canary("int")),
        http.get(at("/api/app-connections")).bearer_auth(canary("bearer")),
        http.get(at(&format!("/api/app-connections/oauth2/callback?state=x&code={}", canary("callback-code")))),
        http.post(at("/api/app-connections")).bearer_auth(scene.client.token()).body(canary("not-json")),
        http.post(at("/api/app-connections"))
            .bearer_auth(scene.client.token())
            .header("content-type", "application/json")
            .body(format!("{{\"value\": {{\"secret_text\": \"{}\"}}, ", canary("broken-json"))),
    ];
    for request in wrong {
        say("refused", &request.send().await.unwrap().text().await.unwrap());
    }

    let list = scene.client.get("/api/app-connections").await.unwrap();
    say("list", &list.text);
    let connections = list.body["data"].as_array().unwrap().clone();
    assert!(connections.len() >= 6, "{}", list.text);
    for connection in &connections {
        let piece = connection["pieceName"].as_str().unwrap();
        let id = connection["id"].as_str().unwrap();
        say("one", &scene.client.get(&format!("/api/app-connections/{id}")).await.unwrap().text);
        say("test", &scene.client.post(&format!("/api/app-connections/{id}/test"), &json!({})).await.unwrap().text);
        for action in ["settings", "noop", "me", "tell"] {
            let run = Run::new(piece, action).with("connectionExternalId", connection["externalId"].clone());
            say(action, &scene.client.run(&run).await.unwrap().text);
        }
    }
    // The probe did look, so there was something to keep in.
    assert!(said.iter().any(|text| text.starts_with("tell:") && text.contains("members")), "{said:#?}");

    let metrics = http.get(at("/metrics")).bearer_auth(scene.client.token()).send().await.unwrap();
    said.push(metrics.text().await.unwrap());
    said.extend(scene.server.stdout.all().iter().cloned());
    said.extend(scene.server.stderr.all().iter().cloned());
    let found: Vec<&String> = said.iter().filter(|text| text.contains(SONG)).collect();
    assert!(found.is_empty(), "{found:#?}");
    let files = scene.server.data_files_with(&[SONG]).unwrap();
    assert!(files.is_empty(), "{files:?}");
}
