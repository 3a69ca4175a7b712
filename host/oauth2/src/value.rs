//! From a response to the stored value, and its lifetime.

use leno_metadata::{AuthorizationMethod, ConnectionKind, ConnectionValue};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};

use crate::{
    answer::{Answer, seconds},
    error::TokenError,
};

/// How long a token is taken to live when the provider does not say.
const DEFAULT_LIFE: i64 = 3600;

/// At most this long before its end a token is refreshed.
const AHEAD: i64 = 15 * 60;

/// At most this long before its end the owner of a token that cannot be refreshed is warned.
const NOTICE: i64 = 7 * 24 * 3600;

/// How long a stored token is good for, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetime {
    /// When it ends. None: not known, or never.
    pub expires_at: Option<i64>,
    /// From when on it should be refreshed. None: it cannot be, since there is neither a refresh token nor the
    /// client-credentials grant.
    pub refresh_at: Option<i64>,
    /// From when on its owner is to know that it ends: a tenth of its life, but at most a week, before its end. None: it does
    /// not end, or is refreshed before.
    pub tell_at: Option<i64>,
}

/// How long the token of an OAuth 2.0 value is good for. A value of another type has no lifetime.
///
/// A token is refreshed 15 minutes before it ends, or after half its life if that is shorter: with a fixed buffer, a
/// token of ten minutes would be refreshed at every use.
#[must_use]
pub fn lifetime(value: &ConnectionValue) -> Lifetime {
    let oauth2 = matches!(value.kind(), ConnectionKind::OAuth2 | ConnectionKind::PlatformOAuth2);
    let members = value.expose();
    if value.kind().auth_name() != Some("OAUTH2") {
        return Lifetime::default();
    }
    let refreshable = oauth2 && refreshable(members);
    let Some(granted) = members.get("claimed_at").and_then(seconds) else {
        // It may have ended long ago, as what other systems exported: it is refreshed at once.
        return Lifetime { refresh_at: refreshable.then_some(0), ..Lifetime::default() };
    };
    let stated = members.get("expires_in").and_then(seconds);
    let Some(life) = stated.or_else(|| refreshable.then_some(DEFAULT_LIFE)) else { return Lifetime::default() };
    let milliseconds = |seconds: i64| seconds.saturating_mul(1000);
    let end = granted.saturating_add(life);
    let refresh = milliseconds(end).saturating_sub(milliseconds(life).saturating_div(2).min(milliseconds(AHEAD)));
    let tell = milliseconds(end).saturating_sub(milliseconds(life).saturating_div(10).min(milliseconds(NOTICE)));
    Lifetime {
        expires_at: Some(milliseconds(end)),
        refresh_at: refreshable.then_some(refresh),
        tell_at: (!refreshable).then_some(tell),
    }
}

fn refreshable(members: &Value) -> bool {
    client_credentials(members) || text(members, "refresh_token").is_some()
}

pub(super) fn client_credentials(members: &Value) -> bool {
    text(members, "grant_type") == Some("client_credentials")
}

/// A member that is a text and not empty.
pub(super) fn text<'a>(members: &'a Value, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// What is known of a grant besides the response.
pub(super) struct Granted<'a> {
    pub(super) kind: &'a ConnectionKind,
    pub(super) scope: &'a str,
    pub(super) token_url: &'a str,
    pub(super) client_id: &'a str,
    /// `None` for the operator's client: its secret is not stored with a user's value.
    pub(super) client_secret: Option<&'a str>,
    pub(super) redirect_url: Option<&'a str>,
    pub(super) method: AuthorizationMethod,
    pub(super) client_credentials: bool,
    pub(super) props: Option<&'a Map<String, Value>>,
}

/// The value to store. The code and the verifier are spent and not in it.
pub(super) fn granted(grant: &Granted<'_>, answer: Answer, now: i64) -> Result<ConnectionValue, TokenError> {
    let mut value = Map::new();
    let mut put = |name: &str, member: Value| value.insert(name.to_owned(), member);
    put("type", grant.kind.as_str().into());
    put("access_token", answer.access_token.expose_secret().into());
    put("token_type", answer.token_type.unwrap_or_else(|| "bearer".to_owned()).into());
    let refresh_token = answer.refresh_token.as_ref().map(|token| token.expose_secret()).unwrap_or_default();
    put("refresh_token", refresh_token.into());
    put("scope", answer.scope.unwrap_or_else(|| grant.scope.to_owned()).into());
    let refreshable = grant.client_credentials || !refresh_token.is_empty();
    if let Some(life) = answer.expires_in.or_else(|| refreshable.then_some(DEFAULT_LIFE)) {
        put("expires_in", life.into());
    }
    put("claimed_at", now.div_euclid(1000).into());
    put("token_url", grant.token_url.into());
    put("client_id", grant.client_id.into());
    if let Some(secret) = grant.client_secret {
        put("client_secret", secret.into());
    }
    if let Some(redirect_url) = grant.redirect_url {
        put("redirect_url", redirect_url.into());
    }
    put("authorization_method", method_name(grant.method).into());
    put("grant_type", if grant.client_credentials { "client_credentials" } else { "authorization_code" }.into());
    if let Some(props) = grant.props {
        put("props", Value::Object(props.clone()));
    }
    put("data", Value::Object(answer.data));
    owned(Value::Object(value))
}

