//! How large and how deep documents and inputs may be.

/// Largest metadata document, in bytes of JSON. The largest known piece needs a fifth of it.
pub const MAX_DOCUMENT: usize = 1024 * 1024;

/// How deep a document may nest. Every recursive walk in this crate is bounded by it.
pub const MAX_DEPTH: usize = 64;

/// How many bytes defaults and repeated column values may add to an input.
///
/// Without it, a list of a million empty rows times one long default would fill the memory of the host.
pub const MAX_EXPANSION: usize = 4 * 1024 * 1024;
