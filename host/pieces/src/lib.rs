//! The pieces of this host: which there are ([`Registry`]), which may be there ([`Lock`]), and running them ([`Runs`]).

mod breaker;
mod directory;
mod files;
mod loader;
mod lock;
mod registry;
mod runs;
mod status;
mod store;
mod table;

pub use files::fetch as fetch_files;
pub use lock::{Lock, LockError, Pin};
pub use registry::{GrantFor, OnStatus, Registry, RegistryError, RegistryOptions, RemoveError, UploadError};
pub use runs::{Observer, OptionsRequest, Refusal, Run, RunRequest, Runs, StoreFor};
pub use status::{FileState, FileStatus, Reason};
pub use store::PieceStore;
pub use table::{NotFound, Version};