/// The stored value with the refreshed tokens. Members that did not come stay: many providers send a refresh token only
/// once.
pub(super) fn refreshed(stored: &ConnectionValue, answer: Answer, now: i64) -> Result<ConnectionValue, TokenError> {
    let mut value = stored.expose().as_object().cloned().unwrap_or_default();
    let mut put = |name: &str, member: Value| value.insert(name.to_owned(), member);
    put("access_token", answer.access_token.expose_secret().into());
    if let Some(token) = &answer.refresh_token {
        put("refresh_token", token.expose_secret().into());
    }
    if let Some(kind) = answer.token_type {
        put("token_type", kind.into());
    }
    if let Some(scope) = answer.scope {
        put("scope", scope.into());
    }
    put("claimed_at", now.div_euclid(1000).into());
    // What was just refreshed can be refreshed again, so it has a life.
    put("expires_in", answer.expires_in.unwrap_or(DEFAULT_LIFE).into());
    match value.get_mut("data") {
        Some(Value::Object(data)) => data.extend(answer.data),
        _ => {
            value.insert("data".to_owned(), Value::Object(answer.data));
        }
    }
    owned(Value::Object(value))
}

pub(super) fn owned(value: Value) -> Result<ConnectionValue, TokenError> {
    ConnectionValue::new(value).map_err(|problem| TokenError::malformed(problem.message))
}

fn method_name(method: AuthorizationMethod) -> &'static str {
    match method {
        AuthorizationMethod::Header => "HEADER",
        AuthorizationMethod::Body => "BODY",
    }
}

#[cfg(test)]
// A `json!` literal reads better without a reference.
#[allow(clippy::needless_pass_by_value)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(mut members: Value) -> Lifetime {
        let object = members.as_object_mut().unwrap();
        object.entry("type").or_insert_with(|| "OAUTH2".into());
        lifetime(&ConnectionValue::new(members).unwrap())
    }

    fn both(expires_at: i64, refresh_at: i64) -> Lifetime {
        Lifetime { expires_at: Some(expires_at), refresh_at: Some(refresh_at), tell_at: None }
    }

    #[test]
    fn a_token_is_refreshed_fifteen_minutes_or_half_its_life_ahead() {
        let none = Lifetime::default();
        let end =
            |expires_at, tell_at| Lifetime { expires_at: Some(expires_at), refresh_at: None, tell_at: Some(tell_at) };
        let at_once = Lifetime { refresh_at: Some(0), ..none };
        for (members, expected) in [
            (json!({"refresh_token": "r", "claimed_at": 1000, "expires_in": 3600}), both(4_600_000, 3_700_000)),
            (json!({"refresh_token": "r", "claimed_at": 1000, "expires_in": "3600"}), both(4_600_000, 3_700_000)),
            (json!({"refresh_token": "r", "claimed_at": 1000}), both(4_600_000, 3_700_000)),
            (json!({"refresh_token": "r", "claimed_at": 1000, "expires_in": 0}), both(4_600_000, 3_700_000)),
            (json!({"refresh_token": "r", "claimed_at": 1000, "expires_in": 600}), both(1_600_000, 1_300_000)),
            (json!({"refresh_token": "r", "claimed_at": 1000, "expires_in": 1}), both(1_001_000, 1_000_500)),
            (json!({"refresh_token": "r", "claimed_at": 1000, "expires_in": 1800}), both(2_800_000, 1_900_000)),
            (json!({"claimed_at": 1000, "expires_in": 600}), end(1_600_000, 1_540_000)),
            (json!({"claimed_at": 1000, "expires_in": 31_536_000}), end(31_537_000_000, 30_932_200_000)),
            (json!({"refresh_token": "", "claimed_at": 1000, "expires_in": 600}), end(1_600_000, 1_540_000)),
            (json!({"claimed_at": 1000}), none),
            (json!({"claimed_at": 1000, "grant_type": "client_credentials"}), both(4_600_000, 3_700_000)),
            (json!({"refresh_token": "r", "expires_in": 3600}), at_once),
            (json!({"refresh_token": "r", "claimed_at": null}), at_once),
            (json!({"expires_in": 3600}), none),
            (json!({"type": "PLATFORM_OAUTH2", "refresh_token": "r", "claimed_at": 1000}), both(4_600_000, 3_700_000)),
            (
                json!({"type": "CLOUD_OAUTH2", "refresh_token": "r", "claimed_at": 1000, "expires_in": 9}),
                end(1_009_000, 1_008_100),
            ),
            (json!({"type": "SECRET_TEXT", "refresh_token": "r", "claimed_at": 1000, "expires_in": 9}), none),
        ] {
            assert_eq!(of(members.clone()), expected, "{members}");
        }
    }

    #[test]
    fn no_time_overflows() {
        let huge = of(json!({"refresh_token": "r", "claimed_at": 1e300, "expires_in": u64::MAX}));
        assert!(huge.expires_at > huge.refresh_at && huge.refresh_at.is_some());
        assert!(of(json!({"refresh_token": "r", "claimed_at": "x", "expires_in": "1e999"})).expires_at.is_none());
    }
}
