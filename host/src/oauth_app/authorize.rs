//! Authorization requests, and what users decide through Gauzy's own page.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, StatusCode, Uri, header};
use leno_authorization::{Decision, OAuthError, Parameters, PendingError, Refused, Subject};
use leno_base::Owner;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{
    form::{self, Written, refused},
    settings::CONSENT,
};
use crate::{
    api::App,
    edge::{Rejection, authorization::Authorized, cookie::Cookie, extract::Path, page::go, ring::Sender},
    identity::Caller,
};

/// Binds authorization requests to the browser that sent them, for as long as a user has to decide.
pub(super) const BROWSER: Cookie = Cookie { name: "__Host-leno-oauth", plain: "leno-oauth", life: 600 };

/// The longest query that is looked at, in bytes.
const LONGEST_QUERY: usize = 64 << 10;

/// Takes an authorization request (RFC 6749, section 4.1.1), and sends the browser to where its user decides.
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    sender: Sender,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Rejection> {
    app.rates.admit_peer(sender.0)?;
    let query = uri.query().unwrap_or_default();
    if query.len() > LONGEST_QUERY || query.contains("%00") {
        let words = format!("the query is longer than {LONGEST_QUERY} bytes, or has a NUL character");
        return Err(Rejection::bad_request("invalid_request", words));
    }
    let browser = BROWSER.get(&app.public_url, &headers);
    let parameters = Parameters::parse(query.as_bytes());
    match app.authorization.begin(&sender.0.to_string(), &parameters, browser).await {
        Ok(begun) => {
            let page = consent(&app, &begun.id);
            let mut response = go(StatusCode::FOUND, &page)?;
            response.headers_mut().insert(header::SET_COOKIE, BROWSER.set(&app.public_url, &begun.browser)?);
            Ok(response)
        }
        Err(Refused::There { location, error }) => {
            tracing::debug!(%error, "an authorization request was refused");
            go(StatusCode::FOUND, &location)
        }
        Err(Refused::Here(error)) => Err(refused(error)),
    }
}

/// Where a user decides on a request.
fn consent(app: &App, id: &str) -> String {
    match &app.oauth_app.consent {
        Some(template) => template.replace("{request_id}", id),
        None => consent_page(app, id),
    }
}

/// The page of this host where a user decides on a request.
pub(super) fn consent_page(app: &App, id: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("request_id", id).finish();
    format!("{}{CONSENT}?{query}", app.public_url)
}

/// What a request asks for, for Gauzy's page.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Rejection> {
    let asked = Asked { id, owner: decider(&caller)?, browser: BROWSER.get(&app.public_url, &headers) };
    let shown = app.authorization.pending(asked.decision()).await.map_err(pending)?;
    let client = shown.client.as_ref();
    Ok(Json(form::present(json!({
        "clientId": shown.request.client_id,
        "redirectUri": shown.request.redirect_uri,
        "clientName": client.map(|client| &client.name),
        "clientDescription": client.map(|client| &client.settings.description).filter(|text| !text.is_empty()),
        "scope": shown.request.scope,
    }))))
}

/// Allows what a request asks for, for the user of the bearer token. Gauzy's page then goes to `redirect_url` itself.
pub(super) async fn approve(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    request: Request,
) -> Result<Json<Value>, Rejection> {
    let subject = subject(&caller)?;
    let asked = Asked::read(&app, &caller, request).await?;
    let location = app.authorization.approve(asked.decision(), &subject).await.map_err(pending)?;
    Ok(Json(json!({"redirect_url": location})))
}

/// Refuses what a request asks for, for the user of the bearer token.
pub(super) async fn deny(
    State(app): State<Arc<App>>,
    Authorized(caller): Authorized,
    request: Request,
) -> Result<Json<Value>, Rejection> {
    let asked = Asked::read(&app, &caller, request).await?;
    let location = app.authorization.deny(asked.decision()).await.map_err(pending)?;
    Ok(Json(json!({"redirect_url": location})))
}

/// Which request a user of Gauzy's page decides on.
struct Asked {
    id: String,
    owner: Owner,
    browser: Option<SecretString>,
}

impl Asked {
    async fn read(app: &App, caller: &Caller, request: Request) -> Result<Self, Rejection> {
        let owner = decider(caller)?;
        let (headers, parameters) = form::parameters(&app.bodies, caller, Written::FormOrJson, request).await?;
        let id = request_id(&parameters)?.to_owned();
        Ok(Self { id, owner, browser: BROWSER.get(&app.public_url, &headers) })
    }

    /// Gauzy's page has no cookie of this host, unless both have one origin.
    fn decision(&self) -> Decision<'_> {
        Decision { id: &self.id, owner: &self.owner, browser: self.browser.as_ref(), same_browser: false }
    }
}

fn request_id(parameters: &Parameters) -> Result<&str, Rejection> {
    let id = parameters.one("request_id").map_err(|repeated| refused(OAuthError::from(repeated)))?;
    id.ok_or_else(|| Rejection::bad_request("invalid_request", "Missing request_id"))
}

/// The user who decides. A client that acts for a user does not: it could let in others.
fn decider(caller: &Caller) -> Result<Owner, Rejection> {
    match &caller.client {
        None => Ok(Owner::from(&caller.actor)),
        Some(_) => {
            let words = "an application that acts for you cannot allow others to; sign in yourself";
            Err(Rejection::new(StatusCode::FORBIDDEN, "access_denied", "Forbidden", words))
        }
    }
}

/// Who a user is, for the tokens that follow.
pub(super) fn subject(caller: &Caller) -> Result<Subject, Rejection> {
    let id = |text: &str| text.parse().map_err(|_| Rejection::internal("the caller's ids are no UUIDs"));
    let optional = |text: Option<&str>| text.map(id).transpose();
    Ok(Subject {
        user_id: id(caller.actor.user.as_str())?,
        tenant_id: id(caller.actor.tenant.as_str())?,
        organization_id: optional(caller.actor.organization.as_ref().map(|id| id.as_str()))?,
        employee_id: optional(caller.employee_id.as_ref().map(|id| id.as_str()))?,
        role: caller.role.as_deref().map(str::to_owned),
        permissions: caller.permissions.to_vec(),
    })
}

/// A request that cannot be decided on.
pub(super) fn pending(error: PendingError) -> Rejection {
    let words = error.to_string();
    let (status, code) = match error {
        PendingError::OAuth(error) => return refused(error),
        PendingError::Missing => (StatusCode::NOT_FOUND, "invalid_request"),
        PendingError::Gone => (StatusCode::NOT_FOUND, "invalid_client"),
        PendingError::Another => (StatusCode::FORBIDDEN, "access_denied"),
        PendingError::OtherTenant => (StatusCode::BAD_REQUEST, "unauthorized_client"),
    };
    Rejection::new(status, code, "Refused", words)
}
