//! The only way from a piece to the network.
//!
//! A piece has no sockets. It sends requests through the host, and the host sends them through this crate:
//!
//! - [`Policy`] says where a request may go: an allow-list of hosts, and the private addresses an operator opened. It is
//!   a pure function of a URL or an address.
//! - [`Client`] sends it. The client resolves a name once, refuses it if any of its addresses is refused, connects only to
//!   an address it has checked, follows a redirect only if the policy permits its target, adds [`Credentials`] only for
//!   their hosts, and stops at the [`Caps`].
//! - [`Transport`] is its interface for the rest of the host.
//!
//! ```no_run
//! use leno_egress::{Caps, Client, ClientConfig, Policy, Request, Transport};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(ClientConfig::default())?;
//! let policy = Policy::new(vec!["api.example.com".parse()?], vec![]);
//! let request = Request::new("GET", "https://api.example.com/v1/things");
//! let response = client.send(request, &policy, &Caps::default()).await?;
//! assert_eq!(response.status, 200);
//! # Ok(())
//! # }
//! ```

mod address;
mod budgets;
mod client;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod grant;
mod message;
mod outgoing;
mod pattern;
mod policy;
mod pool;
mod resolver;
mod threads;

pub use address::Class;
pub use budgets::BUDGETS;
pub use client::{Client, Transport};
pub use error::Error;
pub use grant::{InvalidGrant, PrivateGrant};
pub use message::{Caps, Credentials, Meter, Request, Response};
pub use pattern::{HostPattern, InvalidPattern};
pub use policy::{Denied, Policy};
pub use pool::{ClientConfig, SetupError};
pub use resolver::{Resolver, SystemResolver};
