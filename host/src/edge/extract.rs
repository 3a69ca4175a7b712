//! What a handler takes from a request, each refusal a [`Rejection`].

use std::{fmt::Display, str::FromStr};

use axum::extract::{FromRequestParts, Path as AxumPath, rejection::PathRejection};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use leno_base::budget::Spec;
use leno_metadata::{MAX_PROBLEMS, Problem as Fault};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Rejection;

/// Parameters of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Rejection> {
        check_path(parts.uri.path())?;
        match AxumPath::<T>::from_request_parts(parts, state).await {
            Ok(AxumPath(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(Rejection::bad_request("invalid_path", format!("the path is not valid: {error}")))
            }
            Err(error) => Err(Rejection::internal(error.to_string())),
        }
    }
}

/// The longest part of a path, in bytes of its percent-encoded form. No id or name is longer.
const LONGEST_PART: usize = 4_096;

/// Refuses what no id and no name contains, and databases do not take.
fn check_path(path: &str) -> Result<(), Rejection> {
    if path.contains("%00") {
        return Err(Rejection::bad_request("invalid_path", "the path contains a NUL character; correct it"));
    }
    if path.split('/').any(|part| part.len() > LONGEST_PART) {
        let detail = format!("a part of the path is longer than {LONGEST_PART} bytes; no id or name is");
        return Err(Rejection::bad_request("invalid_path", detail));
    }
    Ok(())
}

/// The pairs of the query, decoded. Unknown names are ignored.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// The last value of `name`.
    pub(crate) fn get(&self, name: &'static str) -> Option<&str> {
        self.all(name).last()
    }

    /// The value of `name` as a truth value; false when it is absent or empty.
    ///
    /// # Errors
    /// It is neither `true` nor `false`, nor `1` nor `0`.
    pub(crate) fn flag(&self, name: &'static str) -> Result<bool, Fault> {
        match self.get(name) {
            None | Some("" | "false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(Fault::new(name, "must be true or false")),
        }
    }

    /// The most rows that the client wants: `limit`, from 1 to `most`. `None` when it is absent.
    ///
    /// # Errors
    /// It is no whole number, or out of range.
    pub(crate) fn limit<N>(&self, most: N) -> Result<Option<N>, Fault>
    where
        N: FromStr + PartialOrd + Display + From<u8> + Copy,
    {
        match self.get("limit").map(str::parse) {
            None => Ok(None),
            Some(Ok(limit)) if (N::from(1)..=most).contains(&limit) => Ok(Some(limit)),
            Some(_) => Err(Fault::new("limit", format!("must be a whole number from 1 to {most}"))),
        }
    }

    /// Every value of `name`.
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match pairs.iter().find(|(_, value)| value.contains('\0')) {
            Some((name, _)) => {
                let name: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
                let fault = Fault::new(name, "contains a NUL character; correct it");
                Err(Rejection::invalid_query(vec![fault]))
            }
            None => Ok(Self(pairs)),
        }
    }
}

/// The type of a member, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An object.
    Object,
    /// A list.
    List,
    /// Text.
    Text,
    /// A whole number that is not negative.
    Count,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Text => value.is_string(),
            Self::Count => value.is_u64(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::List => "a list",
            Self::Text => "text",
            Self::Count => "a whole number",
        }
    }
}

/// One member of a request body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// A JSON body: a type that serde reads, and its members in words, for listing every problem of a body that it cannot
/// read.
pub(crate) trait JsonBody: DeserializeOwned {
    /// How long it may be.
    const LIMIT: &'static Spec;
    /// The members, in the order of the documentation.
    const MEMBERS: &'static [Member];
    /// A body that works.
    const EXAMPLE: &'static str;
}

