//! Keys of flows, and what they are stored under.

use leno_sdk::prelude::*;

/// No key of a flow collides with one of the host or a trigger.
const PREFIX: &str = "value.";
/// The longest key, in characters: the host takes 128.
const LONGEST: usize = 128 - PREFIX.len();

/// What a key is stored under.
pub(crate) fn stored(key: &str) -> Result<String> {
    let key = key.trim();
    let length = key.chars().count();
    if length == 0 {
        return Err(Error::invalid_input("empty-key", "key: must not be empty"));
    }
    if length > LONGEST {
        let message = format!("key: has {length} characters; at most {LONGEST} are possible");
        return Err(Error::invalid_input("key-too-long", message));
    }
    if let Some((index, char)) = key.chars().enumerate().find(|(_, char)| char.is_control()) {
        let name = match char {
            '\n' => "a line feed".to_owned(),
            '\r' => "a carriage return".to_owned(),
            '\t' => "a tab".to_owned(),
            other => format!("the control character U+{:04X}", u32::from(other)),
        };
        let message = format!("key: has {name} after {index} characters; leave it out");
        return Err(Error::invalid_input("key-not-printable", message));
    }
    Ok(format!("{PREFIX}{key}"))
}
