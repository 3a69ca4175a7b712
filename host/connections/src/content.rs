//! What makes up a connection besides its identity: written when it is made, and replaced as a whole.

use leno_db::{ConnectionRow, ConnectionStatus};

/// What a client, or another system, states about a connection.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) display_name: String,
    /// `SECRET_TEXT`, `OAUTH2`, …
    pub(crate) kind: String,
    pub(crate) status: ConnectionStatus,
    pub(crate) piece_name: String,
    pub(crate) piece_version: String,
    /// JSON text.
    pub(crate) metadata: Option<String>,
    /// In milliseconds since 1970.
    pub(crate) updated_at: i64,
}

impl Content {
    /// `row` with this content. Id, owner, creation, scope and projects stay.
    pub(crate) fn over(self, row: ConnectionRow) -> ConnectionRow {
        let Self { display_name, kind, status, piece_name, piece_version, metadata, updated_at } = self;
        ConnectionRow { display_name, kind, status, piece_name, piece_version, metadata, updated_at, ..row }
    }
}