/// Checks that a body is said to be JSON.
///
/// # Errors
/// It is not.
pub(crate) fn require_json<T: JsonBody>(headers: &HeaderMap) -> Result<(), Rejection> {
    if is_json(headers) {
        return Ok(());
    }
    let detail = format!("send the body as `Content-Type: application/json`, for example {}", T::EXAMPLE);
    let problem =
        Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type", "Wrong content type", detail);
    // RFC 9110, section 15.5.16.
    Err(problem.with_header(header::ACCEPT, HeaderValue::from_static("application/json")))
}

/// Reads a JSON text. A byte order mark is ignored (RFC 8259, section 8.1).
///
/// # Errors
/// It is no JSON, or not what the type takes: every problem.
pub(crate) fn parse<T: JsonBody>(text: &[u8]) -> Result<T, Rejection> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    serde_json::from_slice(text).map_err(|error| explain::<T>(text, &error))
}

/// The length of a value's JSON text, in bytes.
pub(crate) fn json_size(value: &impl Serialize) -> u64 {
    struct Counter(u64);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Counting cannot fail.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    let subtype = essence.get(..12).filter(|kind| kind.eq_ignore_ascii_case("application/")).and(essence.get(12..));
    subtype.is_some_and(|subtype| {
        let suffix = subtype.len().checked_sub(5).and_then(|at| subtype.get(at..));
        subtype.eq_ignore_ascii_case("json") || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("+json"))
    })
}

/// All problems of a body that could not be read. Never quotes a value: it may be a secret.
fn explain<T: JsonBody>(bytes: &[u8], error: &serde_json::Error) -> Rejection {
    let example = T::EXAMPLE;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Rejection::bad_request(
            "malformed_json",
            format!("the body is empty; send JSON, for example {example}"),
        );
    }
    let value: Value = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        Err(error) => return Rejection::bad_request("malformed_json", format!("the body is not JSON: {error}")),
    };
    let Value::Object(members) = &value else {
        let detail = format!("the body is {}; send an object, for example {example}", name_of(&value));
        return Rejection::bad_request("invalid_request", detail);
    };
    let mut problems: Vec<Fault> =
        members.iter().filter_map(|(name, value)| fault::<T>(name, value)).take(MAX_PROBLEMS).collect();
    for member in T::MEMBERS.iter().filter(|member| member.required && !members.contains_key(member.name)) {
        let message = format!("is missing; send {}, for example {example}", member.kind.name());
        problems.push(Fault::new(pointer(member.name), message));
    }
    if problems.is_empty() {
        // What is left are members that came twice.
        let text = error.to_string();
        let detail = if text.starts_with("duplicate field") { text } else { format!("send for example {example}") };
        return Rejection::bad_request("invalid_request", format!("the body cannot be read: {detail}"));
    }
    Rejection::invalid_members(problems)
}

/// The problem with one member.
fn fault<T: JsonBody>(name: &str, value: &Value) -> Option<Fault> {
    match T::MEMBERS.iter().find(|member| member.name == name) {
        None => {
            let known: Vec<&str> = T::MEMBERS.iter().map(|member| member.name).collect();
            Some(Fault::new(pointer(name), format!("unknown member; known members: {}", known.join(", "))))
        }
        Some(member) if member.kind.fits(value) || (value.is_null() && !member.required) => None,
        Some(member) => {
            let message = format!("is {}; it must be {}", name_of(value), member.kind.name());
            Some(Fault::new(pointer(name), message))
        }
    }
}

/// A JSON pointer to a member (RFC 6901, section 3), shortened: the name may be the whole body.
pub(crate) fn pointer(member: &str) -> String {
    let name: String = member.chars().take(100).collect();
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

pub(crate) fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_its_media_type() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.api+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("application/jsonx", false),
            ("+json", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
            assert_eq!(is_json(&headers), expected, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn a_pointer_is_escaped_and_bounded() {
        assert_eq!(pointer("a/b~c"), "/a~1b~0c");
        assert_eq!(pointer(&"x".repeat(10_000)).len(), 101);
    }
}
