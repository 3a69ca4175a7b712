//! The pages where users sign in, decide, and take back what they allowed. They need no script.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Router,
    extract::{Request, State},
    middleware,
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use leno_authorization::{Decision, OAuthError, Parameters, Subject, csrf_token, is_csrf_token, scope};
use leno_base::{Clock as _, SystemClock, iso};
use secrecy::SecretString;
use url::Url;

use super::{
    authorize::{BROWSER, consent_page, pending, subject},
    form::{self, Written, refused},
    settings::CONSENT,
};
use crate::{
    api::App,
    edge::{
        Rejection,
        cookie::Cookie,
        extract::Query,
        page::{self, Policy, go, page},
        rejection::{self, Parts},
        ring::Sender,
    },
};

/// How long a user is signed in to these pages, at most.
const SESSION_LIFE: Duration = Duration::from_secs(15 * 60);
/// Who is signed in.
const SESSION: Cookie = Cookie { name: "__Host-leno-session", plain: "leno-session", life: SESSION_LIFE.as_secs() };

pub(crate) fn routes() -> Router<Arc<App>> {
    let routes = Router::new()
        .route(CONSENT, get(consent).post(decide))
        .route("/pages/auth/session", post(sign_in))
        .route("/pages/auth/sign-out", post(sign_out))
        .route("/pages/grants", get(grants).post(revoke))
        .route(page::STYLE, get(page::style))
        .method_not_allowed_fallback(form::no_method);
    rejection::render_with(routes, message).layer(middleware::from_fn(page::dressed))
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    base: &'a str,
    client: &'a str,
    description: &'a str,
    scopes: Vec<String>,
    user: String,
    role: Option<&'a str>,
    tenant: String,
    host: &'a str,
    request_id: &'a str,
    csrf: &'a str,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    base: &'a str,
    request_id: &'a str,
    wrong: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "grants.html")]
struct GrantsPage<'a> {
    base: &'a str,
    grants: Vec<GrantView>,
    csrf: &'a str,
}

struct GrantView {
    id: String,
    client: String,
    scopes: Vec<String>,
    since: String,
    used: String,
}

/// The page where a user decides on a request, or signs in to do so.
async fn consent(State(app): State<Arc<App>>, headers: HeaderMap, query: Query) -> Result<Response, Rejection> {
    let id = query.get("request_id").unwrap_or_default();
    if id.is_empty() {
        return Err(Rejection::bad_request(
            "invalid_request",
            "the address names no request; start again at the application",
        ));
    }
    let Some((session, user)) = session(&app, &headers).await? else {
        let view = SignInPage { base: &base(&app), request_id: id, wrong: None };
        return page(&view, StatusCode::OK, Policy::default());
    };
    let (owner, browser) = (user.owner(), BROWSER.get(&app.public_url, &headers));
    let decision = Decision { id, owner: &owner, browser: browser.as_ref(), same_browser: true };
    let shown = app.authorization.pending(decision).await.map_err(pending)?;
    let client = shown.client.ok_or_else(|| pending(leno_authorization::PendingError::Gone))?;
    let target = Url::parse(&shown.request.redirect_uri).ok();
    let host = target.as_ref().and_then(Url::host_str).unwrap_or_default();
    let scopes = shown.request.scope.unwrap_or_default();
    let view = ConsentPage {
        base: &base(&app),
        client: &client.name,
        description: &client.settings.description,
        scopes: words(&scopes),
        user: user.user_id.to_string(),
        role: user.role.as_deref(),
        tenant: user.tenant_id.to_string(),
        host,
        request_id: id,
        csrf: &csrf_token(&session),
    };
    page(&view, StatusCode::OK, Policy { form: target.as_ref(), ..Policy::default() })
}

