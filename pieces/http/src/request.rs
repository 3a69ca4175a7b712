//! The action.

use std::time::Duration;

use leno_sdk::prelude::*;
use leno_sdk::props::JSON_EDITOR;

use crate::answer::{self, ResponseType};
use crate::body::{self, BodyType, FilePart, pairs};

/// Redirects that are followed.
const REDIRECTS: u8 = 10;

/// The methods of HTTP (RFC 9110, section 9; RFC 5789).
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
    #[choice(label = "HEAD")]
    Head,
    #[choice(label = "OPTIONS")]
    Options,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
        }
    }
}

/// The properties of `send_request`.
#[derive(Props)]
pub struct SendRequest {
    #[prop(default = Method::Get)]
    pub(crate) method: Method,
    /// With `https://`
    #[prop(display_name = "URL", placeholder = "https://api.example.com/items")]
    pub(crate) url: String,
    /// Names and values
    #[prop(default)]
    pub(crate) headers: Map,
    /// Names and values, added to the URL; a list repeats its name
    #[prop(default, display_name = "Query parameters")]
    pub(crate) query: Map,
    /// If absent, that of the fields below which has something in it
    #[prop(display_name = "Body")]
    pub(crate) body_type: Option<BodyType>,
    /// The body, if it is JSON: any value. Text that is the JSON of an object or a list is sent as that
    #[prop(display_name = "JSON body", custom = JSON_EDITOR)]
    pub(crate) json: Option<Value>,
    /// The fields of the body, if it is a form
    #[prop(display_name = "Form fields")]
    pub(crate) form: Option<Map>,
    /// The files of the body, if it is a form with files
    #[prop(default)]
    pub(crate) files: Vec<FilePart>,
    /// The body, if it is text
    #[prop(display_name = "Text body")]
    pub(crate) text: Option<LongText>,
    #[prop(default = ResponseType::Auto, display_name = "Read the response as")]
    pub(crate) response_type: ResponseType,
    /// How long to wait for the response; the host has a limit of its own
    #[prop(display_name = "Timeout in seconds", min = 1, max = 600, advanced)]
    pub(crate) timeout: Option<u32>,
    /// Follow redirects, at most 10
    #[prop(default = true, advanced)]
    pub(crate) follow_redirects: bool,
    /// Fail the step if the status is 400 or more
    #[prop(default = true, advanced)]
    pub(crate) fail_on_status: bool,
}

/// Sends a request and returns status, headers, URL and body. With a connection, its credentials are added.
#[action(
    auth = false,
    classification = "WRITE",
    ai(description = "Calls any HTTP API. Prefer the service's own piece, if there is one.", idempotent = false),
    retry_on_failure(default = false),
    continue_on_failure(default = false)
)]
pub fn send_request(props: SendRequest) -> Result<Value> {
    let body_type = body::kind(&props)?;
    let is_multipart = matches!(body_type, BodyType::Multipart);
    let mut request = http::request(props.method.as_str(), props.url.trim());
    for (name, value) in pairs(&props.query) {
        request = request.query(name, value);
    }
    for (name, value) in pairs(&props.headers) {
        // The boundary of a form with files is known here only.
        if !(is_multipart && name.eq_ignore_ascii_case("content-type")) {
            request = request.header(name, value);
        }
    }
    request = body::add(request, body_type, &props)?.redirects(if props.follow_redirects { REDIRECTS } else { 0 });
    if let Some(seconds) = props.timeout {
        request = request.timeout(Duration::from_secs(u64::from(seconds)));
    }
    if connection::kind().is_some() {
        request = request.authorize();
    }
    let mut response = request.send()?;
    if props.fail_on_status {
        response = response.error_for_status()?;
    }
    answer::of(response, props.response_type)
}
