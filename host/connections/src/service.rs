//! Making, reading, changing and removing connections.

use std::sync::Arc;

use leno_base::{Clock, ExternalId, NoRandomness, Owner, milliseconds};
use leno_db::{
    AppConnections, AuditEntry, ConnectionFilter, ConnectionRow, Db, EventRow, Position, SealedValue, WorkflowRef,
    app_connections, audit_log, users, workflow_refs,
};
use leno_egress::Transport;
use leno_events::Events;
use leno_metadata::ConnectionValue;
use leno_oauth2::{Lifetime, lifetime};
use leno_vault::{Keyring, OpenError, Place};
use secrecy::SecretString;
use serde_json::{Value, json};
use sqlx::AnyConnection;
use uuid::Uuid;

use crate::{
    ConnectionError,
    claim::{PrivateFor, Providers},
    event::{EventKind, event},
    refresh::Refreshes,
};

/// The table of connections, as it stands in the MAC of their values.
const TABLE: &str = "app_connection";
/// How often a change is tried again that somebody else's change came before.
const TRIES: usize = 5;

/// The connections of this host. Cheap to clone.
#[derive(Clone)]
pub struct Connections(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) db: Db,
    pub(super) rows: AppConnections,
    pub(super) keyring: Arc<Keyring>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) providers: Providers,
    pub(super) refreshes: Refreshes,
    pub(super) events: Events,
}

/// What an owner stores.
pub struct NewConnection {
    /// The name that flows use.
    pub external_id: ExternalId,
    /// The name for people.
    pub display_name: String,
    /// The piece, as the client wrote it.
    pub piece_name: String,
    /// The piece's version; `0.0.0` when the piece is unknown here.
    pub piece_version: String,
    /// The value, complete: tokens were fetched.
    pub value: ConnectionValue,
    /// Free, and shown to clients.
    pub metadata: Option<Value>,
    /// Whether a connection of this external id may be replaced, and which edition of it.
    pub replace: Replace,
}

/// Whether a connection that is there may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// Whatever is there.
    Any,
    /// Only if it is still as it was read.
    Only(Edition),
    /// No: there must be none (`If-None-Match: *`).
    Never,
}

impl Replace {
    fn allows(self, present: Option<&ConnectionRow>) -> Result<(), ConnectionError> {
        match (present, self) {
            (Some(_), Self::Never) => Err(ConnectionError::Exists),
            (Some(present), Self::Only(Edition(edition))) if present.edition != edition => {
                Err(ConnectionError::Changed)
            }
            (None, Self::Only(_)) => Err(ConnectionError::NotFound),
            _ => Ok(()),
        }
    }
}

/// The state of a connection that somebody has seen. What a refresh changes does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition(pub i64);

impl Connections {
    /// The connections in `db`, under the keys of `keyring`. Requests to providers go out through `transport`, to public
    /// addresses and what `private` says that the piece may reach. What happens to a connection is told by `events`.
    #[must_use]
    pub fn new(
        db: Db,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        transport: Arc<dyn Transport>,
        private: PrivateFor,
        events: Events,
    ) -> Self {
        let rows = AppConnections::new(db.clone());
        let providers = Providers::new(transport, clock.clone(), private);
        let refreshes = Refreshes::default();
        Self(Arc::new(Inner { db, rows, keyring, clock, providers, refreshes, events }))
    }

