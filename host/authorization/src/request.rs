//! Authorization requests (RFC 6749, section 4.1.1), with PKCE (RFC 7636) and resource indicators (RFC 8707).

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    client::{Client, GrantType},
    error::{OAuthError, Problem},
};

/// The longest `state`, in bytes.
const LONGEST_STATE: usize = 8 << 10;

/// The parameters of a request: of a query or a form. An empty value counts as none (RFC 6749, section 3.1). No values in
/// `Debug`.
#[derive(Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The pairs of a query or a form.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        url::form_urlencoded::parse(text).into_owned().collect()
    }

    /// The value of `name`.
    ///
    /// # Errors
    /// It is there more than once (RFC 6749, section 3.1).
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let value = values.next();
        match values.next() {
            None => Ok(value.filter(|value| !value.is_empty())),
            Some(_) => Err(Repeated(name)),
        }
    }
}

impl FromIterator<(String, String)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// A parameter that is there more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated(pub &'static str);

impl From<Repeated> for OAuthError {
    fn from(repeated: Repeated) -> Self {
        Self::request(format!("{} is there more than once", repeated.0))
    }
}

/// A request that a user can decide on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizationRequest {
    /// Its id, as Gauzy keeps it.
    pub request_id: String,
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Comes back with the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// The S256 challenge of PKCE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// The resource that the token is to be for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// SHA-256 of the cookie of the browser that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_hash: Option<String>,
}

/// A request that no user sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Client or redirect URI are not to be trusted: the browser stays here (RFC 6749, section 4.1.2.1).
    Here(OAuthError),
    /// The client is told.
    There {
        /// Where the browser goes.
        location: String,
        /// Why.
        error: OAuthError,
    },
}

impl<E: Into<OAuthError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Here(error.into())
    }
}

/// The answer to a request, as the address that the browser is sent to: the redirect URI with `parameters`, the request's
/// `state`, and the issuer (RFC 9207).
pub(crate) fn answer(
    redirect_uri: &str,
    state: Option<&str>,
    issuer: &str,
    parameters: &[(&str, &str)],
) -> Result<String, OAuthError> {
    let mut url = Url::parse(redirect_uri).map_err(|error| OAuthError::internal(error.to_string()))?;
    let mut pairs = url.query_pairs_mut();
    pairs.extend_pairs(parameters);
    if let Some(state) = state {
        pairs.append_pair("state", state);
    }
    pairs.append_pair("iss", issuer);
    drop(pairs);
    Ok(url.into())
}

/// The client of a request and where its answer goes. Until both are known, nothing is sent anywhere.
pub(crate) fn trusted<'c>(client: &'c Client, parameters: &'c Parameters) -> Result<&'c str, OAuthError> {
    let named = parameters.one("redirect_uri")?;
    client.redirect_uri(named).ok_or_else(|| {
        OAuthError::request(match named {
            Some(_) => "Invalid redirect_uri: it is not one of the client's, to the character",
            None => "Missing OAuth parameters: send redirect_uri, as the client has several",
        })
    })
}

/// Checks what is left of a request.
pub(crate) fn check(
    client: &Client,
    parameters: &Parameters,
    resources: &[String],
    draft: AuthorizationRequest,
) -> Result<AuthorizationRequest, OAuthError> {
    match parameters.one("response_type")? {
        Some("code") => {}
        Some(_) => {
            return Err(OAuthError::new(Problem::UnsupportedResponseType, "Unsupported response_type: use code"));
        }
        None => return Err(OAuthError::request("Missing OAuth parameters: send response_type=code")),
    }
    if !client.may_use(GrantType::AuthorizationCode) {
        let words = "the client may not use authorization codes";
        return Err(OAuthError::new(Problem::UnauthorizedClient, words));
    }
    if draft.state.as_ref().is_some_and(|state| state.len() > LONGEST_STATE) {
        return Err(OAuthError::request(format!("state is longer than {LONGEST_STATE} bytes")));
    }
    let challenge = parameters.one("code_challenge")?;
    let method = parameters.one("code_challenge_method")?;
    match (challenge, method) {
        (None, None) if client.needs_pkce() => {
            return Err(OAuthError::request(
                "the client needs PKCE: send code_challenge and code_challenge_method=S256",
            ));
        }
        (None, None) => {}
        (Some(challenge), Some("S256")) if is_challenge(challenge) => {}
        (Some(_), Some("S256")) => {
            return Err(OAuthError::request("code_challenge is not a SHA-256 hash in base64url"));
        }
        _ => {
            return Err(OAuthError::request(
                "PKCE needs code_challenge and code_challenge_method=S256; plain is not taken",
            ));
        }
    }
    let scope = client.scope(parameters.one("scope")?).ok_or_else(|| {
        OAuthError::new(Problem::InvalidScope, "the scope is malformed, or is not one that the client may ask for")
    })?;
    Ok(AuthorizationRequest {
        scope: Some(scope),
        code_challenge: challenge.map(str::to_owned),
        resource: resource(parameters, resources)?,
        ..draft
    })
}

/// The resource of a request: one of `resources`.
pub(crate) fn resource(parameters: &Parameters, resources: &[String]) -> Result<Option<String>, OAuthError> {
    let Some(named) = parameters.one("resource")? else { return Ok(None) };
    let same = |own: &&String| own.trim_end_matches('/') == named.trim_end_matches('/');
    let found = resources.iter().find(same).cloned();
    found.map(Some).ok_or_else(|| OAuthError::new(Problem::InvalidTarget, "the resource is not one of this host"))
}

/// 32 bytes in base64url (RFC 7636, section 4.2).
fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_is_absent_and_a_repeated_one_is_refused() {
        let parameters = Parameters::parse(b"state=&scope=a&x=1&x=2&client_id=%C3%A9");
        assert_eq!(parameters.one("state"), Ok(None));
        assert_eq!(parameters.one("scope"), Ok(Some("a")));
        assert_eq!(parameters.one("client_id"), Ok(Some("é")));
        assert_eq!(parameters.one("x"), Err(Repeated("x")));
        assert!(!format!("{parameters:?}").contains('é'));
    }

    #[test]
    fn an_answer_keeps_the_query_of_the_redirect_uri_and_the_state_to_the_byte() {
        let state: String = (0x20..0x7f_u8).map(char::from).collect();
        let location = answer("https://c.test/cb?x=1", Some(&state), "https://leno.test", &[("code", "a b")]).unwrap();
        let url = Url::parse(&location).unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let expected = [("x", "1"), ("code", "a b"), ("state", &state), ("iss", "https://leno.test")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
