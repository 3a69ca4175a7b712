//! A connection as its owner sees it: everything but the value.

use leno_base::iso;
use leno_db::ConnectionRow;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Connections;

/// The connection object of the API and of events. There is no way from it to the value.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionView<'a> {
    /// Row id.
    pub id: &'a str,
    /// The name shown to users.
    pub display_name: &'a str,
    /// The name that flows use.
    pub external_id: &'a str,
    /// `SECRET_TEXT`, `OAUTH2`, …
    pub r#type: &'a str,
    /// `ACTIVE`, `EXPIRED`, `DEGRADED`, `MISSING` or `ERROR`.
    pub status: &'a str,
    /// Why it does not work, or why its token was not renewed at the last attempt.
    pub status_reason: Option<&'a str>,
    /// Activepieces' platform.
    pub platform_id: Option<&'a str>,
    /// The piece.
    pub piece_name: &'a str,
    /// The owner.
    pub owner_id: &'a str,
    /// Activepieces' projects.
    pub project_ids: Option<&'a RawValue>,
    /// `PROJECT` or `PLATFORM`.
    pub scope: &'a str,
    /// Set by the client.
    pub metadata: Option<&'a RawValue>,
    /// The piece's version.
    pub piece_version: &'a str,
    /// When the access token ends, if it does.
    pub expires_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

impl Connections {
    /// A connection as its owner sees it now.
    #[must_use]
    pub fn view<'a>(&self, row: &'a ConnectionRow) -> ConnectionView<'a> {
        ConnectionView::at(row, self.0.now())
    }
}

impl<'a> ConnectionView<'a> {
    fn at(row: &'a ConnectionRow, now: i64) -> Self {
        // What is stored was JSON; what is not is left out rather than failing a whole list.
        let raw = |text: &'a str| serde_json::from_str::<&RawValue>(text).ok();
        Self {
            id: &row.id,
            display_name: &row.display_name,
            external_id: &row.external_id,
            r#type: &row.kind,
            status: row.state(now).as_str(),
            status_reason: row.status_reason.as_deref(),
            platform_id: row.platform_id.as_deref(),
            piece_name: &row.piece_name,
            owner_id: row.owner_id.as_str(),
            project_ids: raw(&row.project_ids),
            scope: &row.scope,
            metadata: row.metadata.as_deref().and_then(raw),
            piece_version: &row.piece_version,
            expires_at: row.expires_at.map(iso),
            created_at: iso(row.created_at),
            updated_at: iso(row.updated_at),
        }
    }
}
