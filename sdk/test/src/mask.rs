//! The connection's secrets, kept out of whatever a failed test prints.

use std::sync::{Mutex, PoisonError};

use leno_metadata::{Auth, ConnectionValue};
use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

const MASK: &str = "**REDACTED**";

/// What to mask. A test may well run with the credentials of a real account, and its output ends up in a build log.
#[derive(Default)]
pub(crate) struct Mask(Mutex<Vec<SecretString>>);

impl Mask {
    /// Masks the secrets of `connection` from here on, and no others. Without an auth entry, every member of it counts
    /// as secret.
    pub(crate) fn set(&self, connection: &ConnectionValue, auth: Option<&Auth>) {
        let mut forms: Vec<String> = Vec::new();
        for secret in connection.secrets(auth).iter() {
            let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let escaped = serde_json::Value::from(secret).to_string();
            forms.extend([secret.to_owned(), encoded, escaped.trim_matches('"').to_owned()]);
        }
        // The longest first: a secret may contain another.
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = forms.into_iter().map(SecretString::from).collect();
    }

    /// `text` without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), MASK))
    }
}
