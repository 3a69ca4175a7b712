//! The secrets of the call's connection, for pieces that must read them, for example to sign a request.
//!
//! Calling [`reveal`] anywhere in a piece makes its component import `leno:piece/secrets`. Such a piece loads only
//! if the operator has granted it `secrets`, and the host audits every use. Prefer `.authorize()` on a request: it needs no
//! grant, and the piece sees no secret.

use serde::de::DeserializeOwned;

use crate::{Error, Result, json_path, sys};

/// A secret value. It has no `Debug`.
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// The value.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

/// Returns the whole value of the connection, in the format of its kind; for CUSTOM_AUTH, its fields.
///
/// # Errors
/// `denied` without the grant; `invalid-input` with the code `connection-value` if the value cannot be read as `T`.
pub fn reveal<T: DeserializeOwned>() -> Result<Secret<T>> {
    let text = sys::reveal()?;
    // The reason is dropped: it could quote the secret.
    json_path::read(&text).map(Secret).map_err(|_| {
        Error::invalid_input("connection-value", "the connection does not have the fields that this piece expects")
    })
}
