//! The value of a connection: what is stored encrypted, and what the host never hands to a piece as a whole.

use std::borrow::Cow;

use secrecy::SecretString;
use serde_json::{Map, Value};
use zeroize::Zeroize;

use crate::problem::{At, Report};
use crate::{Auth, Problem, Problems, PropertyKind, Scheme};

/// The decrypted value of a connection. Has no `Debug`; its texts are overwritten when it is dropped.
pub struct ConnectionValue {
    pub(crate) value: Value,
    pub(crate) kind: ConnectionKind,
}

/// The type of a connection value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionKind {
    /// `{secret_text}`
    SecretText,
    /// `{username, password}`
    BasicAuth,
    /// `{props}`
    CustomAuth,
    /// Nothing.
    NoAuth,
    /// Tokens, with the client's own id and secret.
    OAuth2,
    /// Tokens of an application of Activepieces' cloud.
    CloudOAuth2,
    /// Tokens of an application that the operator registered; its secret is not in the value.
    PlatformOAuth2,
    /// A type that this host does not know. The value is kept unchanged.
    Unknown(String),
}

impl ConnectionKind {
    /// The `type` member.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::SecretText => "SECRET_TEXT",
            Self::BasicAuth => "BASIC_AUTH",
            Self::CustomAuth => "CUSTOM_AUTH",
            Self::NoAuth => "NO_AUTH",
            Self::OAuth2 => "OAUTH2",
            Self::CloudOAuth2 => "CLOUD_OAUTH2",
            Self::PlatformOAuth2 => "PLATFORM_OAUTH2",
            Self::Unknown(name) => name,
        }
    }

    /// The type of the auth entry that a value of this kind belongs to: all OAuth 2.0 kinds belong to `OAUTH2`.
    #[must_use]
    pub fn auth_name(&self) -> Option<&'static str> {
        match self {
            Self::SecretText => Some("SECRET_TEXT"),
            Self::BasicAuth => Some("BASIC_AUTH"),
            Self::CustomAuth => Some("CUSTOM_AUTH"),
            Self::OAuth2 | Self::CloudOAuth2 | Self::PlatformOAuth2 => Some("OAUTH2"),
            Self::NoAuth | Self::Unknown(_) => None,
        }
    }
}

