//! Why a component is not loaded.

use leno_metadata::Problems;

use crate::{Failure, compile::CompileError, linker};

/// Why a component is not loaded. The text is for the operator who deployed it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// Another kind of file.
    #[error("this is {0}")]
    NotAComponent(&'static str),
    /// Broken or truncated.
    #[error("the component is malformed: {0}")]
    Malformed(String),
    /// It declares more than this host has.
    #[error("{what} is {size}; this host allows {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// It imports what no piece may have.
    #[error("it imports {}, which this host does not offer; a piece may import: {}", list(.0), offered_list())]
    CapabilityMissing(Vec<String>),
    /// It was built for another version of the interface.
    #[error("it was built for another version of the interface: it imports {}; rebuild it with a matching SDK", .0.join(", "))]
    IncompatibleApi(Vec<String>),
    /// It imports `secrets` without the grant.
    #[error(
        "it imports `leno:piece/secrets`, and the operator has not granted piece `{0}` to see secrets; add `secrets = true` under `[grants.{0}]`, or build the piece for world `piece`"
    )]
    NotGranted(String),
    /// It does not fit the world.
    #[error("it does not implement world `leno:piece/piece`: {0}")]
    WrongWorld(String),
    /// Compilation failed or hit a limit.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// `describe` failed.
    #[error("its `describe` failed: {0}")]
    Describe(Failure),
    /// `describe` returned an invalid document.
    #[error("its metadata is refused: {0}")]
    Metadata(Problems),
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn offered_list() -> String {
    let names: Vec<String> = linker::offered().iter().map(|(name, version)| format!("{name}@{version}")).collect();
    names.join(", ")
}

impl LoadError {
    /// Stable and machine-readable.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAComponent(_) => "not_a_component",
            Self::Malformed(_) => "malformed",
            Self::TooLarge { .. } | Self::Compile(CompileError::TooLarge(_)) => "too_large",
            Self::CapabilityMissing(_) => "capability_missing",
            Self::IncompatibleApi(_) => "incompatible_api",
            Self::NotGranted(_) => "not_granted",
            Self::WrongWorld(_) => "wrong_world",
            Self::Compile(CompileError::Failed(_)) => "compile_failed",
            Self::Compile(CompileError::Limit(_)) => "compile_limit",
            Self::Compile(CompileError::Host(_)) => "host_error",
            Self::Describe(failure) => failure.outcome(),
            Self::Metadata(_) => "invalid_metadata",
        }
    }
}
