//! Auth entries: which connections a piece takes, and where the host puts their credentials.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::{Properties, PropertyKind, Template};

/// One kind of connection that a piece takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// The heading of the connection form.
    pub display_name: String,
    /// Help for the user who connects.
    pub description: Option<String>,
    /// Whether the piece needs a connection.
    pub required: bool,
    /// The type, with what belongs to it.
    pub scheme: Scheme,
    /// The hosts that may get the credentials: the entry's own `hosts`, else the piece's egress hosts without a bare
    /// `*`.
    pub(crate) hosts: Vec<Template>,
    /// Where the host puts the credentials in a request; the scheme's default when the document does not say.
    pub(crate) inject: Inject,
    /// Which members of an OAUTH2 token response the piece may see, as dotted paths.
    pub(crate) settings: Vec<String>,
}

/// The type of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Scheme {
    /// One secret text.
    SecretText,
    /// A user name and a password.
    BasicAuth {
        /// The label of the user name.
        username: Label,
        /// The label of the password.
        password: Label,
    },
    /// Fields of the piece's own.
    CustomAuth {
        /// The fields.
        props: Properties,
    },
    /// OAuth 2.0 (RFC 6749).
    OAuth2(Box<OAuth2>),
}

/// A field's name and help.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// The name shown to users.
    #[serde(default)]
    pub display_name: String,
    /// Help for the user who fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The OAuth 2.0 schema of a connection. `{name}` in the addresses and scopes stands for a member of `props`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2 {
    /// The authorization endpoint; empty when the only grant is client credentials.
    #[serde(default)]
    pub auth_url: String,
    /// The token endpoint.
    pub token_url: String,
    /// The revocation endpoint (RFC 7009), which the host calls when a connection is deleted.
    #[serde(default)]
    pub revocation_url: Option<String>,
    /// The provider's issuer (RFC 8414), for a provider that states it in its authorization responses (RFC 9207): a response
    /// that does not is then refused.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The scopes to request.
    #[serde(default)]
    pub scope: Vec<String>,
    /// Fields that the user fills in before the sign-in.
    #[serde(default)]
    pub props: Properties,
    /// The `prompt` parameter. None: what the user wants.
    #[serde(default)]
    pub prompt: Option<Prompt>,
    /// Whether to use PKCE (RFC 7636). None: the host's default, which is yes.
    #[serde(default)]
    pub pkce: Option<bool>,
    /// The PKCE transformation. None: S256.
    #[serde(default)]
    pub pkce_method: Option<PkceMethod>,
    /// Where the client's credentials go in a token request. `None`: BODY.
    #[serde(default)]
    pub authorization_method: Option<AuthorizationMethod>,
    /// The grants. None: authorization code.
    #[serde(default)]
    pub grant_type: Option<GrantType>,
    /// Further parameters of the authorization address.
    #[serde(default)]
    pub extra: IndexMap<String, String>,
}

/// The `prompt` parameter of an authorization request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Prompt {
    None,
    Consent,
    Login,
    /// Do not send the parameter.
    Omit,
}

/// The PKCE transformation (RFC 7636, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[allow(missing_docs)]
pub enum PkceMethod {
    #[serde(rename = "plain")]
    Plain,
    S256,
}

/// Where the client's credentials go in a token request (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum AuthorizationMethod {
    Header,
    Body,
}

/// Which OAuth 2.0 grants a piece supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum GrantType {
    AuthorizationCode,
    ClientCredentials,
    BothClientCredentialsAndAuthorizationCode,
}

/// Where the host puts the credentials in a request.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inject {
    #[serde(default)]
    pub(crate) headers: IndexMap<Template, Template>,
    #[serde(default)]
    pub(crate) query: IndexMap<Template, Template>,
}

/// What a template may use a field of a connection for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The connection has no such field.
    Unknown,
    /// It goes into requests, never into the name of a host.
    Secret,
    /// It goes anywhere.
    Open,
}

impl Auth {
    /// The type in the document: `SECRET_TEXT`, `BASIC_AUTH`, `CUSTOM_AUTH` or `OAUTH2`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.scheme.name()
    }

    /// The fields that a user fills in: those of CUSTOM_AUTH and OAUTH2.
    #[must_use]
    pub fn props(&self) -> Option<&Properties> {
        self.scheme.props()
    }

    /// The hosts that may get the credentials, as the author wrote them: they may name a field of the connection.
    pub fn host_patterns(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(Template::as_str)
    }

    /// Where credentials of this kind go, a line each: `KIND to HOST`, `KIND header NAME: VALUE`, `KIND query NAME=VALUE`, and
    /// `KIND token URL` (`authorize`, `revoke`) for the provider of an OAUTH2 connection. Templates are as the author wrote
    /// them.
    #[must_use]
    pub fn placement(&self) -> Vec<String> {
        let kind = self.kind();
        let hosts = self.hosts.iter().map(|host| format!("{kind} to {}", host.as_str()));
        let headers = &self.inject.headers;
        let headers =
            headers.iter().map(|(name, value)| format!("{kind} header {}: {}", name.as_str(), value.as_str()));
        let query = &self.inject.query;
        let query = query.iter().map(|(name, value)| format!("{kind} query {}={}", name.as_str(), value.as_str()));
        let provider = match &self.scheme {
            Scheme::OAuth2(oauth2) => vec![
                ("authorize", Some(oauth2.auth_url.as_str()).filter(|url| !url.is_empty())),
                ("token", Some(oauth2.token_url.as_str())),
                ("revoke", oauth2.revocation_url.as_deref()),
            ],
            _ => Vec::new(),
        };
        let provider = provider.into_iter().filter_map(|(what, url)| Some(format!("{kind} {what} {}", url?)));
        hosts.chain(headers).chain(query).chain(provider).collect()
    }
}

