//! The actions of the piece.

use leno_sdk::prelude::*;
use serde::Serialize;

/// The inputs of the action. The types of the fields choose the fields of the form.
#[derive(Props)]
pub struct Greet {
    /// The person to greet
    pub name: String,
    #[prop(default = 1, min = 1, max = 3)]
    pub times: u32,
    pub tone: Option<Tone>,
}

/// The options of a drop-down list.
#[derive(Choice)]
pub enum Tone {
    Friendly,
    Formal,
}

/// The output of the action.
#[derive(Debug, PartialEq, Serialize)]
pub struct Greeting {
    pub text: String,
}

/// Greets a person.
#[action(auth = false, classification = "READ", ai(idempotent = true))]
pub fn greet(props: Greet) -> Result<Greeting> {
    if props.name.trim().is_empty() {
        return Err(Error::invalid_input("no-name", "name: must not be empty"));
    }
    let word = match props.tone {
        Some(Tone::Formal) => "Good day",
        Some(Tone::Friendly) | None => "Hello",
    };
    let words = vec![word; props.times as usize].join(", ");
    log::info!(times = props.times; "greeted {}", props.name);
    Ok(Greeting {
        text: format!("{words}, {}!", props.name),
    })
}
