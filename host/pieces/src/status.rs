//! The registry's status of each file in the pieces directory.

use leno_base::{Digest, SystemClock, milliseconds};
use leno_sandbox::LoadError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Version;

/// The state of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// Being written, read or compiled.
    Loading,
    /// Its piece is served.
    Active,
    /// Gone; calls that began with it are still running.
    Draining,
    /// Refused: see the reason.
    Failed,
    /// Gone.
    Removed,
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reason {
    /// Stable and machine-readable.
    pub code: String,
    /// For the operator: the problem and what to do.
    pub message: String,
}

impl Reason {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

impl From<&LoadError> for Reason {
    fn from(error: &LoadError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// One file of the pieces directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileStatus {
    /// Its name in the directory.
    pub file: String,
    /// Its state.
    pub status: FileState,
    /// The piece's name, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The piece's version, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// SHA-256 of its bytes, once read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The time of the last change of state, in epoch milliseconds.
    pub since: i64,
    /// Calls under way.
    pub calls: usize,
    /// Digest of this file's last good version, which is served while the present file is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub keeps: Option<Digest>,
}

impl FileStatus {
    pub(crate) fn of(version: &Version, status: FileState) -> Self {
        Self {
            name: Some(version.name().short().to_owned()),
            version: Some(version.version().to_string()),
            digest: Some(version.piece.digest()),
            size: Some(version.piece.inspection().size as u64),
            ..Self::new(&version.file, status)
        }
    }

    pub(crate) fn new(file: &str, status: FileState) -> Self {
        Self {
            file: file.to_owned(),
            status,
            name: None,
            version: None,
            digest: None,
            size: None,
            reason: None,
            since: milliseconds(&SystemClock),
            calls: 0,
            keeps: None,
        }
    }
}
