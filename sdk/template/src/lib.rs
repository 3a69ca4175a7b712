//! A piece with an action, a connection and a trigger, as a starting point.

mod actions;
mod triggers;

pub use actions::greet;
use leno_sdk::prelude::*;
pub use triggers::NewGuest;

/// Checks a connection. The user sees the error.
fn check(_: &Context) -> Result<()> {
    http::get("https://api.example.com/me")
        .authorize()
        .send()?
        .error_for_status()?;
    Ok(())
}

piece! {
    name: "{{name}}",
    display_name: "{{name}}",
    categories: [Core],
    // The host sends the key as `Authorization: Bearer …`, only to these hosts. The piece never sees it.
    auth: Auth::secret_text("API key").hosts(&["api.example.com"]).validate(check),
    hosts: ["api.example.com"],
    actions: [greet],
    triggers: [NewGuest],
}
