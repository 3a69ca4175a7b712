//! The address that the user's browser is sent to (RFC 6749, section 4.1.1).

use leno_metadata::{OAuth2, Problem, Prompt};
use url::Url;

use crate::{
    pkce::{self, Pkce},
    template,
};

/// What an authorization request carries besides what the piece says.
#[derive(Clone, Copy, Debug)]
pub struct Authorization<'a> {
    /// The client's id.
    pub client_id: &'a str,
    /// The redirect URI.
    pub redirect_uri: &'a str,
    /// See [`state`](crate::state).
    pub state: &'a str,
    /// See [`Pkce::fresh`].
    pub pkce: Option<&'a Pkce>,
    /// The `props` member of the connection value that is being made.
    pub props: Option<&'a serde_json::Value>,
    /// The `prompt` that the user wants, where the piece leaves it open.
    pub prompt: Option<&'a str>,
    /// The `access_type` that the user wants, where the piece has none among its `extra`: Google's way to a refresh token.
    pub access_type: Option<&'a str>,
}

/// Parameters that bind the response to this request: no `extra` of a piece may replace them.
const BOUND: [&str; 5] = ["client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method"];

/// The authorization address: the piece's own with its query, then `client_id`, `redirect_uri`, `response_type`,
/// `access_type`, `scope`, `state`, `prompt`, `code_challenge`, `code_challenge_method` and the piece's `extra` set in
/// this order, `extra` in place of what was there under its name. Without a scope, a prompt or an access type there is no such
/// parameter.
///
/// # Errors
///
/// The props that are missing in the address, the scopes and the extras; or that the piece has no http or https
/// authorization URL.
pub fn authorization_url(schema: &OAuth2, request: &Authorization<'_>) -> Result<Url, Vec<Problem>> {
    let props = template::with_defaults(schema, request.props);
    let templates = || std::iter::once(&schema.auth_url).chain(&schema.scope).chain(schema.extra.values());
    let mut missing: Vec<Problem> = Vec::new();
    for name in template::names(&schema.auth_url) {
        // In scopes and extras, braces may be literal.
        if props.get(name).and_then(template::text).is_none_or(|text| text.is_empty()) {
            missing.push(template::problem(name, "is part of the authorization URL; enter it"));
        }
    }
    for name in templates().skip(1).flat_map(|text| template::names(text)) {
        if schema.props.contains_key(name) && props.get(name).and_then(template::text).is_none() {
            missing.push(template::problem(name, "is part of the authorization request; enter it"));
        }
    }
    missing.dedup();
    if !missing.is_empty() {
        return Err(missing);
    }
    let unusable = || vec![Problem::new("", "the piece has no http or https authorization URL; ask its author")];
    let mut url = Url::parse(&template::fill(&schema.auth_url, &props)).map_err(|_| unusable())?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(unusable());
    }

    let mut query = Query(url.query_pairs().into_owned().collect());
    query.set("client_id", request.client_id);
    query.set("redirect_uri", request.redirect_uri);
    query.set("response_type", "code");
    if let Some(access_type) = request.access_type {
        query.set("access_type", access_type);
    }
    let scope = scope(schema, &props);
    if !scope.is_empty() {
        query.set("scope", &scope);
    }
    query.set("state", request.state);
    let prompt = match schema.prompt {
        None => request.prompt,
        Some(Prompt::Consent) => Some("consent"),
        Some(Prompt::None) => Some("none"),
        Some(Prompt::Login) => Some("login"),
        Some(Prompt::Omit) => None,
    };
    if let Some(prompt) = prompt {
        query.set("prompt", prompt);
    }
    if let Some(pkce) = request.pkce {
        query.set("code_challenge", &pkce.challenge);
        query.set("code_challenge_method", pkce::name(pkce.method));
    }
    for (name, value) in &schema.extra {
        if !BOUND.contains(&name.as_str()) {
            query.set(name, &template::fill(value, &props));
        }
    }
    url.query_pairs_mut().clear().extend_pairs(&query.0);
    Ok(url)
}

/// The scopes that a sign-in requests, separated by spaces.
#[must_use]
pub fn requested_scope(schema: &OAuth2, props: Option<&serde_json::Value>) -> String {
    scope(schema, &template::with_defaults(schema, props))
}

/// The scopes of a piece as one parameter.
pub(super) fn scope(schema: &OAuth2, props: &serde_json::Map<String, serde_json::Value>) -> String {
    template::fill(&schema.scope.join(" "), props)
}

struct Query(Vec<(String, String)>);

