//! What clients, users and addresses may ask of the authorization server.

use futures_util::future::join_all;
use leno_testkit::{
    Caller, OAuthClient, Options,
    oauth_client::{CLIENT, REDIRECT, SECRET, form, parameter},
};
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

fn options() -> Options {
    Options::new().oauth_client(REDIRECT)
}

/// The application, from one address of this machine. To be dropped before the end: it keeps its connections.
fn from(scene: &Scene, last: u8) -> OAuthClient {
    OAuthClient::new(scene.server.url(), Some([127, 0, 0, last].into()))
}

/// An authorization request: its status, and the id or the error in the address that it leads to.
async fn begin(client: &OAuthClient) -> (u16, String) {
    let answer = client.begin().await.unwrap();
    let status = answer.status().as_u16();
    let to = answer.headers().get("location").map(|to| to.to_str().unwrap());
    let found = to.and_then(|to| parameter(to, "request_id").or_else(|| parameter(to, "error")));
    (status, found.unwrap_or_default())
}

/// A request with a refresh token that there is not.
async fn renew(client: &OAuthClient, secret: &str) -> (u16, Value) {
    let pairs =
        [("client_id", CLIENT), ("client_secret", secret), ("grant_type", "refresh_token"), ("refresh_token", "x")];
    client.token(form(&pairs)).await.unwrap()
}

/// Lets the application act for a user, and spends the code.
async fn allow(scene: &Scene, client: &OAuthClient, user: &Caller) -> (u16, Value) {
    let user = scene.server.client_of(user);
    let code = client.code(client, user.token()).await.unwrap();
    client.redeem(&code).await.unwrap()
}

#[tokio::test]
async fn oauth_peer_requests_of_one_address_are_refused_and_no_others() {
    let scene = Scene::start(options().env("LENO_OAUTH_PEER_REQUESTS", "20")).await.unwrap();
    let (attacker, other) = (from(&scene, 2), from(&scene, 3));
    let answers = join_all((0..200).map(|_| begin(&attacker))).await;
    assert!(answers.iter().filter(|(status, _)| *status == 429).count() > 100);
    assert_eq!(begin(&other).await.0, 302);
    assert_eq!(renew(&other, SECRET).await.1["error"], "invalid_grant");
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
    let (attacker, client) = (from(&scene, 2), from(&scene, 3));
    let guesses = async {
        let secrets: Vec<String> = (0..600).map(|number| number.to_string()).collect();
        join_all(secrets.iter().map(|secret| renew(&attacker, secret))).await
    };
    let good = async {
        for _ in 0..20 {
            assert_eq!(renew(&client, SECRET).await.1["error"], "invalid_grant");
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
    let client = from(&scene, 2);
    let answers = join_all((0..100).map(|_| renew(&client, SECRET))).await;
    assert!(answers.iter().filter(|(status, _)| *status == 429).count() > 50);
    drop(client);
    scene.end(&["oauth_client_requests"]).await.unwrap();
}

#[tokio::test]
async fn peer_authorizations_and_authorizations_are_refused_beyond_the_limit() {
    let options = options().env("LENO_PEER_AUTHORIZATIONS", "3").env("LENO_AUTHORIZATIONS", "5");
    let scene = Scene::start(options).await.unwrap();
    let (attacker, second, third) = (from(&scene, 2), from(&scene, 3), from(&scene, 4));
    for _ in 0..3 {
        assert_eq!(begin(&attacker).await.1.len(), 43);
    }
    assert_eq!(begin(&attacker).await, (302, "temporarily_unavailable".into()));
    for _ in 0..2 {
        assert_eq!(begin(&second).await.1.len(), 43);
    }
    assert_eq!(begin(&third).await.1, "temporarily_unavailable");
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
    let client = from(&scene, 2);
    let (first, mut second, third) = (Caller::user(), Caller::user(), Caller::user());
    second.tenant_id = first.tenant_id;
    for _ in 0..2 {
        assert_eq!(allow(&scene, &client, &first).await.0, 200);
    }
    let (status, body) = allow(&scene, &client, &first).await;
    assert_eq!((status, &body["error"]), (429, &json!("temporarily_unavailable")), "{body}");
    assert!(body["message"].as_str().unwrap().contains("LENO_USER_GRANTS"), "{body}");
    assert_eq!(allow(&scene, &client, &second).await.0, 200);
    let (_, body) = allow(&scene, &client, &second).await;
    assert!(body["message"].as_str().unwrap().contains("LENO_TENANT_GRANTS"), "{body}");
    assert_eq!(allow(&scene, &client, &third).await.0, 200);
    scene.end(&[]).await.unwrap();
}
