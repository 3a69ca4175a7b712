//! Responses of token endpoints (RFC 6749, sections 5.1 and 5.2), in the variants that providers send.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use leno_egress::Response;
use secrecy::SecretString;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::{error::TokenError, mask::Sent};

/// A token that can be used, and what came with it.
pub(super) struct Answer {
    /// Not empty.
    pub(super) access_token: SecretString,
    /// As the provider wrote it.
    pub(super) token_type: Option<String>,
    /// Not empty.
    pub(super) refresh_token: Option<SecretString>,
    pub(super) scope: Option<String>,
    /// Seconds, more than 0.
    pub(super) expires_in: Option<i64>,
    /// All other members.
    pub(super) data: Map<String, Value>,
}

/// A hundred years: longer lifetimes count as no expiry, and no sum of times overflows.
const LONGEST: i64 = 100 * 365 * 24 * 3600;

/// The deepest nesting of a response; `data` must fit into a connection value.
const DEEPEST: usize = 32;

/// What providers say for `invalid_grant`. GitHub: `bad_…`. Slack: `invalid_code`, `invalid_refresh_token`,
/// `token_revoked`, `token_expired`. HubSpot: the upper case.
const INVALID_GRANT: [&str; 9] = [
    "invalid_grant",
    "bad_refresh_token",
    "bad_verification_code",
    "invalid_code",
    "invalid_refresh_token",
    "token_revoked",
    "token_expired",
    "BAD_REFRESH_TOKEN",
    "BAD_AUTH_CODE",
];

/// Errors that pass (RFC 6749, section 4.1.2.1, and Slack's and GitHub's words for it).
const PASSING: [&str; 5] = ["temporarily_unavailable", "server_error", "ratelimited", "rate_limited", "slow_down"];

/// Reads a complete response. `sent` is kept out of every message; `now`, in milliseconds since 1970, is for a
/// `retry-after` that is a date.
pub(super) fn read(response: &Response, sent: &Sent, now: i64) -> Result<Answer, TokenError> {
    let status = response.status;
    let members = members(response);
    let refusal = members.as_ref().ok().and_then(refusal);
    let unavailable = || TokenError::Unavailable {
        status,
        retry_after: response.retry_after(UNIX_EPOCH + Duration::from_millis(now.unsigned_abs())),
    };
    match status {
        408 | 425 | 429 | 500.. => return Err(unavailable()),
        300..=399 => {
            let description = format!(
                "it responded with a redirect (HTTP status {status}), which is not followed with credentials; \
                 correct the token URL"
            );
            return Err(TokenError::Refused { status, error: "redirect".to_owned(), description });
        }
        200..=299 if refusal.is_none() => {}
        _ => {
            let refusal = refusal.unwrap_or_default();
            let plain = || format!("OAuth2 token exchange failed with {status}");
            let description = refusal.description.map(|text| sent.words(text)).filter(|text| !text.is_empty());
            return Err(match refusal.code {
                Some(code) if INVALID_GRANT.contains(&code) => {
                    let description = description.unwrap_or_else(|| sent.words(code));
                    TokenError::InvalidGrant { description }
                }
                Some(code) if PASSING.contains(&code) => unavailable(),
                code => {
                    let error = code.map(|code| sent.words(code)).unwrap_or_default();
                    let description = description.unwrap_or_else(|| match error.as_str() {
                        "" => plain(),
                        error => format!("{} ({error})", plain()),
                    });
                    TokenError::Refused { status, error, description }
                }
            });
        }
    }
    answer(members.map_err(TokenError::malformed)?)
}

