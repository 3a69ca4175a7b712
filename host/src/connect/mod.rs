//! The page of a connect session: where somebody with the link enters the credentials of one connection.
//!
//! | File | Holds |
//! | --- | --- |
//! | `form` | the form of a piece's auth entry, and what was entered in it |
//! | `view` | the pages |
//!
//! What opens the page is the token in its address, and nothing else: no cookie and no account. So a form of another site that
//! knows the token could as well be the link. The page works without a script; with one, it can be in a frame of the page that
//! made the link, where the sign-in of a provider opens a window of its own, and it tells that page of the end.

mod form;
mod view;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware,
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use leno_base::Actor;
use leno_connections::{
    ConnectSession, ConnectionError, Draft, NewConnection, Progress, Replace, SignIn, SignInClient, Wishes,
};
use leno_metadata::{Auth, Connection, ConnectionKind, PieceName, VersionReq};
use leno_pieces::Version;
use secrecy::SecretString;
use url::Url;

use self::form::{Entered, Wrong};
use crate::{
    api::{
        App,
        connections::{check, input, refused, sign_in, upsert::version},
    },
    edge::{
        Rejection,
        budgets::SMALL_BODY_BYTES,
        extract::{Path, Query},
        page,
        rejection::{self, Parts},
        ring::Sender,
    },
};

/// Where the page of a link is, without the token.
const PATH: &str = "/connect";

/// The link of a token.
pub(crate) fn url(app: &App, token: &str) -> String {
    format!("{}{PATH}/{token}", app.public_url)
}

pub(crate) fn routes() -> Router<Arc<App>> {
    let routes = Router::new()
        .route("/connect/{token}", get(show).post(store))
        .route("/connect/{token}/sign-in", post(begin))
        .method_not_allowed_fallback(no_method);
    rejection::render_with(routes, message).layer(middleware::from_fn(page::dressed))
}

async fn no_method() -> Rejection {
    Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "Method not allowed", "go back to the link")
}

/// A refusal as a page.
fn message(parts: &Parts) -> (HeaderValue, Vec<u8>) {
    let title = match parts.status {
        StatusCode::NOT_FOUND => "This link has ended",
        StatusCode::TOO_MANY_REQUESTS => "Please wait a moment",
        status if status.is_server_error() => "Something went wrong here",
        _ => "This does not work",
    };
    page::message(title, parts)
}

/// A link that is good, with the piece that it is for.
struct Opened {
    token: String,
    session: ConnectSession,
    piece: Arc<Version>,
}

impl Opened {
    async fn find(app: &App, sender: Sender, token: String) -> Result<Self, Rejection> {
        app.rates.admit_peer(sender.0)?;
        let session = app.connections.session(&token).await.map_err(|error| match error {
            ConnectionError::NotFound => {
                let words = "It was used, or is older than half an hour. Ask whoever sent it to you for another.";
                Rejection::new(StatusCode::NOT_FOUND, "session_not_found", "Not found", words)
            }
            error => refused(error),
        })?;
        let piece = input::piece(app, &session.draft.piece_name).ok_or_else(|| {
            let words = "This host does not have the piece any more.";
            Rejection::new(StatusCode::NOT_FOUND, "piece_not_found", "Not found", words)
        })?;
        Ok(Self { token, session, piece })
    }

    /// The auth entry at `index`; the first, if the piece has no such.
    fn auth(&self, index: usize) -> Option<(usize, &Auth)> {
        let auths = input::auths(&self.piece);
        let chosen = auths.get(index).map(|auth| (index, auth));
        chosen.or_else(|| auths.first().map(|auth| (0, auth)))
    }

    /// Counts an attempt to enter credentials.
    async fn attempt(&self, app: &App) -> Result<(), Rejection> {
        if app.connections.attempt(&self.session).await.map_err(refused)? {
            return Ok(());
        }
        let words = match self.session.progress() {
            Progress::Done | Progress::Taken => "It was used already.",
            _ => "Too many credentials were refused. Ask whoever sent it to you for another.",
        };
        Err(Rejection::new(StatusCode::NOT_FOUND, "session_not_found", "Not found", words))
    }

    fn new_connection(&self, value: leno_metadata::ConnectionValue) -> NewConnection {
        let draft = &self.session.draft;
        NewConnection {
            external_id: draft.external_id.clone(),
            display_name: draft.display_name.clone(),
            piece_name: draft.piece_name.clone(),
            piece_version: version(Some(&self.piece)),
            value,
            metadata: draft.metadata.clone(),
            replace: Replace::Any,
        }
    }
}

