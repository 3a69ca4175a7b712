//! What is done for connections that nobody uses at the moment.

use leno_db::app_connections;
use serde_json::json;

use crate::{ConnectionError, Connections, EventKind, flights::Why, refresh::land};

/// After so many milliseconds without use a due token is renewed: providers forget refresh tokens that are never used.
const IDLE: i64 = 86_400_000;
/// Connections of one pass.
const AT_ONCE: i64 = 100;

impl Connections {
    /// Renews the tokens that have been due for a day, as nobody used them. Waits for it. Returns how many there were.
    ///
    /// # Errors
    /// The database failed.
    pub async fn renew_idle(&self) -> Result<usize, ConnectionError> {
        let now = self.0.now();
        let rows = self.0.rows.idle(now - IDLE, now, AT_ONCE).await?;
        // Those of a tenant with the most under way have their turn in the next pass.
        let flights: Vec<_> = rows.iter().filter_map(|row| self.begin(row, Why::Due).ok()).collect();
        let count = flights.len();
        for flight in flights {
            land(flight).await;
        }
        Ok(count)
    }

    /// Tells owners of tokens that end, or have ended, and cannot be renewed. Returns how many.
    ///
    /// # Errors
    /// The database failed.
    pub async fn tell_ends(&self) -> Result<usize, ConnectionError> {
        let inner = &*self.0;
        let (now, mut count) = (inner.now(), 0);
        for row in inner.rows.to_tell(now, AT_ONCE).await? {
            let ended = row.expires_at.is_some_and(|end| end <= now);
            let kind = if ended { EventKind::Expired } else { EventKind::Expiring };
            let mut tx = inner.db.begin(&row.tenant_id).await?;
            if app_connections::told(&mut tx, &row, now).await? {
                inner.conclude(tx, &row, "host", kind, json!({})).await?;
                count += 1;
            }
        }
        Ok(count)
    }
}
