//! A token endpoint that rotates refresh tokens: each works once, and a second use revokes the grant.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Form, Json, Router, extract::State, response::IntoResponse as _, routing::post};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The endpoint. It ends with the test's runtime.
pub(super) struct Provider {
    pub(super) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// The refresh token that works.
    good: Mutex<u64>,
    /// Requests so far.
    asked: watch::Sender<usize>,
    /// Requests that may be responded to.
    answered: watch::Sender<usize>,
    /// Whether responses are held back.
    holding: Mutex<bool>,
    /// Tokens that were revoked.
    revoked: watch::Sender<Vec<String>>,
    /// Responses to revocations, in order, before good ones.
    unwilling: Mutex<VecDeque<u16>>,
    /// Responses to give instead of tokens, in order.
    instead: Mutex<VecDeque<(u16, Option<u64>, Value)>>,
}

/// Where the providers of these tests are.
static ALL: Mutex<Vec<std::net::SocketAddr>> = Mutex::new(Vec::new());

/// A grant for each of them.
pub(super) fn all() -> Vec<leno_egress::PrivateGrant> {
    ALL.lock().unwrap().iter().map(|address| address.to_string().parse().unwrap()).collect()
}

impl Provider {
    pub(super) async fn start() -> Self {
        let shared = Arc::new(Shared::default());
        *shared.good.lock().unwrap() = 1;
        let router =
            Router::new().route("/token", post(token)).route("/revoke", post(revoke)).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        ALL.lock().unwrap().push(listener.local_addr().unwrap());
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// Token requests so far.
    pub(super) fn asked(&self) -> usize {
        *self.shared.asked.borrow()
    }

    /// Waits for the `count`th request.
    pub(super) async fn is_asked(&self, count: usize) {
        let mut asked = self.shared.asked.subscribe();
        let wait = asked.wait_for(|asked| *asked >= count);
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the provider is not asked").unwrap();
    }

    /// Holds every response until [`Provider::release`]. Tokens are rotated all the same.
    pub(super) fn hold(&self) {
        *self.shared.holding.lock().unwrap() = true;
    }

    pub(super) fn release(&self) {
        *self.shared.holding.lock().unwrap() = false;
        self.shared.answered.send_modify(|answered| *answered += 1_000_000);
    }

    /// Gives this response to the next request.
    pub(super) fn instead(&self, status: u16, retry_after: Option<u64>, body: Value) {
        self.shared.instead.lock().unwrap().push_back((status, retry_after, body));
    }

    /// The name of a piece whose tokens are revoked here.
    pub(super) fn piece(&self) -> String {
        format!("p-{}", self.url.rsplit(':').next().unwrap().trim_end_matches("/token"))
    }

    /// Responds with this status to the next revocation.
    pub(super) fn unwilling(&self, status: u16) {
        self.shared.unwilling.lock().unwrap().push_back(status);
    }

    /// Waits until so many tokens were revoked, and returns them.
    pub(super) async fn revoked(&self, count: usize) -> Vec<String> {
        let mut revoked = self.shared.revoked.subscribe();
        let wait = revoked.wait_for(|revoked| revoked.len() >= count);
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("nothing is revoked").unwrap().clone()
    }

    /// Forgets the grant: every refresh token is refused.
    pub(super) fn revoke(&self) {
        *self.shared.good.lock().unwrap() = 0;
    }
}

/// How the piece of a provider signs in.
pub(super) fn schema(piece: &str) -> leno_metadata::OAuth2 {
    let base = format!("http://127.0.0.1:{}", piece.trim_start_matches("p-"));
    serde_json::from_value(json!({
        "authUrl": format!("{base}/auth"), "tokenUrl": format!("{base}/token"), "revocationUrl": format!("{base}/revoke"),
    }))
    .unwrap()
}

async fn revoke(State(shared): State<Arc<Shared>>, Form(form): Form<HashMap<String, String>>) -> StatusCode {
    if let Some(status) = shared.unwilling.lock().unwrap().pop_front() {
        return StatusCode::from_u16(status).unwrap();
    }
    shared.revoked.send_modify(|revoked| revoked.push(form["token"].clone()));
    StatusCode::OK
}

async fn token(
    State(shared): State<Arc<Shared>>,
    Form(form): Form<HashMap<String, String>>,
) -> axum::response::Response {
    let (number, answer) = {
        let instead = shared.instead.lock().unwrap().pop_front();
        let mut good = shared.good.lock().unwrap();
        let answer = match instead {
            Some((status, retry_after, body)) => (status, retry_after, body),
            None if form["refresh_token"] == format!("rt-{good}") => {
                *good += 1;
                let tokens = json!({"access_token": format!("at-{good}"), "refresh_token": format!("rt-{good}"),
                    "token_type": "Bearer", "expires_in": 3600});
                (200, None, tokens)
            }
            None => {
                *good = 0;
                let error = json!({"error": "invalid_grant", "error_description": "refresh token already used"});
                (400, None, error)
            }
        };
        drop(good);
        let mut number = 0;
        shared.asked.send_modify(|asked| {
            *asked += 1;
            number = *asked;
        });
        (number, answer)
    };
    if *shared.holding.lock().unwrap() {
        let mut answered = shared.answered.subscribe();
        let _ = answered.wait_for(|answered| *answered >= number).await;
    }
    let (status, retry_after, body) = answer;
    let mut response = (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}