/// The form, or what came of it.
async fn show(
    State(app): State<Arc<App>>,
    sender: Sender,
    Path(token): Path<String>,
    query: Query,
) -> Result<Response, Rejection> {
    let opened = Opened::find(&app, sender, token).await?;
    match opened.session.progress() {
        Progress::Done => view::done(&app, &opened),
        Progress::Taken => {
            let words = "The credentials are being stored. Load this page again in a moment.";
            Err(Rejection::new(StatusCode::CONFLICT, "session_taken", "Being stored", words))
        }
        Progress::Exhausted => opened.attempt(&app).await.and_then(|()| view::done(&app, &opened)),
        Progress::Open => {
            let index = query.get("auth").and_then(|text| text.parse().ok()).unwrap_or_default();
            let wrong = opened.session.said().map(Wrong::of).unwrap_or_default();
            view::form(&app, &opened, index, &Entered::default(), &wrong, StatusCode::OK).await
        }
    }
}

/// Tries the credentials that were entered, and stores the connection if they work.
async fn store(
    State(app): State<Arc<App>>,
    sender: Sender,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Rejection> {
    let opened = Opened::find(&app, sender, token).await?;
    let (entered, _memory) = entered(&app, sender, request).await?;
    let Some((index, auth)) = opened.auth(entered.auth()) else {
        return Err(Rejection::bad_request("invalid_request", "the piece takes no connection"));
    };
    opened.attempt(&app).await?;
    match put(&app, &opened, auth, &entered).await? {
        Ok(()) => see_other(&url(&app, &opened.token)),
        Err(wrong) => view::form(&app, &opened, index, &entered, &wrong, StatusCode::UNPROCESSABLE_ENTITY).await,
    }
}

async fn put(app: &App, opened: &Opened, auth: &Auth, entered: &Entered) -> Result<Result<(), Wrong>, Rejection> {
    let value = || {
        let value = entered.value(auth, &opened.session.draft.fields)?;
        match auth.kind() {
            // Client credentials: the token is fetched when the connection is stored, which is the test.
            "OAUTH2" => Ok(value),
            _ => input::accept(value, Some(std::slice::from_ref(auth))).map_err(Wrong::faults),
        }
    };
    let tried = match value() {
        Ok(value) => value,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let oauth2 = input::as_oauth2(auth).cloned();
    if oauth2.is_none() {
        let _trial = app.connections.trial(opened.session.owner()).map_err(refused)?;
        if let Err(said) = try_out(app, opened, Arc::new(Arc::new(tried))).await? {
            return Ok(Err(Wrong::of(&said)));
        }
    }
    let value = match value() {
        Ok(value) => value,
        Err(wrong) => return Ok(Err(wrong)),
    };
    match app.connections.connect_by_session(&opened.session, oauth2, opened.new_connection(value)).await {
        Ok(_) => Ok(Ok(())),
        Err(ConnectionError::Invalid(problems)) => Ok(Err(Wrong::faults(problems.into_iter().collect()))),
        Err(error @ (ConnectionError::Provider(_) | ConnectionError::Exhausted(_))) => {
            Ok(Err(Wrong::of(&error.to_string())))
        }
        // Somebody else was faster.
        Err(ConnectionError::NotFound) => Ok(Ok(())),
        Err(error) => Err(refused(error)),
    }
}

/// Asks the piece whether credentials work. What it says against them is the inner error.
async fn try_out(app: &App, opened: &Opened, value: Arc<dyn Connection>) -> Result<Result<(), String>, Rejection> {
    let owner = opened.session.owner();
    let actor = Actor::request(owner.tenant.clone(), owner.user.clone());
    let Ok(piece) = opened.session.draft.piece_name.parse::<PieceName>() else { return Ok(Ok(())) };
    let tried = check::try_out(app, &actor, &piece, &VersionReq::default(), value).await?;
    Ok(tried.map(drop))
}

/// Sends the browser to the provider.
async fn begin(
    State(app): State<Arc<App>>,
    sender: Sender,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, Rejection> {
    let opened = Opened::find(&app, sender, token).await?;
    let headers = request.headers().clone();
    let (entered, _memory) = entered(&app, sender, request).await?;
    let Some((index, auth)) = opened.auth(entered.auth()) else {
        return Err(Rejection::bad_request("invalid_request", "the piece takes no connection"));
    };
    let Some(oauth2) = input::as_oauth2(auth) else {
        return Err(Rejection::bad_request("invalid_request", "the piece does not sign in at a provider"));
    };
    opened.attempt(&app).await?;
    match sign_in_at(&app, &opened, oauth2, &entered, &headers).await? {
        Ok(response) => Ok(response),
        Err(wrong) => view::form(&app, &opened, index, &entered, &wrong, StatusCode::UNPROCESSABLE_ENTITY).await,
    }
}

async fn sign_in_at(
    app: &App,
    opened: &Opened,
    oauth2: &leno_metadata::OAuth2,
    entered: &Entered,
    headers: &HeaderMap,
) -> Result<Result<Response, Wrong>, Rejection> {
    let draft = &opened.session.draft;
    let owner = opened.session.owner();
    let piece = draft.piece_name.parse::<PieceName>().map_err(|error| Rejection::internal(error.to_string()))?;
    let client = match (entered.client(&draft.fields), app.connections.has_platform_app(&owner.tenant, &piece).await) {
        (Some((id, secret)), _) => SignInClient::Own { id, secret: secret.map(SecretString::from) },
        (None, Ok(true)) => SignInClient::Platform,
        (None, Ok(false)) => return Ok(Err(Wrong::field("client_id", "is missing"))),
        (None, Err(error)) => return Err(refused(error)),
    };
    let props = match entered.props(&oauth2.props, &draft.fields) {
        Ok(props) => props,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let browser = sign_in::browser(app, headers)?;
    let begin = SignIn {
        piece_name: draft.piece_name.clone(),
        piece_version: version(Some(&opened.piece)),
        oauth2,
        client,
        redirect_url: sign_in::own_redirect(app, &draft.piece_name, oauth2.issuer.is_some()),
        props,
        wishes: Wishes::default(),
        draft: Some(Draft {
            external_id: draft.external_id.clone(),
            display_name: draft.display_name.clone(),
            metadata: draft.metadata.clone(),
            link: Some(opened.token.clone()),
        }),
    };
    let begun = match app.connections.sign_in(owner, &browser, begin).await {
        Ok(begun) => begun,
        Err(ConnectionError::Invalid(problems)) => return Ok(Err(Wrong::faults(problems.into_iter().collect()))),
        Err(error) => return Err(refused(error)),
    };
    let target = Url::parse(&begun.authorization_url).map_err(|error| Rejection::internal(error.to_string()))?;
    let mut response = view::go_on(app, &target)?;
    response.headers_mut().insert(header::SET_COOKIE, sign_in::COOKIE.set(&app.public_url, &browser)?);
    Ok(Ok(response))
}

/// Where a sign-in that was begun on a page of this surface goes on. If the connection was made, the piece says first whether it
/// works.
pub(crate) async fn signed_in(app: &App, token: &str, connected: bool) -> Response {
    if connected && let Err(error) = try_stored(app, token).await {
        tracing::warn!(?error, "a connection that was made by a link could not be tried");
    }
    match see_other(&url(app, token)) {
        Ok(response) => response,
        Err(rejection) => axum::response::IntoResponse::into_response(rejection),
    }
}

async fn try_stored(app: &App, token: &str) -> Result<(), ConnectionError> {
    let session = app.connections.session(token).await?;
    let Some(id) = session.connection_id() else { return Ok(()) };
    let Some(piece) = input::piece(app, &session.draft.piece_name) else { return Ok(()) };
    let _trial = app.connections.trial(session.owner())?;
    let stored = app.connections.find_by_id(session.owner(), id).await?;
    let opened = Opened { token: token.to_owned(), session, piece };
    if let Ok(Err(said)) = try_out(app, &opened, Arc::new(stored)).await {
        app.connections.say(&opened.session, &said).await?;
    }
    Ok(())
}

/// What was entered in a form.
async fn entered(
    app: &App,
    sender: Sender,
    request: Request,
) -> Result<(Entered, crate::edge::bodies::Memory), Rejection> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Rejection::bad_request("invalid_request", "the form was not sent as a browser sends it"));
    }
    let (bytes, memory) = app.bodies.bytes(sender, &parts.headers, body, &SMALL_BODY_BYTES, 0).await?;
    Ok((Entered::parse(&bytes), memory))
}

fn see_other(location: &str) -> Result<Response, Rejection> {
    let location = HeaderValue::from_str(location).map_err(|error| Rejection::internal(error.to_string()))?;
    Ok(axum::response::IntoResponse::into_response((StatusCode::SEE_OTHER, [(header::LOCATION, location)])))
}

/// Whether a value of this entry comes from a provider's page.
fn signs_in(auth: &Auth) -> bool {
    input::as_oauth2(auth).is_some_and(|oauth2| !oauth2.auth_url.is_empty())
}

/// The type of a value of this entry.
fn kind(auth: &Auth) -> ConnectionKind {
    ConnectionKind::from(auth.kind())
}
