//! The scopes of the store.

/// The steps that share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The steps of one flow.
    Flow,
    /// All flows of a project.
    Project,
}
