//! The connection that a request names, or carries.

use std::sync::Arc;

use http::StatusCode;
use leno_metadata::{ConnectionValue, Problem as Fault};
use leno_sandbox::Connection;
use serde_json::Value;

use super::{Problem, extract::name_of};

/// The members of a request that have to do with its connection.
pub(super) struct Given<'a> {
    /// The stable name of a stored connection.
    pub(super) external_id: Option<&'a str>,
    /// A reference to one.
    pub(super) auth: Option<&'a str>,
    /// The value itself.
    pub(super) value: Option<Value>,
    /// The step's input, whose member `auth` is where flows keep the reference.
    pub(super) input: &'a Value,
}

impl Given<'_> {
    /// The connection to call with.
    ///
    /// # Errors
    /// A reference that cannot be read; any reference at all, for this host stores no connections; a raw value in
    /// production, or one that cannot be used.
    pub(super) fn connection(self, production: bool) -> Result<Option<Arc<dyn Connection>>, Problem> {
        let mut faults = Vec::new();
        let mut wanted = self.external_id;
        if wanted.is_some_and(|id| !is_external_id(id)) {
            faults.push(Fault::new(
                "/connectionExternalId",
                "must not be empty or contain quotes, braces or control characters",
            ));
        }
        let in_input = self.input.get("auth").filter(|auth| !auth.is_null());
        let not_text = in_input.filter(|auth| !auth.is_string()).map(|auth| {
            Fault::new("/input/auth", format!("is {}, and must be a reference such as {EXAMPLE}", name_of(auth)))
        });
        faults.extend(not_text);
        for (path, text) in [("/auth", self.auth), ("/input/auth", in_input.and_then(Value::as_str))] {
            let Some(text) = text else { continue };
            match reference(text) {
                None => faults
                    .push(Fault::new(path, format!("must be a reference such as {EXAMPLE}, with nothing around it"))),
                Some(id) if wanted.is_some_and(|wanted| wanted != id) => {
                    faults.push(Fault::new(path, "names another connection than the rest of the request; name one"));
                }
                Some(id) => wanted = Some(id),
            }
        }
        if wanted.is_some() && self.value.is_some() {
            faults.push(Fault::new(
                "/connection",
                "cannot go together with a reference to a connection; send one of them",
            ));
        }
        if !faults.is_empty() {
            return Err(Problem::invalid_members(faults));
        }
        if wanted.is_some() {
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "connections_unavailable",
                "Stored connections are not available",
                "stored connections are not available on this host yet, so it cannot resolve the reference; \
                 call an action that needs no connection",
            ));
        }
        let Some(value) = self.value else { return Ok(None) };
        // Taken over before anything else, so that it is wiped whatever happens.
        let value = ConnectionValue::new(value);
        if production {
            return Err(Problem::bad_request(
                "connection_in_production",
                "raw connection values are refused in production: they would pass through logs and proxies; \
                 store the connection and send `connectionExternalId`",
            ));
        }
        let value = value.map_err(|fault| {
            Problem::invalid_members(vec![Fault::new(format!("/connection{}", fault.path), fault.message)])
        })?;
        // The trait is implemented for a shared value; the outer `Arc` is the trait object's.
        Ok(Some(Arc::new(Arc::new(value))))
    }
}

const EXAMPLE: &str = "{{connections['my-connection']}}";

/// The external id in `{{connections['ID']}}`: single or double quotes, no spaces, nothing around it.
fn reference(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{connections[")?.strip_suffix("]}}")?;
    let id = ['\'', '"'].into_iter().find_map(|quote| inner.strip_prefix(quote)?.strip_suffix(quote))?;
    is_external_id(id).then_some(id)
}

fn is_external_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 255 && !id.chars().any(|c| c.is_control() || matches!(c, '\'' | '"' | '{' | '}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_form_of_a_reference_is_read() {
        assert_eq!(reference("{{connections['a-1 b']}}"), Some("a-1 b"));
        assert_eq!(reference("{{connections[\"a\"]}}"), Some("a"));
        for text in [
            "",
            "a",
            "{{connections['']}}",
            "{{connections[']}}",
            "{{connections['a\"]}}",
            "{{ connections['a'] }}",
            "{{connections.a}}",
            "{{connections['a'].secret_text}}",
            " {{connections['a']}}",
            "{{connections['a']}}x",
            "{{connections['a','b']}}",
            "{{connections['a']}}{{connections['b']}}",
            "{{connections['a\n']}}",
        ] {
            assert_eq!(reference(text), None, "{text:?}");
        }
    }
}
