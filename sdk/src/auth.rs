//! The connections that a piece accepts: their fields, where the credentials go, and how to check one.

use serde::Serialize;

use crate::connection::{self, Kind};
use crate::document::Document;
use crate::props::Props;
use crate::{Context, Error, Result};

/// One kind of connection.
///
/// The host adds the credentials to requests with `.authorize()`: as `Authorization: Bearer …` or `Basic …` for SECRET_TEXT,
/// OAUTH2 and BASIC_AUTH unless [`Auth::inject_header`] or [`Auth::inject_query`] say otherwise, and only towards
/// [`Auth::hosts`].
///
/// ```
/// use leno_sdk::prelude::*;
///
/// #[derive(Props)]
/// struct Account {
///     /// Without `https://`
///     host: String,
///     api_key: SecretText,
/// }
///
/// fn check(_: &Context) -> Result<()> {
///     http::get("https://api.example.com/me").authorize().send()?.error_for_status()?;
///     Ok(())
/// }
///
/// let auth = Auth::custom::<Account>("Account")
///     .inject_header("X-Api-Key", "{{connection.api_key}}")
///     .hosts(&["{{connection.host}}"])
///     .validate(check);
/// # let _ = auth;
/// ```
#[derive(Clone, Debug)]
pub struct Auth {
    kind: Kind,
    document: Document,
    headers: Document,
    query: Document,
    validate: Option<fn(&Context) -> Result<()>>,
}

/// How PKCE hashes its verifier (RFC 7636).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PkceMethod {
    /// No hash.
    Plain,
    /// With SHA-256.
    S256,
}

/// Where client id and secret go in a token request (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationMethod {
    /// `Authorization: Basic …`.
    Header,
    /// Form fields.
    Body,
}

/// How the first token is obtained (RFC 6749, sections 4.1 and 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// The user consents in a browser.
    AuthorizationCode,
    /// The application authenticates as itself.
    ClientCredentials,
    /// The user of the connection chooses one of the two.
    Both,
}

impl Auth {
    fn new(kind: Kind, display_name: &str) -> Self {
        let [document, headers, query] = Default::default();
        let auth = Self { kind, document, headers, query, validate: None };
        auth.with("type", kind.as_str()).with("displayName", display_name).with("required", &true)
    }

    /// A single secret text, for example an API key.
    pub fn secret_text(display_name: &str) -> Self {
        Self::new(Kind::SecretText, display_name)
    }

    /// User name and password.
    pub fn basic(display_name: &str) -> Self {
        Self::new(Kind::BasicAuth, display_name).username("Username", "").password("Password", "")
    }

    /// Several fields: text, number, checkbox, choice, and [`SecretText`](crate::props::SecretText) for secrets.
    pub fn custom<P: Props>(display_name: &str) -> Self {
        Self::new(Kind::CustomAuth, display_name).props::<P>()
    }

    /// Tokens of an authorization server (RFC 6749).
    pub fn oauth2(display_name: &str, auth_url: &str, token_url: &str) -> Self {
        Self::new(Kind::OAuth2, display_name)
            .with("authUrl", auth_url)
            .with("tokenUrl", token_url)
            .with::<[&str]>("scope", &[])
    }

    /// Sets the text, as markdown, that explains what to fill in and where to find it.
    #[must_use]
    pub fn description(self, text: &str) -> Self {
        self.with("description", text)
    }

    /// BASIC_AUTH: the texts of the user name.
    #[must_use]
    pub fn username(self, display_name: &str, description: &str) -> Self {
        self.with_texts("username", display_name, description)
    }

    /// BASIC_AUTH: the texts of the password.
    #[must_use]
    pub fn password(self, display_name: &str, description: &str) -> Self {
        self.with_texts("password", display_name, description)
    }

    /// OAUTH2: the scopes to request.
    #[must_use]
    pub fn scope(self, scopes: &[&str]) -> Self {
        self.with("scope", scopes)
    }

    /// OAUTH2: the revocation endpoint (RFC 7009). With it, deleting a connection revokes its token at the provider.
    #[must_use]
    pub fn revocation_url(self, url: &str) -> Self {
        self.with("revocationUrl", url)
    }

    /// OAUTH2: the provider's issuer, for one that states it in its authorization responses (RFC 9207).
    #[must_use]
    pub fn issuer(self, url: &str) -> Self {
        self.with("issuer", url)
    }