/// Takes a user's decision, and sends the browser back to the client.
async fn decide(State(app): State<Arc<App>>, sender: Sender, request: Request) -> Result<Response, Rejection> {
    let (headers, fields) = form::parameters(&app.bodies, sender, Written::Form, request).await?;
    let (_, user) = authentic(&app, &headers, &fields).await?;
    let id = field(&fields, "request_id")?;
    let (owner, browser) = (user.owner(), BROWSER.get(&app.public_url, &headers));
    let decision = Decision { id, owner: &owner, browser: browser.as_ref(), same_browser: true };
    let location = match field(&fields, "decision")? {
        "approve" => app.authorization.approve(decision, &user).await.map_err(pending)?,
        "deny" => app.authorization.deny(decision).await.map_err(pending)?,
        _ => return Err(Rejection::bad_request("invalid_request", "the decision is neither approve nor deny")),
    };
    // Not 307: the form, and what is in it, stay here (RFC 9700, section 4.12).
    go(StatusCode::SEE_OTHER, &location)
}

/// Signs a user in with an access token of Gauzy's: posted by Gauzy's front end, or typed in.
async fn sign_in(State(app): State<Arc<App>>, sender: Sender, request: Request) -> Result<Response, Rejection> {
    app.rates.admit_peer(sender.0)?;
    let (headers, fields) = form::parameters(&app.bodies, sender, Written::Form, request).await?;
    // Else any page could sign its visitors in as somebody else.
    if !from_here(&app, &headers) && !from_gauzy(&app, &headers) {
        let words = "this form was sent from a page of another site; the operator can allow it in LENO_ALLOWED_ORIGINS";
        return Err(Rejection::new(StatusCode::FORBIDDEN, "access_denied", "Forbidden", words));
    }
    let id = fields.one("request_id").ok().flatten().unwrap_or_default();
    let token = fields.one("token").ok().flatten().unwrap_or_default().trim();
    let wrong = match app.identity.verify(token) {
        Ok(caller) if caller.client.is_none() => {
            let user = subject(&caller)?;
            let ends =
                (SystemClock.now() + SESSION_LIFE).min(SystemClock.now() + app.identity.until(caller.expires_at));
            let ends = leno_base::unix_milliseconds(ends);
            let session = app.authorization.sign_in(&user, ends).await.map_err(refused)?;
            let next = if id.is_empty() { format!("{}/pages/grants", base(&app)) } else { consent_page(&app, id) };
            let mut response = go(StatusCode::SEE_OTHER, &next)?;
            response.headers_mut().insert(header::SET_COOKIE, SESSION.set(&app.public_url, &session)?);
            return Ok(response);
        }
        Ok(_) => "This token is an application's, not yours.".to_owned(),
        Err(_) if token.is_empty() => "Enter an access token.".to_owned(),
        Err(error) => {
            app.rates.admit_failure(sender.0)?;
            format!("This token is not good: {error}.")
        }
    };
    let view = SignInPage { base: &base(&app), request_id: id, wrong: Some(&wrong) };
    page(&view, StatusCode::UNAUTHORIZED, Policy::default())
}

/// Signs a user out, to sign in as somebody else.
async fn sign_out(State(app): State<Arc<App>>, sender: Sender, request: Request) -> Result<Response, Rejection> {
    let (headers, fields) = form::parameters(&app.bodies, sender, Written::Form, request).await?;
    let (session, _) = authentic(&app, &headers, &fields).await?;
    app.authorization.sign_out(&session).await.map_err(refused)?;
    let id = fields.one("request_id").ok().flatten().unwrap_or_default();
    let mut response = go(StatusCode::SEE_OTHER, &consent_page(&app, id))?;
    response.headers_mut().insert(header::SET_COOKIE, SESSION.remove(&app.public_url)?);
    Ok(response)
}

