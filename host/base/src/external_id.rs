//! The name that flows know a connection by.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The longest external id, in bytes.
const LONGEST: usize = 255;

/// The stable name of a connection: chosen by its owner, unique among the owner's connections, kept by flows as
/// `{{connections['ID']}}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExternalId(String);

/// A text that no reference could hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {LONGEST} bytes, without quotes, braces or control characters")]
pub struct InvalidExternalId;

impl ExternalId {
    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the id in `{{connections['ID']}}`: single or double quotes, no spaces, nothing around it. Returns `None`
    /// for any other text.
    #[must_use]
    pub fn in_reference(text: &str) -> Option<Self> {
        let inner = text.strip_prefix("{{connections[")?.strip_suffix("]}}")?;
        let id = ['\'', '"'].into_iter().find_map(|quote| inner.strip_prefix(quote)?.strip_suffix(quote))?;
        id.parse().ok()
    }

    /// `{{connections['ID']}}`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{{{{connections['{}']}}}}", self.0)
    }
}

impl FromStr for ExternalId {
    type Err = InvalidExternalId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let usable = |c: char| !c.is_control() && !matches!(c, '\'' | '"' | '{' | '}');
        let fits = !text.is_empty() && text.len() <= LONGEST && text.chars().all(usable);
        fits.then(|| Self(text.to_owned())).ok_or(InvalidExternalId)
    }
}

impl TryFrom<String> for ExternalId {
    type Error = InvalidExternalId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ExternalId> for String {
    fn from(id: ExternalId) -> Self {
        id.0
    }
}

impl fmt::Display for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_of_a_reference_is_read() {
        let read = |text: &str| ExternalId::in_reference(text).map(String::from);
        assert_eq!(read("{{connections['a-1 b']}}").as_deref(), Some("a-1 b"));
        assert_eq!(read("{{connections[\"a\"]}}").as_deref(), Some("a"));
        for text in [
            "",
            "a",
            "{{connections['']}}",
            "{{connections[']}}",
            "{{connections['a\"]}}",
            "{{ connections['a'] }}",
            "{{connections.a}}",
            "{{connections['a'].secret_text}}",
            " {{connections['a']}}",
            "{{connections['a']}}x",
            "{{connections['a','b']}}",
            "{{connections['a']}}{{connections['b']}}",
            "{{connections['a\n']}}",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_id_is_what_a_reference_can_hold() {
        for text in ["a", "crm-main", "Grüße 1", &"x".repeat(255)] {
            let id: ExternalId = text.parse().unwrap();
            assert_eq!(ExternalId::in_reference(&id.reference()), Some(id));
        }
        for text in ["", "a'b", "a\"b", "{a", "a}", "a\tb", &"x".repeat(256)] {
            assert!(text.parse::<ExternalId>().is_err(), "{text:?}");
        }
    }
}
