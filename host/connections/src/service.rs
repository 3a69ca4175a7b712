//! Making, reading, changing and removing connections.

use leno_base::{ExternalId, Owner};
use leno_db::{
    AuditEntry, ConnectionFilter, ConnectionRow, ConnectionStatus, Position, WorkflowRef, app_connections, audit_log,
    repeat, users, workflow_refs,
};
use leno_metadata::{ConnectionValue, OAuth2};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    ConnectionError, Connections, EventKind,
    content::Content,
    inner::{broken, row_id},
    people::numbered,
};

/// How often a change is retried after a concurrent one.
const TRIES: usize = 5;

/// What an owner stores.
pub struct NewConnection {
    /// The name that flows use.
    pub external_id: ExternalId,
    /// The name shown to users.
    pub display_name: String,
    /// The piece, as the client wrote it.
    pub piece_name: String,
    /// The piece's version; `0.0.0` when the piece is unknown here.
    pub piece_version: String,
    /// The value, complete: tokens were fetched.
    pub value: ConnectionValue,
    /// Any JSON object; returned to clients.
    pub metadata: Option<Value>,
    /// Whether a connection of this external id may be replaced, and which edition of it.
    pub replace: Replace,
}

/// Whether an existing connection may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replace {
    /// In any state.
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

/// The version of a connection that a client has read. A refresh does not change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition(pub i64);

impl Connections {
    /// Stores a connection: a new one, or in place of the owner's one with this external id. Returns it, and whether it
    /// is new.
    ///
    /// # Errors
    /// [`ConnectionError::Exists`] and [`ConnectionError::Changed`], as `replace` says; [`ConnectionError::Exhausted`]; the
    /// database or the operating system failed.
    pub async fn put(&self, owner: &Owner, new: NewConnection) -> Result<(ConnectionRow, bool), ConnectionError> {
        let holder = Uuid::new_v4().to_string();
        // A refresh under way ends first, so that what is revoked are the last tokens. One that hangs does not keep its owner
        // from connecting again.
        let present = self.0.rows.with_value(&owner.tenant, &owner.user, new.external_id.as_str()).await?;
        let held = match present.filter(|(row, _)| row.refresh_started_at.is_some()) {
            Some((row, _)) => match self.0.hold(&row.id, &holder).await {
                Ok(held) => held.map(|(row, _)| row),
                Err(ConnectionError::NotYet { .. }) => None,
                Err(error) => return Err(error),
            },
            None => None,
        };
        let put = repeat(|| self.try_put(owner, &new)).await;
        match (&put, held) {
            (Ok((_, _, true)), _) => self.begin_revoking(),
            (Err(_), Some(row)) => self.0.release(&row, &holder).await?,
            _ => {}
        }
        put.map(|(row, created, _)| (row, created))
    }

    /// Returns the connection, whether it is new, and whether there is something to revoke.
    async fn try_put(
        &self,
        owner: &Owner,
        new: &NewConnection,
    ) -> Result<(ConnectionRow, bool, bool), ConnectionError> {
        let inner = &*self.0;
        for _ in 0..TRIES {
            let mut tx = inner.db.begin(&owner.tenant).await?;
            let now = inner.now();
            let account = users::hold(&mut tx, &owner.tenant, &owner.user, false, now).await?;
            let linked = account.is_some();
            let owner = &Owner { tenant: owner.tenant.clone(), user: account.unwrap_or_else(|| owner.user.clone()) };
            let mut external_id = new.external_id.as_str().to_owned();
            let mut present =
                app_connections::by_external_id(&mut tx, &owner.tenant, &owner.user, &external_id).await?;
            if linked && present.take().is_some() {
                // What comes late for an account replaces nothing there.
                let taken = app_connections::external_ids(&mut tx, &owner.tenant, &owner.user).await?;
                external_id = numbered(&external_id, &taken);
            }
            let created = present.is_none();
            new.replace.allows(present.as_ref())?;
            let row = new.content(now).over(present.unwrap_or_else(|| {
                ConnectionRow::blank(row_id(), owner.tenant.clone(), owner.user.clone(), external_id, now)
            }));
            let rev = if created { row.rev } else { row.rev + 1 };
            let sealed = inner.seal(&row, rev, &new.value)?;
            let before = match created {
                true => None,
                false => app_connections::owned_with_value(&mut tx, &owner.tenant, &owner.user, &row.id).await?,
            };
            let written = match created {
                true => app_connections::insert(&mut tx, &row, &sealed).await?,
                false => app_connections::replace(&mut tx, &row, &sealed).await?,
            };
            if !written {
                // A concurrent insert or update won. Ends the transaction.
                continue;
            }
            if created {
                inner.quotas.connections.check(&mut tx, owner).await?;
            }
            let mut revoked = false;
            if let Some((before, text)) = before
                && let Ok(value) = inner.open(&before, &text)
                && other_tokens(&value, &new.value)
            {
                revoked = inner.to_be_revoked(&mut tx, &before, &value).await?;
            }
            let kind = if created { EventKind::Created } else { EventKind::Updated };
            let detail = json!({"type": row.kind, "revoked": revoked});
            return Ok((inner.conclude_anew(tx, row, &owner.actor(), kind, detail).await?, created, revoked));
        }
        Err(ConnectionError::Changed)
    }

