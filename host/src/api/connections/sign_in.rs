//! Signing in at a provider: the start, and the page that the provider sends the browser back to.

use std::sync::Arc;

use askama::Template;
use axum::{
    Json,
    extract::{Request, State},
    response::{Html, IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use leno_base::{ExternalId, budget::Spec};
use leno_connections::{self, Arrival, Draft, Failed, Finished, SignIn, SignInClient, Wishes};
use leno_metadata::{ConnectionKind, PieceName, Problem as Fault};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    input, permitted, refused,
    upsert::{piece_unknown, version},
};
use crate::{
    api::App,
    connect::finish,
    edge::{
        Rejection,
        authorization::Authorized,
        budgets,
        cookie::Cookie,
        extract::{JsonBody, Kind, Member, Path, Query},
        page::script,
    },
    identity::Permission,
};

/// The redirect URI.
const CALLBACK: &str = "/api/app-connections/oauth2/callback";
/// The longest `prompt` or `access_type`, in bytes.
const MAX_WISH: usize = 100;
/// Binds a sign-in to the browser that began it, for as long as it may take.
pub(crate) const COOKIE: Cookie = Cookie { name: "__Host-leno-sign-in", plain: "leno-sign-in", life: 600 };

/// The sign-in to start.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SignInRequest, example = json!({
    "pieceName": "crm", "clientId": "my-client", "clientSecret": "…",
    "redirectUrl": "https://leno.example.com/api/app-connections/oauth2/callback",
    "externalId": "crm-main", "displayName": "Main CRM"
}))]
pub(in crate::api) struct StartBody {
    /// `slack` or `@activepieces/piece-slack`.
    piece_name: String,
    /// The client at the provider. Not for PLATFORM_OAUTH2, whose client the operator registered.
    client_id: Option<String>,
    /// The redirect URI: this host's callback, or a page of the client's own. If absent, this host's callback for the piece:
    /// `/api/app-connections/oauth2/callback/NAME`; the same without `NAME` if the piece names its provider's issuer.
    redirect_url: Option<String>,
    /// The piece's version; the newest if absent.
    piece_version: Option<String>,
    /// The values that the user entered, by name.
    #[schema(value_type = Option<Object>)]
    props: Option<Map<String, Value>>,
    /// `OAUTH2` (the default) or `PLATFORM_OAUTH2`.
    r#type: Option<String>,
    /// What the provider is to ask the user, as `consent` or `login`, if the piece does not say: the `prompt` parameter.
    prompt: Option<String>,
    /// `offline` for a refresh token of Google, if the piece does not say: the `access_type` parameter.
    access_type: Option<String>,
    /// The client's secret, for the exchange on this host; a public client has none.
    client_secret: Option<String>,
    /// If present, this host stores the connection under this id when the user has agreed.
    external_id: Option<String>,
    /// The name shown to users; the external id if absent.
    display_name: Option<String>,
    /// Any JSON object; returned to clients.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Accepted for compatibility and ignored.
    #[expect(dead_code, reason = "connections belong to users")]
    project_id: Option<String>,
}

impl JsonBody for StartBody {
    const LIMIT: &'static Spec = &budgets::CONNECTION_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "pieceName", kind: Kind::Text, required: true },
        Member { name: "clientId", kind: Kind::Text, required: false },
        Member { name: "redirectUrl", kind: Kind::Text, required: false },
        Member { name: "pieceVersion", kind: Kind::Text, required: false },
        Member { name: "props", kind: Kind::Object, required: false },
        Member { name: "type", kind: Kind::Text, required: false },
        Member { name: "prompt", kind: Kind::Text, required: false },
        Member { name: "accessType", kind: Kind::Text, required: false },
        Member { name: "clientSecret", kind: Kind::Text, required: false },
        Member { name: "externalId", kind: Kind::Text, required: false },
        Member { name: "displayName", kind: Kind::Text, required: false },
        Member { name: "metadata", kind: Kind::Object, required: false },
        Member { name: "projectId", kind: Kind::Text, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"pieceName": "NAME", "clientId": "ID", "redirectUrl": "URL"}"#;
}

/// A started sign-in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignInStarted)]
pub(in crate::api) struct Started {
    /// The URL to send the browser to.
    authorization_url: String,
    /// Returned with the result.
    state: String,
    /// The PKCE verifier, when the client makes the connection itself; else empty.
    code_verifier: String,
    /// The PKCE challenge; empty when PKCE is off.
    code_challenge: String,
    client_id: String,
    redirect_url: String,
    /// The requested scopes.
    scope: String,
}

