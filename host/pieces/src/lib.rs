//! The pieces of this host: which there are ([`Registry`]), which may be there ([`Lock`]), and running them ([`Runs`]).

mod approval;
mod breaker;
mod budgets;
mod catalog;
mod directory;
mod error;
mod kept;
mod lines;
mod loader;
mod loading;
mod lock;
mod observer;
mod options;
mod place;
mod published;
mod registry;
mod runs;
mod signature;
mod status;
mod store;
mod table;
mod trail;

pub use approval::Asks;
pub use budgets::{BUDGETS, COMPONENT_BYTES};
pub use error::{RegistryError, RemoveError, RescanError, UploadError};
pub use kept::{Kept, Unneeded};
pub use lock::{Lock, LockError, LockFile, Pin, Trust};
pub use observer::Observer;
pub use options::{GrantFor, OnStatus, RegistryOptions};
pub use place::Unguarded;
pub use registry::Registry;
pub use runs::{Refusal, Run, Runs, StepContext, StepRequest, StoreFor};
pub use signature::{BadSignature, InvalidKey, LockKey, SigningKey};
pub use status::{FileState, FileStatus, Reason};
pub use store::{PieceStore, StoreQuota};
pub use table::{NotFound, Version};
