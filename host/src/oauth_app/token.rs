//! Tokens: issued (RFC 6749), revoked (RFC 7009), explained (RFC 7662).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use leno_authorization::{Client, Credentials, OAuthError, Parameters, Problem, TokenRequest};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::form::{self, Written, refused};
use crate::{
    api::App,
    edge::{Rejection, ring::Sender},
};

/// Exchanges a code or a refresh token for an access token.
pub(super) async fn token(
    State(app): State<Arc<App>>,
    sender: Sender,
    request: Request,
) -> Result<Response, Rejection> {
    let (client, form) = prove(&app, sender, request).await?;
    let issued = app.authorization.token(&client, &form).await.map_err(refused)?;
    Ok(answer(form::present(json!({
        "access_token": app.identity.mint_for_client(&issued),
        "token_type": "Bearer",
        "expires_in": issued.lifetime.as_secs(),
        "scope": issued.scope,
        "refresh_token": issued.refresh_token.as_ref().map(|token| token.expose_secret()),
    }))))
}

/// Revokes a token, and all that the same grant gave. The answer is the same whether there is such a token or not.
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    sender: Sender,
    request: Request,
) -> Result<Response, Rejection> {
    let (client, form) = prove(&app, sender, request).await?;
    let token = shown(&form)?;
    // `token_type_hint` is a hint: both are tried, whatever it says (RFC 7009, section 2.1).
    let known = app.authorization.revoke_refresh_token(&client, token).await.map_err(refused)?;
    if let Some(grant) = grant_of(&app, &client, token).filter(|_| !known) {
        app.authorization.revoke_grant(&client, &grant).await.map_err(refused)?;
    }
    Ok(answer(json!({})))
}

/// Says what a token is good for, to the client that it was issued to.
pub(super) async fn introspect(
    State(app): State<Arc<App>>,
    sender: Sender,
    request: Request,
) -> Result<Response, Rejection> {
    let (client, form) = prove(&app, sender, request).await?;
    if client.is_public() {
        return Err(refuse_client(false, refused(OAuthError::client())));
    }
    let token = shown(&form)?;
    let inactive = json!({"active": false});
    if let Some(grant) = app.authorization.of_refresh_token(&client, token).await.map_err(refused)? {
        return Ok(answer(json!({
            "active": true, "scope": grant.scope, "client_id": grant.client_id, "token_type": "refresh_token",
            "exp": grant.expires_at / 1000, "iat": grant.used_at / 1000, "sub": grant.owner.user, "iss": app.authorization.issuer(),
        })));
    }
    let Ok(caller) = app.identity.verify(token) else { return Ok(answer(inactive)) };
    let Some(grant) = grant_of(&app, &client, token) else { return Ok(answer(inactive)) };
    let Some(grant) = app.authorization.grant(&client, &grant).await.map_err(refused)? else {
        return Ok(answer(inactive));
    };
    let scope = caller.client.map(|client| client.scope);
    Ok(answer(form::present(json!({
        "active": true, "scope": scope, "client_id": grant.client_id, "token_type": "Bearer", "aud": grant.resource,
        "exp": caller.expires_at, "sub": grant.owner.user, "tenantId": grant.owner.tenant, "iss": app.authorization.issuer(),
    }))))
}

/// The grant of an access token that was issued to the client.
fn grant_of(app: &App, client: &Client, token: &str) -> Option<String> {
    let acting = app.identity.verify(token).ok()?.client?;
    (*acting.id == *client.id).then_some(acting.grant)?.map(|grant| grant.to_string())
}

/// The token that a request is about.
fn shown(form: &Parameters) -> Result<&str, Rejection> {
    let token = form.one("token").map_err(|repeated| refused(OAuthError::from(repeated)))?;
    token.ok_or_else(|| Rejection::bad_request("invalid_request", "send token"))
}

/// The client that sent a request, once it has proved who it is, and its form.
async fn prove(app: &App, sender: Sender, request: Request) -> Result<(Client, Parameters), Rejection> {
    app.rates.admit_peer(sender.0)?;
    let (headers, form) = form::parameters(&app.bodies, sender, Written::Form, request).await?;
    let credentials = credentials(&headers);
    let basic = matches!(credentials, Some(Credentials::Basic { .. }));
    let peer = sender.0.to_string();
    let proved = match credentials {
        Some(credentials) => {
            let request = TokenRequest { peer: &peer, credentials, form: &form };
            app.authorization.authenticate(&request).await
        }
        None => Err(OAuthError::client()),
    };
    match proved {
        Ok(client) => {
            app.rates.admit_client(&client.id)?;
            Ok((client, form))
        }
        Err(error) if error.problem == Problem::InvalidClient => {
            app.rates.admit_failure(sender.0)?;
            Err(refuse_client(basic || headers.contains_key(header::AUTHORIZATION), refused(error)))
        }
        Err(error) => Err(refused(error)),
    }
}

/// With the challenge that a refused Basic header gets (RFC 6749, section 5.2).
fn refuse_client(basic: bool, rejection: Rejection) -> Rejection {
    match basic {
        true => rejection.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="leno""#)),
        false => rejection,
    }
}

/// How a client says who it is; `None` for an `Authorization` header that cannot be read.
fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Some(Credentials::Form) };
    if values.next().is_some() {
        return None;
    }
    let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(text.trim()).ok()?;
    // Some libraries encode in Latin-1.
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.into_bytes().iter().map(|byte| char::from(*byte)).collect());
    let (id, secret) = text.split_once(':')?;
    Some(Credentials::Basic { id: id.to_owned(), secret: secret.into() })
}

/// An answer that no cache keeps (RFC 6749, section 5.1).
pub(super) fn answer(body: Value) -> Response {
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    (StatusCode::OK, headers, Json(body)).into_response()
}
