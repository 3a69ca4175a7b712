//! Connections on both databases, beside a provider that rotates refresh tokens and takes none twice.

mod lease;
mod leaving;
mod provider;
mod refresh;
mod states;

use std::{sync::Arc, time::Duration};

use leno_base::{MovingClock, Owner, budget::Budgets};
use leno_db::{AppConnections, Db, Lease, Presence, app_connections};
use leno_events::Events;
use leno_metadata::ConnectionValue;
use leno_vault::{Key, Keyring};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use self::provider::Provider;
use super::*;

/// An owner of test connections.
fn owner() -> Owner {
    Owner { tenant: "tenant".into(), user: Uuid::new_v4().to_string().into() }
}

/// A host on a database. Several on one database are several hosts.
struct Host {
    connections: Connections,
    clock: Arc<MovingClock>,
    rows: AppConnections,
}

impl Host {
    async fn new(db: &Db) -> Self {
        let clock = MovingClock::new();
        let key = Key::parse(&"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".into()).unwrap();
        let keyring = Arc::new(Keyring::new(key, Vec::new()));
        let client = leno_egress::Client::new(leno_egress::ClientConfig::default()).unwrap();
        let private = Arc::new(|_: &_| provider::all());
        // Of the piece `probe` the value says where its provider is; of others the schema does.
        let oauth2 = Arc::new(|name: &leno_metadata::PieceName| match name.short() {
            "probe" => None,
            port => Some(provider::schema(port)),
        });
        let events = Events::new(db.clone(), &Budgets::default());
        let client = Arc::new(client);
        let rows = AppConnections::new(db.clone());
        let now = db.now(&*clock).await.unwrap();
        let presence = Arc::new(Presence::enter(db, keyring.active().as_str(), now).await.unwrap());
        let (db, clock_of) = (db.clone(), clock.clone());
        let parts = Parts { db, keyring, clock: clock_of, transport: client, private, oauth2, events, presence };
        let connections = Connections::new(parts, &Budgets::default());
        Self { connections, clock, rows }
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    fn seconds(&self) -> i64 {
        leno_base::milliseconds(&*self.clock) / 1000
    }

    /// Stores a connection whose tokens come from `provider` and expire after an hour.
    async fn store(&self, owner: &Owner, id: &str, provider: &Provider) -> leno_db::ConnectionRow {
        self.store_value(owner, id, self.tokens(provider)).await
    }

    fn tokens(&self, provider: &Provider) -> Value {
        json!({
            "type": "OAUTH2", "access_token": "at-1", "refresh_token": "rt-1", "token_type": "bearer", "scope": "read",
            "expires_in": 3600, "claimed_at": self.seconds(), "token_url": provider.url, "client_id": "cid",
            "client_secret": "client-secret", "redirect_url": "https://app.test/cb", "authorization_method": "BODY",
            "grant_type": "authorization_code", "data": {"team": "T"},
        })
    }

    async fn store_value(&self, owner: &Owner, id: &str, value: Value) -> leno_db::ConnectionRow {
        self.store_for("probe", owner, id, value).await
    }

    async fn store_for(&self, piece: &str, owner: &Owner, id: &str, value: Value) -> leno_db::ConnectionRow {
        let new = NewConnection {
            external_id: id.parse().unwrap(),
            display_name: id.to_owned(),
            piece_name: piece.into(),
            piece_version: "0.0.0".into(),
            value: ConnectionValue::new(value).unwrap(),
            metadata: None,
            replace: Replace::Any,
        };
        self.connections.put(owner, new).await.unwrap().0
    }

    /// The access token that a call would get.
    async fn token(&self, owner: &Owner, id: &str) -> Result<String, ConnectionError> {
        let stored = self.connections.find(owner, &id.parse().unwrap()).await?;
        Ok(stored.value().await?.expose()["access_token"].as_str().unwrap().to_owned())
    }

    /// A caller that needs the value of a connection, and waits for it in a task of its own.
    fn asks(&self, owner: &Owner, id: &str) -> JoinHandle<Result<(), ConnectionError>> {
        let (connections, owner, id) = (self.connections.clone(), owner.clone(), id.parse().unwrap());
        tokio::spawn(async move { connections.find(&owner, &id).await.unwrap().value().await.map(drop) })
    }

    /// Another host begins a refresh, and dies.
    async fn begun_by_the_dead(&self, db: &Db, row: &leno_db::ConnectionRow) {
        let now = db.now(&*self.clock).await.unwrap();
        let dead = Presence::enter(db, "key", now).await.unwrap();
        self.begun_by(db, row, &dead).await;
        dead.leave(db).await.unwrap();
    }

    /// The host of `presence` begins a refresh under a lease of a second.
    async fn begun_by(&self, db: &Db, row: &leno_db::ConnectionRow, presence: &Presence) {
        let now = db.now(&*self.clock).await.unwrap();
        let lease = Lease { tenant: &row.tenant_id, id: &row.id, holder: "other", host: presence.id() };
        assert!(app_connections::lease(db, presence, lease, row, now, now + 1_000).await.unwrap());
        assert!(app_connections::refresh_begins(db, lease, now).await.unwrap());
    }

    async fn row(&self, id: &str) -> leno_db::ConnectionRow {
        self.rows.any_with_value(id).await.unwrap().unwrap().0
    }
}
