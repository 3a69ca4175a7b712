//! Items of the polled service, and how new ones are recognised.

use crate::DateTime;

/// How a trigger distinguishes new items from known ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// By time. The items may come in any order.
    TimeBased,
    /// By position before the known items. The items must come newest first.
    LastItem,
}

/// The newest known item; both fields are none if no item is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Since {
    /// The time of the youngest known item, with [`Strategy::TimeBased`].
    pub time: Option<DateTime>,
    /// The id of the newest known item, with [`Strategy::LastItem`].
    pub id: Option<String>,
}

/// A checked item, with its data as JSON text.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) id: String,
    /// Present with [`Strategy::TimeBased`].
    pub(super) time: Option<DateTime>,
    pub(super) data: String,
}
