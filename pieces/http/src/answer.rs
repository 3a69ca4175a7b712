//! The response, in the form that flows use.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use leno_sdk::http::Response;
use leno_sdk::prelude::*;

/// How to read the body.
#[derive(Choice, Clone, Copy)]
pub enum ResponseType {
    #[choice(label = "By its content type")]
    Auto,
    #[choice(label = "JSON")]
    Json,
    Text,
    #[choice(label = "Base64")]
    Base64,
}

/// The action's output.
pub(crate) fn of(response: Response, read_as: ResponseType) -> Result<Value> {
    let mut headers = Map::new();
    for (name, value) in response.headers() {
        let name = name.to_ascii_lowercase();
        match headers.get_mut(&name) {
            None => drop(headers.insert(name, value.into())),
            Some(Value::Array(values)) => values.push(value.into()),
            Some(first) => *first = json!([first.take(), value]),
        }
    }
    let (status, url) = (response.status(), response.url().to_owned());
    let body = match read_as {
        ResponseType::Auto => automatic(&response),
        // 204 and its like: what was asked for has happened, with nothing to say about it.
        ResponseType::Json if is_blank(&response) => Value::Null,
        ResponseType::Json => response.json()?,
        ResponseType::Text => response.read_text()?.into(),
        ResponseType::Base64 => STANDARD.encode(response.bytes()).into(),
    };
    Ok(json!({"status": status, "headers": headers, "url": url, "body": body}))
}

/// Whether there is nothing but spaces in the body.
fn is_blank(response: &Response) -> bool {
    response.read_text().is_ok_and(|text| text.trim().is_empty())
}

/// JSON if the content type says so and the body is JSON; text if it is text; else base64. An empty body is `null`.
fn automatic(response: &Response) -> Value {
    let bytes = response.bytes();
    if bytes.is_empty() {
        return Value::Null;
    }
    let content_type = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_json = matches!(media_type, "application/json" | "text/json") || media_type.ends_with("+json");
    if is_json && is_blank(response) {
        return Value::Null;
    }
    if is_json && let Ok(value) = response.json() {
        return value;
    }
    let binary = ["image/", "audio/", "video/", "font/"].iter().any(|kind| media_type.starts_with(kind))
        || matches!(
            media_type,
            "application/octet-stream" | "application/pdf" | "application/zip" | "application/gzip"
        );
    match response.read_text() {
        Ok(text) if !binary || media_type == "image/svg+xml" => text.into(),
        _ => STANDARD.encode(bytes).into(),
    }
}
