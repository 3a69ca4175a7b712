//! What clients, users and addresses may ask of the authorization server.

use futures_util::future::join_all;
use leno_testkit::{Caller, Options};
use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::scene::Scene;

/// The budgets that these tests exhaust.
pub(crate) const EXHAUSTS: &[&str] = &[
    "authorizations",
    "oauth_client_requests",
    "oauth_peer_failures",
    "oauth_peer_requests",
    "peer_authorizations",
    "secret_checks",
    "tenant_clients",
    "tenant_grants",
    "user_clients",
    "user_grants",
];

const AT: &str = "/api/integration/ever-gauzy/oauth";
const CLIENT: &str = "activepieces";
const SECRET: &str = "secret-of-activepieces";
const REDIRECT: &str = "https://cloud.activepieces.com/redirect";

fn options() -> Options {
    Options::new()
        .env("GAUZY_OAUTH_APP_CLIENT_ID", CLIENT)
        .env("GAUZY_OAUTH_APP_CLIENT_SECRET", SECRET)
        .env("GAUZY_OAUTH_APP_CODE_SECRET", "code-secret")
        .env("GAUZY_OAUTH_APP_REDIRECT_URIS", REDIRECT)
}

/// Requests from one address of this machine. Dropped before the end: it keeps its connections.
struct From<'s> {
    http: reqwest::Client,
    scene: &'s Scene,
}

impl<'s> From<'s> {
    fn address(scene: &'s Scene, last: u8) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .local_address(Some([127, 0, 0, last].into()));
        Self { http: http.build().unwrap(), scene }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.scene.server.url())
    }

    /// An authorization request: its status, and the id or the error in the address that it leads to.
    async fn begin(&self) -> (u16, String) {
        let query = [("client_id", CLIENT), ("redirect_uri", REDIRECT), ("response_type", "code")];
        let url = reqwest::Url::parse_with_params(&self.at(&format!("{AT}/authorize")), query).unwrap();
        let answer = self.http.get(url).send().await.unwrap();
        let status = answer.status().as_u16();
        let to = answer.headers().get("location").map(|to| reqwest::Url::parse(to.to_str().unwrap()).unwrap());
        let found = to.and_then(|to| {
            let mut pairs = to.query_pairs();
            pairs.find(|(name, _)| name == "request_id" || name == "error").map(|(_, value)| value.into_owned())
        });
        (status, found.unwrap_or_default())
    }

    async fn token(&self, secret: &str) -> (u16, Value) {
        let form =
            [("client_id", CLIENT), ("client_secret", secret), ("grant_type", "refresh_token"), ("refresh_token", "x")];
        self.post(&form).await
    }

    async fn post(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let body = reqwest::Url::parse_with_params("http://form", form).unwrap().query().unwrap().to_owned();
        let request = self.http.post(self.at(&format!("{AT}/token"))).body(body);
        let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
        let status = answer.status().as_u16();
        if status == 429 {
            assert!(answer.headers().contains_key("retry-after"));
        }
        (status, answer.json().await.unwrap())
    }
}

/// Signs in as a user, and lets the client act for it.
async fn allow(scene: &Scene, from: &From<'_>, user: &Caller) -> (u16, Value) {
    let (_, id) = from.begin().await;
    let client = scene.server.client_of(user);
    let approved = client.post(&format!("{AT}/authorize"), &json!({"request_id": id})).await.unwrap();
    assert_eq!(approved.status, 200, "{}", approved.text);
    let to = reqwest::Url::parse(approved.body["redirect_url"].as_str().unwrap()).unwrap();
    let code = to.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let form = [
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("grant_type", "authorization_code"),
        ("redirect_uri", REDIRECT),
        ("code", &code),
    ];
    from.post(&form).await
}

#[tokio::test]
async fn oauth_peer_requests_of_one_address_are_refused_and_no_others() {
    let scene = Scene::start(options().env("LENO_OAUTH_PEER_REQUESTS", "20")).await.unwrap();
    let (attacker, other) = (From::address(&scene, 2), From::address(&scene, 3));
    let answers = join_all((0..200).map(|_| attacker.begin())).await;
    assert!(answers.iter().filter(|(status, _)| *status == 429).count() > 100);
    assert_eq!(other.begin().await.0, 302);
    assert_eq!(other.token(SECRET).await.1["error"], "invalid_grant");
    drop((attacker, other));
    scene.end(&["oauth_peer_requests"]).await.unwrap();
}

