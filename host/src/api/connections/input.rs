//! What a client sends as the value of a connection, held against what the piece takes.

use std::sync::Arc;

use leno_connections::ConnectionError;
use leno_metadata::{
    Auth, ConnectionKind, ConnectionValue, OAuth2, PieceName, Problem as Fault, Problems, Scheme, VersionReq,
};
use leno_pieces::Version;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    api::App,
    edge::{
        Rejection,
        budgets::{CONNECTION_METADATA_BYTES, CONNECTION_PROPS_BYTES},
        extract::json_size,
    },
};

/// The longest name of a connection, in characters.
const MAX_NAME: usize = 255;

/// The problem with an invalid name.
pub(crate) const NAME: &str = "must have 1 to 255 characters, none of them control characters";

/// Whether a text can be the name of a connection.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Checks the sizes of what is kept of a connection: its value or props, and its metadata.
///
/// # Errors
/// One of them is too large.
pub(crate) fn sizes(app: &App, props: Option<&impl Serialize>, metadata: Option<&Value>) -> Result<(), Rejection> {
    if let Some(props) = props {
        app.bodies.allows(&CONNECTION_PROPS_BYTES, json_size(props))?;
    }
    if let Some(metadata) = metadata {
        app.bodies.allows(&CONNECTION_METADATA_BYTES, json_size(metadata))?;
    }
    Ok(())
}

/// The newest version of a piece; `None` when this host does not have it. A request looks it up once, so that
/// everything it uses is of one version.
pub(crate) fn piece(app: &App, name: &str) -> Option<Arc<Version>> {
    let name: PieceName = name.parse().ok()?;
    app.registry.get(&name, &VersionReq::default()).ok()
}

/// The auth entries of a piece.
pub(crate) fn auths(piece: &Version) -> &[Auth] {
    &piece.piece.metadata().auth
}

/// The OAuth 2.0 entry of a piece, if it has one.
pub(crate) fn oauth2(piece: &Version) -> Option<&OAuth2> {
    auths(piece).iter().find_map(as_oauth2)
}

/// The OAuth 2.0 part of an entry.
pub(crate) fn as_oauth2(auth: &Auth) -> Option<&OAuth2> {
    match &auth.scheme {
        Scheme::OAuth2(oauth2) => Some(oauth2),
        _ => None,
    }
}

/// Reads a value. `kind` is the request's own `type`; the value may leave its type out, and must not contradict it.
///
/// # Errors
/// With JSON pointers into the request.
pub(crate) fn value(kind: &str, value: Value) -> Result<ConnectionValue, Vec<Fault>> {
    let value = match value {
        Value::Object(mut members) => {
            members.entry("type").or_insert_with(|| kind.into());
            Value::Object(members)
        }
        other => other,
    };
    let value = ConnectionValue::new(value).map_err(|fault| vec![below(fault)])?;
    if value.kind().as_str() != kind {
        return Err(vec![Fault::new(
            "/value/type",
            "is not the `type` of the request; send the same, or leave it out",
        )]);
    }
    match value.kind() {
        ConnectionKind::Unknown(_) => {
            let message = "must be SECRET_TEXT, BASIC_AUTH, CUSTOM_AUTH, OAUTH2, PLATFORM_OAUTH2 or NO_AUTH";
            Err(vec![Fault::new("/type", message)])
        }
        ConnectionKind::CloudOAuth2 => {
            let message = "CLOUD_OAUTH2 needs the secrets of Activepieces' cloud, which this host does not have; \
                           use OAUTH2 with an OAuth app of your own";
            Err(vec![Fault::new("/type", message)])
        }
        _ => Ok(value),
    }
}

/// Checks a value without tokens - anything but OAuth 2.0 - against the piece's entries. Without entries, for a piece that
/// this host does not have, only what every value of the type must have.
///
/// # Errors
/// With JSON pointers into the request.
pub(crate) fn accept(value: ConnectionValue, auths: Option<&[Auth]>) -> Result<ConnectionValue, Vec<Fault>> {
    let kind = value.kind().clone();
    if kind == ConnectionKind::NoAuth {
        return Ok(value);
    }
    let Some(auths) = auths else {
        value.complete().map_err(|problems| problems.into_iter().map(below).collect::<Vec<_>>())?;
        return Ok(value);
    };
    let Some(auth) = auths.iter().find(|auth| Some(auth.kind()) == kind.auth_name()) else {
        let takes: Vec<&str> = auths.iter().map(Auth::kind).collect();
        let takes = if takes.is_empty() { "no connection".to_owned() } else { takes.join(" or ") };
        return Err(vec![Fault::new("/type", format!("the piece takes {takes}, not {}", kind.as_str()))]);
    };
    let accepted = auth.accept(value.expose());
    let accepted = accepted.map_err(|problems| problems.into_iter().map(below).collect::<Vec<_>>())?;
    auth.usable(&accepted).map_err(|problem| vec![below(problem)])?;
    Ok(accepted)
}

/// The value is a part of the request, so its pointers start there.
pub(crate) fn below(fault: Fault) -> Fault {
    Fault::new(format!("/value{}", fault.path), fault.message)
}

/// The value with new credentials from a `config` member, everything else as before.
///
/// # Errors
/// [`ConnectionError::Invalid`], with JSON pointers into the request.
pub(crate) fn reconfigure(
    value: &ConnectionValue,
    config: &Value,
    auths: Option<&[Auth]>,
) -> Result<ConnectionValue, ConnectionError> {
    let invalid = |faults: Vec<Fault>| ConnectionError::Invalid(Problems::from(faults));
    let Value::Object(config) = config else {
        return Err(invalid(vec![Fault::new("/config", "must be an object")]));
    };
    let mut members = match value.expose() {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    let mut take = |names: &[&str]| {
        for name in names {
            if let Some(new) = config.get(*name) {
                members.insert((*name).to_owned(), new.clone());
            }
        }
    };
    match value.kind() {
        ConnectionKind::SecretText => {
            // Activepieces' forms call the one field as they like.
            let filled = |value: &&Value| value.as_str().is_some_and(|text| !text.is_empty());
            let secret = config.get("secret_text").or_else(|| config.values().find(filled));
            members.insert("secret_text".into(), secret.cloned().unwrap_or_default());
        }
        ConnectionKind::BasicAuth => take(&["username", "password"]),
        ConnectionKind::OAuth2 => take(&["client_id", "client_secret", "redirect_url", "scope"]),
        ConnectionKind::CustomAuth => {
            members.insert("props".into(), Value::Object(config.clone()));
        }
        _ => {}
    }
    let changed = ConnectionValue::new(Value::Object(members)).map_err(|fault| invalid(vec![fault]))?;
    let is_oauth2 = changed.kind().auth_name() == Some("OAUTH2");
    let auths = auths.filter(|_| !is_oauth2);
    accept(changed, auths).map_err(|faults| {
        let config = |fault: Fault| {
            let rest = fault.path.trim_start_matches("/value").trim_start_matches("/props");
            Fault::new(format!("/config{rest}"), fault.message)
        };
        invalid(faults.into_iter().map(config).collect())
    })
}