    /// OAUTH2: the `prompt` of the authorization request; `omit` sends none.
    #[must_use]
    pub fn prompt(self, prompt: &str) -> Self {
        self.with("prompt", prompt)
    }

    /// OAUTH2: protect the authorization code with PKCE.
    #[must_use]
    pub fn pkce(self, method: PkceMethod) -> Self {
        let method = match method {
            PkceMethod::Plain => "plain",
            PkceMethod::S256 => "S256",
        };
        self.with("pkce", &true).with("pkceMethod", method)
    }

    /// OAUTH2: where client id and secret go in a token request.
    #[must_use]
    pub fn authorization_method(self, method: AuthorizationMethod) -> Self {
        let method = match method {
            AuthorizationMethod::Header => "HEADER",
            AuthorizationMethod::Body => "BODY",
        };
        self.with("authorizationMethod", method)
    }

    /// OAUTH2: how the first token is obtained.
    #[must_use]
    pub fn grant_type(self, grant: GrantType) -> Self {
        let grant = match grant {
            GrantType::AuthorizationCode => "authorization_code",
            GrantType::ClientCredentials => "client_credentials",
            GrantType::Both => "both_client_credentials_and_authorization_code",
        };
        self.with("grantType", grant)
    }

    /// OAUTH2: a further parameter of the authorization request.
    #[must_use]
    pub fn extra(mut self, name: &str, value: &str) -> Self {
        self.document.set_inside("extra", name, value);
        self
    }

    /// OAUTH2, CUSTOM_AUTH: fields of the connection besides its tokens.
    #[must_use]
    pub fn props<P: Props>(mut self) -> Self {
        self.document.set_object("props", P::properties().document());
        self
    }

    /// The hosts that the credentials may be sent to, in the format of the piece's hosts. Without any: all hosts of the piece.
    #[must_use]
    pub fn hosts(self, hosts: &[&str]) -> Self {
        self.with("hosts", hosts)
    }

    /// A header that the host adds to a request with `.authorize()`. Name and value are templates: literal text with
    /// `{{connection.field}}` or `{{base64 connection.email ":" connection.token}}`. An empty result is left out.
    #[must_use]
    pub fn inject_header(mut self, name: &str, value: &str) -> Self {
        self.headers.set(name.to_owned(), value);
        self
    }

    /// A query parameter that the host adds to a request with `.authorize()`; templates as in [`Auth::inject_header`].
    #[must_use]
    pub fn inject_query(mut self, name: &str, value: &str) -> Self {
        self.query.set(name.to_owned(), value);
        self
    }

    /// Sets the function that checks a connection. The user sees its error.
    #[must_use]
    pub fn validate(mut self, check: fn(&Context) -> Result<()>) -> Self {
        self.validate = Some(check);
        self
    }

    /// Sets any other member of the metadata document. A value that cannot be serialized is left out.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, member: &'static str, value: &T) -> Self {
        self.document.set(member, value);
        self
    }

    fn with_texts(mut self, member: &'static str, display_name: &str, description: &str) -> Self {
        let mut texts = Document::default();
        texts.set("displayName", display_name);
        if !description.is_empty() {
            texts.set("description", description);
        }
        self.document.set_object(member, &texts);
        self
    }

    pub(crate) fn document(&self) -> Document {
        let mut document = self.document.clone();
        let mut inject = Document::default();
        for (place, entries) in [("headers", &self.headers), ("query", &self.query)] {
            if !entries.is_empty() {
                inject.set_object(place, entries);
            }
        }
        if !inject.is_empty() {
            document.set_object("inject", &inject);
        }
        document
    }
}

/// Runs the check of the auth that has the connection's kind.
pub(crate) fn validate(auths: &[Auth]) -> Result<()> {
    let Some(kind) = connection::kind() else {
        return Err(Error::invalid_input("no-connection", "the call has no connection; choose one"));
    };
    let Some(auth) = auths.iter().find(|auth| auth.kind == kind) else {
        let accepted: Vec<&str> = auths.iter().map(|auth| auth.kind.as_str()).collect();
        return Err(Error::invalid_input(
            "connection-kind",
            format!("the connection is of type {}; this piece accepts {}", kind.as_str(), accepted.join(", ")),
        ));
    };
    auth.validate.map_or(Ok(()), |check| check(&Context::current()))
}
