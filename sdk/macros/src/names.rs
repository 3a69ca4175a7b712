//! Converting names between cases.

use syn::{LitStr, Result};

/// The cases that `rename_all` accepts.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Snake,
    ScreamingSnake,
    Camel,
    Pascal,
    Kebab,
}

impl Case {
    pub(crate) fn parse(name: &LitStr) -> Result<Self> {
        Ok(match name.value().as_str() {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "camelCase" => Self::Camel,
            "PascalCase" => Self::Pascal,
            "kebab-case" => Self::Kebab,
            _ => {
                return Err(syn::Error::new(
                    name.span(),
                    "expected one of `lowercase`, `UPPERCASE`, `snake_case`, `SCREAMING_SNAKE_CASE`, `camelCase`, \
                     `PascalCase`, `kebab-case`",
                ));
            }
        })
    }

    pub(crate) fn apply(self, name: &str) -> String {
        let words = words(name);
        let capital = |words: &[String]| words.iter().map(|word| capitalized(word)).collect::<String>();
        match self {
            Self::Lower => words.concat(),
            Self::Upper => words.concat().to_uppercase(),
            Self::Snake => words.join("_"),
            Self::ScreamingSnake => words.join("_").to_uppercase(),
            Self::Kebab => words.join("-"),
            Self::Pascal => capital(&words),
            Self::Camel => {
                words.split_first().map(|(first, rest)| format!("{first}{}", capital(rest))).unwrap_or_default()
            }
        }
    }
}

/// `api_key` and `ApiKey` as `Api key`.
pub(crate) fn in_words(name: &str) -> String {
    capitalized(&words(name).join(" "))
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The words of a name in any case, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut joined = false;
    let mut previous_is_lower = false;
    for char in name.trim_start_matches("r#").chars() {
        if char == '_' || char == '-' {
            joined = false;
            continue;
        }
        let starts = !joined || (char.is_uppercase() && previous_is_lower);
        match words.last_mut() {
            Some(word) if !starts => word.extend(char.to_lowercase()),
            _ => words.push(char.to_lowercase().collect()),
        }
        joined = true;
        previous_is_lower = !char.is_uppercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_converted_to_every_case() {
        for name in ["follow_redirects", "FollowRedirects", "r#follow_redirects", "followRedirects"] {
            assert_eq!(in_words(name), "Follow redirects");
            assert_eq!(Case::Snake.apply(name), "follow_redirects");
            assert_eq!(Case::Camel.apply(name), "followRedirects");
            assert_eq!(Case::Pascal.apply(name), "FollowRedirects");
            assert_eq!(Case::Kebab.apply(name), "follow-redirects");
            assert_eq!(Case::ScreamingSnake.apply(name), "FOLLOW_REDIRECTS");
            assert_eq!(Case::Upper.apply(name), "FOLLOWREDIRECTS");
            assert_eq!(Case::Lower.apply(name), "followredirects");
        }
    }
}
