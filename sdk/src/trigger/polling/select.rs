//! Selects the new items: a pure function of the items and the memory.

use std::collections::BTreeSet;

use super::item::{Found, Strategy};
use super::memory::Memory;

/// Returns the data of at most `most` new items, oldest first, and updates the memory as if they were delivered. `found` must
/// be newest first.
pub(super) fn select(strategy: Strategy, memory: &mut Memory, found: Vec<Found>, most: usize) -> Vec<String> {
    match strategy {
        Strategy::TimeBased => by_time(memory, found, most),
        Strategy::LastItem => by_place(memory, found, most),
    }
}

fn by_time(memory: &mut Memory, found: Vec<Found>, most: usize) -> Vec<String> {
    let mut new = Vec::new();
    for item in found.into_iter().rev() {
        if memory.knows_at(item.time, &item.id) || new.len() == most {
            continue;
        }
        memory.advance(item.time);
        // Newest first: `bound` drops ids at the end.
        memory.ids.insert(0, item.id);
        new.push(item.data);
    }
    memory.bound();
    new
}

fn by_place(memory: &mut Memory, found: Vec<Found>, most: usize) -> Vec<String> {
    // A `HashSet` would make every piece import `wasi:random`.
    let known: BTreeSet<String> = memory.ids.iter().cloned().collect();
    // Unknown items after the last known one are older than all known items: they moved up because other items were
    // deleted. Unknown items between known ones are new.
    let reach = found.iter().rposition(|item| known.contains(&item.id)).map_or(found.len(), |last| last + 1);
    let older: Vec<String> = found.iter().skip(reach).map(|item| item.id.clone()).collect();

    let mut new = Vec::new();
    let mut ids = Vec::new();
    let mut kept = BTreeSet::new();
    for item in found.into_iter().take(reach).rev() {
        let is_new = !known.contains(&item.id) && !kept.contains(&item.id);
        if is_new && new.len() == most {
            continue;
        }
        if is_new {
            new.push(item.data);
        }
        if kept.insert(item.id.clone()) {
            ids.push(item.id);
        }
    }
    ids.reverse();
    let rest = older.into_iter().chain(std::mem::take(&mut memory.ids));
    ids.extend(rest.filter(|id| kept.insert(id.clone())));
    memory.ids = ids;
    memory.bound();
    new
}
