//! Entries for fuzzers. Each takes arbitrary bytes, must not panic by itself, and asserts what must hold of any input.

use serde_json::Value;

use crate::{ConnectionValue, Metadata, Properties, coerce, coerce_with, parse_properties};

/// One property of each type, for inputs without properties.
const ALL_TYPES: &str = include_str!("fuzzing.json");

/// Reads a metadata document. What parses must survive the way through Activepieces' shape.
pub fn metadata(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let parsed = match Metadata::parse(text) {
        Ok(parsed) => parsed,
        Err(problems) => {
            assert!(!problems.is_empty() && !problems.to_string().is_empty());
            return;
        }
    };
    let full = parsed.full();
    let _ = parsed.summary();
    // Copies of `auth` may take the full shape beyond the depth that a piece's own document may have.
    if crate::json::too_deep(&full) {
        return;
    }
    let again = Metadata::parse_within(&full.to_string(), usize::MAX);
    assert_eq!(again.as_ref().err(), None, "the full shape is refused");
    if let Ok(again) = again {
        assert_eq!(
            (&parsed.name, &parsed.version, &parsed.auth, &parsed.egress_hosts, &parsed.actions),
            (&again.name, &again.version, &again.auth, &again.egress_hosts, &again.actions)
        );
        assert_eq!(parsed.triggers.keys().collect::<Vec<_>>(), again.triggers.keys().collect::<Vec<_>>());
        assert_eq!(full, again.full());
    }
    for action in parsed.actions.values() {
        idempotent(&action.props, &Value::Object(serde_json::Map::new()));
    }
}

/// Coerces an input: `[properties, input]`, or any other JSON as the input of one property of each type.
pub fn coercion(bytes: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Some([props, input]) = document.as_array().map(Vec::as_slice) {
        let Ok(props) = parse_properties(&props.to_string()) else { return };
        idempotent(&props, input);
    } else if let Ok(props) = parse_properties(ALL_TYPES) {
        idempotent(&props, &document);
    }
}

/// Takes a connection value through everything that reads one, with an auth entry of each type.
pub fn connection(bytes: &[u8]) {
    const PIECE: &str = include_str!("fuzzing.piece.json");
    let (Ok(text), Ok(piece)) = (std::str::from_utf8(bytes), Metadata::parse(PIECE)) else { return };
    let Ok(connection) = ConnectionValue::parse(text) else { return };
    let _ = piece.hosts(Some(&connection));
    let _ = connection.reveal();
    for auth in &piece.auth {
        let _ = auth.hosts(&connection);
        let secrets = connection.secrets(Some(auth));
        let settings = connection.settings(auth);
        let secret = ["secret_text", "password", "access_token", "refresh_token", "client_secret", "token"];
        assert!(secret.iter().all(|name| settings.get(name).is_none()));
        if let Ok(injection) = auth.credentials(&connection) {
            for (name, value) in &injection.headers {
                use secrecy::ExposeSecret as _;
                let value = value.expose_secret();
                assert!(!name.contains(['\r', '\n']) && !value.contains(['\r', '\n']));
            }
        }
        drop(secrets);
        if let Ok(accepted) = auth.accept(connection.expose()) {
            assert!(auth.accept(accepted.expose()).is_ok());
        }
    }
}

/// Coercing a coerced input again changes nothing.
fn idempotent(props: &Properties, input: &Value) {
    let dynamic = props.iter().map(|(name, _)| (name.clone(), props.clone())).take(3).collect();
    let _ = coerce_with(props, &dynamic, input.clone());
    let Ok(coerced) = coerce(props, input.clone()) else { return };
    assert_eq!(coerce(props, coerced.value.clone()), Ok(coerced));
}
