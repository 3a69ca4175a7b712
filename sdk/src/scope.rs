//! Who shares a key of the store.

/// Who shares a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The steps of one flow.
    Flow,
    /// All flows of a project.
    Project,
}
