//! Names of pieces.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The prefix of a name's package form.
const PACKAGE_PREFIX: &str = "@activepieces/piece-";

/// Longest short name, in bytes. A name becomes a file name and a part of addresses.
const MAX_NAME: usize = 64;

/// The name of a piece, in whichever of its two forms it was written: `slack` or `@activepieces/piece-slack`.
///
/// Both forms are the same name. Any other scope is refused: dropping it would let one vendor's piece stand for
/// another's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PieceName(String);

/// The text is not the name of a piece.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a piece name: use lower-case letters, digits and inner hyphens, at most {MAX_NAME}, \
     as in \"google-sheets\" or \"{PACKAGE_PREFIX}google-sheets\""
)]
pub struct InvalidPieceName(String);

impl PieceName {
    /// The short form, `slack`: what is stored and shown.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0
    }

    /// The package form, `@activepieces/piece-slack`.
    #[must_use]
    pub fn package(&self) -> String {
        format!("{PACKAGE_PREFIX}{}", self.0)
    }
}

impl FromStr for PieceName {
    type Err = InvalidPieceName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let short = text.strip_prefix(PACKAGE_PREFIX).unwrap_or(text);
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let well_formed = !short.is_empty()
            && short.len() <= MAX_NAME
            && short.chars().all(allowed)
            && !short.starts_with('-')
            && !short.ends_with('-');
        if well_formed {
            Ok(Self(short.to_owned()))
        } else {
            Err(InvalidPieceName(text.chars().take(MAX_NAME).collect()))
        }
    }
}

impl TryFrom<String> for PieceName {
    type Error = InvalidPieceName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PieceName> for String {
    fn from(name: PieceName) -> Self {
        name.0
    }
}

impl fmt::Display for PieceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_one_name() {
        let short: PieceName = "google-sheets".parse().unwrap();
        let package: PieceName = "@activepieces/piece-google-sheets".parse().unwrap();
        assert_eq!(short, package);
        assert_eq!(short.package(), "@activepieces/piece-google-sheets");
        assert_eq!(package.short(), "google-sheets");
        assert_eq!(serde_json::to_string(&package).unwrap(), "\"google-sheets\"");
    }

    #[test]
    fn a_name_cannot_leave_a_directory_or_pose_as_another_scope() {
        let long = "a".repeat(65);
        for text in ["", "..", "a/b", "a\\b", "Slack", "sl ack", "-a", "a-", "é", "@evil/piece-slack", "a.wasm", &long]
        {
            assert!(text.parse::<PieceName>().is_err(), "{text:?}");
        }
    }
}