impl Scheme {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::SecretText => "SECRET_TEXT",
            Self::BasicAuth { .. } => "BASIC_AUTH",
            Self::CustomAuth { .. } => "CUSTOM_AUTH",
            Self::OAuth2(_) => "OAUTH2",
        }
    }

    pub(crate) fn props(&self) -> Option<&Properties> {
        match self {
            Self::CustomAuth { props } => Some(props),
            Self::OAuth2(oauth2) => Some(&oauth2.props),
            Self::SecretText | Self::BasicAuth { .. } => None,
        }
    }

    /// What `connection.PATH` is in a template of this entry.
    pub(crate) fn field(&self, path: &[String]) -> Field {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match (self, path.as_slice()) {
            (Self::SecretText, ["secret_text"])
            | (Self::BasicAuth { .. }, ["password"])
            | (Self::OAuth2(_), ["access_token"]) => Field::Secret,
            (Self::BasicAuth { .. }, ["username"])
            | (Self::OAuth2(_), ["token_type" | "scope" | "client_id"] | ["data", _, ..]) => Field::Open,
            (Self::CustomAuth { props }, [name]) => prop(props, name),
            (Self::OAuth2(oauth2), ["props", name]) => prop(&oauth2.props, name),
            _ => Field::Unknown,
        }
    }

    /// The paths that [`Scheme::field`] knows, for messages.
    pub(crate) fn fields(&self) -> Vec<String> {
        let named = |names: &[&str]| names.iter().map(|name| format!("connection.{name}")).collect::<Vec<_>>();
        let usable = |props: &Properties, prefix: &str| {
            let names = props.iter().filter(|(_, property)| property.kind != PropertyKind::Markdown);
            names.map(|(name, _)| format!("connection.{prefix}{name}")).collect::<Vec<_>>()
        };
        match self {
            Self::SecretText => named(&["secret_text"]),
            Self::BasicAuth { .. } => named(&["username", "password"]),
            Self::CustomAuth { props } => usable(props, ""),
            Self::OAuth2(oauth2) => {
                let mut fields = named(&["access_token", "token_type", "scope", "client_id", "data.…"]);
                fields.extend(usable(&oauth2.props, "props."));
                fields
            }
        }
    }

    /// The default placement of credentials, as most services expect it.
    pub(crate) fn usual_place(&self) -> Inject {
        let authorization = match self {
            Self::SecretText => "Bearer {{connection.secret_text}}",
            Self::OAuth2(_) => "Bearer {{connection.access_token}}",
            Self::BasicAuth { .. } => r#"Basic {{base64 connection.username ":" connection.password}}"#,
            Self::CustomAuth { .. } => return Inject::default(),
        };
        match ("Authorization".parse(), authorization.parse()) {
            (Ok(name), Ok(value)) => Inject { headers: IndexMap::from([(name, value)]), query: IndexMap::new() },
            _ => Inject::default(),
        }
    }
}

fn prop(props: &Properties, name: &str) -> Field {
    match props.get(name).map(|property| &property.kind) {
        None | Some(PropertyKind::Markdown) => Field::Unknown,
        Some(PropertyKind::SecretText) => Field::Secret,
        Some(_) => Field::Open,
    }
}

/// An entry as serde sees it.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthDocument {
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    pub(crate) hosts: Option<Vec<Template>>,
    #[serde(default)]
    pub(crate) inject: Option<Inject>,
    #[serde(default)]
    settings: Vec<String>,
    #[serde(flatten)]
    pub(crate) scheme: SchemeDocument,
}

#[derive(Clone, Deserialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SchemeDocument {
    SecretText,
    BasicAuth {
        #[serde(default)]
        username: Label,
        #[serde(default)]
        password: Label,
    },
    CustomAuth {
        #[serde(default)]
        props: Properties,
    },
    #[serde(rename = "OAUTH2")]
    OAuth2(Box<OAuth2>),
}

impl From<SchemeDocument> for Scheme {
    fn from(document: SchemeDocument) -> Self {
        match document {
            SchemeDocument::SecretText => Self::SecretText,
            SchemeDocument::BasicAuth { username, password } => Self::BasicAuth { username, password },
            SchemeDocument::CustomAuth { props } => Self::CustomAuth { props },
            SchemeDocument::OAuth2(oauth2) => Self::OAuth2(oauth2),
        }
    }
}

impl AuthDocument {
    pub(crate) fn typed(self, egress_hosts: &[Template]) -> Auth {
        let scheme = Scheme::from(self.scheme);
        // A piece that may call any host has not thereby said that any host may have the credentials.
        let inherited = || egress_hosts.iter().filter(|host| !host.is_any_host()).cloned().collect();
        Auth {
            display_name: self.display_name,
            description: self.description,
            required: self.required,
            hosts: self.hosts.unwrap_or_else(inherited),
            inject: self.inject.unwrap_or_else(|| scheme.usual_place()),
            settings: self.settings,
            scheme,
        }
    }
}
