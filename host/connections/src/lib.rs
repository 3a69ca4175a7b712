//! The connections of users: encrypted at rest, refreshed before their tokens expire, and passed to the calls that need
//! them.
//!
//! | File | Holds |
//! | --- | --- |
//! | `inner` | what every file works with; the end of each change: audit entry, event, commit |
//! | `service` | making, reading, changing, removing |
//! | `resolve` | connections on their way into calls |
//! | `refresh`, `flights` | refreshing access tokens: one refresh per connection in a process |
//! | `renewal` | one refresh, from the lease to the commit: one per database |
//! | `revocations` | tokens that are to be revoked |
//! | `upkeep` | what is done for connections that nobody uses: renewals, and telling their ends |
//! | `tokens`, `providers` | token requests, and where a piece's provider is |
//! | `sign_in` | signing in at a provider, from the authorization URL to the callback |
//! | `quotas` | how much each user and each tenant may have and do |
//! | `oauth_apps` | OAuth clients that the operator registered |
//! | `references` | which workflows use which connections |
//! | `people`, `erasure` | users without an account; users and tenants that are removed |
//! | `event` | what an event of a connection contains |
//! | `view`, `content` | a connection as the API shows it, and as it is stored |
//! | `import` | connections of other systems |
//!
//! This crate knows neither HTTP routes nor the sandbox; encryption is `leno-vault`, the OAuth 2.0 client `leno-oauth2`.

mod budgets;
mod connect_sessions;
mod content;
mod erasure;
mod error;
mod event;
mod flights;
pub mod import;
mod inner;
mod oauth_apps;
mod people;
mod providers;
mod quotas;
mod references;
mod refresh;
mod renewal;
mod resolve;
mod revocations;
mod service;
mod sign_in;
#[cfg(test)]
mod tests;
mod tokens;
mod upkeep;
mod view;

pub use self::budgets::BUDGETS;
pub use self::{
    connect_sessions::{ConnectDraft, ConnectSession, Opened, Progress},
    erasure::Erased,
    error::ConnectionError,
    event::EventKind,
    inner::{Connections, Parts},
    people::Moved,
    providers::{OAuth2Of, PrivateFor},
    quotas::Trial,
    references::ReferenceError,
    resolve::Stored,
    service::{Edition, NewConnection, Replace},
    sign_in::{Arrival, Begun, Draft, Failed, Finished, SignIn, SignInClient, Wishes, new_browser},
    view::ConnectionView,
};
