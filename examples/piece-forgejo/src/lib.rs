//! A piece for Forgejo and Gitea: a self-hosted server, so each connection says where its server is.

mod actions;
mod api;
mod choices;
mod model;
mod new_issue;
mod once;
mod repository_event;

pub use actions::{add_comment, create_issue, list_issues, list_repositories};
use leno_sdk::prelude::*;
pub use new_issue::NewIssue;
pub use repository_event::RepositoryEvent;

/// What a connection consists of.
#[derive(Props)]
#[props(rename_all = "camelCase")]
#[expect(dead_code, reason = "the host reads it")]
struct Account {
    /// The address of the server, for example `https://git.example.com`
    #[prop(display_name = "Server URL")]
    base_url: String,
    access_token: SecretText,
}

/// Holds if the server knows the token.
fn check(_: &Context) -> Result<()> {
    api::send(api::get("/user")?)?;
    Ok(())
}

piece! {
    name: "forgejo",
    display_name: "Forgejo",
    categories: [DeveloperTools],
    auth: Auth::custom::<Account>("Forgejo or Gitea account")
        .description(
            "Create the token in the server's settings, under *Applications*. It needs the scopes `read:user`, \
             `read:repository` and `write:issue`; for the trigger *Repository event* also `write:repository`."
        )
        .inject_header("Authorization", "token {{connection.accessToken}}")
        .hosts(&["{{connection.baseUrl}}"])
        .validate(check),
    hosts: ["{{connection.baseUrl}}"],
    actions: [list_repositories, list_issues, create_issue, add_comment],
    triggers: [NewIssue, RepositoryEvent],
}
