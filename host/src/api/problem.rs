//! Errors as every route tells them: problem details (RFC 9457).

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use leno_metadata::Problem as Fault;
use leno_sandbox::{LogLine, Usage};
use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

use super::schema;

/// The media type of a problem.
pub(super) const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// One error answer.
///
/// `type` is always `about:blank`, so `title` is the status' own phrase (RFC 9457, section 4.2.1): what tells problems
/// apart is `code`. `error` is one short sentence for clients that show just that.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    body: Members,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What went wrong inside this host: for its log only.
    cause: Option<String>,
}

/// An error (RFC 9457).
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
pub(super) struct Members {
    /// Always `about:blank`: `code` tells problems apart.
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What happened and what to do, for people.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The same in one short sentence.
    #[schema(value_type = String)]
    error: Cow<'static, str>,
    /// Stable and machine-readable; for what a piece reported, its own.
    #[schema(value_type = String)]
    code: Cow<'static, str>,
    /// What to do about it, for programs: `rate-limited` and `unavailable` are worth another try, later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Kind>)]
    kind: Option<&'static str>,
    /// The run that ended so.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<String>,
    /// Every single fault of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<schema::Fault>, required = false)]
    problems: Vec<Fault>,
    /// What the piece adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
    /// What the piece logged, when it ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<schema::LogLine>>)]
    logs: Option<Vec<LogLine>>,
    /// Log records beyond the limits; absent when there were none.
    #[serde(skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    logs_dropped: u64,
    /// What the call cost, when the piece ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<schema::Usage>)]
    usage: Option<Usage>,
}

/// Left in the answer's extensions when this host failed, for the edge to log.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) cause: String,
    pub(super) run_id: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn as_number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with a stable `code`, one short sentence and what to do about it.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        error: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let body = Members {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: detail.into(),
            error: error.into(),
            code: code.into(),
            kind: None,
            run_id: None,
            problems: Vec::new(),
            details: None,
            logs: None,
            logs_dropped: 0,
            usage: None,
        };
        Self(Box::new(Parts { body, headers: Vec::new(), cause: None }))
    }

    /// The request is not what the route takes.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "Invalid request", detail)
    }

    /// Members of the request's body are wrong; every one is listed, as a JSON pointer into the body.
    pub fn invalid_members(problems: Vec<Fault>) -> Self {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self::bad_request("invalid_request", lines.join("\n")).listing(problems)
    }

    /// Parameters of the query are wrong; every one is listed by its name.
    pub fn invalid_query(problems: Vec<Fault>) -> Self {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self::bad_request("invalid_query", lines.join("\n")).listing(problems)
    }

    /// A fault of this host. The cause goes to its log, not to the caller.
    pub fn internal(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "host_error",
            "The host failed",
            "this host failed, not the piece; its log tells more under the id in the X-Request-Id header",
        );
        problem.0.cause = Some(cause.into());
        problem
    }

    /// With an answer header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// With `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, wait: std::time::Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)))
    }

    /// With what the caller may do about it, in the words of the piece interface.
    #[must_use]
    pub fn kind(mut self, kind: leno_metadata::ErrorKind) -> Self {
        self.0.body.kind = Some(kind.as_str());
        self
    }

    /// With every single fault and its place.
    #[must_use]
    pub fn listing(mut self, problems: Vec<Fault>) -> Self {
        self.0.body.problems = problems;
        self
    }

    /// With what the piece adds.
    #[must_use]
    pub fn details(mut self, details: Option<Value>) -> Self {
        self.0.body.details = details;
        self
    }

    /// With the run that it ended.
    #[must_use]
    pub fn of_run(mut self, id: String, logs: Vec<LogLine>, logs_dropped: u64, usage: Usage) -> Self {
        if let Ok(value) = HeaderValue::from_str(&id) {
            self.0.headers.push((super::RUN_ID, value));
        }
        self.0.body.run_id = Some(id);
        (self.0.body.logs, self.0.body.logs_dropped, self.0.body.usage) = (Some(logs), logs_dropped, Some(usage));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { body, headers, cause } = *self.0;
        // Strings, numbers and parsed JSON always serialize.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = body.status;
        response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        response.headers_mut().extend(headers);
        if let Some(cause) = cause {
            response.extensions_mut().insert(Trouble { cause, run_id: body.run_id });
        }
        response
    }
}
