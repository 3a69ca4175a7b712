//! The body of a request.

use std::borrow::Cow;

use leno_sdk::http::{Multipart, Request};
use leno_sdk::prelude::*;

use crate::request::SendRequest;

/// The kinds of bodies.
#[derive(Choice, Clone, Copy)]
pub enum BodyType {
    None,
    #[choice(label = "JSON")]
    Json,
    #[choice(label = "Form (URL encoded)")]
    Form,
    #[choice(label = "Form with files (multipart)")]
    Multipart,
    Text,
}

/// A file in a form.
#[derive(Props)]
pub struct FilePart {
    /// The name of the form's field
    name: String,
    file: File,
    /// For example `image/png`; guessed from the file's name if absent
    content_type: Option<String>,
}

/// The kind of body that the flow names, else that of the property which has something in it.
pub(crate) fn kind(props: &SendRequest) -> Result<BodyType> {
    if let Some(kind) = props.body_type {
        return Ok(kind);
    }
    let blank = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
    let given = [
        ("json", BodyType::Json, props.json.as_ref().is_some_and(|value| !blank(value))),
        (
            "form",
            BodyType::Form,
            props.form.as_ref().is_some_and(|fields| !fields.is_empty()) && props.files.is_empty(),
        ),
        ("files", BodyType::Multipart, !props.files.is_empty()),
        ("text", BodyType::Text, props.text.as_ref().is_some_and(|text| !text.0.is_empty())),
    ];
    let mut given = given.iter().filter(|(_, _, given)| *given);
    match (given.next(), given.next()) {
        (None, _) => Ok(BodyType::None),
        (Some((_, kind, _)), None) => Ok(*kind),
        (Some((one, ..)), Some((other, ..))) => {
            let message = format!("body_type: is required, since both `{one}` and `{other}` have something in them");
            Err(Error::invalid_input("invalid-props", message))
        }
    }
}

/// A JSON body. Flows also write an object or a list as its text.
fn document(value: &Value) -> Cow<'_, Value> {
    let parsed = value.as_str().and_then(|text| text.trim_start_matches('\u{feff}').parse::<Value>().ok());
    match parsed.filter(|value| value.is_object() || value.is_array()) {
        Some(parsed) => Cow::Owned(parsed),
        None => Cow::Borrowed(value),
    }
}

/// Adds the body that the properties describe.
pub(crate) fn add(request: Request, kind: BodyType, props: &SendRequest) -> Result<Request> {
    let missing = |property: &str, kind: &str| {
        Error::invalid_input("invalid-props", format!("{property}: is required when the body is {kind}"))
    };
    Ok(match kind {
        BodyType::None => request,
        BodyType::Json => request.json(&document(props.json.as_ref().ok_or_else(|| missing("json", "JSON"))?)),
        BodyType::Text => request.text(props.text.as_ref().ok_or_else(|| missing("text", "text"))?.0.clone()),
        BodyType::Form => request.form(pairs(props.form.as_ref().ok_or_else(|| missing("form", "a form"))?)),
        BodyType::Multipart => {
            let mut parts = Multipart::new();
            for (name, value) in props.form.iter().flat_map(pairs) {
                parts = parts.text(name, value);
            }
            for FilePart { name, file, content_type } in &props.files {
                let content_type = content_type.as_deref().unwrap_or_else(|| guess(file));
                parts = parts.file(name, &file.filename, content_type, file.data.as_slice());
            }
            request.multipart(&parts)
        }
    })
}

/// Names and texts; a list repeats its name, `null` is left out.
pub(crate) fn pairs(values: &Map) -> impl Iterator<Item = (&str, String)> {
    values.iter().flat_map(|(name, value)| {
        let values = match value {
            Value::Array(items) => items.as_slice(),
            value => std::slice::from_ref(value),
        };
        values.iter().filter(|value| !value.is_null()).map(|value| (name.as_str(), text(value)))
    })
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The media type of the files that are sent most; everything else is bytes.
fn guess(file: &File) -> &'static str {
    match file.extension().as_deref() {
        Some("txt" | "log" | "md") => "text/plain",
        Some("csv") => "text/csv",
        Some("htm" | "html") => "text/html",
        Some("json") => "application/json",
        Some("xml") => "application/xml",
        Some("pdf") => "application/pdf",
        Some("zip") => "application/zip",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("png") => "image/png",
        Some("gif") => "image/gif",
        Some("svg") => "image/svg+xml",
        Some("webp") => "image/webp",
        Some("mp3") => "audio/mpeg",
        Some("mp4") => "video/mp4",
        _ => "application/octet-stream",
    }
}
