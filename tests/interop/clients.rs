//! Client libraries at the authorization server: whatever asks a user for access finds its way.

use std::path::PathBuf;

use leno_testkit::{
    Caller, Client, Options, Server,
    oauth_client::{CLIENT, REDIRECT, SECRET},
    peers,
};
use serde_json::{Value, json};
use tokio::process::Command;

struct Scene {
    server: Server,
    /// As the user who allows it.
    client: Client,
}

async fn scene(options: Options) -> Scene {
    let port = peers::free_port().unwrap();
    let options = options
        .env("LENO_LISTEN", &format!("127.0.0.1:{port}"))
        .oauth_client(REDIRECT)
        .env("LENO_CLIENT_REGISTRATION", "true");
    let server = Server::start(options).await.unwrap();
    let client = server.client_of(&Caller::user());
    Scene { server, client }
}

impl Scene {
    fn ask(&self, library: &str) -> Value {
        json!({
            "library": library, "issuer": self.server.url(), "clientId": CLIENT, "clientSecret": SECRET,
            "redirectUri": REDIRECT, "user": self.client.token(),
        })
    }

    /// The client got what it should, and can use it.
    async fn check(&self, told: &Value) {
        for response in [&told["first"], &told["second"]] {
            assert!(response["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")), "{told}");
            assert!(response["expires_in"].is_i64() && response["refresh_token"].is_string(), "{told}");
            // Some libraries make a list of it.
            let scope = response["scope"].as_array().map_or_else(|| response["scope"].clone(), |list| list[0].clone());
            let scope = scope.as_str().unwrap();
            // An MCP client asks for whatever a resource names, which is not everything.
            assert!(scope.split(' ').any(|one| one == "integrations:read") && !scope.contains("gauzy:all"), "{told}");
        }
        assert_ne!(told["first"]["refresh_token"], told["second"]["refresh_token"]);
        let token = told["second"]["access_token"].as_str().unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/api/app-connections", self.server.url());
        let answer = http.get(url).bearer_auth(token).send().await.unwrap();
        // openid-client has revoked it.
        assert!(matches!(answer.status().as_u16(), 200 | 401), "{answer:?}");
    }
}

async fn node(library: &str) {
    let Some(folder) = peers::folder() else { return };
    let scene = scene(Options::new()).await;
    let told = peers::node(&folder, "clients.mjs", &scene.ask(library)).await.unwrap();
    scene.check(&told).await;
    if library == "openid-client" {
        assert_eq!(scene.client.get("/api/oauth-grants").await.unwrap().body, json!([]), "it was revoked");
    }
}

#[tokio::test]
async fn openid_client() {
    node("openid-client").await;
}

#[tokio::test]
async fn oauth4webapi() {
    node("oauth4webapi").await;
}

#[tokio::test]
async fn simple_oauth2() {
    node("simple-oauth2").await;
}

#[tokio::test]
async fn the_mcp_sdk() {
    node("mcp").await;
}

/// Runs a library of Python's, if they are installed.
async fn python(library: &str) {
    let Some(folder) = std::env::var_os("LENO_CLIENTS_PYTHON").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "LENO_CLIENTS_PYTHON is not set");
        eprintln!("skipped: {library}: `cargo xtask test` installs it");
        return;
    };
    let scene = scene(Options::new()).await;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("interop/clients-python/clients.py");
    let mut command = Command::new(folder.join("bin/python"));
    command.arg(script);
    let told = peers::run(command, "clients.py", &scene.ask(library)).await.unwrap();
    scene.check(&told).await;
}

#[tokio::test]
async fn authlib() {
    python("authlib").await;
}

#[tokio::test]
async fn requests_oauthlib() {
    python("requests-oauthlib").await;
}
