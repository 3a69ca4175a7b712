//! A provider, a host that trusts it, and a user who has a browser.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use leno_testkit::peers::{self, Browser, CLIENT_SECRET, Page, Provider, Setup};
use leno_testkit::{Answer, Client, Grant, Options, Run, Server};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// The key that every host of these tests encrypts with.
pub(crate) const KEY: &str = "6b65792d6f662d6c656e6f2d696e7465726f702d74657374732d33322d627974";
/// What other processes of the operator show.
pub(crate) const INTERNAL: &str = "internal-token-of-the-interop-tests";
/// The piece that all connections are for.
pub(crate) const PIECE: &str = "oauth-probe";
/// How long anything may take that needs no lease to run out.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    pub(crate) provider: Provider,
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) folder: PathBuf,
}

impl Scene {
    /// `None` when the peers are not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::with(|options| options).await
    }

    /// The same with further options.
    pub(crate) async fn with(further: impl FnOnce(Options) -> Options) -> Option<Self> {
        let folder = peers::folder()?;
        let url = format!("http://127.0.0.1:{}", peers::free_port().unwrap());
        let callback = format!("{url}/api/app-connections/oauth2/callback");
        let provider = Provider::start(&folder, &Setup::new(&callback)).await.unwrap();
        let server = Server::start(further(options(&url, &provider))).await.unwrap();
        let client = server.client();
        client.active("oauth-probe.wasm").await.unwrap();
        Some(Self { provider, server, client, folder })
    }

    /// Kills the process and starts it again.
    pub(crate) async fn crash(self) -> Self {
        self.crash_then(async || {}).await
    }

    /// Kills the process, does something while it is dead, and starts it again.
    pub(crate) async fn crash_then(self, meanwhile: impl AsyncFnOnce()) -> Self {
        let server = self.server.crash_then(meanwhile).await.unwrap();
        let client = server.client();
        client.active("oauth-probe.wasm").await.unwrap();
        Self { server, client, ..self }
    }

    /// Starts a sign-in in this browser. Returns the authorization URL.
    pub(crate) async fn begin(&self, browser: &mut Browser, external_id: &str) -> String {
        let body = json!({
            "pieceName": PIECE, "clientId": "leno", "clientSecret": CLIENT_SECRET, "externalId": external_id,
            "displayName": external_id, "props": {"base": self.provider.issuer()},
            "redirectUrl": format!("{}/api/app-connections/oauth2/callback", self.server.url()),
        });
        let url = format!("{}/api/app-connections/oauth2/start", self.server.url());
        let started = browser.fetch(Method::POST, &url, self.client.token(), &body).await.unwrap();
        assert_eq!(started.status, 200, "{}", started.text);
        let started: Value = serde_json::from_str(&started.text).unwrap();
        started["authorizationUrl"].as_str().unwrap().to_owned()
    }

    /// Signs a user in from the start to the last page, in a separate browser, with tokens of `ttl` seconds.
    pub(crate) async fn sign_in(&self, external_id: &str, ttl: u64) -> Page {
        self.provider.ttl(ttl).await.unwrap();
        let mut browser = Browser::new();
        let url = self.begin(&mut browser, external_id).await;
        let page = browser.open(&url).await.unwrap();
        assert!(page.url.starts_with(self.server.url()), "the browser ended at {}: {}", page.url, page.text);
        assert_eq!(page.status, 200, "{}", page.text);
        assert_eq!(self.connection(external_id).await["status"], "ACTIVE", "{}", page.text);
        page
    }

    /// A connection whose token has just expired; the provider's next one lives for an hour.
    pub(crate) async fn expired(&self, external_id: &str) {
        self.sign_in(external_id, 1).await;
        self.provider.ttl(3600).await.unwrap();
        // No event marks the end of a second.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }

    /// A connection as its owner sees it.
    pub(crate) async fn connection(&self, external_id: &str) -> Value {
        let list = self.client.get("/api/app-connections").await.unwrap();
        assert_eq!(list.status, 200, "{}", list.text);
        let all = list.body["data"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["externalId"] == external_id).unwrap_or_default()
    }

    /// Runs an action with a connection.
    pub(crate) async fn run(&self, action: &str, external_id: &str) -> Answer {
        self.client.run(&Run::new(PIECE, action).with("connectionExternalId", external_id)).await.unwrap()
    }

    /// The value, as another runtime of the operator gets it.
    pub(crate) async fn decrypt(&self, external_id: &str) -> (StatusCode, Value) {
        let answer = request(self.server.url(), &self.server, external_id).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// The same with everything.
    pub(crate) async fn decrypt_all(&self, external_id: &str) -> (StatusCode, Value) {
        decrypt_all(&self.server, external_id).await
    }

    /// Asks for the value until the host does not say "later" any more.
    pub(crate) async fn settle(&self, external_id: &str) -> (StatusCode, Value) {
        settle(&self.server, external_id).await
    }

    /// A second connection, which must not be affected by the others: the returned check asserts it.
    pub(crate) async fn bystander(&self) -> Value {
        self.sign_in("bystander", 3600).await;
        self.connection("bystander").await
    }

    /// Fails if the bystander was touched.
    pub(crate) async fn check_bystander(&self, before: &Value) {
        assert_eq!(self.connection("bystander").await, *before);
        let answer = self.run("me", "bystander").await;
        assert_eq!(answer.output()["status"], 200, "{}", answer.text);
    }
}

/// A host at `url` that lets the piece talk to the provider.
pub(crate) fn options(url: &str, provider: &Provider) -> Options {
    bare()
        .grant(PIECE, Grant::private([provider.address()]))
        // The provider knows the callback's port beforehand, and a host that is started again keeps it.
        .env("LENO_LISTEN", url.trim_start_matches("http://"))
        .env("LENO_PUBLIC_URL", url)
}

/// A host with the piece, which may not reach any host yet.
pub(crate) fn bare() -> Options {
    Options::new().guest(PIECE).env("INTERNAL_API_TOKEN", INTERNAL).env("INTEGRATION_ENCRYPTION_KEY", KEY)
}

/// The request to the host at `url` for a value of `server`'s operator, without what outlives a token.
pub(crate) fn request(url: &str, server: &Server, external_id: &str) -> reqwest::RequestBuilder {
    let owner = server.operator();
    let tenant = owner.tenant_id.unwrap();
    let url = format!("{url}/api/internal/connections/{external_id}/decrypt?tenantId={tenant}&ownerId={}", owner.id);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    http.get(url).header("x-internal-token", INTERNAL)
}

/// The value with everything, as the operator's own tools get it.
pub(crate) async fn decrypt_all(server: &Server, external_id: &str) -> (StatusCode, Value) {
    let mut request = request(server.url(), server, external_id).build().unwrap();
    request.url_mut().query_pairs_mut().append_pair("privileged", "true");
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().execute(request).await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

/// Asks for the value until the host does not say "later" any more: a lease may have to run out, or a pause.
pub(crate) async fn settle(server: &Server, external_id: &str) -> (StatusCode, Value) {
    let end = Instant::now() + Duration::from_secs(75);
    loop {
        let answer = request(server.url(), server, external_id).send().await.unwrap();
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        if status != StatusCode::SERVICE_UNAVAILABLE && body["code"] != "connection_refused" {
            return (status, body);
        }
        assert!(Instant::now() < end, "{external_id} does not settle: {body}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
