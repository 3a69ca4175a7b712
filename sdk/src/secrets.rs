//! The secrets of the call's connection, for a piece that must see them: to sign a request, for example.
//!
//! Calling [`reveal`] anywhere in a piece makes its component import `leno:piece/secrets`. Such a piece loads only
//! where the operator has granted `secrets` to it, and the host records every use. `.authorize()` on a request needs no
//! grant and shows no secret; prefer it.

use serde::de::DeserializeOwned;

use crate::{Error, Result, json_path, sys};

/// A value that must not be shown: it has no `Debug`.
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// The value.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

/// The whole value of the connection, in the shape of its kind; for CUSTOM_AUTH its fields.
///
/// # Errors
/// `denied` without the grant; `invalid-input` with the code `connection-value` when the value does not look like `T`.
pub fn reveal<T: DeserializeOwned>() -> Result<Secret<T>> {
    let text = sys::reveal()?;
    // The reason is not passed on: it could quote the secret.
    json_path::read(&text).map(Secret).map_err(|_| {
        Error::invalid_input("connection-value", "the connection does not have the fields that this piece expects")
    })
}
