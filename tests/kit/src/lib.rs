//! What all tests build on.
//!
//! - [`fresh`] makes databases that go away with the test, on SQLite and on PostgreSQL.
//! - [`Server`] is `leno serve` as a child process; [`Client`] calls its API as some [`Caller`].
//! - [`guests`] finds the hostile guests written in Rust, [`craft`] makes components that no compiler would emit.
//! - [`Upstream`] is the other end of the network, [`Trap`] a port that nobody may connect to, [`Wire`] a way that can be cut.
//! - [`Forgejo`] is a service with an API, for the piece in `examples`.
//! - [`OAuthClient`] is an application at the server's OAuth app.
//! - [`peers`] are third parties: a real OAuth provider, a browser, Node.
//! - [`Neighbour`] is the well-behaved piece that must not notice any of it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of it is test code: a failure is a failed test"
)]

pub mod api;
pub mod craft;
pub mod forgejo;
pub mod fresh;
pub mod guests;
pub mod lines;
pub mod metrics;
pub mod neighbour;
pub mod oauth_client;
pub mod peers;
pub mod process;
pub mod server;
pub mod stage;
pub mod token;
pub mod trap;
pub mod upstream;
pub mod wire;

/// For [`on_both!`].
#[doc(no_inline)]
pub use leno_db::Db;

pub use api::{Answer, Client, Run};
pub use forgejo::Forgejo;
pub use neighbour::Neighbour;
pub use oauth_client::OAuthClient;
pub use server::{Grant, Options, Server};
pub use stage::Stage;
pub use token::Caller;
pub use trap::Trap;
pub use upstream::Upstream;
pub use wire::Wire;
