//! What an answer of Gauzy means. A status below 400 does not make it a success.

use leno_sdk::http::Response;
use leno_sdk::prelude::*;

use crate::call::Call;
use crate::permission;

/// How much of a text of the server an error repeats.
const SHOWN_CHARS: usize = 500;

/// The code of an error that says that a value must be unique and is there already.
pub(crate) const TAKEN: &str = "gauzy-taken";

/// The body of a success; `null` if it is empty.
pub(crate) fn body(call: &Call, response: &Response) -> Result<Value> {
    let status = response.status();
    let body = json(response);
    if status >= 400 {
        let error = refusal(call, status, body.as_ref());
        return Err(match response.retry_after() {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        });
    }
    let Some(body) = body else {
        let message = format!(
            "{} was not answered with JSON; check that the base URL of the connection is that of the Gauzy API, not that of \
             its web application",
            call.name()
        );
        return Err(Error::unavailable("gauzy-no-json", message));
    };
    match hidden_error(&body) {
        Some(said) => Err(failed(call, &said)),
        None => Ok(body),
    }
}

/// The body as JSON, `null` if it is empty; none if it is something else. Gauzy writes UTF-8 only, so the bytes are read as
/// they are: the tables of all other encodings would make the component twice as large.
pub(crate) fn json(response: &Response) -> Option<Value> {
    let text = std::str::from_utf8(response.bytes()).ok()?;
    if text.trim_ascii().is_empty() { Some(Value::Null) } else { text.parse().ok() }
}

/// The message of an error that Gauzy answers with a success: `{"message"}` and nothing else. Every exception that Gauzy did
/// not foresee comes so.
fn hidden_error(body: &Value) -> Option<String> {
    let members = body.as_object()?;
    let only_error = members.keys().all(|name| matches!(name.as_str(), "message" | "error" | "statusCode"));
    if only_error { said(body) } else { None }
}

fn failed(call: &Call, said: &str) -> Error {
    let message = format!("Gauzy could not do {}: {said}", call.name());
    // The database says so about what the caller gave; anything else may pass.
    if said.contains("invalid input syntax") || said.contains("was not found in \"") {
        Error::invalid_input("gauzy-refused", message)
    } else {
        Error::unavailable("gauzy-failed", message)
    }
}

/// The error that a status of 400 or more stands for.
fn refusal(call: &Call, status: u16, body: Option<&Value>) -> Error {
    let name = call.name();
    let said = body.and_then(said);
    let reason = said.as_deref().unwrap_or("it gave no reason");
    match status {
        401 => Error::unauthorized(
            "gauzy-reconnect",
            format!("Gauzy does not accept the connection's token (it said: {reason}); reconnect"),
        ),
        403 => forbidden(call, said.as_deref()),
        404 => {
            Error::not_found("gauzy-not-found", format!("{name}: Gauzy has no such record, or the user may not see it"))
        }
        406 if reason.contains("uuid") => {
            Error::invalid_input("gauzy-malformed-id", format!("{name}: the id is malformed; give a UUID"))
        }
        429 => Error::rate_limited("gauzy-rate", format!("{name}: Gauzy gets too many requests: {reason}")),
        408 | 500..=599 => {
            Error::unavailable(format!("gauzy-{status}"), format!("{name}: Gauzy answered {status}: {reason}"))
        }
        _ if body.is_some_and(is_taken) => Error::invalid_input(TAKEN, format!("{name}: {reason}")),
        _ => Error::invalid_input("gauzy-refused", format!("{name}: Gauzy refused it: {reason}")),
    }
}

fn forbidden(call: &Call, said: Option<&str>) -> Error {
    let needed = permission::needed(call.method, &call.path);
    let mut message = format!("Gauzy does not let the user of this connection do {}", call.name());
    if let Some(said) = said.filter(|said| *said != "Forbidden resource") {
        message.push_str(&format!(": {said}"));
    } else if needed.is_empty() {
        message.push_str("; ask an administrator of Gauzy for the permission");
    } else {
        message.push_str(&format!("; it needs the permission {}", needed.join(" or ")));
    }
    Error::denied("gauzy-permission", message).with_details(json!({"permissions": needed}))
}

/// What the server says: its message, all of them, or that of its database. The query and the parameters of the database stay
/// out: they hold what others have written.
fn said(body: &Value) -> Option<String> {
    let text = match (body.get("message"), body.get("detail"), body.get("driverError")) {
        (Some(Value::Array(messages)), ..) => messages.iter().map(text).collect::<Vec<_>>().join("; "),
        (Some(Value::Object(inner)), ..) => return inner.get("message").map(text).filter(|text| !text.is_empty()),
        (Some(message), ..) => text(message),
        (None, Some(detail), _) => format!("its database said: {}", text(detail)),
        (None, None, Some(error)) => {
            let said = ["detail", "message", "code"].iter().find_map(|name| error.get(*name)).map(text)?;
            format!("its database said: {said}")
        }
        _ => return None,
    };
    let shown: String = text.chars().take(SHOWN_CHARS).collect();
    Some(shown).filter(|text| !text.is_empty())
}

/// Whether the database refused a value that must be unique: PostgreSQL, SQLite and MySQL each say it in their own way.
fn is_taken(body: &Value) -> bool {
    let driver = body.get("driverError").unwrap_or(body);
    let code = driver.get("code").or_else(|| body.get("code")).map(text).unwrap_or_default();
    let message = driver.get("message").map(text).unwrap_or_default();
    code == "23505"
        || code == "ER_DUP_ENTRY"
        || message.contains("UNIQUE constraint failed")
        || code == "SQLITE_CONSTRAINT_UNIQUE"
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
