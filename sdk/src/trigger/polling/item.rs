//! What a polling trigger tells apart, and by what.

use crate::DateTime;

/// How a trigger tells new items from known ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// By their times; they may come in any order.
    TimeBased,
    /// By their place before the known ones; they must come newest first.
    LastItem,
}

/// What is known already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Since {
    /// The time of the youngest known item, with [`Strategy::TimeBased`].
    pub time: Option<DateTime>,
    /// The id of the newest known item, with [`Strategy::LastItem`].
    pub id: Option<String>,
}

/// An item of the source, checked, its data as JSON text.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: String,
    /// Present with [`Strategy::TimeBased`].
    pub(super) time: Option<DateTime>,
    pub(super) data: String,
}
