//! A well-behaved piece for the tests of leno-test: a trigger of each kind, and actions that show what the host gives.

mod actions;
mod triggers;

use actions::{crash, now, pick, recall, spin};
use leno_sdk::prelude::*;
use triggers::{Fired, Mention, NewByPlace, NewByTime, Paid};

/// What a connection consists of.
#[derive(Props)]
#[expect(dead_code, reason = "the host reads it")]
struct Account {
    /// Where the service is
    base_url: String,
    key: SecretText,
}

fn check(_: &Context) -> Result<()> {
    http::get("https://poll.test/me").authorize().send()?.error_for_status()?;
    Ok(())
}

piece! {
    name: "poller",
    display_name: "Poller",
    auth: Auth::custom::<Account>("Account")
        .inject_header("X-Key", "{{connection.key}}")
        .hosts(&["poll.test", "{{connection.base_url}}"])
        .validate(check),
    hosts: ["poll.test", "{{connection.base_url}}"],
    actions: [now, recall, pick, spin, crash],
    triggers: [NewByTime, NewByPlace, Paid, Mention, Fired],
}
