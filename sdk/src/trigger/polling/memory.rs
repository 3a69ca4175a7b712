//! The memory of a polling trigger, kept from one poll to the next.

use serde::{Deserialize, Serialize};

use super::item::{Found, Since, Strategy};
use crate::hash::fnv1a;
use crate::{DateTime, Error, Result, json_path};

/// The maximum number of remembered ids: many pages of the usual 50 or 100 items.
pub(super) const MOST_IDS: usize = 1000;
/// The maximum size of the remembered ids in bytes: half of the limit for a value of the store.
pub(super) const MOST_BYTES: usize = 256 * 1024;

/// The memory of one trigger of one flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Hash of the JSON text of the properties that this memory belongs to.
    props: u64,
    strategy: Remembered,
    /// The time of the youngest known item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time: Option<DateTime>,
    /// TimeBased: the known ids at `time`. LastItem: the known ids, newest first.
    pub(super) ids: Vec<String>,
    /// Whether ids were dropped at the limits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Remembered {
    TimeBased,
    LastItem,
}

impl From<Strategy> for Remembered {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::TimeBased => Self::TimeBased,
            Strategy::LastItem => Self::LastItem,
        }
    }
}

impl Memory {
    /// The memory after the first poll: all items count as known.
    pub(super) fn first(strategy: Strategy, props: &str, found: &[Found]) -> Self {
        let time = found.iter().filter_map(|item| item.time).max();
        let seen = found.iter().filter(|item| item.time == time).map(|item| item.id.clone());
        let mut memory =
            Self { props: fnv1a(props.bytes()), strategy: strategy.into(), time, ids: seen.collect(), full: false };
        memory.bound();
        memory
    }

    /// Whether the memory belongs to this strategy and these properties.
    pub(super) fn is_for(&self, strategy: Strategy, props: &str) -> bool {
        self.strategy == strategy.into() && self.props == fnv1a(props.bytes())
    }

    pub(super) fn since(&self) -> Since {
        let id = match self.strategy {
            Remembered::TimeBased => None,
            Remembered::LastItem => self.ids.first().cloned(),
        };
        Since { time: self.time, id }
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known == id)
    }

    /// Whether an item counts as known: it is older than the youngest known item, or has the same time and a known id. If ids
    /// of that time were dropped, all items of that time count as known: one missed item is better than repeating all of
    /// them with every poll.
    pub(super) fn knows_at(&self, time: Option<DateTime>, id: &str) -> bool {
        time < self.time || (time == self.time && (self.full || self.knows(id)))
    }

    /// Starts a new list of ids if `time` is younger.
    pub(super) fn advance(&mut self, time: Option<DateTime>) {
        if time > self.time {
            self.time = time;
            self.ids.clear();
            self.full = false;
        }
    }

    /// Drops the oldest ids above the limits.
    pub(super) fn bound(&mut self) {
        let mut bytes = 0;
        let fits = |id: &&String| {
            bytes += id.len();
            bytes <= MOST_BYTES
        };
        let keep = self.ids.iter().take(MOST_IDS).take_while(fits).count();
        self.full |= keep < self.ids.len();
        self.ids.truncate(keep);
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        json_path::read_bytes(bytes).map_err(|reason| {
            let advice = "disable and enable the trigger to start with a new memory";
            Error::internal(
                "polling-memory",
                format!("the stored memory of the trigger cannot be read: {reason}; {advice}"),
            )
        })
    }
}
