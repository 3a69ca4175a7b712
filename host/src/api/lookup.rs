//! Finding the piece that a request names.

use std::sync::Arc;

use http::StatusCode;
use leno_metadata::{InvalidPieceName, PieceName, VersionReq};
use leno_pieces::{NotFound, Registry, Version};

use crate::edge::Rejection;

/// The name of a piece in a path.
pub(super) fn piece_name(registry: &Registry, name: &str) -> Result<PieceName, Rejection> {
    name.parse().map_err(|error: InvalidPieceName| not_found(registry, &error.to_string()))
}

/// The newest version that matches.
pub(super) fn find(registry: &Registry, name: &PieceName, wanted: &VersionReq) -> Result<Arc<Version>, Rejection> {
    registry.get(name, wanted).map_err(|error| no_piece(registry, &error))
}

/// The rejection for an unknown piece or version; lists the alternatives.
pub(super) fn no_piece(registry: &Registry, missing: &NotFound) -> Rejection {
    match missing {
        NotFound::Piece { name } => not_found(registry, &format!("this host has no piece `{name}`")),
        NotFound::Version { .. } => {
            Rejection::new(StatusCode::NOT_FOUND, "version_not_found", "Version not found", missing.to_string())
        }
    }
}

/// The rejection for an unknown piece; lists the pieces.
fn not_found(registry: &Registry, why: &str) -> Rejection {
    const NAMED: usize = 50;
    let latest = registry.latest();
    let mut names: Vec<&str> = latest.iter().map(|version| version.piece.metadata().name.short()).take(NAMED).collect();
    if latest.len() > NAMED {
        names.push("…");
    }
    let there = if names.is_empty() {
        "this host has no pieces".into()
    } else {
        format!("the pieces of this host are: {}", names.join(", "))
    };
    Rejection::new(StatusCode::NOT_FOUND, "piece_not_found", "Piece not found", format!("{why}; {there}"))
}
