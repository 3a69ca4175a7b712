//! Which rows of a growing list are known.
//!
//! Times of Gauzy cannot tell a new row from a known one alone: on SQLite all rows of a second have the same, a clock may go
//! back, and a slow transaction appears with the time of its beginning. So the ids of an hour are remembered: a row is new if its
//! id is not among them and it is not older than they are.

use std::collections::BTreeMap;

use leno_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// How far a row may lag behind the youngest known one and still be new.
const OVERLAP_MILLIS: i64 = 60 * 60 * 1000;
/// The most ids to remember: well below the size that the host allows.
const MOST_IDS: usize = 5000;

/// The known rows of a list.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Seen {
    /// Rows before this time are known, whatever their ids; in milliseconds. None while the list was empty.
    floor: Option<i64>,
    /// The known ids from then on, with their times.
    ids: BTreeMap<String, i64>,
}

impl Seen {
    /// Whether rows of this time need not be looked at any more.
    pub(super) fn is_past(&self, time: DateTime) -> bool {
        self.floor.is_some_and(|floor| time.millis() < floor)
    }

    /// Whether a row was there before.
    pub(super) fn knows(&self, id: &str, time: DateTime) -> bool {
        self.is_past(time) || self.ids.contains_key(id)
    }

    /// Makes a row known.
    pub(super) fn add(&mut self, id: &str, time: DateTime) {
        self.ids.insert(id.to_owned(), time.millis());
    }

    /// Forgets the ids that are no longer needed. The floor never falls.
    pub(super) fn tidy(&mut self) {
        let Some(youngest) = self.ids.values().max() else { return };
        let mut floor = self.floor.unwrap_or(i64::MIN).max(youngest.saturating_sub(OVERLAP_MILLIS));
        if self.ids.len() > MOST_IDS {
            let mut times: Vec<i64> = self.ids.values().copied().collect();
            times.sort_unstable_by(|one, other| other.cmp(one));
            // One millisecond more: of the ids at that very time some would be forgotten, and their rows come again.
            let kept = times.get(MOST_IDS).map_or(floor, |time| time.saturating_add(1));
            log::warn!("more than {MOST_IDS} rows came within an hour; some that come late may be missed");
            floor = floor.max(kept);
        }
        self.floor = Some(floor);
        self.ids.retain(|_, time| *time >= floor);
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_IDS, OVERLAP_MILLIS, Seen};
    use leno_sdk::DateTime;

    fn at(millis: i64) -> DateTime {
        DateTime::from_millis(1_700_000_000_000 + millis).unwrap()
    }

    #[test]
    fn an_unknown_id_is_new_until_it_is_older_than_all_that_is_remembered() {
        let mut seen = Seen::default();
        assert!(!seen.knows("first", at(-9_000_000_000)));
        seen.add("a", at(0));
        seen.tidy();
        assert!(seen.knows("a", at(0)));
        assert!(!seen.knows("b", at(0)), "the same time");
        assert!(!seen.knows("c", at(-OVERLAP_MILLIS)), "a clock that went back");
        assert!(seen.knows("d", at(-OVERLAP_MILLIS - 1)));
    }

    #[test]
    fn the_floor_never_falls_and_forgotten_ids_stay_known() {
        let mut seen = Seen::default();
        seen.add("old", at(0));
        seen.add("young", at(OVERLAP_MILLIS + 1));
        seen.tidy();
        assert_eq!(seen.ids.len(), 1);
        assert!(seen.knows("old", at(0)));
        let floor = seen.floor;
        seen.ids.clear();
        seen.add("back", at(1));
        seen.tidy();
        assert_eq!(seen.floor, floor);
    }

    #[test]
    fn the_memory_is_bounded_and_what_it_forgets_does_not_come_again() {
        let mut seen = Seen::default();
        for number in 0..MOST_IDS + 100 {
            seen.add(&format!("{number:036}"), at(i64::try_from(number).unwrap()));
        }
        seen.tidy();
        assert_eq!(seen.ids.len(), MOST_IDS);
        assert!((0..MOST_IDS + 100).all(|n| seen.knows(&format!("{n:036}"), at(i64::try_from(n).unwrap()))));
        assert!(serde_json::to_vec(&seen).unwrap().len() < 400_000);
    }
}
