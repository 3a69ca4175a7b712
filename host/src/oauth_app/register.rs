//! Clients that register themselves (RFC 7591).

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use leno_authorization::{
    ClientKind, ClientSettings, GrantType,
    registry::{Registration, RegistryError},
};
use leno_base::{Owner, budget::Spec};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;

use super::form::{self, refused};
use crate::{
    api::App,
    edge::{
        Rejection, budgets,
        extract::{JsonBody, Kind, Member},
        ring::Sender,
    },
};

/// How long a client that registered itself lives: nobody looks after it.
const LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// The metadata of a client. Others are ignored (RFC 7591, section 2).
#[derive(Deserialize)]
struct Metadata {
    redirect_uris: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
    #[serde(default)]
    grant_types: Option<Vec<String>>,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    scope: Option<String>,
}

impl JsonBody for Metadata {
    const LIMIT: &'static Spec = &budgets::SMALL_BODY_BYTES;
    const MEMBERS: &'static [Member] = &[
        Member { name: "redirect_uris", kind: Kind::List, required: true },
        Member { name: "token_endpoint_auth_method", kind: Kind::Text, required: false },
        Member { name: "grant_types", kind: Kind::List, required: false },
        Member { name: "client_name", kind: Kind::Text, required: false },
        Member { name: "scope", kind: Kind::Text, required: false },
    ];
    const EXAMPLE: &'static str = r#"{"redirect_uris": ["https://app.example.com/callback"]}"#;
}

/// Registers a client for all tenants, for 90 days.
pub(super) async fn register(
    State(app): State<Arc<App>>,
    sender: Sender,
    request: Request,
) -> Result<Response, Rejection> {
    app.rates.admit_peer(sender.0)?;
    if !app.oauth_app.registration {
        let words = "clients do not register themselves here; ask the operator for one";
        return Err(Rejection::new(StatusCode::FORBIDDEN, "access_denied", "Forbidden", words));
    }
    let (metadata, _memory) = app.bodies.json::<Metadata>(sender, request).await?;
    let method = metadata.token_endpoint_auth_method.as_deref().unwrap_or("client_secret_basic");
    let wrong = |words: &'static str| Rejection::bad_request("invalid_client_metadata", words);
    let client_type = match method {
        "none" => ClientKind::Public,
        "client_secret_basic" | "client_secret_post" => ClientKind::Confidential,
        _ => return Err(wrong("token_endpoint_auth_method must be none, client_secret_basic or client_secret_post")),
    };
    let grant = |name: &String| {
        GrantType::parse(name).ok_or_else(|| wrong("grant_types must be authorization_code and refresh_token"))
    };
    let grants = metadata.grant_types.unwrap_or_else(|| vec!["authorization_code".into()]);
    let scopes = metadata.scope.filter(|scope| !scope.is_empty());
    let registration = Registration {
        name: metadata.client_name.unwrap_or_else(|| "An application that registered itself".into()),
        settings: ClientSettings {
            allowed_scopes: scopes.map(|scopes| scopes.split(' ').map(str::to_owned).collect()),
            allowed_grant_types: grants.iter().map(grant).collect::<Result<_, _>>()?,
            pkce_required: true,
            access_token_ttl: 3_600,
            ..ClientSettings::new(client_type, metadata.redirect_uris)
        },
        tenant: None,
        life: Some(LIFE),
    };
    let owner = Owner { tenant: "".into(), user: "registration".into() };
    let (registered, secret) =
        app.authorization.register(&owner, "unknown", registration).await.map_err(|error| not_registered(&error))?;
    let (client, settings) = (&registered.client, &registered.client.settings);
    let ends = registered.expires_at.unwrap_or_default() / 1000;
    let grants: Vec<&str> = settings.allowed_grant_types.iter().map(|grant| grant.as_str()).collect();
    let body = form::present(json!({
        "client_id": client.id,
        "client_id_issued_at": registered.created_at / 1000,
        "client_name": client.name,
        "redirect_uris": settings.redirect_uris,
        "grant_types": grants,
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "scope": settings.allowed_scopes.as_ref().map(|scopes| scopes.join(" ")),
        "client_secret": secret.as_ref().map(|secret| secret.expose_secret()),
        "client_secret_expires_at": secret.is_some().then_some(ends),
    }));
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ];
    Ok((StatusCode::CREATED, headers, Json(body)).into_response())
}

fn not_registered(error: &RegistryError) -> Rejection {
    match error {
        RegistryError::Invalid(faults) => {
            let uri = faults.iter().any(|(path, _)| path.starts_with("/redirectUris"));
            let code = if uri { "invalid_redirect_uri" } else { "invalid_client_metadata" };
            let words: Vec<String> = faults.iter().map(|(path, wrong)| format!("{path}: {wrong}")).collect();
            Rejection::bad_request(code, words.join("; "))
        }
        RegistryError::Full(refusal) => Rejection::exhausted(refusal),
        RegistryError::Changed => Rejection::internal(error.to_string()),
        RegistryError::OAuth(error) => refused(error.clone()),
    }
}
