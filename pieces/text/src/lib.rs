//! Text.
use leno_sdk::prelude::*;
use leno_sdk::props::RawValue;

/// What comes in.
#[derive(Props)]
pub struct Echo {
    /// Any JSON value
    #[prop(custom = "")]
    value: Box<RawValue>,
}

/// Answers its value unchanged.
#[action(classification = "READ", ai(idempotent = true))]
pub fn echo(props: Echo) -> Result<Box<RawValue>> {
    Ok(props.value)
}

piece! {
    name: "text",
    display_name: "Text",
    actions: [echo],
}
