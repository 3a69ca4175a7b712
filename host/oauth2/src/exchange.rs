//! From a user's value to a token request: client, grant, address.

use leno_metadata::{AuthorizationMethod, ConnectionKind, ConnectionValue, GrantType, OAuth2, Problem, PropertyKind};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use crate::{
    authorize,
    request::{ClientAuth, Form, Grant},
    template,
    value::{Granted, text},
};

/// The OAuth application that an operator registered for a piece, for PLATFORM_OAUTH2.
#[derive(Clone, Copy, Debug)]
pub struct PlatformApp<'a> {
    /// Its client id.
    pub client_id: &'a str,
    /// Its client secret. It goes to the provider and nowhere else.
    pub client_secret: &'a SecretString,
}

/// What to do with a value.
pub(super) enum Plan<'a> {
    /// It has a token already.
    AsSent,
    /// It is to be exchanged for one.
    Exchange(Box<Exchange<'a>>),
}

/// A complete request form.
pub(super) struct Exchange<'a> {
    kind: &'a ConnectionKind,
    pub(super) token_url: String,
    client_id: &'a str,
    client_secret: &'a str,
    platform: bool,
    code: &'a str,
    verifier: Option<&'a str>,
    redirect_url: Option<&'a str>,
    scope: String,
    method: AuthorizationMethod,
    client_credentials: bool,
    /// As they are used, with the piece's defaults.
    props: Map<String, Value>,
    /// Those of them that fill addresses.
    own: Vec<&'a str>,
    /// Whether there is a `props` member to store.
    store_props: bool,
}

impl<'a> Plan<'a> {
    /// Reads the request form of an OAUTH2 or PLATFORM_OAUTH2 value.
    ///
    /// # Errors
    ///
    /// Everything that is missing or wrong.
    pub(super) fn of(
        schema: &'a OAuth2,
        value: &'a ConnectionValue,
        app: Option<&PlatformApp<'a>>,
    ) -> Result<Self, Vec<Problem>> {
        let members = value.expose();
        let platform = match value.kind() {
            // Tokens from elsewhere cannot use an operator's application.
            ConnectionKind::OAuth2 if text(members, "access_token").is_some() => return Ok(Self::AsSent),
            ConnectionKind::OAuth2 => false,
            ConnectionKind::PlatformOAuth2 => true,
            ConnectionKind::CloudOAuth2 => {
                let message = "CLOUD_OAUTH2 needs the secrets of Activepieces' cloud, which this host does not have; \
                               connect with OAUTH2 and an OAuth app of your own";
                return Err(vec![Problem::new("/type", message)]);
            }
            other => {
                let message = format!("type {} has no tokens of a provider; send OAUTH2", other.as_str());
                return Err(vec![Problem::new("/type", message)]);
            }
        };
        let mut problems = Vec::new();
        let client_credentials = grant(schema, members, platform, &mut problems);
        let mut need = |name: &str, what: &str| {
            let found = text(members, name);
            if found.is_none() {
                problems.push(Problem::new(format!("/{name}"), format!("{what} is missing; enter it as text")));
            }
            found.unwrap_or_default()
        };
        let (client_id, client_secret) = match (platform, app) {
            (false, _) => (need("client_id", "the client id"), need("client_secret", "the client secret")),
            (true, Some(app)) => (app.client_id, app.client_secret.expose_secret()),
            (true, None) => {
                let message = "the operator has registered no OAuth app for this piece; connect with OAUTH2 and an OAuth app of your own";
                return Err(vec![Problem::new("/type", message)]);
            }
        };
        let (redirect_url, code) = if client_credentials {
            (text(members, "redirect_url"), "")
        } else {
            (Some(need("redirect_url", "the redirect URL")), need("code", "the authorization code"))
        };
        let method = method(schema, members, &mut problems);
        let mut props = template::with_defaults(schema, members.get("props"));
        if platform {
            // Undeclared props do not belong in a request with the operator's secret.
            props.retain(|name, _| schema.props.contains_key(name));
        }
        wanted(schema, members, &props, &mut problems);
        if platform && let Err(refused) = template::platform_rule(schema, &props) {
            add(&mut problems, refused);
        }
        for name in template::names(&schema.token_url) {
            if props.get(name).and_then(template::text).is_none() {
                let message = "is part of the token URL; enter it";
                add(&mut problems, vec![template::problem(name, message)]);
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let scope = match text(members, "scope") {
            Some(scope) if client_credentials => template::fill(scope, &props),
            Some(scope) => scope.to_owned(),
            None => authorize::scope(schema, &props),
        };
        Ok(Self::Exchange(Box::new(Exchange {
            kind: value.kind(),
            token_url: template::fill(&schema.token_url, &props),
            client_id,
            client_secret,
            platform,
            code,
            verifier: text(members, "code_verifier").or_else(|| text(members, "code_challenge")),
            redirect_url,
            scope,
            method,
            client_credentials,
            own: template::of_addresses(schema),
            store_props: members.get("props").is_some_and(Value::is_object) || !props.is_empty(),
            props,
        })))
    }
}

impl Exchange<'_> {
    pub(super) fn form(&self) -> Form {
        let client = ClientAuth { id: self.client_id, secret: self.client_secret, method: self.method };
        let grant = if self.client_credentials {
            Grant::ClientCredentials { scope: &self.scope, props: &self.props, own: &self.own, verifier: self.verifier }
        } else {
            let redirect_url = self.redirect_url.unwrap_or_default();
            Grant::Code { code: self.code, redirect_url, verifier: self.verifier }
        };
        Form::new(grant, client)
    }

    pub(super) fn granted(&self) -> Granted<'_> {
        Granted {
            kind: self.kind,
            scope: &self.scope,
            token_url: &self.token_url,
            client_id: self.client_id,
            client_secret: (!self.platform).then_some(self.client_secret),
            redirect_url: self.redirect_url,
            method: self.method,
            client_credentials: self.client_credentials,
            props: self.store_props.then_some(&self.props),
        }
    }
}

