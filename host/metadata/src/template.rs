//! The small language of `inject` and `hosts`: text with `{{connection.path}}` and `{{base64 …}}` in it.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use zeroize::Zeroizing;

/// Text with references to fields of the connection.
///
/// `{{connection.apiKey}}` is the field; `{{base64 connection.email ":" connection.token}}` is the base64 (RFC 4648,
/// section 4) of its arguments put together, each a field or a text in double quotes, where `\` escapes the next
/// character.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Literal(String),
    Field(Vec<String>),
    Base64(Vec<Part>),
}

/// The text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// A `{{` has no `}}`.
    #[error("\"{{{{\" has no closing \"}}}}\"; add it")]
    Unclosed,
    /// The text between the braces has neither of the two forms.
    #[error(
        "{{{{{0}}}}} is not a reference; write {{{{connection.name}}}} or {{{{base64 connection.name \":\" connection.other}}}}"
    )]
    Unknown(String),
}

/// A template with its fields filled in. Zeroed on drop.
pub(crate) struct Rendered {
    pub(crate) text: Zeroizing<String>,
    /// Whether the result is empty: no text, or fields all of which are empty.
    pub(crate) blank: bool,
}

impl Template {
    /// The text as the author wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Every field the template refers to, with repeats.
    pub(crate) fn fields(&self) -> Vec<&[String]> {
        let mut fields = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(_) => {}
                Part::Field(path) => fields.push(path.as_slice()),
                Part::Base64(arguments) => fields.extend(arguments.iter().filter_map(|argument| match argument {
                    Part::Field(path) => Some(path.as_slice()),
                    Part::Literal(_) | Part::Base64(_) => None,
                })),
            }
        }
        fields
    }

    /// Whether the text has no reference in it.
    pub fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// Whether the whole text is one `{{connection.…}}`.
    pub(crate) fn is_one_field(&self) -> bool {
        matches!(self.parts.as_slice(), [Part::Field(_)])
    }

    pub(crate) fn has_base64(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Base64(_)))
    }

    /// Whether the whole text is `*`, with or without a port.
    pub(crate) fn is_any_host(&self) -> bool {
        self.text == "*" || self.text.starts_with("*:")
    }

    /// Fills the fields in; `lookup` returns an empty text for a field without a value.
    pub(crate) fn render<'v, E>(
        &self,
        lookup: &mut impl FnMut(&[String]) -> Result<Cow<'v, str>, E>,
    ) -> Result<Rendered, E> {
        let mut pieces = Vec::new();
        let (mut fields, mut filled) = (0_usize, 0_usize);
        let mut field = |path: &[String]| {
            let value = Zeroizing::new(lookup(path)?.into_owned());
            fields += 1;
            filled += usize::from(!value.is_empty());
            Ok(value)
        };
        for part in &self.parts {
            pieces.push(match part {
                Part::Literal(text) => Zeroizing::new(text.clone()),
                Part::Field(path) => field(path)?,
                Part::Base64(arguments) => {
                    let mut plain = Vec::with_capacity(arguments.len());
                    for argument in arguments {
                        match argument {
                            Part::Literal(text) => plain.push(Zeroizing::new(text.clone())),
                            Part::Field(path) => plain.push(field(path)?),
                            Part::Base64(_) => {}
                        }
                    }
                    Zeroizing::new(STANDARD.encode(join(&plain).as_bytes()))
                }
            });
        }
        let text = join(&pieces);
        let blank = text.is_empty() || (fields > 0 && filled == 0);
        Ok(Rendered { text, blank })
    }
}

/// One allocation of the right size: a growing buffer would leave copies of secrets behind.
fn join(pieces: &[Zeroizing<String>]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
    for piece in pieces {
        text.push_str(piece);
    }
    text
}

