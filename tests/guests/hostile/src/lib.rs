//! A piece that misbehaves on request, one action per misbehaviour.
//!
//! It is written on the bare interface, without the SDK, because the SDK would keep it from most of what it does. The
//! same source makes three pieces: `hostile`, `hostile-open` (asks for every host) and `hostile-privileged` (imports
//! `leno:piece/secrets`).

mod behaviour;
mod egress;
mod metadata;
mod secrets;

use serde_json::{Value, json};

mod bindings {
    #[cfg(not(feature = "privileged"))]
    wit_bindgen::generate!({ path: "../../../wit", world: "piece", generate_all });
    #[cfg(feature = "privileged")]
    wit_bindgen::generate!({ path: "../../../wit", world: "privileged-piece", generate_all });
}

use bindings::exports::leno::piece::{actions, authentication, metadata as describing, properties, triggers};
use bindings::leno::piece::types::{Error, ErrorKind};

/// The result of an action: the text is passed to the host as it is, JSON or not.
type Answer = Result<String, Error>;

struct Hostile;

bindings::export!(Hostile with_types_in bindings);

impl describing::Guest for Hostile {
    fn describe() -> String {
        metadata::document().to_string()
    }
}

impl actions::Guest for Hostile {
    fn run(action: String, props: String) -> Answer {
        act(&action, &parse(&props)?)
    }
}

impl properties::Guest for Hostile {
    /// Options are as hostile as actions: the property's name is the misbehaviour's.
    fn resolve(_owner: String, property: String, props: String, _search: Option<String>) -> Answer {
        act(&property, &parse(&props)?)
    }
}

impl authentication::Guest for Hostile {
    /// Holds if the address in the connection's `baseUrl` accepts the credentials.
    fn validate() -> Result<(), Error> {
        let settings = parse(&bindings::leno::piece::connection::settings())?;
        let url = settings["baseUrl"].as_str().unwrap_or_default();
        match egress::send(&json!({ "url": url, "authorize": true }))?.status {
            200..300 => Ok(()),
            status => Err(fail(ErrorKind::Unauthorized, "refused", &format!("{url} answered {status}"))),
        }
    }
}

impl triggers::Guest for Hostile {
    fn enable(_trigger: String, props: String) -> Result<(), Error> {
        nested(&props).map(drop)
    }

    fn disable(_trigger: String, props: String) -> Result<(), Error> {
        nested(&props).map(drop)
    }

    fn run(_trigger: String, props: String, event: Option<String>) -> Result<Vec<String>, Error> {
        match event {
            Some(event) => Ok(vec![event]),
            None => Ok(vec![nested(&props)?]),
        }
    }

    fn test(_trigger: String, props: String) -> Result<Vec<String>, Error> {
        Ok(vec![nested(&props)?])
    }

    fn handshake(_trigger: String, _props: String, request: String) -> Answer {
        Ok(request)
    }

    fn renew(_trigger: String, props: String) -> Result<(), Error> {
        nested(&props).map(drop)
    }
}

/// The one trigger does what the action named in its props does.
fn nested(props: &str) -> Answer {
    let props = parse(props)?;
    act(props["action"].as_str().unwrap_or("ok"), &props["with"])
}

fn act(action: &str, props: &Value) -> Answer {
    match action {
        "ok" => Ok(json!({ "ok": true, "props": props }).to_string()),
        "context" => Ok(egress::context().to_string()),
        "busy_ms" => behaviour::busy(props),
        "spin" => behaviour::spin(),
        "sleep" => behaviour::sleep(props),
        "allocate" => behaviour::allocate(props),
        "recurse" => behaviour::recurse(),
        "big_output" => behaviour::big_output(props),
        "deep_json" => behaviour::deep_json(props),
        "not_json" => Ok("I am not JSON".into()),
        "raw_output" => Ok(text(props, "text").into()),
        "fail" => behaviour::fail_as_told(props),
        "trap" => core::arch::wasm32::unreachable(),
        "panic" => panic!("{}", text(props, "text")),
        "exit" => std::process::exit(1),
        "log_flood" => behaviour::log_flood(props),
        "log_escape" => behaviour::log_escape(),
        "leak" => behaviour::leak(props),
        "store" => behaviour::store(props),
        "fetch" => egress::fetch(props),
        "fetch_all" => egress::fetch_all(props),
        "fetch_many" => egress::fetch_many(props),
        "files" => Ok(json!({ "count": props["files"].as_array().map_or(0, Vec::len) }).to_string()),
        "fetch_forever" => egress::fetch_forever(props),
        "insist" => egress::insist(props),
        "settings" => secrets::settings(),
        "reveal" => secrets::reveal(),
        "reveal_often" => secrets::reveal_often(props),
        "echo_secret" => secrets::echo(props),
        other => Err(fail(ErrorKind::NotFound, "no-such-action", other)),
    }
}

fn fail(kind: ErrorKind, code: &str, message: &str) -> Error {
    Error { kind, code: code.into(), message: message.into(), retry_after_ms: None, details: None }
}

fn parse(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text).map_err(|error| fail(ErrorKind::InvalidInput, "not-json", &error.to_string()))
}

fn text<'a>(props: &'a Value, name: &str) -> &'a str {
    props[name].as_str().unwrap_or_default()
}

/// A number from the props, which forms hand over as text at times.
fn number(props: &Value, name: &str, otherwise: u64) -> u64 {
    let value = &props[name];
    value
        .as_u64()
        .or_else(|| value.as_f64().map(|number| number as u64))
        .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        .unwrap_or(otherwise)
}