    /// Stores a connection: a new one, or in place of the owner's of this external id. Answers it, and whether it is new.
    ///
    /// # Errors
    /// [`ConnectionError::Exists`] and [`ConnectionError::Changed`], as `replace` says; the database or the operating system
    /// failed.
    pub async fn put(&self, owner: &Owner, new: NewConnection) -> Result<(ConnectionRow, bool), ConnectionError> {
        let inner = &*self.0;
        for _ in 0..TRIES {
            let mut tx = inner.db.begin().await?;
            let now = inner.now();
            users::hold(&mut tx, &owner.tenant, &owner.user, false, now).await?;
            let present =
                app_connections::by_external_id(&mut tx, &owner.tenant, &owner.user, new.external_id.as_str()).await?;
            let created = present.is_none();
            new.replace.allows(present.as_ref())?;
            let row = match present {
                Some(present) => new.over(present, now),
                None => new.fresh(owner, now),
            };
            let sealed = inner.seal(&row, &new.value)?;
            let written = match created {
                true => app_connections::insert(&mut tx, &row, &sealed).await?,
                false => app_connections::replace(&mut tx, &row, &sealed).await?,
            };
            if !written {
                // Somebody was quicker. Ends the transaction.
                continue;
            }
            let row = app_connections::reread(&mut tx, &row.id).await?.unwrap_or(row);
            let kind = if created { EventKind::Created } else { EventKind::Updated };
            let event = inner.note(&mut tx, &row, &owner.actor(), kind, json!({"type": row.kind})).await?;
            tx.commit().await?;
            inner.events.published(&event);
            return Ok((row, created));
        }
        Err(ConnectionError::Changed)
    }

    /// Whether [`Connections::put`] would store something under this external id now: to know before a code is spent.
    ///
    /// # Errors
    /// As there.
    pub async fn may_put(
        &self,
        owner: &Owner,
        external_id: &ExternalId,
        replace: Replace,
    ) -> Result<(), ConnectionError> {
        let mut connection = self.0.db.pool().acquire().await?;
        let id = external_id.as_str();
        let present = app_connections::by_external_id(&mut connection, &owner.tenant, &owner.user, id).await?;
        replace.allows(present.as_ref())
    }

    /// Runs `task` to its end, whatever becomes of who asked for it, and the host does not stop before: for what cannot be
    /// done again, such as spending a code. None when the task panicked.
    pub async fn to_the_end<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Option<T> {
        self.0.refreshes.spawn(task).await.ok()
    }

    /// The owner's connection of a row id.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`].
    pub async fn by_id(&self, owner: &Owner, id: &str) -> Result<ConnectionRow, ConnectionError> {
        let found = self.0.rows.by_id(&owner.tenant, &owner.user, id).await?;
        found.ok_or(ConnectionError::NotFound)
    }

