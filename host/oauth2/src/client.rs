//! Requests tokens from providers, through `egress`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use leno_base::{Clock, milliseconds};
use leno_egress::{Caps, Credentials, Error, HostPattern, Meter, Policy, PrivateGrant, Request, Response, Transport};
use leno_metadata::{AuthorizationMethod, ConnectionKind, ConnectionValue, OAuth2, Properties};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::{
    answer,
    error::{ExchangeError, TokenError},
    exchange::{Plan, PlatformApp},
    request::{ClientAuth, Form, Grant},
    template,
    value::{self, text},
};

/// How long a provider may take, from the name lookup to the last byte.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The largest token response, in bytes.
const ANSWER_BYTES: usize = 64 << 10;

/// The OAuth 2.0 client: exchanges codes for tokens, refreshes and revokes them.
///
/// A request goes to the host of its address only, over https or to a privately granted destination, and follows no
/// redirect, so that no redirect gets the client secret.
#[derive(Clone)]
pub struct TokenClient {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

impl TokenClient {
    /// A client that sends through `transport` and takes the time from `clock`. A provider has 20 seconds.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        Self { transport, clock, timeout: TIMEOUT }
    }

    /// The same client, with another limit on how long a provider may take.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Exchanges the request form of an OAUTH2 or PLATFORM_OAUTH2 value for the value to store.
    ///
    /// `schema` is the piece's; `app` the operator's client for the piece, for PLATFORM_OAUTH2 only; `private` the
    /// non-public addresses that the piece may reach. An OAUTH2 value that has an access token is returned without its
    /// code and verifier, and no request is sent.
    ///
    /// # Errors
    ///
    /// Everything that is missing or wrong in the value; or why the provider gave no token.
    pub async fn exchange(
        &self,
        schema: &OAuth2,
        value: &ConnectionValue,
        app: Option<&PlatformApp<'_>>,
        private: &[PrivateGrant],
    ) -> Result<ConnectionValue, ExchangeError> {
        let exchange = match Plan::of(schema, value, app).map_err(ExchangeError::Invalid)? {
            Plan::AsSent => {
                let mut value = value.expose().clone();
                for spent in ["code", "code_verifier", "code_challenge"] {
                    value.as_object_mut().and_then(|members| members.shift_remove(spent));
                }
                return Ok(value::owned(value)?);
            }
            Plan::Exchange(exchange) => exchange,
        };
        let form = exchange.form();
        let private = template::granted(&schema.token_url, &schema.props, private);
        let response = self.post(&exchange.token_url, &form, private).await?;
        let now = milliseconds(&*self.clock);
        let answer = answer::read(&response, &form.sent, now)?;
        Ok(value::granted(&exchange.granted(), answer, now)?)
    }