#[tokio::test]
async fn oauth_peer_failures_and_secret_checks_hold_up_who_guesses_and_not_the_client() {
    let options = options()
        .env("LENO_OAUTH_PEER_FAILURES", "5")
        .env("LENO_SECRET_CHECKS", "1")
        .env("LENO_OAUTH_PEER_REQUESTS", "0")
        .env("LENO_CONNECTIONS_PER_PEER", "1000");
    let scene = Scene::start(options).await.unwrap();
    let (attacker, client) = (From::address(&scene, 2), From::address(&scene, 3));
    let guesses = async {
        let secrets: Vec<String> = (0..600).map(|number| number.to_string()).collect();
        join_all(secrets.iter().map(|secret| attacker.token(secret))).await
    };
    let good = async {
        for _ in 0..20 {
            assert_eq!(client.token(SECRET).await.1["error"], "invalid_grant");
        }
    };
    let (answers, ()) = tokio::join!(guesses, good);
    let slowed = answers.iter().filter(|(status, _)| *status == 429).count();
    assert!(slowed > 500, "{slowed}");
    assert!(answers.iter().all(|(status, _)| matches!(status, 401 | 429)));
    drop((attacker, client));
    scene.end(&["oauth_peer_failures", "secret_checks"]).await.unwrap();
}

#[tokio::test]
async fn oauth_client_requests_are_those_of_a_client_that_proved_itself() {
    let scene = Scene::start(options().env("LENO_OAUTH_CLIENT_REQUESTS", "10")).await.unwrap();
    let from = From::address(&scene, 2);
    let answers = join_all((0..100).map(|_| from.token(SECRET))).await;
    assert!(answers.iter().filter(|(status, _)| *status == 429).count() > 50);
    drop(from);
    scene.end(&["oauth_client_requests"]).await.unwrap();
}

#[tokio::test]
async fn peer_authorizations_and_authorizations_are_refused_beyond_the_limit() {
    let options = options().env("LENO_PEER_AUTHORIZATIONS", "3").env("LENO_AUTHORIZATIONS", "5");
    let scene = Scene::start(options).await.unwrap();
    let (attacker, second, third) = (From::address(&scene, 2), From::address(&scene, 3), From::address(&scene, 4));
    for _ in 0..3 {
        assert_eq!(attacker.begin().await.1.len(), 43);
    }
    assert_eq!(attacker.begin().await, (302, "temporarily_unavailable".into()));
    for _ in 0..2 {
        assert_eq!(second.begin().await.1.len(), 43);
    }
    assert_eq!(third.begin().await.1, "temporarily_unavailable");
    for budget in ["peer_authorizations", "authorizations"] {
        assert!(scene.refusals(budget).await.unwrap() > 0.0, "{budget}");
    }
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn user_clients_and_tenant_clients_are_refused_beyond_the_limit() {
    let options = options().env("LENO_USER_CLIENTS", "2").env("LENO_TENANT_CLIENTS", "3");
    let scene = Scene::start(options).await.unwrap();
    let user = || Caller::with("ADMIN", &["OAUTH_CLIENT_EDIT"]);
    let (first, mut second, third) = (user(), user(), user());
    second.tenant_id = first.tenant_id;
    let register = async |user: &Caller| {
        let body = json!({"name": "C", "redirectUris": [REDIRECT]});
        scene.server.client_of(user).post("/api/oauth-clients", &body).await.unwrap()
    };
    assert_eq!((register(&first).await.status, register(&first).await.status), (201, 201));
    let refused = register(&first).await;
    assert_eq!((refused.status, &refused.body["details"]["budget"]), (409, &json!("user_clients")), "{}", refused.text);
    assert_eq!(register(&second).await.status, 201);
    let refused = register(&second).await;
    assert_eq!(
        (refused.status, &refused.body["details"]["budget"]),
        (409, &json!("tenant_clients")),
        "{}",
        refused.text
    );
    assert_eq!(register(&third).await.status, 201);
    scene.end(&[]).await.unwrap();
}

#[tokio::test]
async fn user_grants_and_tenant_grants_are_refused_beyond_the_limit() {
    let options = options().env("LENO_USER_GRANTS", "2").env("LENO_TENANT_GRANTS", "3");
    let scene = Scene::start(options).await.unwrap();
    let from = From::address(&scene, 2);
    let (first, mut second, third) = (Caller::user(), Caller::user(), Caller::user());
    second.tenant_id = first.tenant_id;
    for _ in 0..2 {
        assert_eq!(allow(&scene, &from, &first).await.0, 200);
    }
    let (status, body) = allow(&scene, &from, &first).await;
    assert_eq!((status, &body["error"]), (429, &json!("temporarily_unavailable")), "{body}");
    assert!(body["message"].as_str().unwrap().contains("LENO_USER_GRANTS"), "{body}");
    assert_eq!(allow(&scene, &from, &second).await.0, 200);
    let (_, body) = allow(&scene, &from, &second).await;
    assert!(body["message"].as_str().unwrap().contains("LENO_TENANT_GRANTS"), "{body}");
    assert_eq!(allow(&scene, &from, &third).await.0, 200);
    scene.end(&[]).await.unwrap();
}