    /// A page of the owner's connections, see [`AppConnections::list`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(
        &self,
        owner: &Owner,
        filter: &ConnectionFilter,
        from: Option<&Position>,
        backwards: bool,
        limit: i64,
    ) -> Result<Vec<ConnectionRow>, ConnectionError> {
        Ok(self.0.rows.list(&owner.tenant, &owner.user, filter, from, backwards, limit).await?)
    }

    /// Changes name and metadata.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`]; [`ConnectionError::Changed`] if it is no longer of edition `seen`.
    pub async fn describe(
        &self,
        owner: &Owner,
        id: &str,
        seen: Option<Edition>,
        display_name: Option<String>,
        metadata: Option<Option<Value>>,
    ) -> Result<ConnectionRow, ConnectionError> {
        let inner = &*self.0;
        for _ in 0..TRIES {
            let mut row = self.by_id(owner, id).await?;
            if seen.is_some_and(|Edition(edition)| edition != row.edition) {
                return Err(ConnectionError::Changed);
            }
            if let Some(name) = &display_name {
                row.display_name.clone_from(name);
            }
            if let Some(metadata) = &metadata {
                row.metadata = metadata.as_ref().map(Value::to_string);
            }
            row.updated_at = inner.now();
            let mut tx = inner.db.begin().await?;
            if app_connections::describe(&mut tx, &row).await? {
                row.edition += 1;
                let event =
                    inner.note(&mut tx, &row, &owner.actor(), EventKind::Updated, json!({"value": false})).await?;
                tx.commit().await?;
                inner.events.published(&event);
                return Ok(row);
            }
        }
        Err(ConnectionError::Changed)
    }

    /// Changes the value by `change`, which gets the present one. It waits for a refresh under way: what that brings is not
    /// lost.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`], [`ConnectionError::Changed`], what `change` refuses, or a value that does not open.
    pub async fn revalue(
        &self,
        owner: &Owner,
        id: &str,
        seen: Option<Edition>,
        change: impl Fn(&ConnectionValue) -> Result<ConnectionValue, ConnectionError>,
    ) -> Result<ConnectionRow, ConnectionError> {
        let inner = &*self.0;
        for _ in 0..TRIES {
            self.by_id(owner, id).await?;
            let holder = Uuid::new_v4().to_string();
            let Some((mut row, sealed)) = inner.hold(id, &holder).await? else { continue };
            let changed = inner.open(&row, &sealed).map_err(|error| broken(&error)).and_then(|value| change(&value));
            let changed = match changed {
                Ok(changed) if seen.is_none_or(|Edition(edition)| edition == row.edition) => changed,
                refused => {
                    inner.rows.release(id, &holder).await?;
                    return Err(refused.err().unwrap_or(ConnectionError::Changed));
                }
            };
            "ACTIVE".clone_into(&mut row.status);
            row.updated_at = inner.now();
            let sealed = inner.seal(&row, &changed)?;
            let mut tx = inner.db.begin().await?;
            if app_connections::replace(&mut tx, &row, &sealed).await? {
                let row = app_connections::reread(&mut tx, id).await?.unwrap_or(row);
                let event =
                    inner.note(&mut tx, &row, &owner.actor(), EventKind::Updated, json!({"value": true})).await?;
                tx.commit().await?;
                inner.events.published(&event);
                return Ok(row);
            }
        }
        Err(ConnectionError::Changed)
    }

    /// Removes a connection; answers it, and its value for revoking it at the provider, if that opens.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`]; [`ConnectionError::InUse`] unless `force`.
    pub async fn delete(
        &self,
        owner: &Owner,
        id: &str,
        force: bool,
    ) -> Result<(ConnectionRow, Option<ConnectionValue>), ConnectionError> {
        let inner = &*self.0;
        let mut tx = inner.db.begin().await?;
        // A workflow that begins to use it just now comes before or after, not in between.
        users::hold(&mut tx, &owner.tenant, &owner.user, false, inner.now()).await?;
        let found = app_connections::owned_with_value(&mut tx, &owner.tenant, &owner.user, id).await?;
        let Some((row, sealed)) = found else { return Err(ConnectionError::NotFound) };
        let uses = workflow_refs::uses(&mut tx, &owner.tenant, &owner.user, &row.external_id).await?;
        if !force && !uses.is_empty() {
            return Err(ConnectionError::InUse(uses));
        }
        app_connections::delete(&mut tx, &owner.tenant, &owner.user, id).await?;
        let detail = json!({"forced": force, "uses": uses.len()});
        let event = inner.note(&mut tx, &row, &owner.actor(), EventKind::Deleted, detail).await?;
        tx.commit().await?;
        inner.events.published(&event);
        let value = inner.open(&row, &sealed).ok();
        Ok((row, value))
    }

    /// Writes down that somebody got the value of a connection.
    ///
    /// # Errors
    /// The database failed: then the value must not be handed over.
    pub async fn audit(
        &self,
        row: &ConnectionRow,
        actor: &str,
        event: &'static str,
        detail: Value,
    ) -> Result<(), ConnectionError> {
        let entry = AuditEntry {
            at: self.0.now(),
            tenant: row.tenant_id.clone(),
            actor: actor.to_owned(),
            event,
            subject: row.id.clone(),
            detail,
        };
        Ok(audit_log::record(&self.0.db, &entry).await?)
    }

    /// The steps of workflows that use a connection.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`].
    pub async fn uses(&self, owner: &Owner, id: &str) -> Result<Vec<WorkflowRef>, ConnectionError> {
        let row = self.by_id(owner, id).await?;
        let mut connection = self.0.db.pool().acquire().await?;
        Ok(workflow_refs::uses(&mut connection, &owner.tenant, &owner.user, &row.external_id).await?)
    }
}

/// A value that does not open does not work until its owner connects again.
pub(super) fn broken(error: &OpenError) -> ConnectionError {
    ConnectionError::Broken { reason: error.to_string() }
}

