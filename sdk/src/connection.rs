//! The connection of the call, without its secrets.
//!
//! A piece rarely needs it: the host adds the credentials to requests with `.authorize()`.

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
    /// Fields that the piece defines.
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

/// The kind of the connection; none if the step has no connection.
pub fn kind() -> Option<Kind> {
    sys::connection_kind().and_then(|name| Kind::parse(&name))
}

/// Returns the fields of the connection that the piece's auth does not mark as secret.
///
/// # Errors
/// `invalid-input` with the code `connection-settings` if they cannot be read as `T`; the message names the field.
pub fn settings<T: DeserializeOwned>() -> Result<T> {
    json_path::read(&sys::connection_settings())
        .map_err(|error| Error::invalid_input("connection-settings", format!("the connection's settings: {error}")))
}
