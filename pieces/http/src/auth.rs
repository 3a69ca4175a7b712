//! The connections that a request may use. The host adds their credentials; the piece never sees them.

use leno_sdk::auth::GrantType;
use leno_sdk::prelude::*;

/// An API key in a header or a query parameter.
#[derive(Props)]
#[expect(dead_code, reason = "the fields describe the connection; the host reads their values")]
struct ApiKey {
    /// The key
    #[prop(display_name = "API key")]
    api_key: SecretText,
    /// The header for the key, for example `X-Api-Key`
    header: Option<String>,
    /// The text before the key in the header, for example `Token `
    prefix: Option<String>,
    /// The query parameter for the key, for example `api_key`
    query: Option<String>,
}

/// An OAuth 2.0 provider that the user names.
#[derive(Props)]
#[expect(dead_code, reason = "the fields describe the connection; the host reads their values")]
struct Provider {
    /// The authorization endpoint, for example `https://provider.example.com/authorize`; not needed for client credentials
    #[prop(display_name = "Authorization URL")]
    auth_url: Option<String>,
    /// The token endpoint, for example `https://provider.example.com/token`
    #[prop(display_name = "Token URL")]
    token_url: String,
    /// The scopes to request, separated by spaces
    #[prop(default = "")]
    scope: String,
}

/// The flow chooses the host of a request, so credentials may be sent to every host that the operator allows this piece.
const ANYWHERE: &[&str] = &["*"];

pub(crate) fn basic() -> Auth {
    Auth::basic("User name and password").description("Sent as `Authorization: Basic …`.").hosts(ANYWHERE)
}

pub(crate) fn token() -> Auth {
    Auth::secret_text("Token").description("Sent as `Authorization: Bearer …`.").hosts(ANYWHERE)
}

/// Any API behind OAuth 2.0 without a piece of its own: the user enters endpoints and client.
pub(crate) fn oauth2() -> Auth {
    Auth::oauth2("OAuth 2.0", "{auth_url}", "{token_url}")
        .description("Sent as `Authorization: Bearer …`, and renewed before the token expires.")
        .props::<Provider>()
        .scope(&["{scope}"])
        .grant_type(GrantType::Both)
        .hosts(ANYWHERE)
}

pub(crate) fn api_key() -> Auth {
    Auth::custom::<ApiKey>("API key")
        .description("Sent in a header, a query parameter, or both; name at least one.")
        .inject_header("{{connection.header}}", "{{connection.prefix}}{{connection.api_key}}")
        .inject_query("{{connection.query}}", "{{connection.api_key}}")
        .hosts(ANYWHERE)
}
