//! The network: whatever the props ask for goes to the host as it is, and what the host says comes back word for word.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bindings::leno::piece::types::{Error, ErrorKind};
use crate::bindings::leno::piece::{context as call, http};
use crate::{Answer, number, text};

/// Sends one request and returns `{"response": {…}}` or `{"error": {…}}`: a refusal must not end the call.
pub fn fetch(props: &Value) -> Answer {
    Ok(told(send(props)).to_string())
}

/// Sends the requests of `requests` together, and returns an array of what [`fetch`] returns.
pub fn fetch_all(props: &Value) -> Answer {
    let requests: Vec<_> = props["requests"].as_array().into_iter().flatten().map(request).collect();
    let answers: Vec<Value> = http::send_all(&requests).into_iter().map(told).collect();
    Ok(Value::from(answers).to_string())
}

/// Sends a request to each of `urls` together, and the list `times` times, and answers how many responses there were, how
/// many bytes, and how often each error.
pub fn fetch_many(props: &Value) -> Answer {
    let urls: Vec<&str> = props["urls"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let all = (0..number(props, "times", 1)).flat_map(|_| urls.iter().copied());
    let requests: Vec<_> = all.map(|url| http::Request { url: url.into(), ..request(props) }).collect();
    let (mut ok, mut bytes, mut errors, mut first) = (0, 0, BTreeMap::<String, u64>::new(), Value::Null);
    for answer in http::send_all(&requests) {
        match answer {
            Ok(response) => (ok, bytes) = (ok + 1, bytes + response.body.len()),
            Err(error) => {
                first = if first.is_null() { error_json(&error) } else { first };
                *errors.entry(error.code).or_default() += 1;
            }
        }
    }
    Ok(json!({ "ok": ok, "bytes": bytes, "errors": errors, "first": first }).to_string())
}

/// Sends the same request `times` times and keeps every response; stops at the first error and returns it.
pub fn fetch_forever(props: &Value) -> Answer {
    let mut kept = Vec::new();
    for _ in 0..number(props, "times", u64::MAX) {
        match send(props) {
            Ok(response) => kept.push(response),
            Err(error) => return Ok(json!({ "sent": kept.len(), "error": error_json(&error) }).to_string()),
        }
    }
    Ok(json!({ "sent": kept.len() }).to_string())
}

/// Sends the same request `times` times, whatever the host says to it.
pub fn insist(props: &Value) -> Answer {
    let times = number(props, "times", u64::MAX);
    let refused = (0..times).filter(|_| send(props).is_err()).count();
    Ok(json!({ "refused": refused }).to_string())
}

pub fn send(props: &Value) -> Result<http::Response, Error> {
    http::send(&request(props))
}

fn request(props: &Value) -> http::Request {
    let headers = props["headers"].as_array().into_iter().flatten();
    let method = text(props, "method");
    http::Request {
        method: if method.is_empty() { "GET".into() } else { method.into() },
        url: text(props, "url").into(),
        headers: headers.map(|pair| (part(pair, 0), part(pair, 1))).collect(),
        body: props["body"].as_str().map(|body| body.as_bytes().to_vec()),
        authorize: props["authorize"].as_bool().unwrap_or(false),
        timeout_ms: props["timeout_ms"].as_u64().map(|ms| ms as u32),
        redirects: number(props, "redirects", 0) as u8,
    }
}

fn part(pair: &Value, index: usize) -> String {
    pair[index].as_str().unwrap_or_default().to_owned()
}

fn told(result: Result<http::Response, Error>) -> Value {
    match result {
        Ok(response) => json!({ "response": {
            "status": response.status,
            "url": response.url,
            "headers": response.headers,
            "body": String::from_utf8_lossy(&response.body),
        } }),
        Err(error) => json!({ "error": error_json(&error) }),
    }
}

fn error_json(error: &Error) -> Value {
    let kind = match error.kind {
        ErrorKind::InvalidInput => "invalid-input",
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::NotFound => "not-found",
        ErrorKind::RateLimited => "rate-limited",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Denied => "denied",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Internal => "internal",
    };
    json!({ "kind": kind, "code": error.code, "message": error.message, "details": error.details })
}

/// Everything the host tells a call about itself.
pub fn context() -> Value {
    json!({
        "runId": call::run_id(),
        "attempt": call::attempt(),
        "idempotencyKey": call::idempotency_key(),
        "remainingMs": call::remaining_ms(),
        "webhookUrl": call::webhook_url(),
    })
}
