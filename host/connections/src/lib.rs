//! The connections of users: encrypted at rest, refreshed before their tokens expire, handed to the calls that need
//! them.
//!
//! | File | Holds |
//! | --- | --- |
//! | `external_id`, `owner`, `error` | the words of this room |
//! | `keyring` | encryption |
//! | `keys` | which keys are in use, the check at the start, rotation |
//! | `service` | making, reading, changing, removing |
//! | `oauth2` | the OAuth 2.0 client: addresses, requests, answers |
//! | `refresh` | renewing access tokens |
//! | `sign_in` | signing in at a provider, from the authorization URL to the callback |
//! | `claim` | tokens for a connection that is being made, and registered OAuth clients |
//! | `events`, `webhooks` | telling owners what happens to their connections |
//! | `resolve` | connections on their way into calls |
//! | `references` | which workflows use which connections |
//! | `import`, `gcm` | connections of other systems |
//! | `people` | people without an account |

mod content;
mod error;
mod event;
mod flights;
pub mod import;
mod inner;
mod oauth_apps;
mod people;
mod providers;
mod references;
mod refresh;
mod resolve;
mod service;
mod sign_in;
#[cfg(test)]
mod tests;
mod tokens;
mod view;

pub use self::{
    error::ConnectionError,
    event::EventKind,
    inner::Connections,
    people::Moved,
    providers::PrivateFor,
    references::ReferenceError,
    resolve::Stored,
    service::{Edition, NewConnection, Replace},
    sign_in::{Begun, Draft, Failed, Finished, SignIn, SignInClient, new_browser},
    view::ConnectionView,
};
pub use leno_base::Owner;
