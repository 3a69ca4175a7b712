//! Credentials on their way out: what the host adds to a request, and to which hosts.

use secrecy::SecretString;
use serde_json::Value;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::auth::{Auth, Scheme};
use crate::connection::field_pointer;
use crate::template::{Rendered, Template};
use crate::{ConnectionValue, Problem, host};

/// What the host adds to an authorized request. Values are zeroed on drop and have no `Debug`.
#[derive(Clone, Debug, Default)]
pub struct Injection {
    /// Header names, which are tokens (RFC 9110, section 5.1), and values of visible ASCII.
    pub headers: Vec<(String, SecretString)>,
    /// Query parameters, not yet percent-encoded.
    pub query: Vec<(String, SecretString)>,
}

/// Headers that frame or route the message. If credentials could set them, a connection could change where a request
/// goes or where it ends.
const FRAMING: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "proxy-authorization",
];

impl Auth {
    /// What the host adds to requests that the piece wants authorized.
    ///
    /// Entries whose fields are all empty are left out.
    ///
    /// # Errors
    ///
    /// When a value is not valid in a header, when the access token is missing, or when a user name has a colon (RFC
    /// 7617, section 2). The path points into the connection value; the message never quotes it.
    pub fn credentials(&self, connection: &ConnectionValue) -> Result<Injection, Problem> {
        same_type(self, connection)?;
        check_fields(&self.scheme, connection)?;
        let mut injection = Injection::default();
        for (name, value) in &self.inject.headers {
            if let Some((name, value)) = entry(&self.scheme, connection, name, value)? {
                let pointer = || place(&self.scheme, [&name.0, &value.0]);
                header_name(&name.1.text).map_err(|message| Problem::new(pointer(), message))?;
                header_value(&value.1.text).map_err(|message| Problem::new(pointer(), message))?;
                injection.headers.push((name.1.text.to_string(), SecretString::from(value.1.text.as_str())));
            }
        }
        for (name, value) in &self.inject.query {
            if let Some((name, value)) = entry(&self.scheme, connection, name, value)? {
                injection.query.push((name.1.text.to_string(), SecretString::from(value.1.text.as_str())));
            }
        }
        Ok(injection)
    }

    /// Checks that the host could use a value as it is: that what it adds to requests is valid there, and is something.
    ///
    /// # Errors
    ///
    /// As [`Auth::credentials`] and [`Auth::hosts`]; or that a text ends with a line break, as one that was copied with it; or
    /// that nothing would be added to a request.
    pub fn usable(&self, connection: &ConnectionValue) -> Result<(), Problem> {
        const NAMED: [&str; 5] = ["secret_text", "username", "password", "client_id", "client_secret"];
        let members = connection.expose();
        let named = NAMED.iter().map(|name| ((*name).to_owned(), members.get(*name)));
        let props = members.get("props").and_then(Value::as_object).into_iter().flatten();
        let props = props.map(|(name, value)| {
            let pointer = format!("props/{}", name.replace('~', "~0").replace('/', "~1"));
            (pointer, Some(value))
        });
        for (pointer, value) in named.chain(props) {
            // A text of several lines, such as a key in PEM, may end with one.
            let text = value.and_then(Value::as_str).unwrap_or_default();
            let line = text.trim_end_matches(['\r', '\n']);
            if line.len() < text.len() && !line.contains('\n') {
                return Err(Problem::new(format!("/{pointer}"), "ends with a line break; remove it"));
            }
        }
        let injection = self.credentials(connection)?;
        self.hosts(connection)?;
        let injects = !self.inject.headers.is_empty() || !self.inject.query.is_empty();
        if injects && injection.headers.is_empty() && injection.query.is_empty() {
            let templates =
                self.inject.headers.iter().chain(&self.inject.query).flat_map(|(name, value)| [name, value]);
            let fields = templates.flat_map(|template| template.fields());
            let pointer = fields.map(|path| field_pointer(&self.scheme, path)).next().unwrap_or_default();
            let message = "is empty, so nothing would be added to requests; enter it";
            return Err(Problem::new(pointer, message));
        }
        Ok(())
    }

    /// The hosts that may get the credentials, as patterns; see [`Metadata::hosts`](crate::Metadata::hosts).
    ///
    /// # Errors
    ///
    /// When a setting of the connection does not make a host.
    pub fn hosts(&self, connection: &ConnectionValue) -> Result<Vec<String>, Problem> {
        same_type(self, connection)?;
        hosts(&self.hosts, Some((self, connection)))
    }
}

fn same_type(auth: &Auth, connection: &ConnectionValue) -> Result<(), Problem> {
    if connection.kind().auth_name() == Some(auth.kind()) {
        return Ok(());
    }
    let message =
        format!("this is {}; {} is needed; choose another connection", connection.kind().as_str(), auth.kind());
    Err(Problem::new("/type", message))
}

