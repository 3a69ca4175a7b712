//! The types that every room of the host shares.
//!
//! - [`TenantId`], [`UserId`], [`OrganizationId`], [`EmployeeId`], [`ExternalId`]: ids as types.
//! - [`Owner`]: the user that data belongs to. [`Actor`]: the user that work is done for, and what set it off; not
//!   necessarily a request.
//! - [`Origin`]: the request that work comes from.
//! - [`Clock`], [`SystemClock`], [`milliseconds`], [`micros`], [`iso`]: time that tests can move, and its units.
//! - [`random`]: secrets from the operating system.
//! - [`Digest`]: SHA-256 of a component.
//! - [`budget`]: what each resource is limited to, and for whom.
//! - [`fair`]: a bounded number of places, shared fairly.
//! - [`stock`]: a bounded amount, such as memory, shared fairly.
//! - [`Tasks`]: background work that shutdown waits for. [`Periodic`]: named passes that repeat.
//!
//! This crate knows nothing of HTTP, SQL or WebAssembly, and depends on no other room.

mod actor;
pub mod budget;
mod clock;
mod digest;
mod external_id;
pub mod fair;
mod id;
mod origin;
mod owner;
mod periodic;
pub mod random;
pub mod stock;
mod tasks;

pub use actor::{Actor, Behalf};
pub use clock::{Clock, MovingClock, SystemClock, iso, micros, milliseconds, unix_milliseconds};
pub use digest::{Digest, DigestError};
pub use external_id::{ExternalId, InvalidExternalId};
pub use id::{EmployeeId, OrganizationId, TenantId, UserId};
pub use origin::Origin;
pub use owner::Owner;
pub use periodic::{OnRun, Periodic, TaskStatus};
pub use random::NoRandomness;
pub use tasks::Tasks;