    /// Exchanges the code in `new`'s value for tokens, if there is one, and stores the connection as [`Connections::put`]
    /// does. Completes even if the caller is dropped, as a code works only once; shutdown waits for it.
    ///
    /// # Errors
    /// As [`Connections::exchange`] and [`Connections::put`].
    pub async fn connect(
        &self,
        owner: Owner,
        oauth2: Option<OAuth2>,
        mut new: NewConnection,
    ) -> Result<(ConnectionRow, bool), ConnectionError> {
        let this = self.clone();
        let stored = self.0.tasks.run_to_completion(async move {
            new.value = this.exchange(&owner, &new.piece_name, oauth2.as_ref(), new.value).await?;
            this.put(&owner, new).await
        });
        stored.await.unwrap_or(Err(ConnectionError::Panicked))
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
        let mut reader = self.0.db.reader(&owner.tenant).await?;
        let id = external_id.as_str();
        let present = app_connections::by_external_id(&mut reader, &owner.tenant, &owner.user, id).await?;
        replace.allows(present.as_ref())?;
        if present.is_none() {
            self.0.quotas.connections.allows(&mut reader, owner, 1).await?;
        }
        Ok(())
    }

    /// The owner's connection of a row id.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`].
    pub async fn by_id(&self, owner: &Owner, id: &str) -> Result<ConnectionRow, ConnectionError> {
        let found = self.0.rows.by_id(&owner.tenant, &owner.user, id).await?;
        found.ok_or(ConnectionError::NotFound)
    }