/// Starts a sign-in at the provider of a piece.
///
/// The response sets a cookie: only the browser that has it can finish. With `externalId` this host stores the
/// connection when the user has agreed, and the final page reports it to the window that opened it: `{connectionId,
/// externalId, state}` or `{error, errorDescription, state}`. Without, it reports `{code, state}`, where `code` is a
/// one-time ticket that replaces the real code in `POST /api/app-connections`.
#[utoipa::path(
    post,
    path = "/api/app-connections/oauth2/start",
    operation_id = "startSignIn",
    tag = "connections",
    request_body = StartBody,
    responses(
        (status = 200, description = "Send the browser to `authorizationUrl`.", body = Started,
            headers(("Set-Cookie" = String, description = "The cookie that binds the sign-in to this browser."))),
        (status = 404, description = "This host does not have the piece."),
    ),
)]
pub(in crate::api) async fn start(
    Authorized(caller): Authorized,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Rejection> {
    let owner = permitted(&caller, Permission::AddConnections)?;
    let (body, _memory) = app.bodies.json::<StartBody>(&caller, request).await?;
    input::sizes(&app, body.props.as_ref(), body.metadata.as_ref())?;
    let checked = body.check()?;
    let Some(piece) = input::piece(&app, &checked.piece_name) else {
        return Err(piece_unknown(&checked.piece_name));
    };
    let Some(oauth2) = input::oauth2(&piece) else {
        let fault = Fault::new("/pieceName", "the piece does not use OAuth 2.0 connections");
        return Err(Rejection::invalid_members(vec![fault]));
    };
    if oauth2.auth_url.is_empty() {
        let fault = Fault::new(
            "/pieceName",
            "the piece uses client credentials, without a browser; store the connection with POST /api/app-connections",
        );
        return Err(Rejection::invalid_members(vec![fault]));
    }
    let browser = browser(&app, &headers)?;
    let redirect_url = checked.redirect(&app, oauth2.issuer.is_some())?;
    let begin = SignIn {
        piece_version: checked.piece_version.unwrap_or_else(|| version(Some(&piece))),
        piece_name: checked.piece_name,
        oauth2,
        client: checked.client,
        redirect_url: redirect_url.clone(),
        props: checked.props,
        wishes: checked.wishes,
        draft: checked.draft,
    };
    let begun = app.connections.sign_in(&owner, &browser, begin).await.map_err(refused)?;
    let started = Started {
        authorization_url: begun.authorization_url,
        state: begun.state,
        code_verifier: begun.verifier.map(|verifier| verifier.expose_secret().to_owned()).unwrap_or_default(),
        code_challenge: begun.challenge.unwrap_or_default(),
        client_id: begun.client_id,
        redirect_url,
        scope: begun.scope,
    };
    let mut response = Json(started).into_response();
    response.headers_mut().insert(header::SET_COOKIE, COOKIE.set(&app.public_url, &browser)?);
    Ok(response)
}

/// What binds a sign-in to the browser of a request: what the browser has already, or something new for it.
///
/// # Errors
/// The operating system returns no random bytes.
pub(crate) fn browser(app: &App, headers: &HeaderMap) -> Result<SecretString, Rejection> {
    match COOKIE.get(&app.public_url, headers) {
        Some(browser) => Ok(browser),
        None => leno_connections::new_browser().map_err(|error| Rejection::internal(error.to_string())),
    }
}

fn common_redirect(app: &App) -> String {
    format!("{}{CALLBACK}", app.public_url)
}

/// The redirect URI at this host for a piece: one of its own, unless its provider says who it is (RFC 9207).
pub(crate) fn own_redirect(app: &App, piece: &str, says_who_it_is: bool) -> String {
    let common = common_redirect(app);
    match piece.parse::<PieceName>() {
        Ok(name) if !says_who_it_is => format!("{common}/{}", name.short()),
        _ => common,
    }
}

struct Checked {
    piece_name: String,
    piece_version: Option<String>,
    client: SignInClient,
    redirect_url: Option<String>,
    props: Map<String, Value>,
    wishes: Wishes,
    draft: Option<Draft>,
}

impl Checked {
    /// The redirect URI of the sign-in. One of a piece's own keeps the code of one provider from another; a provider that
    /// says who it is (RFC 9207) does not need it.
    fn redirect(&self, app: &App, says_who_it_is: bool) -> Result<String, Rejection> {
        let common = common_redirect(app);
        let own = own_redirect(app, &self.piece_name, false);
        let refuse = |message: String| Err(Rejection::invalid_members(vec![Fault::new("/redirectUrl", message)]));
        match &self.redirect_url {
            None if says_who_it_is => Ok(common),
            None => Ok(own),
            Some(url) if *url == own || (*url == common && (says_who_it_is || !app.production)) => Ok(url.clone()),
            Some(url) if url.starts_with(&common) => {
                refuse(format!("must be {own}: in production each piece has a redirect URI of its own"))
            }
            Some(_) if self.draft.is_some() => refuse(format!("must be {own}, where this host finishes the sign-in")),
            Some(url) => Ok(url.clone()),
        }
    }
}

impl StartBody {
    fn check(self) -> Result<Checked, Rejection> {
        let mut faults = Vec::new();
        let mut refuse = |path: &str, message: String| faults.push(Fault::new(path, message));
        if let Err(error) = self.piece_name.parse::<PieceName>() {
            refuse("/pieceName", error.to_string());
        }
        let kind = ConnectionKind::from(self.r#type.as_deref().unwrap_or("OAUTH2"));
        let client = match (&kind, self.client_id) {
            (ConnectionKind::PlatformOAuth2, _) => SignInClient::Platform,
            (ConnectionKind::OAuth2, Some(id)) if !id.is_empty() => {
                SignInClient::Own { id, secret: self.client_secret.map(SecretString::from) }
            }
            (ConnectionKind::OAuth2, _) => {
                refuse("/clientId", "is missing; send the id of your client at the provider".into());
                SignInClient::Platform
            }
            _ => {
                refuse("/type", "must be OAUTH2 or PLATFORM_OAUTH2".into());
                SignInClient::Platform
            }
        };
        let absolute = |url: &String| {
            let url = url::Url::parse(url);
            url.is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.fragment().is_none())
        };
        if !self.redirect_url.as_ref().is_none_or(absolute) {
            refuse("/redirectUrl", "must be an absolute http or https URL without a fragment".into());
        }
        for (path, wish) in [("/prompt", &self.prompt), ("/accessType", &self.access_type)] {
            let word = |text: &String| {
                text.len() <= MAX_WISH && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b' '))
            };
            if !wish.as_ref().is_none_or(word) {
                refuse(path, "must be one or more words of the provider's, in lower case".into());
            }
        }
        let external_id = self.external_id.map(|id| id.parse::<ExternalId>());
        let external_id = external_id.transpose().unwrap_or_else(|error| {
            refuse("/externalId", error.to_string());
            None
        });
        if self.display_name.as_ref().is_some_and(|name| !input::is_name(name)) {
            refuse("/displayName", input::NAME.into());
        }
        let draft = external_id.map(|external_id| Draft {
            display_name: self.display_name.unwrap_or_else(|| external_id.to_string()),
            external_id,
            metadata: self.metadata,
            link: None,
        });
        if !faults.is_empty() {
            return Err(Rejection::invalid_members(faults));
        }
        Ok(Checked {
            piece_name: self.piece_name,
            piece_version: self.piece_version,
            client,
            redirect_url: self.redirect_url,
            props: self.props.unwrap_or_default(),
            wishes: Wishes {
                prompt: self.prompt.filter(|prompt| !prompt.is_empty()),
                access_type: self.access_type.filter(|kind| !kind.is_empty()),
            },
            draft,
        })
    }
}

