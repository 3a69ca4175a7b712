//! What the page of a link answers.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, StatusCode, header};
use leno_connections::{ConnectionError, Draft, Progress, SignIn, SignInClient, Wishes};
use leno_metadata::{Auth, OAuth2};
use secrecy::SecretString;
use url::Url;

use super::{
    form::{Entered, Wrong},
    opened::{Opened, url},
    view,
};
use crate::{
    api::{
        App,
        connections::{input, refused, sign_in, upsert::version},
    },
    edge::{
        Rejection,
        bodies::Memory,
        budgets::SMALL_BODY_BYTES,
        extract::{Path, Query},
        page::go,
        ring::Sender,
    },
};

/// The form, or what came of it.
pub(super) async fn show(
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
        Progress::Exhausted => Err(opened.over()),
        Progress::Open => {
            let index = query.get("auth").and_then(|text| text.parse().ok()).unwrap_or_default();
            let wrong = opened.session.said().map(Wrong::of).unwrap_or_default();
            view::form(&app, &opened, index, &Entered::default(), &wrong, StatusCode::OK).await
        }
    }
}

/// Tries the credentials that were entered, and stores the connection if they work.
pub(super) async fn store(
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
        Ok(()) => go(StatusCode::SEE_OTHER, &url(&app, &opened.token)),
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
        if let Err(said) = opened.try_out(app, Arc::new(Arc::new(tried))).await? {
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

/// Sends the browser to the provider.
pub(super) async fn begin(
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
    oauth2: &OAuth2,
    entered: &Entered,
    headers: &HeaderMap,
) -> Result<Result<Response, Wrong>, Rejection> {
    let draft = &opened.session.draft;
    let owner = opened.session.owner();
    let client = match entered.client(&draft.fields) {
        Some((id, secret)) => SignInClient::Own { id, secret: secret.map(SecretString::from) },
        None if opened.has_platform_app(app).await? => SignInClient::Platform,
        None => return Ok(Err(Wrong::field("client_id", "is missing"))),
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

/// What was entered in a form.
async fn entered(app: &App, sender: Sender, request: Request) -> Result<(Entered, Memory), Rejection> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Rejection::bad_request("invalid_request", "the form was not sent as a browser sends it"));
    }
    let (bytes, memory) = app.bodies.bytes(sender, &parts.headers, body, &SMALL_BODY_BYTES, 0).await?;
    Ok((Entered::parse(&bytes), memory))
}
