//! The pieces of this host: which there are ([`Registry`]), which may be there ([`Lock`]), and running them ([`Runs`]).

mod breaker;
mod budgets;
mod directory;
mod error;
mod lines;
mod loader;
mod lock;
mod observer;
mod options;
mod published;
mod registry;
mod runs;
mod status;
mod store;
mod table;
mod trail;

pub use budgets::BUDGETS;
pub use error::{RegistryError, RemoveError, RescanError, UploadError};
pub use lock::{Lock, LockError, Pin};
pub use observer::Observer;
pub use options::{GrantFor, OnStatus, RegistryOptions};
pub use registry::Registry;
pub use runs::{Refusal, Run, Runs, StepContext, StepRequest, StoreFor};
pub use status::{FileState, FileStatus, Reason};
pub use store::{PieceStore, StoreQuota};
pub use table::{NotFound, Version};