/// What a user allows at present.
async fn grants(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Rejection> {
    let Some((session, user)) = session(&app, &headers).await? else {
        let view = SignInPage { base: &base(&app), request_id: "", wrong: None };
        return page(&view, StatusCode::OK, Policy::default());
    };
    let found = app.authorization.grants_of(&user.owner()).await.map_err(refused)?;
    let day = |at: i64| iso(at).get(..10).unwrap_or_default().to_owned();
    let view = |grant: leno_authorization::Grant| GrantView {
        client: grant.client_name.unwrap_or(grant.client_id),
        scopes: words(&grant.scope),
        since: day(grant.created_at),
        used: day(grant.used_at),
        id: grant.id,
    };
    let grants = found.into_iter().map(view).collect();
    let view = GrantsPage { base: &base(&app), grants, csrf: &csrf_token(&session) };
    page(&view, StatusCode::OK, Policy::default())
}

/// Takes back what a user allowed.
async fn revoke(State(app): State<Arc<App>>, sender: Sender, request: Request) -> Result<Response, Rejection> {
    let (headers, fields) = form::parameters(&app.bodies, sender, Written::Form, request).await?;
    let (_, user) = authentic(&app, &headers, &fields).await?;
    let id = field(&fields, "grant")?;
    app.authorization.revoke_own(&user.owner(), id).await.map_err(refused)?;
    go(StatusCode::SEE_OTHER, &format!("{}/pages/grants", base(&app)))
}

/// The session of a browser, and its user.
async fn session(app: &App, headers: &HeaderMap) -> Result<Option<(SecretString, Subject)>, Rejection> {
    let Some(session) = SESSION.get(&app.public_url, headers) else { return Ok(None) };
    let user = app.authorization.signed_in(&session).await.map_err(refused)?;
    Ok(user.map(|user| (session, user)))
}

/// The session of a form that this host's own page sent, and its user.
async fn authentic(app: &App, headers: &HeaderMap, fields: &Parameters) -> Result<(SecretString, Subject), Rejection> {
    let forbidden = |words: &'static str| Rejection::new(StatusCode::FORBIDDEN, "access_denied", "Forbidden", words);
    if !from_here(app, headers) {
        return Err(forbidden("this form was sent from a page of another site"));
    }
    let found = session(app, headers).await?;
    let (session, user) =
        found.ok_or_else(|| forbidden("you are not signed in any more; go back, and sign in again"))?;
    if !is_csrf_token(&session, fields.one("csrf").ok().flatten().unwrap_or_default()) {
        return Err(forbidden("this form was not made for you; go back, load the page again, and decide there"));
    }
    Ok((session, user))
}

/// Whether a form comes from a page of this host, as far as the browser says: a browser that is told to send no referrer calls
/// its origin null.
fn from_here(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let own = app.public_url.origin();
    let origin = text("origin").is_none_or(|origin| origin == own.as_bytes() || origin == b"null");
    let site = text("sec-fetch-site").is_none_or(|site| site == b"same-origin");
    // Without either it is no browser.
    origin && site && (text("origin") != Some(b"null") || text("sec-fetch-site").is_some())
}

fn from_gauzy(app: &App, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.is_some_and(|origin| app.oauth_app.origins.iter().any(|allowed| allowed == origin))
}

fn field<'f>(fields: &'f Parameters, name: &'static str) -> Result<&'f str, Rejection> {
    let value = fields.one(name).map_err(|repeated| refused(OAuthError::from(repeated)))?;
    value.ok_or_else(|| Rejection::bad_request("invalid_request", format!("the form has no {name}")))
}

fn words(scopes: &str) -> Vec<String> {
    scopes.split(' ').filter(|token| !token.is_empty()).map(scope::words).collect()
}

/// The base URL of this host.
fn base(app: &App) -> String {
    app.public_url.to_string()
}

/// A refusal as a page.
fn message(parts: &Parts) -> (HeaderValue, Vec<u8>) {
    let title = match parts.status {
        StatusCode::NOT_FOUND => "This request has ended",
        StatusCode::FORBIDDEN => "This is not yours to decide",
        status if status.is_server_error() => "Something went wrong here",
        _ => "This does not work",
    };
    page::message(title, parts)
}
