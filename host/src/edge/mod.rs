//! What every request passes, whichever surface it is for.
//!
//! | File | Holds |
//! | --- | --- |
//! | `listener/` | connections: accepting, time limits for heads, bodies and responses, graceful end |
//! | `ring` | request ids, response headers, panics, counting |
//! | `authorization` | the bearer token or the internal token of a request |
//! | `body` | bodies that hold their part of a budget until they are written |
//! | `bodies`, `weight` | bodies of requests, within the memory that there is for them |
//! | `extract` | path, query and JSON texts, with every fault listed |
//! | `budgets` | how many connections, how much memory, how many requests |
//! | `rate` | requests a second of each user and tenant |
//! | `rejection` | why a request was refused, before any surface gives it a form |
//! | `public_url` | how the outside world reaches this host |
//! | `cookie` | cookies of this host's pages |
//! | `page` | pages, and what browsers let them do |
//! | `cors` | pages of other origins that use the API |
//!
//! Extractors need only what they name: `Authorized` works in every router whose state yields an
//! `Identity` and the `Rates` (`FromRef`). They refuse with a [`Rejection`]; the surface that the request is
//! for renders it, see `rejection::render_with`.
//!
//! The edge knows no room of the host and no surface.

pub(crate) mod authorization;
pub(crate) mod bodies;
pub(crate) mod body;
pub(crate) mod budgets;
pub(crate) mod cookie;
pub(crate) mod cors;
pub(crate) mod extract;
pub(crate) mod listener;
pub(crate) mod page;
pub(crate) mod public_url;
pub(crate) mod rate;
pub(crate) mod rejection;
pub(crate) mod ring;
mod weight;

use http::HeaderName;

pub use self::budgets::BUDGETS;
pub use self::{bodies::Bodies, public_url::PublicUrl, rejection::Rejection};

/// The run that a response belongs to.
pub(crate) const RUN_ID: HeaderName = HeaderName::from_static("x-run-id");