    /// Checks what [`TokenClient::exchange`] would before it sends anything: the value, and whether the address may be reached.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn rehearse(
        &self,
        schema: &OAuth2,
        value: &ConnectionValue,
        app: Option<&PlatformApp<'_>>,
        private: &[PrivateGrant],
    ) -> Result<(), ExchangeError> {
        if let Plan::Exchange(exchange) = Plan::of(schema, value, app).map_err(ExchangeError::Invalid)? {
            let private = template::granted(&schema.token_url, &schema.props, private);
            let policy = Policy::new(HostPattern::of_base_url(&exchange.token_url).into_iter().collect(), private);
            policy
                .check_url(&exchange.token_url)
                .map_err(|denied| TokenError::Unsent { problem: denied.to_string() })?;
        }
        Ok(())
    }

    /// Gets a new token for a stored value and gives back the value to store in its place.
    ///
    /// The token address is that of `schema`, the piece's, filled with the value's props; for a piece that this host does not
    /// have, the one in the value. `platform_secret` is the client secret of the operator's application, for PLATFORM_OAUTH2.
    /// Must not run
    /// concurrently for one connection: a provider that rotates refresh tokens treats the second use as theft and
    /// revokes them all.
    ///
    /// # Errors
    ///
    /// Why there is no new token. After [`TokenError::may_have_spent`] the old refresh token may be invalid.
    pub async fn refresh(
        &self,
        schema: Option<&OAuth2>,
        stored: &ConnectionValue,
        platform_secret: Option<&SecretString>,
        private: &[PrivateGrant],
    ) -> Result<ConnectionValue, TokenError> {
        let members = stored.expose();
        let unsent = |problem: &str| TokenError::Unsent { problem: problem.to_owned() };
        let client = client_auth(stored, platform_secret)?;
        let (url, private) = match schema {
            Some(schema) => {
                let props = address_props(schema, stored)?;
                if let Some(name) = template::names(&schema.token_url).find(|name| !props.contains_key(*name)) {
                    return Err(unsent(&format!("`{name}`, a part of the token URL, is missing; connect again")));
                }
                let private = template::granted(&schema.token_url, &schema.props, private);
                (template::fill(&schema.token_url, &props), private)
            }
            None => {
                let url = text(members, "token_url");
                let url = url.ok_or_else(|| unsent("the connection has no token URL; connect again"))?;
                (url.to_owned(), template::granted("", &Properties::default(), private))
            }
        };
        let (none, own) = (Map::new(), schema.map(template::of_addresses).unwrap_or_default());
        let grant = if value::client_credentials(members) {
            let scope = text(members, "scope").unwrap_or_default();
            let props = members.get("props").and_then(|props| props.as_object()).unwrap_or(&none);
            Grant::ClientCredentials { scope, props, own: &own, verifier: None }
        } else {
            let token = text(members, "refresh_token");
            Grant::Refresh { token: token.ok_or_else(|| unsent("the connection has no refresh token; connect again"))? }
        };
        let form = Form::new(grant, client);
        let response = self.post(&url, &form, private).await?;
        let now = milliseconds(&*self.clock);
        value::refreshed(stored, answer::read(&response, &form.sent, now)?, now)
    }

    /// Revokes a stored value at the provider (RFC 7009): its refresh token, else its access token. `false` when the
    /// piece has no revocation URL.
    ///
    /// # Errors
    ///
    /// Why the provider does not confirm it.
    pub async fn revoke(
        &self,
        schema: &OAuth2,
        stored: &ConnectionValue,
        platform_secret: Option<&SecretString>,
        private: &[PrivateGrant],
    ) -> Result<bool, TokenError> {
        let Some(url) = &schema.revocation_url else { return Ok(false) };
        let members = stored.expose();
        let client = client_auth(stored, platform_secret)?;
        let props = address_props(schema, stored)?;
        let token = |name: &'static str| text(members, name).map(|token| Grant::Revoke { token, hint: name });
        let Some(grant) = token("refresh_token").or_else(|| token("access_token")) else {
            return Err(TokenError::Unsent { problem: "the connection has no token to revoke".to_owned() });
        };
        let form = Form::new(grant, client);
        let private = template::granted(url, &schema.props, private);
        let response = self.post(&template::fill(url, &props), &form, private).await?;
        // A successful response has no content of interest (RFC 7009, section 2.2).
        if (200..300).contains(&response.status) {
            return Ok(true);
        }
        match answer::read(&response, &form.sent, milliseconds(&*self.clock)) {
            Err(error) => Err(error),
            Ok(_) => Err(TokenError::malformed("it is not a revocation response")),
        }
    }

    async fn post(&self, url: &str, form: &Form, private: Vec<PrivateGrant>) -> Result<Response, TokenError> {
        // Without a host there is no pattern; the empty policy then reports what is wrong with the address.
        let hosts: Vec<_> = HostPattern::of_base_url(url).into_iter().collect();
        let policy = Policy::new(hosts.clone(), private);
        let caps = Caps { timeout: self.timeout, response_bytes: ANSWER_BYTES, redirects: 0, ..Caps::default() };
        let mut request = Request::new("POST", url);
        request.headers = vec![
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("accept".to_owned(), "application/json".to_owned()),
        ];
        request.timeout = self.timeout;
        // Overwritten when the last clone is dropped.
        request.body = Some(Bytes::from_owner(Wiped(form.body.clone())));
        // Credentials also when they are in the body: egress then requires https or a private grant.
        let headers = form.authorization.iter().map(|basic| ("authorization".to_owned(), basic.clone())).collect();
        request.credentials = Some(Arc::new(Credentials { hosts, headers, query: Vec::new() }));
        let meter = Arc::clone(&request.meter);
        self.transport.send(request, &policy, &caps).await.map_err(|error| {
            // Users are told no address that a name has.
            tracing::info!(error = error.for_operator(), "a token request failed");
            failed(&error, &meter)
        })
    }
}

struct Wiped(zeroize::Zeroizing<String>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The props that fill the addresses of a piece.
///
/// # Errors
/// They would let a user choose who gets the operator's secret.
fn address_props(schema: &OAuth2, stored: &ConnectionValue) -> Result<Map<String, Value>, TokenError> {
    let props = template::with_defaults(schema, stored.expose().get("props"));
    if *stored.kind() == ConnectionKind::PlatformOAuth2
        && let Err(problems) = template::platform_rule(schema, &props)
    {
        let problem = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        return Err(TokenError::Unsent { problem });
    }
    Ok(props)
}

/// The client that the value names, for refreshes and revocations.
fn client_auth<'a>(
    stored: &'a ConnectionValue,
    platform_secret: Option<&'a SecretString>,
) -> Result<ClientAuth<'a>, TokenError> {
    let unsent = |problem: &str| TokenError::Unsent { problem: problem.to_owned() };
    let members = stored.expose();
    let secret = match (stored.kind(), platform_secret) {
        (ConnectionKind::OAuth2, _) => text(members, "client_secret").unwrap_or_default(),
        (ConnectionKind::PlatformOAuth2, Some(secret)) => secret.expose_secret(),
        (ConnectionKind::PlatformOAuth2, None) => {
            return Err(unsent("the operator has registered no OAuth app for this piece; ask the operator"));
        }
        (ConnectionKind::CloudOAuth2, _) => {
            return Err(unsent("CLOUD_OAUTH2 needs the secrets of Activepieces' cloud; connect with OAUTH2"));
        }
        _ => return Err(unsent("the connection has no OAuth 2.0 tokens")),
    };
    let method = match text(members, "authorization_method") {
        Some("HEADER") => AuthorizationMethod::Header,
        _ => AuthorizationMethod::Body,
    };
    Ok(ClientAuth { id: text(members, "client_id").unwrap_or_default(), secret, method })
}

/// Whether the provider may have seen the request.
fn failed(error: &Error, meter: &Meter) -> TokenError {
    let problem = error.to_string();
    match error {
        // These come before the first byte of a request.
        Error::Denied(_) | Error::Invalid { .. } | Error::Dns { .. } | Error::Tls { .. } => {
            TokenError::Unsent { problem }
        }
        // The meter counts a request from when it has a connection.
        Error::Unavailable { .. } | Error::Timeout { .. } if meter.requests() == 0 => TokenError::Unsent { problem },
        _ => TokenError::Unknown { problem },
    }
}

#[cfg(test)]
mod tests;
