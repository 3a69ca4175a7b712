//! Client libraries at the authorization server: whatever asks a user for access finds its way.

use std::path::PathBuf;

use leno_testkit::{
    Caller, Client, OAuthClient, Options, Server,
    oauth_client::{CLIENT, REDIRECT, SECRET, parameter},
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

/// The crate `oauth2`, with its requests sent by this test's own HTTP client.
#[tokio::test]
async fn the_crate_oauth2() {
    use oauth2::{
        AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, PkceCodeChallenge,
        RedirectUrl, RefreshToken, Scope, TokenResponse as _, TokenUrl, basic::BasicClient,
    };

    let scene = scene(Options::new()).await;
    let browser = OAuthClient::new(scene.server.url(), None);
    let at = |path: &str| format!("{}/{path}", scene.server.url());
    let client = BasicClient::new(ClientId::new(CLIENT.into()))
        .set_client_secret(ClientSecret::new(SECRET.into()))
        .set_auth_uri(AuthUrl::new(at("authorize")).unwrap())
        .set_token_uri(TokenUrl::new(at("token")).unwrap())
        .set_redirect_uri(RedirectUrl::new(REDIRECT.into()).unwrap());
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let scope = Scope::new("integrations:read".into());
    let (url, state) = client.authorize_url(CsrfToken::new_random).add_scope(scope).set_pkce_challenge(challenge).url();
    let asked = browser.open(url.as_str()).await.unwrap();
    let id = parameter(asked.headers()["location"].to_str().unwrap(), "request_id").unwrap();
    let (_, allowed) = browser.approve(scene.client.token(), &id).await.unwrap();
    let back = allowed["redirect_url"].as_str().unwrap();
    assert_eq!(parameter(back, "state").as_deref(), Some(state.secret().as_str()));

    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let send = |request: HttpRequest| {
        let http = http.clone();
        async move {
            let answer = http.execute(request.try_into()?).await?;
            let mut response = HttpResponse::new(Vec::new());
            (*response.status_mut(), *response.headers_mut()) = (answer.status(), answer.headers().clone());
            *response.body_mut() = answer.bytes().await?.to_vec();
            Ok::<_, reqwest::Error>(response)
        }
    };
    let code = AuthorizationCode::new(parameter(back, "code").unwrap());
    let first = client.exchange_code(code).set_pkce_verifier(verifier).request_async(&send).await.unwrap();
    let refresh = RefreshToken::new(first.refresh_token().unwrap().secret().clone());
    let second = client.exchange_refresh_token(&refresh).request_async(&send).await.unwrap();
    let told = json!({"first": first, "second": second});
    scene.check(&told).await;
}
