//! The events of connections.

use leno_base::{Owner, iso};
use leno_db::ConnectionRow;
use leno_events::NewEvent;
use serde_json::json;

/// What can happen to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was made.
    Created,
    /// Its owner changed it.
    Updated,
    /// It has a new access token.
    Refreshed,
    /// The provider refused the last renewals of its token; `statusReason` has its words.
    Degraded,
    /// Its token ends soon, and cannot be renewed.
    Expiring,
    /// Its token has ended, and cannot be renewed.
    Expired,
    /// It cannot be used any more; `statusReason` says why.
    Errored,
    /// It was removed.
    Deleted,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Updated,
        Self::Refreshed,
        Self::Degraded,
        Self::Expiring,
        Self::Expired,
        Self::Errored,
        Self::Deleted,
    ];

    /// The type of the event.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "connection.created",
            Self::Updated => "connection.updated",
            Self::Refreshed => "connection.refreshed",
            Self::Degraded => "connection.degraded",
            Self::Expiring => "connection.expiring",
            Self::Expired => "connection.expired",
            Self::Errored => "connection.errored",
            Self::Deleted => "connection.deleted",
        }
    }
}

/// The event that `kind` happened to a connection, with its state at `now` and without its value.
pub(crate) fn event(kind: EventKind, row: &ConnectionRow, now: i64) -> NewEvent {
    let data = json!({
        "id": row.id,
        "externalId": row.external_id,
        "displayName": row.display_name,
        "pieceName": row.piece_name,
        "type": row.kind,
        "status": row.state(now),
        "statusReason": row.status_reason,
        "expiresAt": row.expires_at.map(iso),
    });
    NewEvent { owner: Owner { tenant: row.tenant_id.clone(), user: row.owner_id.clone() }, kind: kind.as_str(), data }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_tells_the_connection_without_its_value_and_its_metadata() {
        let row = ConnectionRow {
            display_name: "Mine".into(),
            kind: "OAUTH2".into(),
            piece_name: "github".into(),
            piece_version: "1.0.0".into(),
            metadata: Some(r#"{"note":"not for others"}"#.into()),
            expires_at: Some(1_700_000_000_000),
            ..ConnectionRow::blank("row".into(), "t".into(), "u".into(), "a".into(), 1)
        };
        let event = event(EventKind::Created, &row, 1);
        let expected = json!({
            "id": "row", "externalId": "a", "displayName": "Mine", "pieceName": "github", "type": "OAUTH2",
            "status": "ACTIVE", "statusReason": null, "expiresAt": "2023-11-14T22:13:20.000Z",
        });
        assert_eq!((event.kind, event.data), ("connection.created", expected));
        assert_eq!((event.owner.tenant.as_str(), event.owner.user.as_str()), ("t", "u"));
    }
}
