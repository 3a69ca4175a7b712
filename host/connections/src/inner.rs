//! The state that every part of this crate uses.

use std::sync::Arc;

use leno_base::{Clock, NoRandomness, Owner, Tasks, budget::Budgets, milliseconds};
use leno_db::{
    AppConnections, AuditEntry, ConnectionRow, Db, EventRow, Presence, SealedValue, Tx, app_connections, audit_log,
    quota::Counted,
};
use leno_egress::Transport;
use leno_events::Events;
use leno_metadata::ConnectionValue;
use leno_oauth2::{Lifetime, lifetime};
use leno_vault::{Keyring, OpenError, Place};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    ConnectionError, EventKind,
    event::event,
    flights::Flights,
    providers::{OAuth2Of, PrivateFor, Providers},
    quotas::{Quotas, Trial},
};

/// The table's name in the MAC of connection values.
const TABLE: &str = "app_connection";

/// The connections of this host. Cheap to clone.
#[derive(Clone)]
pub struct Connections(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) db: Db,
    pub(crate) rows: AppConnections,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) providers: Providers,
    pub(crate) flights: Flights,
    pub(crate) quotas: Quotas,
    pub(crate) events: Events,
    /// This host, among those of the database.
    pub(crate) presence: Arc<Presence>,
    /// Work that completes although its caller is dropped: refreshes, exchanges of codes, revocations.
    pub(crate) tasks: Tasks,
}

/// What connections work with.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// What seals values.
    pub keyring: Arc<Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way to providers.
    pub transport: Arc<dyn Transport>,
    /// The non-public addresses at which each piece's provider may be.
    pub private: PrivateFor,
    /// How each piece signs in.
    pub oauth2: OAuth2Of,
    /// What sends owners the events of their connections.
    pub events: Events,
    /// This host, among those of the database.
    pub presence: Arc<Presence>,
}

impl Connections {
    /// The connections of a host.
    #[must_use]
    pub fn new(parts: Parts, budgets: &Budgets) -> Self {
        let Parts { db, keyring, clock, transport, private, oauth2, events, presence } = parts;
        let rows = AppConnections::new(db.clone());
        let providers = Providers::new(transport, clock.clone(), private, oauth2);
        let (flights, tasks) = (Flights::default(), Tasks::default());
        let quotas = Quotas::new(budgets);
        Self(Arc::new(Inner { db, rows, keyring, clock, providers, flights, quotas, events, presence, tasks }))
    }

    /// Begins the test of a connection.
    ///
    /// # Errors
    /// [`ConnectionError::Exhausted`]: the owner's tenant has the most under way.
    pub fn trial(&self, owner: &Owner) -> Result<Trial, ConnectionError> {
        Ok(self.0.quotas.trial(owner)?)
    }

    /// Shows how many connections or sign-ins all users have.
    pub fn observe(&self, counted: Counted, used: u64) {
        self.0.quotas.observe(counted, used);
    }

    /// Waits for work that must not be lost: refreshes under way, exchanges of codes, revocations. Afterwards the process may
    /// end.
    pub async fn shutdown(&self) {
        self.0.tasks.finish().await;
    }
}

impl Inner {
    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        milliseconds(&*self.clock)
    }

    /// The stored form of `value` in `row`, which will be its `rev`.
    pub(crate) fn seal(
        &self,
        row: &ConnectionRow,
        rev: i64,
        value: &ConnectionValue,
    ) -> Result<SealedValue, ConnectionError> {
        Ok(sealed(&self.keyring, row, rev, &value.to_json(), value)?)
    }

    pub(crate) fn open(&self, row: &ConnectionRow, sealed: &str) -> Result<ConnectionValue, OpenError> {
        let text = in_place(row, row.rev, |place| self.keyring.open(sealed, place))?;
        ConnectionValue::parse(text.expose_secret())
            .map_err(|_| OpenError::Malformed("the decrypted text is not a connection value"))
    }

    /// [`Inner::conclude`], for a row that the transaction changed: reads it again, and returns it as it is now.
    pub(crate) async fn conclude_anew(
        &self,
        mut tx: Tx,
        row: ConnectionRow,
        actor: &str,
        kind: EventKind,
        detail: Value,
    ) -> Result<ConnectionRow, ConnectionError> {
        let row = app_connections::reread(&mut tx, &row.id).await?.unwrap_or(row);
        self.conclude(tx, &row, actor, kind, detail).await?;
        Ok(row)
    }

    /// Ends the transaction of a change: adds its audit entry and its event, commits, and wakes the readers of events.
    pub(crate) async fn conclude(
        &self,
        mut tx: Tx,
        row: &ConnectionRow,
        actor: &str,
        kind: EventKind,
        detail: Value,
    ) -> Result<(), ConnectionError> {
        let event = self.note(&mut tx, row, actor, kind, detail).await?;
        tx.commit().await?;
        self.events.published(&event);
        Ok(())
    }

    /// Adds the audit entry and the event of a change, in its transaction. After the commit the event is to be published.
    pub(crate) async fn note(
        &self,
        tx: &mut Tx,
        row: &ConnectionRow,
        actor: &str,
        kind: EventKind,
        detail: Value,
    ) -> Result<EventRow, ConnectionError> {
        let now = self.now();
        let entry = AuditEntry::new(now, row.tenant_id.clone(), actor, kind.as_str(), &row.id).with(detail);
        audit_log::append(tx, &entry).await?;
        Ok(self.events.append(tx, event(kind, row, now), now).await?)
    }
}

/// The stored form of `value`, whose JSON text is `text`, for the `rev` that it will be in `row`.
pub(crate) fn sealed(
    keyring: &Keyring,
    row: &ConnectionRow,
    rev: i64,
    text: &SecretString,
    value: &ConnectionValue,
) -> Result<SealedValue, NoRandomness> {
    let Lifetime { expires_at, refresh_at, tell_at } = lifetime(value);
    let key_id = keyring.active().as_str().to_owned();
    let value = in_place(row, rev, |place| keyring.seal(text, place))?;
    Ok(SealedValue { value, key_id, expires_at, refresh_at, tell_at })
}

/// Does something with the place of a connection's value: it opens for this owner, piece, type and `rev` only.
fn in_place<T>(row: &ConnectionRow, rev: i64, with: impl FnOnce(Place<'_>) -> T) -> T {
    let rev = rev.to_string();
    let facts = [row.owner_id.as_str(), &row.piece_name, &row.kind, &rev];
    with(Place { table: TABLE, tenant: row.tenant_id.as_str(), row: &row.id, facts: &facts })
}

/// A value that does not open cannot be used until its owner connects again.
pub(crate) fn broken(error: &OpenError) -> ConnectionError {
    ConnectionError::Broken { reason: error.to_string() }
}

/// 21 random characters of `0-9a-z`, as Activepieces' ids: 108 bits.
pub(crate) fn row_id() -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut id = String::with_capacity(21);
    // The UUIDs' 122 random bits each come from the operating system; two of them cover 21 digits in base 36.
    let (mut low, mut high) = (Uuid::new_v4().as_u128(), Uuid::new_v4().as_u128());
    for at in 0..21 {
        // Versions and variants are in the middle of the number, so digits are taken from the ends of two.
        let pool = if at % 2 == 0 { &mut low } else { &mut high };
        id.push(ALPHABET.get((*pool % 36) as usize).copied().map_or('0', char::from));
        *pool /= 36;
    }
    id
}
