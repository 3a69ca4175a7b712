//! The pages of a connect session.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    form::{self, Entered, Field, Input, Wrong, signs_in},
    opened::{Opened, url},
};
use crate::{
    api::{
        App,
        connections::{input, sign_in},
    },
    edge::{
        Rejection,
        page::{Policy, page, script},
    },
};

#[derive(Template)]
#[template(path = "connect.html")]
struct FormPage<'a> {
    base: String,
    nonce: &'a str,
    action: String,
    link: String,
    piece: &'a str,
    name: &'a str,
    help: &'a str,
    ways: Vec<Way<'a>>,
    index: usize,
    signs_in: bool,
    redirect: Option<String>,
    fields: Vec<Field>,
    wrong: Vec<String>,
    hosts: Vec<String>,
    actions: usize,
    triggers: usize,
    user: &'a str,
    tenant: &'a str,
    /// Whether the operator lets the piece see the credentials.
    sees: bool,
    embedded: bool,
    origin: String,
    cancelled: String,
    own: String,
}

/// One way to connect, of several.
struct Way<'a> {
    name: &'a str,
    chosen: bool,
}

/// The form of the auth entry at `index`.
pub(super) async fn form(
    app: &App,
    opened: &Opened,
    index: usize,
    entered: &Entered,
    wrong: &Wrong,
    status: StatusCode,
) -> Result<Response, Rejection> {
    let session = &opened.session;
    let draft = &session.draft;
    let metadata = opened.piece.piece.metadata();
    let Some((index, auth)) = opened.auth(index) else {
        return Err(Rejection::bad_request("invalid_request", "the piece takes no connection"));
    };
    let needs_client = signs_in(auth) && !opened.has_platform_app(app).await?;
    let fields = form::fields(auth, &draft.fields, entered, wrong, needs_client);
    let mut words: Vec<String> = wrong.words.iter().cloned().collect();
    words.extend(wrong.elsewhere(&fields));
    let issuer = input::as_oauth2(auth).is_some_and(|oauth2| oauth2.issuer.is_some());
    let asks_client = fields.iter().any(|field| field.name == "client_id");
    let redirect = (needs_client && asks_client).then(|| sign_in::own_redirect(app, &draft.piece_name, issuer));
    let name = |auth: &'_ leno_metadata::Auth| match auth.kind() {
        "SECRET_TEXT" => "Key",
        "BASIC_AUTH" => "User name and password",
        "OAUTH2" => "Sign in",
        _ => "Credentials",
    };
    let ways = input::auths(&opened.piece);
    let ways = ways.iter().enumerate().map(|(at, way)| Way {
        name: if way.display_name.is_empty() { name(way) } else { &way.display_name },
        chosen: at == index,
    });
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let link = url(app, &opened.token);
    let view = FormPage {
        base: app.public_url.to_string(),
        nonce: &nonce,
        action: if signs_in(auth) { format!("{link}/sign-in") } else { link.clone() },
        link,
        piece: &metadata.display_name,
        name: &draft.display_name,
        help: auth.description.as_deref().unwrap_or_default(),
        ways: ways.collect(),
        index,
        signs_in: signs_in(auth),
        redirect,
        fields,
        wrong: words,
        hosts: auth.host_patterns().map(|host| host_words(host, &draft.fields)).collect(),
        actions: metadata.actions.len(),
        triggers: metadata.triggers.len(),
        user: session.owner().user.as_str(),
        tenant: session.owner().tenant.as_str(),
        sees: opened.piece.piece.grant().secrets,
        embedded: draft.origin.is_some(),
        origin: script(&draft.origin.as_deref().unwrap_or_default().into()),
        cancelled: script(&json!({"type": "leno:cancelled", "sessionId": session.id()})),
        own: script(&app.public_url.origin().into()),
    };
    page(&view, status, policy(opened, &nonce))
}

/// A host that gets the credentials, in words: a template names a field of the form, or one that is filled in.
fn host_words(pattern: &str, filled: &Map<String, Value>) -> String {
    let Some(template) = pattern.strip_prefix("{{") else { return pattern.to_owned() };
    let name = template.trim_end_matches("}}").trim().rsplit('.').next().unwrap_or_default();
    match filled.get(name).and_then(Value::as_str) {
        Some(value) => value.to_owned(),
        None => "the address that you enter".to_owned(),
    }
}

#[derive(Template)]
#[template(path = "connected.html")]
struct DonePage<'a> {
    base: String,
    nonce: &'a str,
    piece: &'a str,
    name: &'a str,
    said: Option<&'a str>,
    result: String,
    origin: String,
    own: String,
}

/// The page of a link whose connection is made. It tells the page that embeds it.
pub(super) fn done(app: &App, opened: &Opened) -> Result<Response, Rejection> {
    let (session, draft) = (&opened.session, &opened.session.draft);
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let result = json!({
        "type": "leno:connected",
        "sessionId": session.id(),
        "connectionId": session.connection_id(),
        "externalId": draft.external_id,
        "pieceName": draft.piece_name,
    });
    let view = DonePage {
        base: app.public_url.to_string(),
        nonce: &nonce,
        piece: &opened.piece.piece.metadata().display_name,
        name: &draft.display_name,
        said: session.said(),
        result: script(&result),
        origin: script(&draft.origin.as_deref().map_or(Value::Null, Value::from)),
        own: script(&app.public_url.origin().into()),
    };
    page(&view, StatusCode::OK, policy(opened, &nonce))
}

#[derive(Template)]
#[template(path = "go_on.html")]
struct GoOnPage<'a> {
    base: String,
    target: &'a str,
    host: &'a str,
}

/// Sends the browser to a provider. Not by a redirect: where the redirects of a form may lead stands in the policy of the form's
/// page, which was made before the user said where the provider is.
pub(super) fn go_on(app: &App, target: &Url) -> Result<Response, Rejection> {
    let host = target.host_str().unwrap_or_default();
    let view = GoOnPage { base: app.public_url.to_string(), target: target.as_str(), host };
    page(&view, StatusCode::OK, Policy::default())
}

fn policy<'a>(opened: &'a Opened, nonce: &'a str) -> Policy<'a> {
    Policy { frame: opened.session.draft.origin.as_deref(), nonce: Some(nonce), ..Policy::default() }
}
