//! The audit log, for operators.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use leno_base::iso;
use leno_db::{AuditFilter, AuditRow};
use leno_metadata::Problem as Fault;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::App;
use crate::edge::{Rejection, authorization::Operator, extract::Query};

/// Rows of a page by default.
const LIMIT: i64 = 100;
/// The largest page.
const MAX_LIMIT: i64 = 1_000;

/// A row of the audit log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditRow)]
pub(super) struct RowView {
    id: String,
    #[schema(format = "date-time")]
    at: String,
    /// The tenant whose data it concerns; empty for the host's own.
    tenant_id: String,
    /// `user:ID`, `piece:NAME`, `internal`, `host`, or the operator.
    actor: String,
    #[schema(example = "connection.created")]
    event: String,
    /// The row, file or user that it is about.
    subject: String,
    /// Further details.
    #[schema(value_type = Object)]
    detail: Value,
    /// The `X-Request-Id` of the request that it comes from.
    #[schema(required = true)]
    request_id: Option<String>,
    /// The address that sent the request.
    #[schema(required = true)]
    address: Option<String>,
    /// The process that wrote it.
    #[schema(required = true)]
    process: Option<String>,
    /// The number of the seal that covers it; none in its first minute.
    #[schema(required = true)]
    seal: Option<i64>,
}

impl From<AuditRow> for RowView {
    fn from(row: AuditRow) -> Self {
        Self {
            at: iso(row.at),
            tenant_id: row.tenant.as_str().to_owned(),
            detail: serde_json::from_str(&row.detail).unwrap_or_default(),
            id: row.id,
            actor: row.actor,
            event: row.event,
            subject: row.subject,
            request_id: row.request,
            address: row.address,
            process: row.process,
            seal: row.seal,
        }
    }
}

/// A page of the audit log. `next` goes into `cursor`.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditPage)]
pub(super) struct Page {
    data: Vec<RowView>,
    #[schema(required = true)]
    next: Option<String>,
}

/// Lists who did what to which secret, user or piece, the latest first.
///
/// Rows that `leno audit archive` moved to a file are not here any more.
#[utoipa::path(
    get,
    path = "/api/admin/audit",
    operation_id = "listAudit",
    tag = "admin",
    security(("bearer" = []), ("internal" = [])),
    params(
        ("tenantId" = Option<String>, Query, description = "Of one tenant."),
        ("subject" = Option<String>, Query, description = "About one subject: the row id of a connection, a user, a file."),
        ("event" = Option<String>, Query, description = "Of one event, such as `secret.decrypted`."),
        ("limit" = Option<u32>, Query, description = "The maximum number of rows; 100 if absent.", minimum = 1, maximum = 1000),
        ("cursor" = Option<String>, Query, description = "`next` of another page."),
    ),
    responses(
        (status = 200, description = "A page.", body = Page),
        (status = 403, description = "The caller is not an operator."),
    ),
)]
pub(super) async fn list(_: Operator, State(app): State<Arc<App>>, query: Query) -> Result<Json<Page>, Rejection> {
    let text = |name: &'static str| query.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut faults = Vec::new();
    let limit = query.limit(MAX_LIMIT).unwrap_or_else(|fault| {
        faults.push(fault);
        None
    });
    let before = query.get("cursor").map(read_cursor);
    if before == Some(None) {
        faults.push(Fault::new("cursor", "must be `next` of a page of this host"));
    }
    if !faults.is_empty() {
        return Err(Rejection::invalid_query(faults));
    }
    let filter = AuditFilter {
        tenant: text("tenantId"),
        subject: text("subject"),
        event: text("event"),
        before: before.flatten(),
    };
    let limit = limit.unwrap_or(LIMIT);
    let rows = app.audit.page(&filter, limit).await?;
    let full = i64::try_from(rows.len()).unwrap_or(limit) == limit;
    let next = rows.last().filter(|_| full).map(|row| URL_SAFE_NO_PAD.encode(format!("{}:{}", row.at, row.id)));
    Ok(Json(Page { data: rows.into_iter().map(RowView::from).collect(), next }))
}

fn read_cursor(text: &str) -> Option<(i64, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (at, id) = text.split_once(':')?;
    Some((at.parse().ok()?, id.to_owned())).filter(|(_, id)| !id.contains('\0'))
}
