//! Connections for calls.

use std::sync::Arc;

use async_trait::async_trait;
use leno_base::{ExternalId, Owner};
use leno_db::ConnectionRow;
use leno_metadata::{Connection, ConnectionValue, PieceError, PieceName};

use crate::{ConnectionError, Connections};

/// A connection that was found, and is decrypted and renewed when a call needs it.
#[derive(Clone)]
pub struct Stored {
    connections: Connections,
    row: Arc<ConnectionRow>,
    sealed: Arc<str>,
}

impl Connections {
    /// The owner's connection of an external id.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`], also when another owner has it.
    pub async fn find(&self, owner: &Owner, external_id: &ExternalId) -> Result<Stored, ConnectionError> {
        let found = self.0.rows.with_value(&owner.tenant, &owner.user, external_id.as_str()).await?;
        self.stored(found)
    }

    /// The owner's connection of a row id.
    ///
    /// # Errors
    /// [`ConnectionError::NotFound`], also when another owner has it.
    pub async fn find_by_id(&self, owner: &Owner, id: &str) -> Result<Stored, ConnectionError> {
        let found = self.0.rows.by_id_with_value(&owner.tenant, &owner.user, id).await?;
        self.stored(found)
    }

    fn stored(&self, found: Option<(ConnectionRow, String)>) -> Result<Stored, ConnectionError> {
        let (row, sealed) = found.ok_or(ConnectionError::NotFound)?;
        Ok(Stored { connections: self.clone(), row: Arc::new(row), sealed: sealed.into() })
    }
}

impl Stored {
    /// What is known of it without decrypting it.
    #[must_use]
    pub fn row(&self) -> &ConnectionRow {
        &self.row
    }

    /// The connection, for calls of `piece`. Another piece is refused: it could send the credentials to its own hosts.
    ///
    /// # Errors
    /// [`ConnectionError::OtherPiece`].
    pub fn for_piece(self, piece: &PieceName) -> Result<Self, ConnectionError> {
        match self.row.piece_name.parse::<PieceName>() {
            Ok(name) if name == *piece => Ok(self),
            _ => Err(ConnectionError::OtherPiece { piece: self.row.piece_name.clone() }),
        }
    }

    /// The decrypted value, with a valid token.
    ///
    /// # Errors
    /// [`ConnectionError::Broken`], [`ConnectionError::NotYet`], or the database failed.
    pub async fn value(&self) -> Result<Arc<ConnectionValue>, ConnectionError> {
        self.connections.valid(&self.row, &self.sealed).await
    }
}

#[async_trait]
impl Connection for Stored {
    async fn resolve(&self) -> Result<Arc<ConnectionValue>, PieceError> {
        self.value().await.map_err(PieceError::from)
    }

    async fn instead_of(&self, rejected: &ConnectionValue) -> Option<Arc<ConnectionValue>> {
        let owner = Owner { tenant: self.row.tenant_id.clone(), user: self.row.owner_id.clone() };
        self.connections.instead_of(&owner, &self.row.id, rejected).await
    }

    fn id(&self) -> Option<&str> {
        Some(&self.row.id)
    }
}
