//! Where a call gets the value of its connection from.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{ConnectionValue, PieceError};

/// The connection chosen for a call.
#[async_trait]
pub trait Connection: Send + Sync {
    /// The decrypted, valid value. Asked for at most once a call, and only when the piece needs it.
    ///
    /// # Errors
    /// The connection cannot be used: unknown, expired, refused.
    async fn resolve(&self) -> Result<Arc<ConnectionValue>, PieceError>;

    /// What to use in place of `rejected`, a value that was resolved and that a service answered with 401 although its token
    /// should be valid. `None`: there is no other.
    async fn instead_of(&self, rejected: &ConnectionValue) -> Option<Arc<ConnectionValue>> {
        let _ = rejected;
        None
    }

    /// The embedder's id of the connection, for its records. `None` for a value that is not stored.
    fn id(&self) -> Option<&str> {
        None
    }
}

/// A connection whose value is in memory.
#[async_trait]
impl Connection for Arc<ConnectionValue> {
    async fn resolve(&self) -> Result<Arc<ConnectionValue>, PieceError> {
        Ok(self.clone())
    }
}
