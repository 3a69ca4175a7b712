//! How clients prove who they are (RFC 6749, section 2.3).

use secrecy::{ExposeSecret as _, SecretString};

use crate::{client::Client, error::OAuthError, request::Parameters, server::AuthorizationServer};

/// The longest secret that is looked at, in bytes.
const LONGEST_SECRET: usize = 1_024;

/// How a client says who it is (RFC 6749, section 2.3). No secret in `Debug`.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// The `Authorization: Basic` header, decoded: what is before and after the colon.
    Basic {
        /// Before the colon.
        id: String,
        /// After it.
        secret: SecretString,
    },
    /// The form.
    Form,
}

/// A request to the token endpoint, or to one that clients prove themselves at alike.
#[derive(Debug)]
pub struct TokenRequest<'a> {
    /// The address that it comes from.
    pub peer: &'a str,
    /// How the client says who it is.
    pub credentials: Credentials,
    /// The form.
    pub form: &'a Parameters,
}

impl AuthorizationServer {
    /// The client that sends a request, once it has proved who it is. A public client says so only.
    ///
    /// # Errors
    /// [`OAuthError`]: the same, after the same time, for a client that there is not and for a wrong secret.
    pub async fn authenticate(&self, request: &TokenRequest<'_>) -> Result<Client, OAuthError> {
        let this = &*self.0;
        let form = request.form;
        let (id, secret) = (form.one("client_id")?, form.one("client_secret")?);
        let (id, candidates) = match (&request.credentials, secret) {
            (Credentials::Basic { .. }, Some(_)) => {
                return Err(OAuthError::request(
                    "the client proves itself in two ways; use Basic or the form, not both",
                ));
            }
            (Credentials::Basic { id: sent, secret }, None) => basic(sent, secret, id)?,
            (Credentials::Form, secret) => {
                let id = id.ok_or_else(|| OAuthError::request("Missing token request parameters: send client_id"))?;
                (id.to_owned(), secret.map(SecretString::from).into_iter().collect())
            }
        };
        let client = this.client(&id).await?;
        if let Some(client) = client.as_ref().filter(|client| client.is_public() && candidates.is_empty()) {
            return Ok(client.clone());
        }
        if candidates.iter().any(|secret| secret.expose_secret().len() > LONGEST_SECRET) {
            return Err(OAuthError::client());
        }
        let known = client.as_ref().filter(|client| !client.is_public());
        let built_in = this.client.as_ref().filter(|(own, _)| own.id == id).map(|(_, secret)| secret);
        match this.secrets.prove(known, built_in, candidates, request.peer).await {
            Ok(true) => client.ok_or_else(OAuthError::client),
            Ok(false) => Err(OAuthError::client()),
            Err(refusal) => Err(OAuthError::exhausted(refusal)),
        }
    }
}

/// The client id and the secrets that a Basic header may mean. RFC 6749, section 2.3.1, wants both parts form-encoded; half of
/// the libraries send them as they are. The decoded form comes first.
fn basic(sent: &str, secret: &SecretString, id: Option<&str>) -> Result<(String, Vec<SecretString>), OAuthError> {
    let decoded = decode(sent).unwrap_or_else(|| sent.to_owned());
    if id.is_some_and(|id| id != decoded && id != sent) {
        return Err(OAuthError::request("client_id is not the one of the Authorization header"));
    }
    let mut secrets: Vec<SecretString> = decode(secret.expose_secret()).map(SecretString::from).into_iter().collect();
    if secrets.first().is_none_or(|decoded| decoded.expose_secret() != secret.expose_secret()) {
        secrets.push(secret.clone());
    }
    Ok((decoded, secrets))
}

/// The text of one part of a form.
fn decode(text: &str) -> Option<String> {
    let pair = format!("x={text}");
    if text.contains('&') {
        return None;
    }
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned())
}
