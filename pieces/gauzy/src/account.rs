//! The connections: where the Gauzy server is, and who acts there. The host adds the token; the piece never sees it.

use leno_sdk::connection::Kind;
use leno_sdk::prelude::*;

use crate::gauzy::Gauzy;

/// What an OAuth connection asks for besides the sign-in.
#[derive(Props)]
#[props(rename_all = "camelCase")]
#[expect(dead_code, reason = "the host reads it")]
struct Server {
    /// The address of the Gauzy API without `/api` and without a slash at the end, for example `https://api.gauzy.co`
    #[prop(display_name = "Base URL", placeholder = "https://api.gauzy.co")]
    base_url: String,
}

/// A connection with a token that was made before.
#[derive(Props)]
#[props(rename_all = "camelCase")]
#[expect(dead_code, reason = "the host reads it")]
struct Token {
    /// The address of the Gauzy API without `/api`, for example `https://api.gauzy.co`
    #[prop(display_name = "Base URL", placeholder = "https://api.gauzy.co")]
    base_url: String,
    /// An access token (JWT) of the user who acts
    access_token: SecretText,
}

/// The only host that gets the token, and that the piece may reach.
const OAUTH_HOSTS: &[&str] = &["{{connection.props.baseUrl}}"];
const TOKEN_HOSTS: &[&str] = &["{{connection.baseUrl}}"];

/// Sign-in at Gauzy. A token lives for a day; the host renews it where the server gives refresh tokens.
pub(crate) fn oauth2() -> Auth {
    Auth::oauth2(
        "Sign in with Gauzy",
        "{baseUrl}/api/integration/ever-gauzy/oauth/authorize",
        "{baseUrl}/api/integration/ever-gauzy/oauth/token",
    )
    .description(
        "An administrator of the server registers an OAuth client for this host and gives you its client id and secret. \
         Where the server gives no refresh token, the connection ends with its token, usually after a day.",
    )
    .props::<Server>()
    .authorization_method(leno_sdk::auth::AuthorizationMethod::Body)
    .hosts(OAUTH_HOSTS)
    .validate(check)
}

/// An access token that was made before.
pub(crate) fn token() -> Auth {
    Auth::custom::<Token>("Access token")
        .description("The connection works until the token expires: by default one day after it was made.")
        .inject_header("Authorization", "Bearer {{connection.accessToken}}")
        .hosts(TOKEN_HOSTS)
        .validate(check)
}

/// Holds if Gauzy knows the user of the token, and the user has a tenant.
fn check(ctx: &Context) -> Result<()> {
    Gauzy::fresh(ctx)?.me().map(drop)
}

/// The address of the connection's server, without `/api` and without a slash at the end.
pub(crate) fn base_url() -> Result<String> {
    let settings: Value = connection::settings()?;
    let settings = match connection::kind() {
        Some(Kind::OAuth2) => settings.get("props"),
        _ => Some(&settings),
    };
    let base = settings.and_then(|settings| settings.get("baseUrl")).and_then(Value::as_str).unwrap_or_default();
    if base.trim().is_empty() {
        return Err(Error::invalid_input("no-base-url", "the connection has no base URL; enter it and connect again"));
    }
    Ok(normal(base))
}

/// The address as requests need it: people copy it with `/api`, and without a scheme.
fn normal(base: &str) -> String {
    let base = base.trim().trim_end_matches('/');
    let base = base.strip_suffix("/api").unwrap_or(base).trim_end_matches('/');
    let scheme = if base.contains("://") { "" } else { "https://" };
    format!("{scheme}{base}")
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn an_address_is_taken_as_people_copy_it() {
        for (given, expected) in [
            ("https://api.gauzy.co", "https://api.gauzy.co"),
            (" https://api.gauzy.co/ ", "https://api.gauzy.co"),
            ("https://api.gauzy.co/api/", "https://api.gauzy.co"),
            ("gauzy.example.com:3000", "https://gauzy.example.com:3000"),
            ("http://10.0.0.5:3000/gauzy/api", "http://10.0.0.5:3000/gauzy"),
        ] {
            assert_eq!(normal(given), expected);
        }
    }
}
