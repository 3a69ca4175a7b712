//! The connections that a request may use. The host adds their credentials; the piece never sees them.

use leno_sdk::auth::GrantType;
use leno_sdk::prelude::*;

/// A key of a service's own.
#[derive(Props)]
#[expect(dead_code, reason = "the fields describe the connection; the host reads their values")]
struct ApiKey {
    /// The key
    #[prop(display_name = "API key")]
    api_key: SecretText,
    /// The header that carries the key, for example `X-Api-Key`
    header: Option<String>,
    /// What stands before the key in the header, for example `Token `
    prefix: Option<String>,
    /// The query parameter that carries the key, for example `api_key`
    query: Option<String>,
}

/// An OAuth 2.0 provider that the user names.
#[derive(Props)]
#[expect(dead_code, reason = "the fields describe the connection; the host reads their values")]
struct Provider {
    /// Where the user agrees, for example `https://provider.example.com/authorize`; not needed for client credentials
    #[prop(display_name = "Authorization URL")]
    auth_url: Option<String>,
    /// Where tokens come from, for example `https://provider.example.com/token`
    #[prop(display_name = "Token URL")]
    token_url: String,
    /// What to ask for: scopes with spaces between
    #[prop(default = "")]
    scope: String,
}

/// The host of a request is the flow's choice, so credentials may go wherever the operator lets this piece go.
const ANYWHERE: &[&str] = &["*"];

pub(crate) fn basic() -> Auth {
    Auth::basic("User name and password").description("Sent as `Authorization: Basic …`.").hosts(ANYWHERE)
}

pub(crate) fn token() -> Auth {
    Auth::secret_text("Token").description("Sent as `Authorization: Bearer …`.").hosts(ANYWHERE)
}

/// Any API behind OAuth 2.0, without a piece of its own: the user brings addresses and client.
pub(crate) fn oauth2() -> Auth {
    Auth::oauth2("OAuth 2.0", "{auth_url}", "{token_url}")
        .description("Sent as `Authorization: Bearer …`, and renewed before the token ends.")
        .props::<Provider>()
        .scope(&["{scope}"])
        .grant_type(GrantType::Both)
        .hosts(ANYWHERE)
}

pub(crate) fn api_key() -> Auth {
    Auth::custom::<ApiKey>("API key")
        .description("Sent in a header, in a query parameter, or in both: name at least one.")
        .inject_header("{{connection.header}}", "{{connection.prefix}}{{connection.api_key}}")
        .inject_query("{{connection.query}}", "{{connection.api_key}}")
        .hosts(ANYWHERE)
}
