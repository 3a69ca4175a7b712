//! Why a request was refused, before any surface gives it a form.
//!
//! Handlers and extractors return a [`Rejection`]. As an axum response it carries its status and headers, and itself in the
//! extensions; the surface's [`render_with`] layer replaces it by the form that its clients know: an RFC 9457 problem, an
//! RFC 6749 error, a JSON-RPC error.

use std::{borrow::Cow, time::Duration};

use axum::{
    Router, middleware,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use leno_base::budget::Exhausted;
use leno_db::{Busy, DbError};
use leno_metadata::{Details, ErrorKind, Problem as Fault};
use leno_sandbox::Report;
use serde_json::{Value, json};

use super::{RUN_ID, body::body};

/// Why a request was refused, or what failed while it was served. Holds no secret.
#[derive(Debug, Clone)]
pub struct Rejection(Box<Parts>);

/// What a surface renders.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// Stable and machine-readable.
    pub(crate) code: Cow<'static, str>,
    /// One short sentence.
    pub(crate) error: Cow<'static, str>,
    /// What happened, with which value, and what to do.
    pub(crate) detail: Cow<'static, str>,
    /// What the caller may do about it.
    pub(crate) kind: Option<ErrorKind>,
    /// Every single fault of the request.
    pub(crate) problems: Vec<Fault>,
    /// Details from the piece.
    pub(crate) details: Option<Details>,
    /// The run that ended with this error.
    pub(crate) run: Option<FailedRun>,
    /// Headers that go with it in every form: `Retry-After`, `WWW-Authenticate`.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The cause inside this host: for its log only.
    cause: Option<String>,
}

/// A run that ended without output.
#[derive(Debug, Clone)]
pub(crate) struct FailedRun {
    pub(crate) id: String,
    /// Its logs and figures.
    pub(crate) report: Report,
}

/// The cause of a failure inside this host, left in the response's extensions for the log of the [ring](super::ring).
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) cause: String,
    pub(super) run_id: Option<String>,
}

impl Rejection {
    /// A rejection with a stable `code`, one short sentence, and what to do about it.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        error: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Parts {
            status,
            code: code.into(),
            error: error.into(),
            detail: detail.into(),
            kind: None,
            problems: Vec::new(),
            details: None,
            run: None,
            headers: Vec::new(),
            cause: None,
        }))
    }

    /// The request is not valid for the route.
    pub fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "Invalid request", detail)
    }

    /// Members of the request's body are wrong; every one is listed, as a JSON pointer into the body.
    #[must_use]
    pub fn invalid_members(problems: Vec<Fault>) -> Self {
        Self::invalid("invalid_request", problems)
    }

    /// Parameters of the query are wrong; every one is listed by its name.
    #[must_use]
    pub fn invalid_query(problems: Vec<Fault>) -> Self {
        Self::invalid("invalid_query", problems)
    }

    fn invalid(code: &'static str, problems: Vec<Fault>) -> Self {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self::bad_request(code, lines.join("\n")).listing(problems)
    }

    /// A fault of this host. The cause is logged, not returned to the caller.
    pub fn internal(cause: impl Into<String>) -> Self {
        let mut rejection = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "host_error",
            "The host failed",
            "this host failed, not the piece; its log has the cause under the id in the X-Request-Id header",
        );
        rejection.0.cause = Some(cause.into());
        rejection
    }

    /// A budget has no room for the request.
    #[must_use]
    pub fn exhausted(refusal: &Exhausted) -> Self {
        let detail = refusal.to_string();
        match refusal.retry_after {
            Some(_) => Self::new(StatusCode::TOO_MANY_REQUESTS, "budget_exhausted", "Too much at once", detail),
            None => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "budget_exceeded", "Too large", detail),
        }
        .budget(refusal)
    }

    /// With the budget that refused, and when to come back.
    #[must_use]
    pub fn budget(self, refusal: &Exhausted) -> Self {
        let rejection = self.details(Some(budget(refusal)));
        match refusal.retry_after {
            Some(wait) => rejection.retry_after(wait),
            None => rejection,
        }
    }

    /// A caller has the most of something that it may have, until it removes some of it.
    #[must_use]
    pub fn full(
        refusal: &Exhausted,
        code: &'static str,
        error: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(StatusCode::CONFLICT, code, error, detail).budget(refusal)
    }

    /// With a response header, in whatever form the rejection is rendered.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// With `Retry-After`, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(u64::MAX)))
    }

    /// With what the caller may do about it, as the piece interface names it.
    #[must_use]
    pub fn kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = Some(kind);
        self
    }

    /// With every single fault and its place.
    #[must_use]
    pub fn listing(mut self, problems: Vec<Fault>) -> Self {
        self.0.problems = problems;
        self
    }

    /// With what the piece added.
    #[must_use]
    pub fn details(mut self, details: Option<impl Into<Details>>) -> Self {
        self.0.details = details.map(Into::into);
        self
    }

    /// With the run that ended with it.
    #[must_use]
    pub fn of_run(mut self, id: String, report: Report) -> Self {
        if let Ok(value) = HeaderValue::from_str(&id) {
            self.0.headers.push((RUN_ID, value));
        }
        self.0.run = Some(FailedRun { id, report });
        self
    }
}

