//! Connect sessions: links by which somebody - the owner on a page of another application, or whoever has the key - enters the
//! credentials of one connection, without an account on this host.
//!
//! A link is good for half an hour and for one connection, which belongs to the owner of the session and to nobody else. Who has
//! the link may enter credentials, and learns nothing but what the page says; the value never comes back.

use leno_base::{ExternalId, Owner, random};
use leno_db::{AuditEntry, ConnectSession as SessionRow, ConnectionRow, audit_log, connect_sessions};
use leno_metadata::OAuth2;
use leno_vault::Place;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{ConnectionError, Connections, NewConnection, inner::broken, sign_in::hash};

/// How long a link is good, in milliseconds.
const LIFE: i64 = 30 * 60_000;
/// How often credentials may be sent by one link: more than anybody mistypes, fewer than anybody guesses with.
const MOST_ATTEMPTS: i64 = 20;
/// The table's name in the MAC of drafts.
const TABLE: &str = "connect_sessions";

/// What a link is for.
#[derive(Clone, Serialize, Deserialize)]
pub struct ConnectDraft {
    /// The piece, as the client wrote it.
    pub piece_name: String,
    /// The name that flows use for the connection.
    pub external_id: ExternalId,
    /// The name of the connection that is shown to users.
    pub display_name: String,
    /// Any JSON object; returned to clients.
    pub metadata: Option<Value>,
    /// Fields of the form that are filled in and not shown.
    pub fields: Map<String, Value>,
    /// The origin whose page is told of the end, and may have the form in a frame.
    pub origin: Option<String>,
}

/// A link that was made.
pub struct Opened {
    /// Its name for its owner. It does not open the link.
    pub id: String,
    /// What the link ends with.
    pub token: SecretString,
    /// Until when it is good, in milliseconds since 1970.
    pub expires_at: i64,
}

/// A link that is good.
pub struct ConnectSession {
    /// What it is for.
    pub draft: ConnectDraft,
    row: SessionRow,
}

/// How far a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nobody has entered credentials that were good.
    Open,
    /// Credentials are being stored.
    Taken,
    /// The connection is made.
    Done,
    /// Too many credentials were refused.
    Exhausted,
}

impl ConnectSession {
    /// Who the connection belongs to.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.row.owner
    }

    /// Its name for its owner.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.row.id
    }

    /// The row id of the connection that was made.
    #[must_use]
    pub fn connection_id(&self) -> Option<&str> {
        self.row.connection_id.as_deref()
    }

    /// What the last attempt ended with, for its page.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        self.row.said.as_deref().filter(|said| !said.is_empty())
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        match (&self.row.connection_id, self.row.taken_at) {
            (Some(_), _) => Progress::Done,
            (None, Some(_)) => Progress::Taken,
            (None, None) if self.row.attempts >= MOST_ATTEMPTS => Progress::Exhausted,
            (None, None) => Progress::Open,
        }
    }

    /// Until when it is good, in milliseconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.row.expires_at
    }
}

impl Connections {
    /// Makes a link for `owner`. `actor` is who asked for it.
    ///
    /// # Errors
    /// [`ConnectionError::Exhausted`], or the database or the operating system failed.
    pub async fn open_session(
        &self,
        owner: &Owner,
        actor: &str,
        draft: &ConnectDraft,
    ) -> Result<Opened, ConnectionError> {
        let inner = &*self.0;
        let token: SecretString = random::token()?.as_str().into();
        let now = inner.now();
        let text = Zeroizing::new(serde_json::to_string(draft).unwrap_or_default());
        let mut row = SessionRow {
            token_hash: hash(token.expose_secret()),
            id: Uuid::new_v4().to_string(),
            owner: owner.clone(),
            draft: String::new(),
            key_id: inner.keyring.active().as_str().to_owned(),
            attempts: 0,
            taken_at: None,
            connection_id: None,
            said: None,
            created_at: now,
            expires_at: now.saturating_add(LIFE),
        };
        row.draft = in_place(&row, |place| inner.keyring.seal(&text.as_str().into(), place))?;
        let mut tx = inner.db.begin(&owner.tenant).await?;
        connect_sessions::insert(&mut tx, &row).await?;
        inner.quotas.sessions.check(&mut tx, owner).await?;
        let detail = json!({"pieceName": draft.piece_name, "externalId": draft.external_id, "origin": draft.origin});
        let entry = AuditEntry::new(now, owner.tenant.clone(), actor, "connect_session.opened", &row.id);
        audit_log::append(&mut tx, &entry.with(detail)).await?;
        tx.commit().await?;
        Ok(Opened { id: row.id, token, expires_at: row.expires_at })
    }

