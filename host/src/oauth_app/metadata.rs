//! What clients can find out by themselves: RFC 8414 and RFC 9728.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::{StatusCode, Uri};
use leno_authorization::scope;
use serde_json::{Value, json};
use url::Url;

use super::{form, settings::PREFIX};
use crate::{api::App, edge::Rejection};

/// The metadata of the authorization server. Nothing of it comes from the request.
pub(super) async fn server(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, Rejection> {
    let issuer = app.authorization.issuer();
    here(&uri, "/.well-known/oauth-authorization-server", issuer)?;
    let at = |endpoint: &str| format!("{}{PREFIX}/{endpoint}", app.public_url);
    let methods = ["client_secret_basic", "client_secret_post", "none"];
    let scopes: Vec<&str> =
        std::iter::once(scope::EVERYTHING).chain(scope::ALL.iter().map(|scope| scope.name)).collect();
    let registration = app.oauth_app.registration.then(|| at("register"));
    Ok(Json(form::present(json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "revocation_endpoint": at("revoke"),
        "introspection_endpoint": at("introspect"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": scopes,
        "authorization_response_iss_parameter_supported": true,
        "registration_endpoint": registration,
    }))))
}

/// The metadata of this host as a resource.
pub(super) async fn resource(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<Value>, Rejection> {
    let resource = app.authorization.resources().first().map_or("", String::as_str);
    here(&uri, "/.well-known/oauth-protected-resource", resource)?;
    // MCP clients ask for all that stands here: without the scope of everything.
    let scopes: Vec<&str> = scope::ALL.iter().map(|scope| scope.name).collect();
    Ok(Json(json!({
        "resource": resource,
        "authorization_servers": [app.authorization.issuer()],
        "bearer_methods_supported": ["header"],
        "scopes_supported": scopes,
        "resource_name": "Leno",
    })))
}

/// The metadata of `name` is at the well-known path, with the path of `name` behind it (RFC 8414, section 3.1).
fn here(uri: &Uri, well_known: &str, name: &str) -> Result<(), Rejection> {
    let path = Url::parse(name).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    if uri.path().trim_end_matches('/') == format!("{well_known}{path}") {
        return Ok(());
    }
    let words = format!("the metadata of {name} is at {well_known}{path}");
    Err(Rejection::new(StatusCode::NOT_FOUND, "invalid_request", "Not found", words))
}
