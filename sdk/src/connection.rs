//! The connection chosen for the call, without its secrets.
//!
//! A piece rarely needs it: a request with `.authorize()` is given the credentials by the host.

use serde::de::DeserializeOwned;

use crate::{Error, Result, json_path, sys};

/// The kinds of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A token from an authorization server.
    OAuth2,
    /// One secret text.
    SecretText,
    /// User name and password.
    BasicAuth,
    /// Several fields of the piece's own.
    CustomAuth,
}

impl Kind {
    /// The name in the metadata document, for example `SECRET_TEXT`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OAuth2 => "OAUTH2",
            Self::SecretText => "SECRET_TEXT",
            Self::BasicAuth => "BASIC_AUTH",
            Self::CustomAuth => "CUSTOM_AUTH",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::OAuth2, Self::SecretText, Self::BasicAuth, Self::CustomAuth]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// The kind of the connection; none when the step has no connection.
pub fn kind() -> Option<Kind> {
    sys::connection_kind().and_then(|name| Kind::parse(&name))
}

/// The fields of the connection that the piece's auth does not mark secret.
///
/// # Errors
/// `invalid-input` with the code `connection-settings` when they do not look like `T`; the message names the field.
pub fn settings<T: DeserializeOwned>() -> Result<T> {
    json_path::read(&sys::connection_settings())
        .map_err(|error| Error::invalid_input("connection-settings", format!("the connection's settings: {error}")))
}
