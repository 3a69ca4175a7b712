//! Rows that appear in a list which is newest first.

use leno_sdk::prelude::*;

use super::memory::Memory;
use super::{MOST_EVENTS, TEST_EVENTS, id, oldest_first, time};
use crate::call::Call;
use crate::gauzy::Gauzy;
use crate::list::{Pages, Skip, page};

/// The most pages of one poll. More rows than these hold within two polls are not reported.
const MOST_PAGES: usize = 50;
/// The column that rows are ordered by.
const COLUMN: &str = "createdAt";

/// Makes the rows known that are there now.
pub(super) fn begin(gauzy: &Gauzy, call: &Call, skip: Skip) -> Result<Memory> {
    let mut seen = Memory::default();
    'pages: for list in Pages::new(gauzy, call.clone(), skip).take(MOST_PAGES) {
        for row in list?.items {
            let created = time(&row, COLUMN)?;
            if seen.is_past(created) {
                break 'pages;
            }
            if let Some(id) = id(&row) {
                seen.add(id, created);
            }
        }
        seen.follow();
    }
    Ok(seen)
}

/// The rows that are new, oldest first, and makes them known.
pub(super) fn poll(gauzy: &Gauzy, call: &Call, skip: Skip, seen: &mut Memory) -> Result<Vec<Value>> {
    poll_at_most(gauzy, call, skip, seen, MOST_EVENTS)
}

/// [`poll`] for rows that cost more than reading them.
pub(super) fn poll_at_most(
    gauzy: &Gauzy,
    call: &Call,
    skip: Skip,
    seen: &mut Memory,
    most: usize,
) -> Result<Vec<Value>> {
    let mut found: Vec<(DateTime, Value)> = Vec::new();
    let mut ids = Map::new();
    let mut is_complete = false;
    for list in Pages::new(gauzy, call.clone(), skip).take(MOST_PAGES) {
        let rows = list?.items;
        is_complete = rows.len() < crate::call::PAGE as usize;
        for row in rows {
            let created = time(&row, COLUMN)?;
            // The list is ordered: what follows is older still.
            is_complete |= seen.is_past(created);
            // A row that is inserted between two requests moves the last one of a page to the next page.
            let is_new =
                id(&row).is_some_and(|id| !seen.knows(id, created) && ids.insert(id.to_owned(), Value::Null).is_none());
            if is_new {
                found.push((created, row));
            }
        }
        if is_complete {
            break;
        }
    }
    if !is_complete {
        log::warn!("more rows are new than one poll reads; the oldest of them are not reported");
    }
    // From the end, the list is oldest first; the sort keeps that order where times are equal.
    found.reverse();
    oldest_first(&mut found);
    if found.len() > most {
        log::info!("{} rows are new; {most} are reported now, the rest by the next polls", found.len());
        found.truncate(most);
    }
    for (created, row) in &found {
        seen.add(id(row).unwrap_or_default(), *created);
    }
    seen.follow();
    Ok(found.into_iter().map(|(_, row)| row).collect())
}

/// The newest rows, for trying out a flow.
pub(super) fn newest(gauzy: &Gauzy, call: &Call, skip: Skip) -> Result<Vec<Value>> {
    Ok(page(gauzy, call, skip, 0, TEST_EVENTS)?.items)
}
