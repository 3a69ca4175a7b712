//! The connections of users: encrypted at rest, refreshed before their tokens expire, and passed to the calls that need
//! them.
//!
//! | File | Holds |
//! | --- | --- |
//! | `service`, `content` | making, reading, changing and removing connections |
//! | `view`, `event` | a connection as its owner sees it, and the events about it |
//! | `resolve` | connections for calls |
//! | `refresh`, `flights` | refreshing access tokens |
//! | `sign_in` | signing in at a provider, from the authorization URL to the callback |
//! | `tokens`, `providers` | the requests to providers |
//! | `oauth_apps` | registered OAuth clients |
//! | `references` | which workflows use which connections |
//! | `people` | users without an account |
//! | `import` | connections of other systems |

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
