//! The form of the REST API's errors: problem details (RFC 9457).

use http::{HeaderValue, StatusCode};
use leno_metadata::{Details, ErrorKind, Problem as Fault};
use leno_sandbox::{LogLine, Usage};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::schema;
use crate::edge::rejection::Parts;

/// The media type of a problem.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error (RFC 9457).
///
/// `type` is always `about:blank`, so `title` is the status' own phrase (section 4.2.1); `code` distinguishes problems,
/// and `error` is for clients that show one short sentence.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem, example = json!({
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "/input/text: is required",
    "error": "Invalid input",
    "code": "invalid_props",
    "kind": "invalid-input",
    "problems": [{"path": "/input/text", "message": "is required"}]
}))]
pub(super) struct Members<'a> {
    /// Always `about:blank`: `code` distinguishes problems.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status phrase.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What happened and what to do, for users.
    #[schema(value_type = String)]
    detail: &'a str,
    /// The same in one short sentence.
    #[schema(value_type = String)]
    error: &'a str,
    /// Stable and machine-readable; the piece's own code if the piece reported the error.
    #[schema(value_type = String)]
    code: &'a str,
    /// What to do about it, for programs: `rate-limited` and `unavailable` can be retried later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Kind>)]
    kind: Option<&'static str>,
    /// The run that ended with this error.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    run_id: Option<&'a str>,
    /// Every single fault of the request.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<schema::Fault>, required = false)]
    problems: &'a [Fault],
    /// Details from the piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    details: Option<&'a Details>,
    /// What the piece logged, when it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::LogLine>>)]
    logs: Option<&'a [LogLine]>,
    /// Log records beyond the limits; absent when there were none.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    logs_dropped: u64,
    /// What the call cost, when the piece ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Usage>)]
    usage: Option<Usage>,
}

/// A rejection as a problem: media type and JSON text.
pub(super) fn problem(parts: &Parts) -> (HeaderValue, Vec<u8>) {
    let run = parts.run.as_ref();
    let members = Members {
        r#type: "about:blank",
        title: parts.status.canonical_reason().unwrap_or("Error"),
        status: parts.status,
        detail: &parts.detail,
        error: &parts.error,
        code: &parts.code,
        kind: parts.kind.map(ErrorKind::as_str),
        run_id: run.map(|run| run.id.as_str()),
        problems: &parts.problems,
        details: parts.details.as_ref(),
        logs: run.map(|run| run.report.logs.as_slice()),
        logs_dropped: run.map_or(0, |run| run.report.logs_dropped),
        usage: run.map(|run| run.report.usage),
    };
    // Strings, numbers and parsed JSON always serialize.
    (MEDIA_TYPE, serde_json::to_vec(&members).unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn as_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