impl From<&str> for ConnectionKind {
    fn from(name: &str) -> Self {
        match name {
            "SECRET_TEXT" => Self::SecretText,
            "BASIC_AUTH" => Self::BasicAuth,
            "CUSTOM_AUTH" => Self::CustomAuth,
            "NO_AUTH" => Self::NoAuth,
            "OAUTH2" => Self::OAuth2,
            "CLOUD_OAUTH2" => Self::CloudOAuth2,
            "PLATFORM_OAUTH2" => Self::PlatformOAuth2,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

impl ConnectionValue {
    /// Reads a value. Members are not checked beyond `type`, so that every stored value can be read; see
    /// [`Auth::accept`] for what may be stored.
    ///
    /// # Errors
    ///
    /// When it is not an object with a text `type`. The message never quotes the value.
    pub fn new(value: Value) -> Result<Self, Problem> {
        // First the owner that overwrites on drop, then the checks.
        let mut this = Self { value, kind: ConnectionKind::NoAuth };
        if crate::json::too_deep(&this.value) {
            return Err(Problem::new("", "the connection value is nested too deeply; store it again"));
        }
        let Some(name) = this.value.get("type").and_then(Value::as_str) else {
            return Err(Problem::new("/type", "the connection value has no member \"type\" with text; store it again"));
        };
        this.kind = ConnectionKind::from(name);
        Ok(this)
    }

    /// Reads the JSON text of a value.
    ///
    /// # Errors
    ///
    /// When it is not JSON, or as [`ConnectionValue::new`]. The message never quotes the text.
    pub fn parse(json: &str) -> Result<Self, Problem> {
        match serde_json::from_str(json.strip_prefix('\u{feff}').unwrap_or(json)) {
            Ok(value) => Self::new(value),
            Err(_) => Err(Problem::new("", "the connection value is not JSON; store it again")),
        }
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> &ConnectionKind {
        &self.kind
    }

    /// The whole value, for the parts of the host that store, refresh or decrypt it.
    #[must_use]
    pub fn expose(&self) -> &Value {
        &self.value
    }

    /// The JSON text to encrypt, with the members in the order they came.
    #[must_use]
    pub fn to_json(&self) -> SecretString {
        self.value.to_string().into()
    }

    /// What a piece gets that may see secrets, as JSON text: the value without `refresh_token`, `client_secret`, `code`
    /// and `code_verifier`, which serve to get tokens and no request to the service needs.
    #[must_use]
    pub fn reveal(&self) -> SecretString {
        let mut copy = Wiped(self.value.clone());
        if let Value::Object(members) = &mut copy.0 {
            for name in ["refresh_token", "client_secret", "code", "code_verifier", "code_challenge"] {
                if let Some(mut member) = members.shift_remove(name) {
                    wipe(&mut member);
                }
            }
        }
        copy.0.to_string().into()
    }

    /// What a piece may see of the connection: what its auth schema does not mark secret.
    ///
    /// | Type | Members |
    /// | --- | --- |
    /// | SECRET_TEXT | none |
    /// | BASIC_AUTH | `username`, unless the password is empty and the name is what signs in |
    /// | CUSTOM_AUTH | the declared props, at the top, without those of type SECRET_TEXT |
    /// | OAUTH2 | `scope`, `token_type`, the declared non-secret `props`, and those of `data` that the entry's `settings` name |
    ///
    /// Empty when the entry is not of the value's type.
    #[must_use]
    pub fn settings(&self, auth: &Auth) -> Value {
        let mut settings = Map::new();
        if self.kind.auth_name() != Some(auth.kind()) {
            return Value::Object(settings);
        }
        match &auth.scheme {
            Scheme::SecretText => {}
            Scheme::BasicAuth { .. } if self.value.get("password").and_then(Value::as_str) == Some("") => {}
            Scheme::BasicAuth { .. } => copy(&self.value, "username", &mut settings),
            Scheme::CustomAuth { .. } => settings = self.open_props(auth),
            Scheme::OAuth2(_) => {
                copy(&self.value, "scope", &mut settings);
                copy(&self.value, "token_type", &mut settings);
                settings.insert("props".into(), Value::Object(self.open_props(auth)));
                let mut data = Map::new();
                for path in &auth.settings {
                    copy_path(self.value.get("data"), path, &mut data);
                }
                settings.insert("data".into(), Value::Object(data));
            }
        }
        Value::Object(settings)
    }

    fn open_props(&self, auth: &Auth) -> Map<String, Value> {
        let mut open = Map::new();
        let (Some(declared), Some(props)) = (auth.props(), self.value.get("props")) else { return open };
        for (name, property) in declared {
            if !matches!(property.kind, PropertyKind::SecretText | PropertyKind::Markdown) {
                copy(props, name, &mut open);
            }
        }
        open
    }

    /// Checks that a value has the members that its type requires: all that can be checked without the piece.
    ///
    /// # Errors
    ///
    /// All that is missing, with JSON pointers into the value.
    pub fn complete(&self) -> Result<(), Problems> {
        let mut report = Report::default();
        let given = |name: &str| self.value.get(name).and_then(Value::as_str);
        let mut text = |name: &str, what: &str| {
            if given(name).is_none_or(str::is_empty) {
                report.add(&At::Root.key(name), format_args!("{what} is missing; enter it as text"));
            }
        };
        match self.kind {
            ConnectionKind::SecretText => text("secret_text", "the secret"),
            // Either may be empty (RFC 7617, section 2), as where a key is the user name. Both would sign nobody in.
            ConnectionKind::BasicAuth => match (given("username"), given("password")) {
                (Some(""), Some("")) => {
                    report.add(&At::Root.key("password"), "user name and password are both empty; enter one of them");
                }
                (user, password) => {
                    for (name, what, text) in [("username", "user name", user), ("password", "password", password)] {
                        if text.is_none() {
                            let message = format_args!("the {what} is missing; enter it as text, which may be empty");
                            report.add(&At::Root.key(name), message);
                        }
                    }
                }
            },
            ConnectionKind::OAuth2 | ConnectionKind::CloudOAuth2 | ConnectionKind::PlatformOAuth2 => {
                text("access_token", "the access token");
            }
            ConnectionKind::CustomAuth | ConnectionKind::NoAuth | ConnectionKind::Unknown(_) => {}
        }
        if self.value.get("username").and_then(Value::as_str).is_some_and(|name| name.contains(':')) {
            report.add(&At::Root.key("username"), "a user name cannot contain a colon (RFC 7617); correct it");
        }
        report.finish(())
    }

    /// The text of a field that a template refers to; empty when it has no value.
    pub(crate) fn field(&self, scheme: &Scheme, path: &[String]) -> Result<Cow<'_, str>, Problem> {
        let mut value = match scheme {
            Scheme::CustomAuth { .. } => self.value.get("props"),
            _ => Some(&self.value),
        };
        for name in path {
            value = value.and_then(|value| value.get(name));
        }
        match value {
            None | Some(Value::Null) => Ok(Cow::Borrowed("")),
            Some(Value::String(text)) => Ok(Cow::Borrowed(text)),
            Some(scalar @ (Value::Bool(_) | Value::Number(_))) => Ok(Cow::Owned(scalar.to_string())),
            Some(Value::Array(_) | Value::Object(_)) => {
                let message = "holds a list or an object where the piece needs text; connect again";
                Err(Problem::new(field_pointer(scheme, path), message))
            }
        }
    }
}

impl Auth {
    /// Checks a connection value before it is stored, and coerces its props to the types that the entry declares.
    ///
    /// # Errors
    ///
    /// All that is missing or of the wrong type, with JSON pointers into the value. Messages never quote values.
    pub fn accept(&self, value: &Value) -> Result<ConnectionValue, Problems> {
        let mut accepted = ConnectionValue::new(value.clone())?;
        if accepted.kind.auth_name() != Some(self.kind()) {
            let message = format!("this is {}; the piece needs {}", accepted.kind.as_str(), self.kind());
            return Err(Problem::new("/type", message).into());
        }
        accepted.complete()?;
        if let Some(props) = self.props() {
            let coerced = crate::coerce::secret_props(props, value.get("props"))?;
            if let (Value::Object(members), true) =
                (&mut accepted.value, !props.is_empty() || value.get("props").is_some())
                && let Some(mut old) = members.insert("props".into(), coerced)
            {
                wipe(&mut old);
            }
        }
        Ok(accepted)
    }
}

/// The JSON pointer of a field in a connection value.
pub(crate) fn field_pointer(scheme: &Scheme, path: &[String]) -> String {
    let prefix = if matches!(scheme, Scheme::CustomAuth { .. }) { "/props/" } else { "/" };
    format!("{prefix}{}", path.join("/"))
}

fn copy(from: &Value, name: &str, to: &mut Map<String, Value>) {
    if let Some(value) = from.get(name) {
        to.insert(name.to_owned(), value.clone());
    }
}

fn copy_path(from: Option<&Value>, path: &str, to: &mut Map<String, Value>) {
    let Some(from) = from else { return };
    match path.split_once('.') {
        None => copy(from, path, to),
        Some((name, rest)) => {
            let entry = to.entry(name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = entry {
                copy_path(from.get(name), rest, inner);
            }
        }
    }
}

/// A JSON value that is overwritten on drop.
struct Wiped(Value);

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl Drop for ConnectionValue {
    fn drop(&mut self) {
        wipe(&mut self.value);
    }
}

/// Overwrites every text in a value, without recursion: this runs on drop, where a deep value must not overflow the stack.
/// Numbers are only let go: `serde_json` gives nobody their digits to overwrite.
fn wipe(value: &mut Value) {
    let mut stack = vec![value];
    while let Some(value) = stack.pop() {
        match value {
            Value::String(text) => text.zeroize(),
            Value::Array(items) => stack.extend(items),
            Value::Object(members) => stack.extend(members.values_mut()),
            Value::Number(_) => *value = Value::Null,
            Value::Null | Value::Bool(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wiping_leaves_no_text_and_no_number() {
        let mut value = json!({"a": "secret", "b": [1234, {"c": ["secret", null, true]}]});
        wipe(&mut value);
        assert_eq!(value, json!({"a": "", "b": [null, {"c": ["", null, true]}]}));
    }
}
