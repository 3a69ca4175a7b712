//! Connections on both databases, beside a provider that rotates refresh tokens and takes none twice.

mod provider;
mod refresh;

use std::{sync::Arc, time::Duration};

use leno_base::{MovingClock, Owner, budget::Budgets};
use leno_db::{AppConnections, Db};
use leno_events::Events;
use leno_metadata::ConnectionValue;
use leno_vault::{Key, Keyring};
use serde_json::{Value, json};
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
    fn new(db: &Db) -> Self {
        let clock = MovingClock::new();
        let key = Key::parse(&"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".into()).unwrap();
        let keyring = Arc::new(Keyring::new(key, Vec::new()));
        let client = leno_egress::Client::new(leno_egress::ClientConfig::default()).unwrap();
        let private = Arc::new(|_: &_| vec!["127.0.0.0/8".parse().unwrap()]);
        let events = Events::new(db.clone(), clock.clone(), &Budgets::default());
        let client = Arc::new(client);
        let budgets = Budgets::default();
        let connections = Connections::new(db.clone(), keyring, clock.clone(), client, private, events, &budgets);
        Self { connections, clock, rows: AppConnections::new(db.clone()) }
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
        let new = NewConnection {
            external_id: id.parse().unwrap(),
            display_name: id.to_owned(),
            piece_name: "probe".into(),
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

    async fn row(&self, id: &str) -> leno_db::ConnectionRow {
        self.rows.any_with_value(id).await.unwrap().unwrap().0
    }
}
