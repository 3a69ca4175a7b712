//! Changed employees: each is compared with a digest of what it was.

use std::collections::{BTreeMap, BTreeSet};

use leno_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use super::{MOST_EVENTS, TEST_EVENTS, Watched, id, snapshot, time};
use crate::call::Call;
use crate::fields::without_secrets;
use crate::gauzy::Gauzy;
use crate::list::{Pages, Skip, page};

/// The most employees to remember, by the size that the host allows for a memory.
const MOST_EMPLOYEES: usize = 6000;
/// After how many polls all employees are read: a changed name does not touch the row of the employee.
const SWEEP_EVERY: u32 = 12;
/// How far a row may lag behind the youngest one and still be read between two sweeps.
const OVERLAP_MILLIS: i64 = 60 * 60 * 1000;

/// Polls for changed employees.
pub struct EmployeeUpdated;

/// The employees as they were.
#[derive(Deserialize, Serialize)]
pub struct Known {
    /// Digests by ids.
    employees: BTreeMap<String, String>,
    /// The time of the youngest change, in milliseconds.
    youngest: i64,
    /// How many polls may pass until all employees are read again.
    until_sweep: u32,
}

fn call(props: &Watched) -> Call {
    Call::get("/employee").only("organizationId", &props.organization).with(&["user"]).query("order[updatedAt]", "DESC")
}

impl Known {
    /// Compares a row. Returns whether it is known and has changed. A new one is remembered, and is no event.
    fn is_changed(&mut self, row: &Value) -> bool {
        let Some(id) = id(row) else { return false };
        match self.employees.get(id) {
            Some(digest) => *digest != snapshot::of(row),
            None if self.employees.len() < MOST_EMPLOYEES => {
                self.employees.insert(id.to_owned(), snapshot::of(row));
                false
            }
            None => {
                log::warn!("more than {MOST_EMPLOYEES} employees: changes of some are not seen");
                false
            }
        }
    }
}

/// Fires when an employee, or the name or e-mail of its user, is changed. Timers that start and stop do not count. Of several
/// changes between two polls, the outcome is reported; in large organizations a change of a name only may take an hour.
#[trigger(schedule = "*/5 * * * *", sample = json!({
    "id": "505effc1-71f8-49f9-bbcc-cefdc3da7a25", "organizationId": "5764ceb2-85ba-47e7-85f9-6703e3b93d3a",
    "userId": "30a3892e-006e-4ce4-a9da-fe0788c92a6a", "short_description": "Mathematician", "employeeLevel": "A",
    "createdAt": "2026-01-01T10:00:00.000Z", "updatedAt": "2026-01-02T10:00:00.000Z",
    "user": {"id": "30a3892e-006e-4ce4-a9da-fe0788c92a6a", "firstName": "Ada", "lastName": "L", "email": "ada@example.com"}
}))]
impl Watching for EmployeeUpdated {
    type Props = Watched;
    type Memory = Known;
    type Event = Value;

    fn begin(ctx: &Context, props: &Watched) -> Result<Known> {
        let gauzy = Gauzy::connect(ctx)?;
        let mut known = Known { employees: BTreeMap::new(), youngest: i64::MIN, until_sweep: SWEEP_EVERY };
        for list in Pages::new(&gauzy, call(props), Skip::Rows) {
            for row in list?.items {
                known.youngest = known.youngest.max(time(&row, "updatedAt")?.millis());
                known.is_changed(&row);
            }
            if known.employees.len() >= MOST_EMPLOYEES {
                break;
            }
        }
        Ok(known)
    }

    fn poll(ctx: &Context, props: &Watched, known: &mut Known) -> Result<Vec<Value>> {
        let gauzy = Gauzy::connect(ctx)?;
        let is_sweep = known.until_sweep == 0;
        let enough = known.youngest.saturating_sub(OVERLAP_MILLIS);
        let (mut changed, mut present) = (BTreeMap::new(), BTreeSet::new());
        let mut is_complete = true;
        'pages: for list in Pages::new(&gauzy, call(props), Skip::Rows) {
            for row in list?.items {
                let updated = time(&row, "updatedAt")?.millis();
                // The first page is in hand anyway: of a small organization it is the whole.
                if updated < enough && !is_sweep && present.len() >= crate::call::PAGE as usize {
                    is_complete = false;
                    break 'pages;
                }
                known.youngest = known.youngest.max(updated);
                present.extend(id(&row).map(str::to_owned));
                if known.is_changed(&row) {
                    changed.insert((updated, id(&row).unwrap_or_default().to_owned()), row);
                }
            }
        }
        if is_complete {
            known.employees.retain(|id, _| present.contains(id));
        }
        known.until_sweep = if is_complete { SWEEP_EVERY } else { known.until_sweep.saturating_sub(1) };
        if changed.len() > MOST_EVENTS {
            // The rest is found by the next poll, which reads all.
            known.until_sweep = 0;
        }
        let events = changed.into_values().take(MOST_EVENTS);
        Ok(events
            .map(|row| {
                known.employees.insert(id(&row).unwrap_or_default().to_owned(), snapshot::of(&row));
                without_secrets(row)
            })
            .collect())
    }

    fn test(ctx: &Context, props: &Watched) -> Result<Vec<Value>> {
        let rows = page(&Gauzy::connect(ctx)?, &call(props), Skip::Rows, 0, TEST_EVENTS)?.items;
        Ok(rows.into_iter().map(without_secrets).collect())
    }
}