/// What would make a request that looks authorized and is not.
fn check_fields(scheme: &Scheme, connection: &ConnectionValue) -> Result<(), Problem> {
    let text = |name: &str| connection.field(scheme, &[name.to_owned()]);
    match scheme {
        Scheme::SecretText if text("secret_text")?.is_empty() => {
            Err(Problem::new("/secret_text", "the connection has no secret; connect again"))
        }
        Scheme::OAuth2(_) if text("access_token")?.is_empty() => {
            Err(Problem::new("/access_token", "the connection has no access token yet; connect again"))
        }
        Scheme::BasicAuth { .. } if text("username")?.contains(':') => {
            Err(Problem::new("/username", "a user name cannot contain a colon; correct it and connect again"))
        }
        _ => Ok(()),
    }
}

type Half<'t> = (&'t Template, Rendered);

/// Name and value of an entry, or nothing when one of them is blank.
fn entry<'t>(
    scheme: &Scheme,
    connection: &ConnectionValue,
    name: &'t Template,
    value: &'t Template,
) -> Result<Option<(Half<'t>, Half<'t>)>, Problem> {
    let mut lookup = |path: &[String]| connection.field(scheme, path);
    let (name, value) = ((name, name.render(&mut lookup)?), (value, value.render(&mut lookup)?));
    Ok((!name.1.blank && !value.1.blank).then_some((name, value)))
}

/// The pointer of the first field that an entry refers to.
fn place<'t>(scheme: &Scheme, templates: impl IntoIterator<Item = &'t &'t Template>) -> String {
    let first = templates.into_iter().flat_map(|template| template.fields()).next();
    first.map(|path| field_pointer(scheme, path)).unwrap_or_default()
}

/// Renders host patterns. Without a connection, and for fields of other types of connection, entries with references
/// are left out.
pub(crate) fn hosts(
    templates: &[Template],
    connection: Option<(&Auth, &ConnectionValue)>,
) -> Result<Vec<String>, Problem> {
    let mut hosts = Vec::with_capacity(templates.len());
    for template in templates {
        if template.is_literal() {
            hosts.push(template.as_str().to_owned());
            continue;
        }
        let Some((auth, value)) = connection else { continue };
        if template.fields().iter().any(|path| auth.scheme.field(path) != crate::auth::Field::Open) {
            continue;
        }
        let rendered = template.render(&mut |path| value.field(&auth.scheme, path))?;
        if rendered.blank {
            continue;
        }
        let host = if template.is_one_field() {
            host::of_setting(&rendered.text)
        } else {
            host::exact(&rendered.text).then(|| rendered.text.to_string())
        };
        match host {
            Some(host) => hosts.push(host),
            None => {
                let pointer = place(&auth.scheme, [&template]);
                let message = "is not the URL of one host; write it as in \"https://service.example.com\"";
                return Err(Problem::new(pointer, message));
            }
        }
    }
    Ok(hosts)
}

/// The shapes that secrets take in a request and that differ from the secrets themselves.
pub(crate) fn derived_secrets(auth: &Auth, connection: &ConnectionValue, found: &mut Vec<Zeroizing<String>>) {
    let mut lookup = |path: &[String]| connection.field(&auth.scheme, path);
    let secret = |template: &Template| {
        template.fields().iter().any(|path| auth.scheme.field(path) == crate::auth::Field::Secret)
    };
    for value in auth.inject.headers.values().filter(|value| value.has_base64() && secret(value)) {
        if let Ok(rendered) = value.render(&mut lookup) {
            // "Basic dXNlcjpwYXNz": the scheme is no secret, and a log may have the rest alone.
            let encoded = rendered.text.split(' ').next_back().unwrap_or_default();
            found.push(Zeroizing::new(encoded.to_owned()));
        }
    }
    for value in auth.inject.query.values().filter(|value| secret(value)) {
        if let Ok(rendered) = value.render(&mut lookup) {
            let encoded: String = form_urlencoded::byte_serialize(rendered.text.as_bytes()).collect();
            found.push(Zeroizing::new(encoded));
            found.push(rendered.text);
        }
    }
}

/// Checks the name of a header that credentials may go into.
pub(crate) fn header_name(name: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err("forms a header name with a character that header names cannot contain; \
                    use letters, digits and hyphens"
            .into());
    }
    if FRAMING.iter().any(|framing| framing.eq_ignore_ascii_case(name)) {
        return Err(format!("sets the header {name}, which the HTTP client sets itself; use another header"));
    }
    Ok(())
}

/// Checks the value of a header: visible ASCII, spaces and tabs inside (RFC 9110, section 5.5).
pub(crate) fn header_value(value: &str) -> Result<(), String> {
    if value.contains(['\r', '\n']) {
        return Err("has a line break, which a header cannot contain; remove it and connect again".into());
    }
    if !value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)) {
        return Err("has a character that a header cannot contain; use plain ASCII and connect again".into());
    }
    Ok(())
}
