//! The version of a piece that a flow requests.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};

/// A version expression, as Activepieces writes it: nothing, `1.2.3`, `~1.2.3` or `^1.2.3`.
///
/// `^` means below the next major version, also below 1.0.0, where Cargo and npm stop at the next minor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum VersionReq {
    /// The newest there is.
    #[default]
    Any,
    /// This version and no other.
    Exact(Version),
    /// At least this version, below the next minor one: `~1.2.3`.
    Minor(Version),
    /// At least this version, below the next major one: `^1.2.3`.
    Major(Version),
}

/// The text is not a version expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version: write three numbers such as 1.4.0, with ^ or ~ before them for compatible versions")]
pub struct InvalidVersionReq(String);

impl VersionReq {
    /// Whether `version` satisfies the expression. A pre-release satisfies only `Any` and its own exact form.
    #[must_use]
    pub fn matches(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            // Build metadata does not distinguish versions (Semantic Versioning 2.0.0, section 10).
            Self::Exact(wanted) => wanted.cmp_precedence(version).is_eq(),
            Self::Minor(least) => {
                at_least(version, least) && (version.major, version.minor) == (least.major, least.minor)
            }
            Self::Major(least) => at_least(version, least) && version.major == least.major,
        }
    }

    /// The newest version that satisfies the expression. Stable versions go before pre-releases.
    pub fn select<'v>(&self, versions: impl IntoIterator<Item = &'v Version>) -> Option<&'v Version> {
        versions
            .into_iter()
            .filter(|version| self.matches(version))
            .max_by_key(|version| (version.pre.is_empty(), *version))
    }
}

fn at_least(version: &Version, least: &Version) -> bool {
    version.pre.is_empty() && version.cmp_precedence(least).is_ge()
}

impl FromStr for VersionReq {
    type Err = InvalidVersionReq;

    /// An empty text is [`VersionReq::Any`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersionReq(text.chars().take(64).collect());
        let plain = |text: &str| Version::parse(text).map_err(|_| invalid());
        let compatible = |text: &str| match plain(text)? {
            version if version.pre.is_empty() && version.build.is_empty() => Ok(version),
            _ => Err(invalid()),
        };
        match text.split_at_checked(1) {
            None => text.is_empty().then_some(Self::Any).ok_or_else(invalid),
            Some(("^", version)) => compatible(version).map(Self::Major),
            Some(("~", version)) => compatible(version).map(Self::Minor),
            Some(_) => plain(text).map(Self::Exact),
        }
    }
}

impl TryFrom<String> for VersionReq {
    type Error = InvalidVersionReq;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<VersionReq> for String {
    fn from(req: VersionReq) -> Self {
        req.to_string()
    }
}

impl fmt::Display for VersionReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Exact(version) => write!(f, "{version}"),
            Self::Minor(version) => write!(f, "~{version}"),
            Self::Major(version) => write!(f, "^{version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(req: &str, version: &str) -> bool {
        req.parse::<VersionReq>().unwrap().matches(&version.parse().unwrap())
    }

    #[test]
    fn expressions_match_as_in_activepieces() {
        for (req, version, expected) in [
            ("", "9.9.9", true),
            ("1.2.3", "1.2.3", true),
            ("1.2.3", "1.2.4", false),
            ("1.2.3", "1.2.3+build.7", true),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("~1.2.3", "1.2.2", false),
            ("^1.2.3", "1.9.0", true),
            ("^1.2.3", "2.0.0", false),
            ("^1.2.3", "1.2.2", false),
            ("^0.1.0", "0.9.0", true),
            ("^0.1.0", "1.0.0", false),
            ("^1.2.0", "1.3.0-beta.1", false),
            ("1.3.0-beta.1", "1.3.0-beta.1", true),
        ] {
            assert_eq!(matches(req, version), expected, "{req} {version}");
        }
    }

    #[test]
    fn the_newest_stable_match_is_selected() {
        let versions: Vec<Version> =
            ["0.9.0", "1.2.0", "1.10.0", "2.0.0-rc.1"].iter().map(|v| v.parse().unwrap()).collect();
        let select = |req: &str| req.parse::<VersionReq>().unwrap().select(&versions).map(ToString::to_string);
        assert_eq!(select(""), Some("1.10.0".into()));
        assert_eq!(select("^1.0.0"), Some("1.10.0".into()));
        assert_eq!(select("~1.2.0"), Some("1.2.0".into()));
        assert_eq!(select("2.0.0-rc.1"), Some("2.0.0-rc.1".into()));
        assert_eq!(select("3.0.0"), None);
    }

    #[test]
    fn other_range_languages_are_refused() {
        for text in
            ["1", "1.2", "^1", ">=1.0.0", "*", "latest", "^^1.0.0", " 1.0.0", "^1.0.0-rc.1", "é", "1.2.3.4", "v1.2.3"]
        {
            assert!(text.parse::<VersionReq>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_expression_is_written_as_it_is_read() {
        for text in ["", "1.2.3", "~1.2.3", "^1.2.3"] {
            assert_eq!(text.parse::<VersionReq>().unwrap().to_string(), text);
        }
    }
}
