//! A piece whose connections are to a provider on loopback: the connection itself says where that is.
//!
//! One program makes two pieces; `oauth-probe-privileged` also looks at the values of its connections.

use leno_sdk::auth::{AuthorizationMethod, GrantType, PkceMethod};
use leno_sdk::prelude::*;

/// What an OAUTH2 connection is asked for besides its tokens.
#[derive(Props)]
#[expect(dead_code, reason = "the host reads it")]
struct Provider {
    /// Where the provider is: `http://127.0.0.1:4000`
    base: String,
}

/// A connection with a key.
#[derive(Props)]
#[expect(dead_code, reason = "the host reads it")]
struct Account {
    /// Where the service is
    url: String,
    key: SecretText,
}

fn provider() -> Auth {
    Auth::oauth2("Provider", "{base}/auth", "{base}/token")
        .with("revocationUrl", "{base}/token/revocation")
        .with("issuer", "{base}")
        .props::<Provider>()
        .scope(&["openid", "offline_access", "read"])
        .pkce(PkceMethod::S256)
        .authorization_method(AuthorizationMethod::Header)
        .grant_type(GrantType::Both)
        .hosts(&["{{connection.props.base}}"])
}

fn account() -> Auth {
    Auth::custom::<Account>("Account")
        .inject_header("X-Key", "{{connection.key}}")
        .hosts(&["{{connection.url}}"])
        .validate(check)
}

/// Holds if the service accepts the key at `/check`.
fn check(_: &Context) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Settings {
        url: String,
    }
    let settings: Settings = connection::settings()?;
    http::get(format!("{}/check", settings.url)).authorize().send()?.error_for_status()?;
    Ok(())
}

/// Asks the provider whose token it is, and returns its response.
#[action]
pub fn me() -> Result<Value> {
    #[derive(serde::Deserialize)]
    struct Settings {
        props: Inner,
    }
    #[derive(serde::Deserialize)]
    struct Inner {
        base: String,
    }
    let settings: Settings = connection::settings()?;
    let answer = http::get(format!("{}/me", settings.props.base)).authorize().send()?;
    let status = answer.status();
    Ok(json!({"status": status, "body": answer.text()?}))
}

/// Reads its connection and does nothing with it.
#[action]
pub fn noop() -> Result<Value> {
    connection::settings::<Value>()?;
    Ok(json!({}))
}

/// Does nothing, without a connection: what `noop` is measured beside.
#[action(auth = false)]
pub fn idle() -> Result<Value> {
    Ok(json!({}))
}

/// Returns what the piece may know of its connection, after logging it.
#[action]
pub fn settings() -> Result<Value> {
    let settings: Value = connection::settings()?;
    log::info!("the connection's settings are {settings}");
    Ok(json!({"kind": connection::kind().map(connection::Kind::as_str), "settings": settings}))
}

/// Reads the whole value and reveals everything it can, in every way it has: the host must keep the secrets out.
#[cfg(feature = "privileged")]
#[action]
pub fn tell() -> Result<Value> {
    let value = leno_sdk::secrets::reveal::<Value>()?;
    let members: Vec<&String> = value.expose().as_object().into_iter().flatten().map(|(name, _)| name).collect();
    log::warn!("the value is {}", value.expose());
    Ok(json!({"members": members, "value": value.expose()}))
}

#[cfg(not(feature = "privileged"))]
piece! {
    name: "oauth-probe",
    display_name: "OAuth probe",
    auth: [provider(), Auth::secret_text("Token").hosts(&["127.0.0.1"]), account()],
    hosts: ["127.0.0.1", "{{connection.props.base}}", "{{connection.url}}"],
    actions: [me, noop, idle, settings],
}

#[cfg(feature = "privileged")]
piece! {
    name: "oauth-probe-privileged",
    display_name: "OAuth probe, privileged",
    auth: [provider(), Auth::secret_text("Token").hosts(&["127.0.0.1"]), account()],
    hosts: ["127.0.0.1", "{{connection.props.base}}", "{{connection.url}}"],
    actions: [me, noop, idle, settings, tell],
}