    /// A page of the owner's connections, see [`AppConnections::list`](leno_db::AppConnections::list).
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
        let now = self.0.now();
        Ok(self.0.rows.list(&owner.tenant, &owner.user, filter, from, backwards, limit, now).await?)
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
            let mut tx = inner.db.begin(&owner.tenant).await?;
            if app_connections::describe(&mut tx, &row).await? {
                row.edition += 1;
                inner.conclude(tx, &row, &owner.actor(), EventKind::Updated, json!({"value": false})).await?;
                return Ok(row);
            }
        }
        Err(ConnectionError::Changed)
    }

    /// Replaces the value by what `change` makes of the present one. Waits for a refresh under way, whose tokens are
    /// not lost.
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
                    inner.release(&row, &holder).await?;
                    return Err(refused.err().unwrap_or(ConnectionError::Changed));
                }
            };
            // A broken connection stays so until `renew` shows that its new settings work.
            if row.status == ConnectionStatus::Missing {
                row.status = ConnectionStatus::Active;
            }
            row.updated_at = inner.now();
            let sealed = inner.seal(&row, row.rev + 1, &changed)?;
            let mut tx = inner.db.begin(&owner.tenant).await?;
            if app_connections::replace(&mut tx, &row, &sealed).await? {
                return inner.conclude_anew(tx, row, &owner.actor(), EventKind::Updated, json!({"value": true})).await;
            }
        }
        Err(ConnectionError::Changed)
    }

    /// Removes a connection. Its tokens are revoked at the provider, if the piece says how. Waits for a refresh under way, whose
    /// tokens are then revoked as well; with `force` no longer than it takes to see one.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`]; [`ConnectionError::InUse`] and [`ConnectionError::NotYet`] unless `force`.
    pub async fn delete(&self, owner: &Owner, id: &str, force: bool) -> Result<(), ConnectionError> {
        self.by_id(owner, id).await?;
        let holder = Uuid::new_v4().to_string();
        match self.0.hold(id, &holder).await {
            Ok(Some(_)) => {}
            Ok(None) => return Err(ConnectionError::NotFound),
            Err(ConnectionError::NotYet { .. }) if force => {}
            Err(error) => return Err(error),
        }
        let deleted = repeat(|| self.try_delete(owner, id, force)).await;
        match &deleted {
            Ok(true) => self.begin_revoking(),
            Ok(false) => {}
            Err(_) => self.0.release_by_id(owner, id, &holder).await,
        }
        deleted.map(drop)
    }

    /// Returns whether there is something to revoke.
    async fn try_delete(&self, owner: &Owner, id: &str, force: bool) -> Result<bool, ConnectionError> {
        let inner = &*self.0;
        let mut tx = inner.db.begin(&owner.tenant).await?;
        // Serializes with workflows that begin to use the connection.
        users::hold(&mut tx, &owner.tenant, &owner.user, false, inner.now()).await?;
        let found = app_connections::owned_with_value(&mut tx, &owner.tenant, &owner.user, id).await?;
        let Some((row, sealed)) = found else { return Err(ConnectionError::NotFound) };
        let uses = workflow_refs::uses(&mut tx, &owner.tenant, &owner.user, &row.external_id).await?;
        if !force && !uses.is_empty() {
            return Err(ConnectionError::InUse(uses));
        }
        app_connections::delete(&mut tx, &owner.tenant, &owner.user, id).await?;
        let revoked = match inner.open(&row, &sealed) {
            Ok(value) => inner.to_be_revoked(&mut tx, &row, &value).await?,
            Err(_) => false,
        };
        let detail = json!({"forced": force, "uses": uses.len(), "revoked": revoked});
        inner.conclude(tx, &row, &owner.actor(), EventKind::Deleted, detail).await?;
        Ok(revoked)
    }

    /// Records an access to a connection's value in the audit log.
    ///
    /// # Errors
    /// The database failed: the value must not be handed out.
    pub async fn audit(
        &self,
        row: &ConnectionRow,
        actor: &str,
        event: &'static str,
        detail: Value,
    ) -> Result<(), ConnectionError> {
        let entry = AuditEntry::new(self.0.now(), row.tenant_id.clone(), actor, event, &row.id).with(detail);
        Ok(audit_log::record(&self.0.db, entry).await?)
    }

    /// The steps of workflows that use a connection.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`].
    pub async fn uses(&self, owner: &Owner, id: &str) -> Result<Vec<WorkflowRef>, ConnectionError> {
        let row = self.by_id(owner, id).await?;
        let mut reader = self.0.db.reader(&owner.tenant).await?;
        Ok(workflow_refs::uses(&mut reader, &owner.tenant, &owner.user, &row.external_id).await?)
    }
}

impl NewConnection {
    fn content(&self, now: i64) -> Content {
        Content {
            display_name: self.display_name.clone(),
            kind: self.value.kind().as_str().to_owned(),
            status: ConnectionStatus::Active,
            piece_name: self.piece_name.clone(),
            piece_version: self.piece_version.clone(),
            metadata: self.metadata.as_ref().map(Value::to_string),
            updated_at: now,
        }
    }
}

/// Whether none of the old tokens is among the new ones.
fn other_tokens(old: &ConnectionValue, new: &ConnectionValue) -> bool {
    let token =
        |value: &ConnectionValue, name: &str| value.expose().get(name).and_then(Value::as_str).map(str::to_owned);
    ["refresh_token", "access_token"].iter().all(|name| {
        let old = token(old, name).filter(|token| !token.is_empty());
        old.is_none() || old != token(new, name)
    })
}
