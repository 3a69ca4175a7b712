//! Changed employees: each is compared with a digest of what it was.

use leno_sdk::prelude::*;

use super::memory::{MOST_ROWS, Memory, OVERLAP_MILLIS};
use super::{MOST_EVENTS, Sample, TEST_EVENTS, Watched, id, oldest_first, snapshot, time};
use crate::call::Call;
use crate::fields::without_secrets;
use crate::gauzy::Gauzy;
use crate::list::{Pages, Skip, page};

/// After how many polls one reads all employees: a changed name does not touch the row of the employee.
const SWEEP_EVERY: u32 = 11;
/// Polls for changed employees.
pub struct EmployeeUpdated;

fn call(props: &Watched) -> Call {
    Call::get("/employee").only("organizationId", &props.organization).with(&["user"]).query("order[updatedAt]", "DESC")
}

/// Compares a row with what it was. Returns whether it is known and has changed. A new one is remembered, and is no event.
fn is_changed(known: &mut Memory, row: &Value) -> bool {
    let Some(id) = id(row) else { return false };
    match known.rows.get(id).and_then(Value::as_str) {
        Some(digest) => digest != snapshot::of(row),
        None if known.rows.len() < MOST_ROWS => {
            known.rows.insert(id.to_owned(), snapshot::of(row).into());
            false
        }
        None => {
            log::warn!("there are more than {MOST_ROWS} employees: changes of some are not seen");
            false
        }
    }
}

/// Fires when an employee, or the name or e-mail of its user, is changed. Timers that start and stop do not count. Of several
/// changes between two polls, the outcome is reported; in large organizations a change of a name only may take an hour.
#[trigger(schedule = "*/5 * * * *", sample = Sample(r#"{
    "id": "505effc1-71f8-49f9-bbcc-cefdc3da7a25", "organizationId": "5764ceb2-85ba-47e7-85f9-6703e3b93d3a",
    "userId": "30a3892e-006e-4ce4-a9da-fe0788c92a6a", "short_description": "Mathematician", "employeeLevel": "A",
    "createdAt": "2026-01-01T10:00:00.000Z", "updatedAt": "2026-01-02T10:00:00.000Z",
    "user": {"id": "30a3892e-006e-4ce4-a9da-fe0788c92a6a", "firstName": "Ada", "lastName": "L", "email": "ada@example.com"}
}"#))]
impl Watching for EmployeeUpdated {
    type Props = Watched;
    type Memory = Memory;
    type Event = Value;

    fn begin(ctx: &Context, props: &Watched) -> Result<Memory> {
        let gauzy = Gauzy::connect(ctx)?;
        let mut known = Memory { until_sweep: SWEEP_EVERY, ..Memory::default() };
        for list in Pages::new(&gauzy, call(props), Skip::Rows) {
            for row in list?.items {
                known.floor = known.floor.max(Some(time(&row, "updatedAt")?.millis()));
                is_changed(&mut known, &row);
            }
            if known.rows.len() >= MOST_ROWS {
                break;
            }
        }
        Ok(known)
    }

    fn poll(ctx: &Context, props: &Watched, known: &mut Memory) -> Result<Vec<Value>> {
        let gauzy = Gauzy::connect(ctx)?;
        let is_sweep = known.until_sweep == 0;
        // Here the floor is the time of the youngest change.
        let enough = known.floor.map_or(i64::MIN, |youngest| youngest.saturating_sub(OVERLAP_MILLIS));
        let (mut changed, mut present) = (Vec::new(), Map::new());
        let mut is_complete = true;
        'pages: for list in Pages::new(&gauzy, call(props), Skip::Rows) {
            for row in list?.items {
                let moved = time(&row, "updatedAt")?;
                let updated = moved.millis();
                // The first page is in hand anyway: of a small organization it is the whole.
                if updated < enough && !is_sweep && present.len() >= crate::call::PAGE as usize {
                    is_complete = false;
                    break 'pages;
                }
                known.floor = known.floor.max(Some(updated));
                // A row that changes between two requests moves others to the next page.
                let is_repeated = id(&row).is_some_and(|id| present.insert(id.to_owned(), Value::Null).is_some());
                if is_changed(known, &row) && !is_repeated {
                    changed.push((moved, row));
                }
            }
        }
        if is_complete {
            known.rows.retain(|id, _| present.contains_key(id));
        }
        known.until_sweep = if is_complete { SWEEP_EVERY } else { known.until_sweep.saturating_sub(1) };
        if changed.len() > MOST_EVENTS {
            // The rest is found by the next poll, which reads all.
            known.until_sweep = 0;
        }
        oldest_first(&mut changed);
        changed.truncate(MOST_EVENTS);
        for (_, row) in &changed {
            known.rows.insert(id(row).unwrap_or_default().to_owned(), snapshot::of(row).into());
        }
        Ok(changed.into_iter().map(|(_, row)| without_secrets(row)).collect())
    }

    fn test(ctx: &Context, props: &Watched) -> Result<Vec<Value>> {
        let rows = page(&Gauzy::connect(ctx)?, &call(props), Skip::Rows, 0, TEST_EVENTS)?.items;
        Ok(rows.into_iter().map(without_secrets).collect())
    }
}
