//! Runs one piece - a WebAssembly component of world `leno:piece/piece` - in wasmtime, isolated from the machine.
//!
//! - [`Engine`] compiles components and loads them from its authenticated cache of compiled code.
//! - [`Piece`] is a loaded component: checked imports, its [metadata](leno_metadata::Metadata), ready to be called.
//! - [`Piece::prepare`] checks a [`Step`] and coerces its input; [`Prepared::run`] runs it: a fresh store and instance, a budget ([`Limits`]), the [`Capabilities`] that the
//!   embedder hands in, and a [`Report`] of output, logs and usage.
//!
//! The crate knows no database and no web server: the embedder implements the capability traits.

mod bindings;
pub mod budgets;
mod cache;
mod capability;
mod compile;
mod credential;
mod engine;
mod entry;
mod error;
mod files;
mod grant;
mod host;
mod inspect;
mod limits;
mod linker;
mod load;
mod logs;
mod mask;
mod meter;
mod outcome;
mod permits;
mod piece;
mod program;
mod settings;
mod state;
mod stderr;
mod step;
mod value;

pub use budgets::BUDGETS;
pub use cache::{Cache, CacheError, CacheKey};
pub use capability::{Audit, Capabilities, Context, Log, NoStore, Scope, Store, TriggerSetup};
pub use compile::{Compiler, compile_child};
pub use engine::{Engine, EngineConfig, EngineError, Pool};
pub use entry::{CallOptions, Entry};
pub use error::LoadError;
pub use grant::Grant;
pub use inspect::{Import, Inspection, inspect};
pub use limits::Limits;
pub use linker::offered;
pub use logs::{Level, LogLine};
pub use outcome::{Failure, Held, HostCall, Output, Report, Usage};
pub use piece::Piece;
#[doc(hidden)]
pub use settings::keep_resident;
pub use step::{Hook, Prepared, Refusal, Step};
