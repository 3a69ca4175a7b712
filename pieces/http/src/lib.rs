//! The built-in piece `http`: sends HTTP requests to any service, with or without a connection.

mod answer;
mod auth;
mod body;
mod request;

use leno_sdk::prelude::*;
pub use request::send_request;

piece! {
    name: "http",
    display_name: "HTTP",
    categories: [Core, DeveloperTools],
    auth: [auth::basic(), auth::token(), auth::api_key(), auth::oauth2()],
    hosts: ["*"],
    actions: [send_request],
}