impl NewConnection {
    fn fresh(&self, owner: &Owner, now: i64) -> ConnectionRow {
        ConnectionRow {
            id: row_id(),
            tenant_id: owner.tenant.clone(),
            owner_id: owner.user.clone(),
            external_id: self.external_id.as_str().to_owned(),
            display_name: self.display_name.clone(),
            kind: self.value.kind().as_str().to_owned(),
            status: "ACTIVE".into(),
            status_reason: None,
            platform_id: None,
            piece_name: self.piece_name.clone(),
            piece_version: self.piece_version.clone(),
            project_ids: "[]".into(),
            scope: "PROJECT".into(),
            metadata: self.metadata.as_ref().map(Value::to_string),
            rev: 1,
            edition: 1,
            expires_at: None,
            refresh_at: None,
            refresh_started_at: None,
            refresh_failures: 0,
            retry_at: None,
            lease_until: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Id, creation, scope and projects stay; everything else is new.
    fn over(&self, present: ConnectionRow, now: i64) -> ConnectionRow {
        ConnectionRow {
            display_name: self.display_name.clone(),
            kind: self.value.kind().as_str().to_owned(),
            status: "ACTIVE".into(),
            piece_name: self.piece_name.clone(),
            piece_version: self.piece_version.clone(),
            metadata: self.metadata.as_ref().map(Value::to_string),
            updated_at: now,
            ..present
        }
    }
}

/// 21 random characters of `0-9a-z`, as Activepieces' ids: 108 bits.
pub(super) fn row_id() -> String {
    const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut id = String::with_capacity(21);
    // The UUIDs' 122 random bits each come from the operating system; two of them cover 21 digits in base 36.
    let (mut low, mut high) = (Uuid::new_v4().as_u128(), Uuid::new_v4().as_u128());
    for at in 0..21 {
        // Versions and variants lie in the middle of the number, so digits are taken from the ends of two.
        let pool = if at % 2 == 0 { &mut low } else { &mut high };
        id.push(ALPHABET.get((*pool % 36) as usize).copied().map_or('0', char::from));
        *pool /= 36;
    }
    id
}

impl Inner {
    pub(super) fn now(&self) -> i64 {
        milliseconds(&*self.clock)
    }

    pub(super) fn seal(&self, row: &ConnectionRow, value: &ConnectionValue) -> Result<SealedValue, ConnectionError> {
        Ok(sealed(&self.keyring, row, &value.to_json(), value)?)
    }

    pub(super) fn open(&self, row: &ConnectionRow, sealed: &str) -> Result<ConnectionValue, OpenError> {
        use secrecy::ExposeSecret as _;
        let text = self.keyring.open(sealed, place(row))?;
        ConnectionValue::parse(text.expose_secret())
            .map_err(|_| OpenError::Malformed("what was encrypted is no connection value"))
    }

    /// Writes down what happened, in the transaction in which it happens. [`Events::published`] is for after the commit.
    pub(super) async fn note(
        &self,
        tx: &mut AnyConnection,
        row: &ConnectionRow,
        actor: &str,
        kind: EventKind,
        detail: Value,
    ) -> Result<EventRow, ConnectionError> {
        let now = self.now();
        let entry = AuditEntry {
            at: now,
            tenant: row.tenant_id.clone(),
            actor: actor.to_owned(),
            event: kind.as_str(),
            subject: row.id.clone(),
            detail,
        };
        audit_log::append(tx, &entry).await?;
        Ok(self.events.append(tx, event(kind, row), now).await?)
    }
}

/// What is stored of `value`, whose text is `text`.
pub(super) fn sealed(
    keyring: &Keyring,
    row: &ConnectionRow,
    text: &SecretString,
    value: &ConnectionValue,
) -> Result<SealedValue, NoRandomness> {
    let Lifetime { expires_at, refresh_at } = lifetime(value);
    let key_id = keyring.active().as_str().to_owned();
    Ok(SealedValue { value: keyring.seal(text, place(row))?, key_id, expires_at, refresh_at })
}

/// Where a connection's value lies.
fn place(row: &ConnectionRow) -> Place<'_> {
    Place { table: TABLE, tenant: row.tenant_id.as_str(), row: &row.id }
}