fn answer(mut members: Map<String, Value>) -> Result<Answer, TokenError> {
    // Slack: a user's token stands one level below the application's, which may not be there.
    if text(&members, "access_token").is_none()
        && let Some(Value::Object(user)) = members.get_mut("authed_user")
        && text(user, "access_token").is_some()
    {
        let mut inner = Map::new();
        for name in TAKEN {
            if let Some(value) = user.shift_remove(name) {
                inner.insert(name.to_owned(), value);
            }
        }
        members.extend(inner);
    }
    let malformed = |problem: &str| Err(TokenError::malformed(problem));
    let access_token = match members.shift_remove("access_token") {
        Some(Value::String(token)) if !token.trim().is_empty() => SecretString::from(token),
        Some(Value::String(_)) => return malformed("its access token is empty"),
        None | Some(Value::Null) => return malformed("it has no access token"),
        Some(_) => return malformed("its access token is not a string"),
    };
    let token_type = match members.shift_remove("token_type") {
        None | Some(Value::Null) => None,
        Some(Value::String(kind)) if kind.is_empty() => None,
        Some(Value::String(kind)) if bearer(&kind) => Some(kind),
        // RFC 6749, section 7.1: a token of a type that is not understood must not be used.
        Some(_) => return malformed("its token type is not bearer"),
    };
    let refresh_token = match members.shift_remove("refresh_token") {
        Some(Value::String(token)) if !token.is_empty() => Some(SecretString::from(token)),
        _ => None,
    };
    let scope = match members.shift_remove("scope") {
        Some(Value::String(scope)) => Some(scope),
        // Twitch sends a list.
        Some(Value::Array(scopes)) => Some(scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => None,
    };
    let expires_in = members.shift_remove("expires_in").as_ref().and_then(seconds);
    Ok(Answer { access_token, token_type, refresh_token, scope, expires_in, data: members })
}

/// The members that are not `data`.
const TAKEN: [&str; 5] = ["access_token", "token_type", "refresh_token", "scope", "expires_in"];

/// RFC 6749, section 5.1: in any case. `bot` and `user` are what Slack calls its bearer tokens.
fn bearer(kind: &str) -> bool {
    ["bearer", "bot", "user"].iter().any(|known| kind.eq_ignore_ascii_case(known))
}

/// A number of seconds, as a number or a text, rounded down, at most [`LONGEST`]. `None` when it is 0 or less:
/// providers that send 0 mean that the token does not expire (Mailchimp).
pub(super) fn seconds(value: &Value) -> Option<i64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    // A cast saturates.
    seconds.filter(|seconds: &f64| *seconds >= 1.0).map(|seconds| (seconds as i64).min(LONGEST))
}

#[derive(Default)]
struct Refusal<'a> {
    code: Option<&'a str>,
    description: Option<&'a str>,
}

/// The error in a response, in any of the shapes in use: `{error, error_description}`, `{error: {code | type,
/// message}}` (Facebook), `{ok: false, error}` (Slack), `{status, message}` (HubSpot).
fn refusal(members: &Map<String, Value>) -> Option<Refusal<'_>> {
    let description = || text(members, "error_description").or_else(|| text(members, "message"));
    match members.get("error") {
        Some(Value::String(code)) if !code.is_empty() => {
            return Some(Refusal { code: Some(code), description: description() });
        }
        Some(Value::Object(error)) => {
            let code = text(error, "code").or_else(|| text(error, "type"));
            return Some(Refusal { code, description: text(error, "message").or_else(description) });
        }
        Some(Value::Bool(true)) => return Some(Refusal { code: None, description: description() }),
        _ => {}
    }
    let failed = members.get("ok") == Some(&Value::Bool(false));
    let tokenless = !members.contains_key("access_token") && !members.contains_key("authed_user");
    let code = text(members, "status").or_else(|| text(members, "code"));
    let told = description().is_some() || code.is_some();
    (failed || (tokenless && told)).then(|| Refusal { code, description: description() })
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The members of a response in JSON, or in a form, which some providers send in spite of `accept`. The error never
/// quotes the response.
fn members(response: &Response) -> Result<Map<String, Value>, String> {
    let Ok(body) = std::str::from_utf8(&response.body) else { return Err("it is not UTF-8".to_owned()) };
    let body = body.strip_prefix('\u{feff}').unwrap_or(body).trim();
    if body.is_empty() {
        return Err("it is empty".to_owned());
    }
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let form = kind.starts_with("application/x-www-form-urlencoded")
        || (!kind.contains("json") && !body.starts_with(['{', '[', '<', '"']) && body.contains('='));
    if form && !body.starts_with('{') {
        return form_members(body);
    }
    if !body.starts_with('{') {
        let is_json = serde_json::from_str::<IgnoredAny>(body).is_ok();
        return Err(if is_json { "it is not a JSON object" } else { UNREADABLE }.to_owned());
    }
    match serde_json::from_str::<Strict>(body) {
        Ok(Strict(members)) if members.values().all(|value| fits(value, DEEPEST - 1)) => Ok(members),
        Ok(_) => Err("it is nested too deeply".to_owned()),
        Err(error) if error.is_data() => Err(strip_place(&error.to_string())),
        Err(_) => Err(UNREADABLE.to_owned()),
    }
}

const UNREADABLE: &str = "it is not JSON, or is incomplete";

/// Whether a value has at most so many levels of lists and objects. The parser has bounded them.
fn fits(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| fits(item, levels - 1)),
        Value::Object(members) => levels > 0 && members.values().all(|member| fits(member, levels - 1)),
        _ => true,
    }
}

/// The parser's own words end in ` at line 1 column 2`.
fn strip_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

fn form_members(body: &str) -> Result<Map<String, Value>, String> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(body.as_bytes()) {
        if members.insert(name.into_owned(), Value::String(value.into_owned())).is_some() {
            return Err(TWICE.to_owned());
        }
    }
    Ok(members)
}

const TWICE: &str = "it has a duplicate member";

/// The members of an object, which refuses duplicates: readers interpret them differently. Below, the last one wins.
struct Strict(Map<String, Value>);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = entries.next_entry::<String, Value>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom(TWICE));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests;
