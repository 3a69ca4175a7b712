//! The routes as a client meets them, short of the network: real registry, real sandbox, real database.
//!
//! Every response in every test is checked against the OpenAPI document: its status must be declared for the route and
//! its body must fit the schema.

mod access;
mod audit;
mod browsers;
mod connect_sessions;
mod connections;
mod directory;
mod document;
mod endpoints;
mod erasure;
mod events;
mod metadata;
mod oauth;
mod piece;
mod requests;
mod running;
mod sign_in;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request};
use leno_base::{Owner, SystemClock, budget::Budgets, milliseconds};
use leno_db::{Db, EventRow, Party};
use leno_events::{Events, NewEvent};
use leno_metadata::PieceName;
use leno_pieces::{LockFile, Trust};
use leno_sandbox::{EngineConfig, Grant};
use leno_vault::{Key, Keyring};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use self::piece::{CRASH, ECHO, REFUSE, SECURE_ECHO};
use super::openapi;
use crate::{
    edge::{PublicUrl, budgets::MAX_BODY_BYTES},
    identity::{Identity, Permission, Subject, Trusted},
};

const INTERNAL: &str = "an-internal-token-of-some-length";
const MAX_BODY: usize = 1 << 20;

/// How to set a host up.
#[derive(Default)]
struct Setup {
    pieces: Vec<(&'static str, Vec<u8>)>,
    production: bool,
}

/// A host with its directory.
struct Host {
    router: Router,
    token: String,
    operator: String,
    identity: Identity,
    db: Db,
    events: Events,
    claims: Subject,
    directory: PathBuf,
    _temporary: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }

    /// The pointers of the problems.
    fn paths(&self) -> Vec<&str> {
        self.body["problems"].as_array().into_iter().flatten().filter_map(|problem| problem["path"].as_str()).collect()
    }

    #[track_caller]
    fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        self
    }
}

/// The built piece of that name; `None`, with a word, when pieces are not built here.
fn built(name: &str) -> Option<Vec<u8>> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/leno/built"));
    let directory = std::env::var_os("LENO_TEST_PIECES").map(PathBuf::from).or_else(home)?;
    let bytes = std::fs::read(directory.join(name)).ok();
    if bytes.is_none() {
        eprintln!("SKIPPED: {name} is not in {}; build the pieces or set LENO_TEST_PIECES", directory.display());
    }
    bytes
}

/// What a user needs for connections of their own.
fn own() -> Vec<String> {
    Permission::CONNECTIONS.iter().map(|permission| permission.as_str().to_owned()).collect()
}

async fn open(setup: Setup) -> (crate::host::Host, tempfile::TempDir) {
    let temporary = tempfile::tempdir().unwrap();
    let directory = temporary.path().join("pieces");
    std::fs::create_dir(&directory).unwrap();
    for (name, bytes) in setup.pieces {
        std::fs::write(directory.join(name), bytes).unwrap();
    }
    let db = Db::connect(&format!("sqlite:{}", temporary.path().join("leno.db").display()), &Budgets::default())
        .await
        .unwrap();
    db.migrate().await.unwrap();
    let public_url = PublicUrl::new(None, ([127, 0, 0, 1], 4747).into());
    let trusted =
        Trusted { internal: vec![INTERNAL.into()], names: vec![public_url.to_string()], ..Trusted::default() };
    let setup = crate::host::Setup {
        db,
        keyring: Keyring::new(Key::parse(&"ab".repeat(32).into()).unwrap(), Vec::new()),
        identity: Identity::with_clock(
            &"a-secret-that-is-long-enough-for-hs256".into(),
            &trusted,
            Arc::new(SystemClock),
        ),
        budgets: Budgets::new([(&leno_sandbox::budgets::MAX_CALLS, 16), (&MAX_BODY_BYTES, MAX_BODY as u64)]),
        clock: Arc::new(SystemClock),
        engine: EngineConfig::default(),
        pieces_dir: directory,
        pieces_lock: LockFile { path: temporary.path().join("pieces.lock"), trust: Trust::Anywhere },
        components: Some(temporary.path().join("components")),
        // Here only the API is in production.
        pinned_only: false,
        grants: Arc::new(|_| Grant::default()),
        // Providers on this machine may be reached.
        providers: Arc::new(|_: &PieceName| vec!["127.0.0.0/8".parse().unwrap()]),
        endpoints: Vec::new(),
        own: Vec::new(),
        public_url,
        production: setup.production,
        oauth_app: oauth::settings(),
        revoked: trusted.revoked,
    };
    (crate::host::Host::open(setup).await.unwrap(), temporary)
}

impl Host {
    async fn new(setup: Setup) -> Self {
        let (host, temporary) = open(setup).await;
        Self::over(&host, temporary)
    }

    /// A client of that host.
    fn over(host: &crate::host::Host, temporary: tempfile::TempDir) -> Self {
        let app = host.app();
        let (identity, db, events) = (app.identity.clone(), app.db.clone(), app.events.clone());
        let claims =
            Subject { user_id: Uuid::new_v4(), tenant_id: Uuid::new_v4(), permissions: own(), ..Subject::default() };
        let token = identity.mint(&claims, Duration::from_secs(600));
        let permissions = [own(), vec![Permission::Admin.as_str().to_owned()]].concat();
        let operator = identity.mint(&Subject { permissions, ..claims.clone() }, Duration::from_secs(600));
        let directory = temporary.path().join("pieces");
        Self { router: host.router(), token, operator, identity, db, events, claims, directory, _temporary: temporary }
    }

    async fn empty() -> Self {
        Self::new(Setup::default()).await
    }

    /// A host with three versions of a piece.
    async fn with_piece() -> Self {
        let files = [("a.wasm", "1.2.0"), ("b.wasm", "2.0.0"), ("c.wasm", "1.3.0")];
        let pieces = files.map(|(file, version)| (file, piece::component(version))).into();
        Self::new(Setup { pieces, ..Setup::default() }).await
    }

    /// Sends a request unchanged.
    async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        let answer = Answer { status: parts.status.as_u16(), headers: parts.headers, text, body };
        document::hold_against(&method, &path, &answer);
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(
            request("GET", path).header("authorization", format!("Bearer {}", self.token)).body(Body::empty()).unwrap(),
        )
        .await
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = request("POST", path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, body.to_string()).await
    }

    /// A user without an account, in the tenant of the host's own token: their token.
    async fn guest(&self) -> String {
        let request = request("POST", "/api/users/anonymous")
            .header("x-internal-token", INTERNAL)
            .header("content-type", "application/json");
        let body = json!({"tenantId": self.claims.tenant_id}).to_string();
        let made = self.send(request.body(body.into()).unwrap()).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body["token"].as_str().unwrap().to_owned()
    }

    /// Sends a request as the operator.
    async fn operate(&self, method: &str, path: &str, content_type: Option<&str>, body: impl Into<Body>) -> Answer {
        let mut request = request(method, path).header("authorization", format!("Bearer {}", self.operator));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        self.send(request.body(body.into()).unwrap()).await
    }
}

/// Records a change of a user's connection, as its owner is told.
async fn happen(events: &Events, db: &Db, kind: &'static str, tenant: &str, owner: &str) -> EventRow {
    let mut tx = db.begin(Party::Host).await.unwrap();
    let data = json!({"externalId": "mine"});
    let owner = Owner { tenant: tenant.into(), user: owner.into() };
    let event = NewEvent { owner, kind, data };
    let event = events.append(&mut tx, event, milliseconds(&SystemClock)).await.unwrap();
    tx.commit().await.unwrap();
    events.published(&event);
    event
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}