impl From<DbError> for Rejection {
    /// A busy database can be asked again; a full one says which limit it was. The rest is this host's fault.
    fn from(error: DbError) -> Self {
        match &error {
            DbError::Full(refusal) => Self::exhausted(refusal),
            DbError::Busy(busy) => {
                tracing::warn!(%error, "the database is busy");
                let wait = busy.retry_after();
                let (because, details) = match busy {
                    Busy::Queue(refusal) => (format!(": {refusal}"), Some(budget(refusal))),
                    Busy::Conflict(_) | Busy::Late(_) => (format!("; try again in {} ms", wait.as_millis()), None),
                };
                let detail = format!("the database of this host is busy, and nothing was done{because}");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "database_busy", "The database is busy", detail)
                    .details(details)
                    .retry_after(wait)
            }
            DbError::KeyRetired => {
                tracing::error!(%error, "a secret was not stored");
                let detail = "this host stores no secrets at the moment; try again later, or tell its operator";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "encryption_key_retired", "No secrets are stored", detail)
                    .retry_after(Duration::from_secs(60))
            }
            _ => Self::internal(error.to_string()),
        }
    }
}

/// A refusal for programs.
fn budget(refusal: &Exhausted) -> Value {
    json!({"budget": refusal.spec.name(), "per": refusal.spec.per.as_str(), "limit": refusal.limit})
}

impl IntoResponse for Rejection {
    /// Status and headers, without a body: that is for the surface to render.
    fn into_response(mut self) -> Response {
        let mut response = self.0.status.into_response();
        response.headers_mut().extend(std::mem::take(&mut self.0.headers));
        if let Some(cause) = self.0.cause.take() {
            let run_id = self.0.run.as_ref().map(|run| run.id.clone());
            response.extensions_mut().insert(Trouble { cause, run_id });
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives a surface its form of errors: every [`Rejection`] that leaves `routes` is rendered by `body`, which returns
/// the media type and the text. An inner layer, with a form of its own, renders first.
pub(crate) fn render_with<S>(routes: Router<S>, body: fn(&Parts) -> (HeaderValue, Vec<u8>)) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    routes.layer(middleware::map_response(move |response| async move { render(response, body) }))
}

/// The response with the rejection in it rendered, if there is one.
pub(crate) fn render(mut response: Response, form: fn(&Parts) -> (HeaderValue, Vec<u8>)) -> Response {
    if let Some(Rejection(parts)) = response.extensions_mut().remove() {
        let (media_type, text) = form(&parts);
        response.headers_mut().insert(header::CONTENT_TYPE, media_type);
        *response.body_mut() = body(text, parts.run.map(|run| run.report.held).unwrap_or_default());
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::FromRef, routing::get};
    use http::Request;
    use leno_base::budget::Budgets;
    use serde_json::{Value, json};
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        edge::{authorization::Authorized, rate::Rates},
        identity::Identity,
    };

    /// The state of a surface that is not the REST API.
    #[derive(Clone)]
    struct Surface(Identity, Rates);

    impl FromRef<Surface> for Identity {
        fn from_ref(surface: &Surface) -> Self {
            surface.0.clone()
        }
    }

    impl FromRef<Surface> for Rates {
        fn from_ref(surface: &Surface) -> Self {
            surface.1.clone()
        }
    }

    /// RFC 6749, section 5.2.
    fn oauth_error(parts: &Parts) -> (HeaderValue, Vec<u8>) {
        let body = json!({"error": parts.code, "error_description": parts.detail});
        (HeaderValue::from_static("application/json"), body.to_string().into_bytes())
    }

    /// JSON-RPC 2.0, section 5.1.
    fn rpc_error(parts: &Parts) -> (HeaderValue, Vec<u8>) {
        let body = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": parts.detail}});
        (HeaderValue::from_static("application/json"), body.to_string().into_bytes())
    }

    async fn ask(router: &Router, path: &str) -> (StatusCode, bool, Value) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let (status, challenged) = (response.status(), response.headers().contains_key(header::WWW_AUTHENTICATE));
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, challenged, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn one_extractor_is_refused_in_the_form_of_the_surface_it_stands_in() {
        let closed = get(|Authorized(_): Authorized| async { "open" });
        let failing = get(|| async { Rejection::internal("the disk is full") });
        let oauth = render_with(Router::new().route("/oauth", closed.clone()), oauth_error);
        let rpc = render_with(Router::new().route("/rpc", closed).route("/rpc/fails", failing), rpc_error);
        let identity = Identity::new(&"a-secret-that-is-long-enough-for-hs256".into(), None);
        // The outer form is for what no surface rendered.
        let router =
            render_with(oauth.merge(rpc), oauth_error).with_state(Surface(identity, Rates::new(&Budgets::default())));

        let (status, challenged, body) = ask(&router, "/oauth").await;
        assert_eq!((status, challenged, &body["error"]), (StatusCode::UNAUTHORIZED, true, &json!("token-missing")));
        let (status, challenged, body) = ask(&router, "/rpc").await;
        assert_eq!((status, challenged, &body["jsonrpc"]), (StatusCode::UNAUTHORIZED, true, &json!("2.0")));
        assert!(body["error"]["message"].as_str().unwrap().contains("Bearer TOKEN"), "{body}");
        let (status, _, body) = ask(&router, "/rpc/fails").await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!(-32600)));
        assert!(!body.to_string().contains("disk"), "{body}");
    }
}
