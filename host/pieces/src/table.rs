//! The versions being served: an immutable table that is swapped as a whole.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use leno_metadata::{PieceName, VersionReq};
use leno_sandbox::Piece;

/// One version of a piece that is served.
#[derive(Debug)]
pub struct Version {
    /// The loaded component.
    pub piece: Piece,
    /// The file that it came from.
    pub file: String,
    /// Since when it is served, in epoch milliseconds.
    pub since_ms: i64,
}

impl Version {
    /// The name of its piece.
    #[must_use]
    pub fn name(&self) -> &PieceName {
        &self.piece.metadata().name
    }

    /// The number of the version.
    #[must_use]
    pub fn version(&self) -> &semver::Version {
        &self.piece.metadata().version
    }
}

/// No such piece, or no version of it that matches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// The name is not served at all.
    #[error("this host has no piece `{name}`; GET /api/pieces lists the pieces")]
    Piece {
        /// The requested short name.
        name: String,
    },
    /// The name is served, but in no matching version.
    #[error("piece `{name}` has no version that matches `{wanted}`; available: {}", .available.join(", "))]
    Version {
        /// The short name.
        name: String,
        /// The requested version expression.
        wanted: String,
        /// What there is, newest first.
        available: Vec<String>,
    },
}

/// Every version served, by name and number. A reader takes an `Arc` of the whole and sees one state.
#[derive(Default, Clone)]
pub(crate) struct Table(HashMap<PieceName, BTreeMap<semver::Version, Arc<Version>>>);

impl Table {
    pub(crate) fn insert(&mut self, version: Arc<Version>) {
        self.0.entry(version.name().clone()).or_default().insert(version.version().clone(), version);
    }

    /// Takes `version` out, unless its place was taken by another already.
    pub(crate) fn remove(&mut self, version: &Arc<Version>) {
        if let Some(versions) = self.0.get_mut(version.name()) {
            if versions.get(version.version()).is_some_and(|present| Arc::ptr_eq(present, version)) {
                versions.remove(version.version());
            }
            if versions.is_empty() {
                self.0.remove(version.name());
            }
        }
    }

    pub(crate) fn exact(&self, name: &PieceName, version: &semver::Version) -> Option<&Arc<Version>> {
        self.0.get(name)?.get(version)
    }

    /// The newest version that matches.
    pub(crate) fn get(&self, name: &PieceName, wanted: &VersionReq) -> Result<Arc<Version>, NotFound> {
        let versions = self.0.get(name).ok_or_else(|| NotFound::Piece { name: name.short().to_owned() })?;
        wanted.select(versions.keys()).and_then(|version| versions.get(version)).cloned().ok_or_else(|| {
            NotFound::Version {
                name: name.short().to_owned(),
                wanted: wanted.to_string(),
                available: versions.keys().rev().map(ToString::to_string).collect(),
            }
        })
    }

    pub(crate) fn versions(&self, name: &PieceName) -> Vec<Arc<Version>> {
        self.0.get(name).map(|versions| versions.values().rev().cloned().collect()).unwrap_or_default()
    }

    /// The newest version of each name, by display name.
    pub(crate) fn latest(&self) -> Vec<Arc<Version>> {
        let newest = VersionReq::default();
        let mut latest: Vec<Arc<Version>> = self.0.keys().filter_map(|name| self.get(name, &newest).ok()).collect();
        latest.sort_by_cached_key(|version| {
            let metadata = version.piece.metadata();
            (metadata.display_name.to_lowercase(), metadata.name.short().to_owned())
        });
        latest
    }
}
