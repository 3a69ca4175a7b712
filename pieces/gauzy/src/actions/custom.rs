//! Any request to the API of Gauzy.

use leno_sdk::prelude::*;
use leno_sdk::props::JSON_EDITOR;

use crate::answer;
use crate::call::Call;
use crate::fields::without_secrets;
use crate::gauzy::Gauzy;

/// The methods that the API knows.
#[derive(Choice, Clone, Copy)]
#[choice(rename_all = "UPPERCASE")]
pub enum Method {
    #[choice(label = "GET")]
    Get,
    #[choice(label = "POST")]
    Post,
    #[choice(label = "PUT")]
    Put,
    #[choice(label = "PATCH")]
    Patch,
    #[choice(label = "DELETE")]
    Delete,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request.
#[derive(Props)]
pub struct CustomApiCall {
    #[prop(default = Method::Get)]
    method: Method,
    /// Below `/api`, for example `/organization-projects`
    #[prop(placeholder = "/organization-projects")]
    path: String,
    /// Names and values, for example `where[organizationId]`; a list repeats its name
    #[prop(default, display_name = "Query parameters")]
    query: Map,
    /// The body: any JSON value
    #[prop(custom = JSON_EDITOR)]
    body: Option<Value>,
    /// Fail the step if Gauzy answers with an error, also with one whose status says success
    #[prop(default = true, advanced)]
    fail_on_error: bool,
}

/// Sends any request to the API of Gauzy, with the tenant and the credentials of the connection. Returns status and body;
/// members of the body that hold tokens and passwords are left out.
#[action(
    display_name = "Custom API call",
    classification = "WRITE",
    ai(description = "Calls any endpoint of the Gauzy API. Prefer the other actions.", idempotent = false)
)]
pub fn custom_api_call(ctx: &Context, props: CustomApiCall) -> Result<Value> {
    let mut call = Call::new(props.method.as_str(), path(&props.path)?);
    for (name, value) in props.query {
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for value in values.into_iter().filter(|value| !value.is_null()) {
            call = call.query(&name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
    }
    call.body = props.body;
    let response = Gauzy::connect(ctx)?.respond(&call)?;
    let body = if props.fail_on_error {
        answer::body(&call, &response)?
    } else {
        answer::json(&response).unwrap_or_else(|| String::from_utf8_lossy(response.bytes()).into_owned().into())
    };
    Ok(json!({"status": response.status(), "body": without_secrets(body)}))
}

/// A path below `/api`. One that leaves it is refused.
fn path(given: &str) -> Result<String> {
    let path = given.trim();
    let path = path.strip_prefix("/api/").unwrap_or_else(|| path.trim_start_matches('/'));
    let refuse = |why: &str| Err(Error::invalid_input("invalid-props", format!("path: `{given}` {why}")));
    if path.contains("://") || path.contains(['?', '#', '\\']) {
        return refuse("is not a path; write it as in `/tasks`, and the query in its own field");
    }
    let is_dots = |part: &str| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if path.is_empty() || path.split('/').any(is_dots) {
        return refuse("does not name an endpoint below `/api`");
    }
    Ok(format!("/{path}"))
}