/// The page that the provider sends the browser back to.
///
/// It reports the result to the window that opened it - by `postMessage` to its own origin, by the BroadcastChannel and
/// the `localStorage` item `oauth2_callback_result:STATE` - and closes itself. Nothing in the report grants access.
#[utoipa::path(
    get,
    path = "/api/app-connections/oauth2/callback",
    operation_id = "finishSignIn",
    tag = "connections",
    security(()),
    params(
        ("state" = Option<String>, Query, description = "The `state` of the authorization request."),
        ("code" = Option<String>, Query, description = "The provider's code."),
        ("error" = Option<String>, Query, description = "Why there is no code."),
        ("error_description" = Option<String>, Query, description = "The provider's description of the error."),
        ("iss" = Option<String>, Query, description = "The provider's issuer (RFC 9207)."),
    ),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(in crate::api) async fn callback(State(app): State<Arc<App>>, headers: HeaderMap, query: Query) -> Response {
    let at = common_redirect(&app);
    finish(&app, &at, &headers, &query).await
}

/// The same page, at the redirect URI that only one piece has: the response of another piece's provider is refused here.
#[utoipa::path(
    get,
    path = "/api/app-connections/oauth2/callback/{pieceName}",
    operation_id = "finishSignInOfPiece",
    tag = "connections",
    security(()),
    params(
        ("pieceName" = String, Path, description = "The piece's short name."),
        ("state" = Option<String>, Query, description = "The `state` of the authorization request."),
        ("code" = Option<String>, Query, description = "The provider's code."),
        ("error" = Option<String>, Query, description = "Why there is no code."),
        ("error_description" = Option<String>, Query, description = "The provider's description of the error."),
        ("iss" = Option<String>, Query, description = "The provider's issuer (RFC 9207)."),
    ),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html")),
)]
pub(in crate::api) async fn callback_of_piece(
    State(app): State<Arc<App>>,
    Path(piece): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Response {
    let at = format!("{}{CALLBACK}/{piece}", app.public_url);
    finish(&app, &at, &headers, &query).await
}

/// Finishes the sign-in whose response came to the redirect URI `at`.
async fn finish(app: &App, at: &str, headers: &HeaderMap, query: &Query) -> Response {
    let state: String = query.get("state").unwrap_or_default().chars().take(200).collect();
    let failed = |error: &str, description: &str| {
        let error: String = error.chars().take(100).collect();
        let description: String = description.chars().filter(|c| !c.is_control()).take(500).collect();
        Failed::new(error, description)
    };
    if state.is_empty() {
        let failed = failed("missing_state", "the provider returned no state; start again");
        return page(app, &told(&failed, &state));
    }
    // With both, the error counts (RFC 6749, section 4.1.2.1).
    let answer = match (query.get("error"), query.get("code")) {
        (Some(error), _) => Err(failed(error, query.get("error_description").unwrap_or_default())),
        (None, Some(code)) if !code.is_empty() => Ok(SecretString::from(code)),
        (None, _) => Err(failed("missing_code", "the provider returned no code; start again")),
    };
    let piece = |name: &str| input::oauth2(&*input::piece(app, name)?).cloned();
    let browser = COOKIE.get(&app.public_url, headers);
    let base = common_redirect(app);
    let arrival = Arrival { base: &base, at, issuer: query.get("iss") };
    let result = match app.connections.signed_in(&state, browser.as_ref(), arrival, answer, piece).await {
        Ok(Finished::Connected(row)) => json!({"connectionId": row.id, "externalId": row.external_id, "state": state}),
        Ok(Finished::ByLink(link)) => return finish::signed_in(app, &link, true).await,
        Err(Failed { link: Some(link), .. }) => return finish::signed_in(app, &link, false).await,
        Ok(Finished::Ticket(ticket)) => json!({"code": ticket.expose_secret(), "state": state}),
        Err(failed) => told(&failed, &state),
    };
    page(app, &result)
}

fn told(failed: &Failed, state: &str) -> Value {
    json!({"error": failed.error, "errorDescription": failed.description, "state": state})
}

/// Texts in its script are safe as they are, see [`script`]; the others are escaped.
#[derive(Template)]
#[template(path = "callback.html")]
struct CallbackPage<'a> {
    nonce: &'a str,
    said: &'a str,
    why: &'a str,
    origin: &'a str,
    result: &'a str,
}

/// The page around a result.
fn page(app: &App, result: &Value) -> Response {
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let said = match result.get("error").and_then(Value::as_str) {
        None => "You are connected.",
        Some(_) => "The connection failed.",
    };
    let why = result.get("errorDescription").and_then(Value::as_str).unwrap_or_default();
    let (origin, result) = (script(&Value::from(app.public_url.origin())), script(result));
    let page = CallbackPage { nonce: &nonce, said, why, origin: &origin, result: &result };
    let Ok(html) = page.render() else { return Rejection::internal("the page is not rendered").into_response() };
    let mut response = Html(html).into_response();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    response
}
