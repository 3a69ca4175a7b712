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
mod body;
mod budgets;
mod client;
mod coding;
mod connections;
mod connector;
mod denied;
mod error;
mod exchange;
#[doc(hidden)]
pub mod fuzzing;
mod grant;
mod hold;
mod message;
mod meter;
mod outgoing;
mod own;
mod pattern;
mod places;
mod policy;
mod pool;
mod resolver;
mod threads;
mod wire;

pub use address::Class;
pub use budgets::BUDGETS;
pub use client::{Client, Transport};
pub use denied::Denied;
pub use error::Error;
pub use grant::{InvalidGrant, PrivateGrant};
pub use hold::Hold;
pub use message::{Caps, Credentials, Request, Response};
pub use meter::{Meter, Payer, Spent};
pub use pattern::{HostPattern, InvalidPattern};
pub use policy::Policy;
pub use pool::{ClientConfig, SetupError};
pub use resolver::{Resolver, SystemResolver};