impl Query {
    /// Replaces the first parameter of the name and drops the others, or appends one: as URLSearchParams does.
    fn set(&mut self, name: &str, value: &str) {
        let mut seen = false;
        self.0.retain(|(known, _)| known != name || !std::mem::replace(&mut seen, true));
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }
}

#[cfg(test)]
// A `json!` literal reads better without a reference.
#[allow(clippy::needless_pass_by_value)]
mod tests {
    use leno_metadata::PkceMethod;
    use serde_json::{Value, json};

    use super::*;

    fn url(schema: Value, pkce: Option<&Pkce>, props: Value) -> Result<String, Vec<Problem>> {
        wished(schema, pkce, props, (None, None))
    }

    /// The same with the `prompt` and the `access_type` that the user wants.
    fn wished(
        schema: Value,
        pkce: Option<&Pkce>,
        props: Value,
        (prompt, access_type): (Option<&str>, Option<&str>),
    ) -> Result<String, Vec<Problem>> {
        let mut document = json!({"tokenUrl": "https://p.test/token"});
        document.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
        let schema: OAuth2 = serde_json::from_value(document).unwrap();
        let request = Authorization {
            client_id: "cid",
            redirect_uri: "https://app.test/cb",
            state: "st",
            pkce,
            props: Some(&props),
            prompt,
            access_type,
        };
        authorization_url(&schema, &request).map(String::from)
    }

    #[test]
    fn the_address_with_pkce_is_the_golden_one() {
        let pkce = Pkce::of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into(), PkceMethod::S256);
        let schema = json!({"authUrl": "https://p.test/authorize?x=1", "scope": ["read", "write:all"]});
        assert_eq!(
            url(schema, Some(&pkce), json!({})).unwrap(),
            "https://p.test/authorize?x=1&client_id=cid&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&response_type=code&\
             scope=read+write%3Aall&state=st&\
             code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
    }

    #[test]
    fn the_address_with_extras_is_the_golden_one() {
        let schema = json!({"authUrl": "https://p.test/a", "prompt": "omit",
            "extra": {"owner": "user", "access_type": "online"}});
        assert_eq!(
            url(schema, None, json!({})).unwrap(),
            "https://p.test/a?client_id=cid&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&response_type=code&\
             state=st&owner=user&access_type=online"
        );
    }

    #[test]
    fn scopes_and_extras_are_templates_and_a_prompt_is_kept() {
        let schema = json!({"authUrl": "https://{t}.test/a?scope=old&scope=older", "scope": ["x/{t}", "{t}", "{no}"],
            "prompt": "login", "extra": {"audience": "https://{t}", "state": "evil", "redirect_uri": "https://evil"},
            "props": {"t": {"type": "SHORT_TEXT", "displayName": "T", "required": true}}});
        let address = url(schema.clone(), None, json!({"t": "a b"})).unwrap_err();
        assert!(address.iter().all(|problem| problem.message.contains("no http")), "{address:?}");
        assert_eq!(
            url(schema, None, json!({"t": "ab"})).unwrap(),
            "https://ab.test/a?scope=x%2Fab+ab+%7Bno%7D&client_id=cid&redirect_uri=https%3A%2F%2Fapp.test%2Fcb&\
             response_type=code&state=st&prompt=login&audience=https%3A%2F%2Fab"
        );
    }

    #[test]
    fn what_the_user_wants_counts_where_the_piece_leaves_it_open() {
        for (schema, expected) in [
            (json!({}), "access_type=offline&state=st&prompt=consent"),
            (
                json!({"prompt": "login", "extra": {"access_type": "online"}}),
                "access_type=online&state=st&prompt=login",
            ),
            (json!({"prompt": "omit"}), "access_type=offline&state=st"),
        ] {
            let mut document = json!({"authUrl": "https://p.test/a"});
            document.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
            let url = wished(document, None, json!({}), (Some("consent"), Some("offline"))).unwrap();
            assert!(url.ends_with(&format!("response_type=code&{expected}")), "{url}");
        }
    }

    #[test]
    fn missing_props_are_named_and_odd_schemes_refused() {
        let schema = json!({"authUrl": "https://{a}.test/{b}/{c}", "props": {
            "c": {"type": "SHORT_TEXT", "displayName": "C", "required": true, "defaultValue": "x"}}});
        let problems = url(schema, None, json!({"b": ""})).unwrap_err();
        let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["/props/a", "/props/b"]);
        for auth_url in ["javascript:alert(1)", "", "data:text/html,x", "file:///etc/passwd", "/relative"] {
            assert!(url(json!({"authUrl": auth_url}), None, json!({})).is_err(), "{auth_url}");
        }
        assert!(url(json!({"authUrl": "{base}"}), None, json!({"base": "javascript:alert(1)"})).is_err());
    }
}