/// The grant that the value names, if the piece supports it; else the piece's own. True for client credentials.
fn grant(schema: &OAuth2, members: &Value, platform: bool, problems: &mut Vec<Problem>) -> bool {
    let offered = schema.grant_type.unwrap_or(GrantType::AuthorizationCode);
    let mut problem = |message: &str| problems.push(Problem::new("/grant_type", message));
    let asked = match members.get("grant_type") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) if name == "authorization_code" => Some(false),
        Some(Value::String(name)) if name == "client_credentials" => Some(true),
        Some(_) => {
            problem("is neither \"authorization_code\" nor \"client_credentials\"; send one of them");
            None
        }
    };
    match (offered, asked) {
        (GrantType::AuthorizationCode, Some(true)) => {
            problem("this piece supports only \"authorization_code\"; send that");
        }
        (GrantType::ClientCredentials, Some(false)) => {
            problem("this piece supports only \"client_credentials\"; send that");
        }
        // Such a token acts for the operator, not for the user.
        (GrantType::BothClientCredentialsAndAuthorizationCode, Some(true)) if platform => {
            problem("the operator's OAuth app is only for sign-in; send \"authorization_code\"");
        }
        _ => {}
    }
    asked.unwrap_or(offered == GrantType::ClientCredentials)
}

fn method(schema: &OAuth2, members: &Value, problems: &mut Vec<Problem>) -> AuthorizationMethod {
    match members.get("authorization_method") {
        None | Some(Value::Null) => {}
        Some(Value::String(name)) if name == "HEADER" => return AuthorizationMethod::Header,
        Some(Value::String(name)) if name == "BODY" => return AuthorizationMethod::Body,
        Some(_) => {
            problems
                .push(Problem::new("/authorization_method", "is neither \"HEADER\" nor \"BODY\"; send one of them"));
        }
    }
    schema.authorization_method.unwrap_or(AuthorizationMethod::Body)
}

/// The props that the piece declares as required.
fn wanted(schema: &OAuth2, members: &Value, props: &Map<String, Value>, problems: &mut Vec<Problem>) {
    if !matches!(members.get("props"), None | Some(Value::Null | Value::Object(_))) {
        problems.push(Problem::new("/props", "is not an object; send one"));
        return;
    }
    for (name, property) in &schema.props {
        let missing = match props.get(name) {
            None | Some(Value::Null) => true,
            Some(value) => value.as_str().is_some_and(str::is_empty),
        };
        if property.required && missing && property.kind != PropertyKind::Markdown {
            problems.push(template::problem(name, "is missing; enter it"));
        }
    }
}

/// One problem for each place is enough.
fn add(problems: &mut Vec<Problem>, more: Vec<Problem>) {
    for problem in more {
        if !problems.iter().any(|known| known.path == problem.path) {
            problems.push(problem);
        }
    }
}