impl FromStr for Template {
    type Err = InvalidTemplate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let end = closing(after).ok_or(InvalidTemplate::Unclosed)?;
            let (inner, after) = after.split_at(end);
            let unknown = || InvalidTemplate::Unknown(inner.chars().take(100).collect());
            parts.push(expression(inner.trim()).ok_or_else(unknown)?);
            rest = after.strip_prefix("}}").unwrap_or(after);
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

/// The start of the `}}` outside of quotes.
fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted && bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
    }
    None
}

fn expression(inner: &str) -> Option<Part> {
    if let Some(arguments) = inner.strip_prefix("base64").filter(|rest| rest.starts_with(char::is_whitespace)) {
        let mut parts = Vec::new();
        let mut rest = arguments.trim_start();
        while !rest.is_empty() {
            let (part, after) = argument(rest)?;
            // Arguments must be separated.
            if !after.is_empty() && !after.starts_with(char::is_whitespace) {
                return None;
            }
            parts.push(part);
            rest = after.trim_start();
        }
        return (!parts.is_empty()).then_some(Part::Base64(parts));
    }
    field(inner)
}

fn argument(text: &str) -> Option<(Part, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (path, rest) = text.split_at(end);
        return Some((field(path)?, rest));
    };
    let mut literal = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Part::Literal(literal), chars.as_str())),
            '\\' => literal.push(chars.next()?),
            c => literal.push(c),
        }
    }
}

fn field(text: &str) -> Option<Part> {
    let path = text.strip_prefix("connection.")?;
    let name = |segment: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        (!segment.is_empty() && segment.chars().all(allowed)).then(|| segment.to_owned())
    };
    path.split('.').map(name).collect::<Option<Vec<_>>>().map(Part::Field)
}

impl TryFrom<String> for Template {
    type Error = InvalidTemplate;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

// A template is its text: the parts follow from it.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Template {}

impl Hash for Template {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(template: &str) -> (String, bool) {
        let template: Template = template.parse().unwrap();
        let mut lookup = |path: &[String]| {
            Ok::<_, ()>(match path.join(".").as_str() {
                "email" => "ada@example.com".into(),
                "token" => "t0k".into(),
                "data.team.id" => "T1".into(),
                _ => "".into(),
            })
        };
        let rendered = template.render(&mut lookup).unwrap();
        (rendered.text.to_string(), rendered.blank)
    }

    #[test]
    fn fields_and_base64_are_filled_in() {
        assert_eq!(render("plain"), ("plain".into(), false));
        assert_eq!(render("Token {{connection.token}}!"), ("Token t0k!".into(), false));
        assert_eq!(render("{{ connection.data.team.id }}"), ("T1".into(), false));
        assert_eq!(
            render(r#"Basic {{base64 connection.email ":" connection.token}}"#),
            ("Basic YWRhQGV4YW1wbGUuY29tOnQwaw==".into(), false)
        );
        assert_eq!(render(r#"{{base64 "a}}\"" connection.token}}"#), ("YX19InQwaw==".into(), false));
    }

    #[test]
    fn a_template_whose_fields_are_all_empty_is_blank() {
        assert_eq!(render(""), (String::new(), true));
        assert!(render("Bearer {{connection.absent}}").1);
        assert!(render(r#"Basic {{base64 connection.absent ":" connection.absent}}"#).1);
        assert!(!render(r#"Basic {{base64 connection.token ":" connection.absent}}"#).1);
    }

    #[test]
    fn anything_else_between_braces_is_refused() {
        for text in [
            "{{",
            "{{connection.a",
            "{{}}",
            "{{connection}}",
            "{{connection.}}",
            "{{connection.a..b}}",
            "{{connection['a']}}",
            "{{connections.a}}",
            "{{env.HOME}}",
            "{{base64}}",
            "{{base64 }}",
            "{{base64 \"a}}",
            "{{base64connection.a}}",
            "{{base64 \"a\"connection.a}}",
            "{{base64 base64 connection.a}}",
            "{{connection.a + 1}}",
        ] {
            assert!(text.parse::<Template>().is_err(), "{text}");
        }
    }
}
