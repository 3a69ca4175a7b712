//! The secrets of a connection, which are masked in every text of a piece.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{Auth, ConnectionKind, ConnectionValue, PropertyKind};

/// Secrets shorter than this many bytes are not masked: masking every `1` or `no` of a log would make it useless, and
/// reveal the secret by the gaps.
pub const SHORTEST_MASKED: usize = 4;

/// The members of an OAUTH2 value that are secret whatever the piece says.
const OAUTH2_SECRETS: [&str; 5] = ["access_token", "refresh_token", "client_secret", "id_token", "code"];

/// The texts to mask, longest first. Zeroed on drop.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    /// The texts, longest first, so that one which contains another is masked before it.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ExposeSecret::expose_secret)
    }

    /// These and those of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self.0.sort_unstable_by_key(|text| std::cmp::Reverse(text.expose_secret().len()));
        self
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the mask is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl ConnectionValue {
    /// Every text to mask in a piece's logs, errors and outputs.
    ///
    /// These are the secret members, the texts in an OAUTH2 value's `data` (except those that `settings` name), and what
    /// is made of them on the way out: base64 arguments such as `user:password`, and the form-encoded shape of query
    /// parameters. Without an auth entry every prop of CUSTOM_AUTH counts as secret. Texts shorter than
    /// [`SHORTEST_MASKED`] bytes are left out. Longest first, without repeats.
    #[must_use]
    pub fn secrets(&self, auth: Option<&Auth>) -> Secrets {
        let auth = auth.filter(|auth| self.kind.auth_name() == Some(auth.kind()));
        let mut found = Vec::new();
        match &self.kind {
            ConnectionKind::NoAuth => {}
            ConnectionKind::SecretText => texts(self.value.get("secret_text"), &mut found),
            ConnectionKind::BasicAuth => {
                let part = |name| self.value.get(name).and_then(Value::as_str).unwrap_or_default();
                let (user, password) = (part("username"), part("password"));
                // Without a password the name is what signs in.
                let secret = if password.is_empty() { user } else { password };
                found.push(Zeroizing::new(secret.to_owned()));
                if !secret.is_empty() {
                    let pair = Zeroizing::new(format!("{user}:{password}"));
                    found.push(Zeroizing::new(STANDARD.encode(pair.as_bytes())));
                }
            }
            ConnectionKind::CustomAuth => self.secret_props(auth, &mut found),
            ConnectionKind::OAuth2 | ConnectionKind::CloudOAuth2 | ConnectionKind::PlatformOAuth2 => {
                for name in OAUTH2_SECRETS {
                    texts(self.value.get(name), &mut found);
                }
                self.secret_props(auth, &mut found);
                let open = auth.map(|auth| auth.settings.as_slice()).unwrap_or_default();
                data_texts(self.value.get("data"), open, &mut found);
            }
            // Nothing is known about it, so everything but its type may be a secret.
            ConnectionKind::Unknown(_) => {
                for (name, member) in self.value.as_object().into_iter().flatten() {
                    if name != "type" {
                        texts(Some(member), &mut found);
                    }
                }
            }
        }
        if let Some(auth) = auth {
            crate::injection::derived_secrets(auth, self, &mut found);
        }
        found.retain(|text| text.len() >= SHORTEST_MASKED);
        found.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        found.dedup();
        Secrets(found.iter().map(|text| SecretString::from(text.as_str())).collect())
    }

    fn secret_props(&self, auth: Option<&Auth>, found: &mut Vec<Zeroizing<String>>) {
        let Some(Value::Object(props)) = self.value.get("props") else { return };
        for (name, value) in props {
            let property = auth.and_then(|auth| auth.props()?.get(name));
            // An undeclared prop is as good as secret: nothing says that it is not.
            if property.is_none_or(|property| property.kind == PropertyKind::SecretText) {
                texts(Some(value), found);
            }
        }
    }
}

/// Every text in a value. Keys are names, not secrets.
fn texts(value: Option<&Value>, found: &mut Vec<Zeroizing<String>>) {
    let mut stack: Vec<&Value> = value.into_iter().collect();
    while let Some(value) = stack.pop() {
        match value {
            Value::String(text) => found.push(Zeroizing::new(text.clone())),
            Value::Array(items) => stack.extend(items),
            Value::Object(members) => stack.extend(members.values()),
            // A numeric pin is as secret as a textual one.
            Value::Number(number) => found.push(Zeroizing::new(number.to_string())),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

/// The texts of a token response, but for the paths that the piece may see.
fn data_texts(data: Option<&Value>, open: &[String], found: &mut Vec<Zeroizing<String>>) {
    let Some(Value::Object(members)) = data else { return };
    for (name, member) in members {
        if open.iter().any(|path| path == name) {
            continue;
        }
        let inner: Vec<String> = open
            .iter()
            .filter_map(|path| path.split_once('.').filter(|(first, _)| first == name).map(|(_, rest)| rest.to_owned()))
            .collect();
        match member {
            // Numbers and small facts of the response are not secret; its texts may be.
            Value::Object(_) if !inner.is_empty() => data_texts(Some(member), &inner, found),
            Value::Number(_) => {}
            member => texts(Some(member), found),
        }
    }
}