    /// The session of a link.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`]: there is none, or it has ended.
    pub async fn session(&self, token: &str) -> Result<ConnectSession, ConnectionError> {
        let found = connect_sessions::find(&self.0.db, &hash(token), self.0.now()).await?;
        self.opened(found)
    }

    /// The session that its owner knows by `id`.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`].
    pub async fn session_by_id(&self, owner: &Owner, id: &str) -> Result<ConnectSession, ConnectionError> {
        let found = connect_sessions::by_id(&self.0.db, owner, id, self.0.now()).await?;
        self.opened(found)
    }

    fn opened(&self, found: Option<SessionRow>) -> Result<ConnectSession, ConnectionError> {
        let row = found.ok_or(ConnectionError::NotFound)?;
        let text = in_place(&row, |place| self.0.keyring.open(&row.draft, place)).map_err(|error| broken(&error))?;
        let draft = serde_json::from_str(text.expose_secret())
            .map_err(|_| ConnectionError::Broken { reason: "the connect session cannot be read".into() })?;
        Ok(ConnectSession { draft, row })
    }

    /// Ends a link before its time.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`].
    pub async fn close_session(&self, owner: &Owner, id: &str) -> Result<(), ConnectionError> {
        match connect_sessions::delete(&self.0.db, owner, id).await? {
            true => Ok(()),
            false => Err(ConnectionError::NotFound),
        }
    }

    /// Counts an attempt to enter credentials, before they are looked at. Returns whether it may be made.
    ///
    /// # Errors
    /// The database failed.
    pub async fn attempt(&self, session: &ConnectSession) -> Result<bool, ConnectionError> {
        Ok(connect_sessions::attempt(&self.0.db, &session.row, MOST_ATTEMPTS, self.0.now()).await?)
    }

    /// Stores the connection of a session, as [`Connections::connect`] does, if nobody else has. Completes even if the caller is
    /// dropped.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`]: somebody else has, or the session has ended. Else as there; the link can then be used
    /// again.
    pub async fn connect_by_session(
        &self,
        session: &ConnectSession,
        oauth2: Option<OAuth2>,
        new: NewConnection,
    ) -> Result<ConnectionRow, ConnectionError> {
        let (this, row) = (self.clone(), session.row.clone());
        let stored = self.0.tasks.run_to_completion(async move {
            let db = &this.0.db;
            if !connect_sessions::take(db, &row, this.0.now()).await? {
                return Err(ConnectionError::NotFound);
            }
            match this.connect(row.owner.clone(), oauth2, new).await {
                Ok((made, _)) => {
                    connect_sessions::ended(db, &row, Some(&made.id), "").await?;
                    let entry = AuditEntry::new(
                        this.0.now(),
                        row.owner.tenant.clone(),
                        format!("connect session {}", row.id),
                        "connect_session.used",
                        &made.id,
                    );
                    audit_log::record(db, entry).await?;
                    Ok(made)
                }
                Err(error) => {
                    connect_sessions::ended(db, &row, None, "").await?;
                    Err(error)
                }
            }
        });
        stored.await.unwrap_or(Err(ConnectionError::Panicked))
    }

    /// Keeps what an attempt ended with, for the page of the link.
    ///
    /// # Errors
    /// The database failed.
    pub async fn say(&self, session: &ConnectSession, said: &str) -> Result<(), ConnectionError> {
        Ok(connect_sessions::ended(&self.0.db, &session.row, session.connection_id(), said).await?)
    }
}

/// Does something with the place of a draft: it opens for this link and owner only.
fn in_place<T>(row: &SessionRow, with: impl FnOnce(Place<'_>) -> T) -> T {
    let facts = [row.owner.user.as_str()];
    with(Place { table: TABLE, tenant: row.owner.tenant.as_str(), row: &row.token_hash, facts: &facts })
}
