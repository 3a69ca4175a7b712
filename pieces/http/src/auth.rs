//! The connections that a request may use. The host adds their credentials; the piece never sees them.

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

/// The host of a request is the flow's choice, so credentials may go wherever the operator lets this piece go.
const ANYWHERE: &[&str] = &["*"];

pub(crate) fn basic() -> Auth {
    Auth::basic("User name and password").description("Sent as `Authorization: Basic …`.").hosts(ANYWHERE)
}

pub(crate) fn token() -> Auth {
    Auth::secret_text("Token").description("Sent as `Authorization: Bearer …`.").hosts(ANYWHERE)
}

pub(crate) fn api_key() -> Auth {
    Auth::custom::<ApiKey>("API key")
        .description("Sent in a header, in a query parameter, or in both: name at least one.")
        .inject_header("{{connection.header}}", "{{connection.prefix}}{{connection.api_key}}")
        .inject_query("{{connection.query}}", "{{connection.api_key}}")
        .hosts(ANYWHERE)
}
