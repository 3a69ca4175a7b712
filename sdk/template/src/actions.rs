//! What the piece can do.

use leno_sdk::prelude::*;
use serde::Serialize;

/// What the action asks for: the types of the fields choose the fields of the form.
#[derive(Props)]
pub struct Greet {
    /// Who is greeted
    pub name: String,
    #[prop(default = 1, min = 1, max = 3)]
    pub times: u32,
    pub tone: Option<Tone>,
}

/// A choice.
#[derive(Choice)]
pub enum Tone {
    Friendly,
    Formal,
}

/// What the action answers.
#[derive(Debug, PartialEq, Serialize)]
pub struct Greeting {
    pub text: String,
}

/// Greets somebody.
#[action(auth = false, classification = "READ", ai(idempotent = true))]
pub fn greet(props: Greet) -> Result<Greeting> {
    if props.name.trim().is_empty() {
        return Err(Error::invalid_input("no-name", "name: nobody is named"));
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
