//! The audit log, as operators read it and as their own doings are written to it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use leno_base::{Clock, TenantId, milliseconds};
use leno_db::{AuditEntry, AuditFilter, AuditRow, Db, DbError, audit_log};
use serde_json::{Value, json};

/// Refused internal tokens are written together at most this often: anybody can send them.
const TOGETHER: Duration = Duration::from_secs(10);

/// The audit log. Cheap to clone.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Arc<dyn Clock>,
    refused: Mutex<Refused>,
}

/// Internal tokens that were refused and are not written yet.
#[derive(Default)]
struct Refused {
    count: u64,
    written: Option<Instant>,
}

impl Audit {
    /// The log in `db`.
    #[must_use]
    pub fn new(db: Db, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { db, clock, refused: Mutex::default() }))
    }

    /// Writes what an operator did to the host. A failure is logged: it has happened already.
    pub async fn record(&self, actor: &str, event: &'static str, subject: &str, detail: Value) {
        let inner = &*self.0;
        let entry =
            AuditEntry::new(milliseconds(&*inner.clock), TenantId::from(""), actor, event, subject).with(detail);
        if let Err(error) = audit_log::record(&inner.db, entry).await {
            tracing::error!(event, subject, %error, "an entry of the audit log was not written");
        }
    }

    /// Writes that an internal token was refused, with those since the last time.
    pub async fn internal_refused(&self) {
        let count = {
            let mut refused = self.0.refused.lock().unwrap_or_else(PoisonError::into_inner);
            refused.count += 1;
            if refused.written.is_some_and(|written| written.elapsed() < TOGETHER) {
                return;
            }
            refused.written = Some(Instant::now());
            std::mem::take(&mut refused.count)
        };
        self.record("unknown", "internal_token.refused", "", json!({"count": count})).await;
    }

    /// Rows of the log, the latest first.
    ///
    /// # Errors
    /// The database failed.
    pub async fn page(&self, filter: &AuditFilter, limit: i64) -> Result<Vec<AuditRow>, DbError> {
        audit_log::page(&self.0.db, filter, limit).await
    }
}
