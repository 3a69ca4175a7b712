//! Recorded time: logs that are finished, in a window of days.

use std::collections::BTreeMap;

use leno_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use super::{MOST_EVENTS, TEST_EVENTS, id, time};
use crate::call::Call;
use crate::choices::organizations;
use crate::gauzy::Gauzy;
use crate::id::Id;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// The most ids to remember, by the size that the host allows for a memory.
const MOST_IDS: usize = 6000;

/// Which time to watch.
#[derive(Props)]
pub struct WatchedTime {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    /// How many days back to look. Time that is entered for earlier days is not noticed
    #[prop(default = 7, min = 1, max = 31, display_name = "Days back")]
    days: u32,
}

/// Polls for finished time logs.
pub struct TimeLogRecorded;

/// The known logs of the window.
#[derive(Deserialize, Serialize)]
pub struct Window {
    /// Where the window begins. It never goes back, also if the clock does: the ids of earlier logs are forgotten.
    from: i64,
    /// The ids of finished logs, with the times at which they start.
    ids: BTreeMap<String, i64>,
}

impl Window {
    /// The finished logs that are not known, oldest first.
    fn unknown(&self, logs: Vec<Value>) -> Result<Vec<(DateTime, Value)>> {
        let mut unknown = Vec::new();
        for log in logs {
            let started = time(&log, "startedAt")?;
            let is_known = id(&log).is_none_or(|id| self.ids.contains_key(id));
            if is_finished(&log) && !is_known && started.millis() >= self.from {
                unknown.push((started, log));
            }
        }
        unknown.sort_by_key(|(started, _)| *started);
        Ok(unknown)
    }

    fn add(&mut self, logs: &[(DateTime, Value)]) {
        self.ids.extend(logs.iter().map(|(started, log)| (id(log).unwrap_or_default().to_owned(), started.millis())));
        if self.ids.len() > MOST_IDS {
            let mut times: Vec<i64> = self.ids.values().copied().collect();
            times.sort_unstable_by(|one, other| other.cmp(one));
            log::warn!("more than {MOST_IDS} time logs in the window: earlier ones are not watched; choose fewer days");
            self.from = times.get(MOST_IDS).map_or(self.from, |time| self.from.max(time.saturating_add(1)));
        }
        let from = self.from;
        self.ids.retain(|_, started| *started >= from);
    }
}

/// A timer that runs has a log too, which ends where it starts.
fn is_finished(log: &Value) -> bool {
    let is_running = log.get("isRunning").and_then(Value::as_bool).unwrap_or(false);
    !is_running && log.get("stoppedAt").is_some_and(|stopped| !stopped.is_null())
}

/// The logs that start in the window. Both ends are given: with a start alone, Gauzy does not limit the list.
fn logs(gauzy: &Gauzy, props: &WatchedTime, from: i64) -> Result<Vec<Value>> {
    let moment = |millis| DateTime::from_millis(millis).unwrap_or_else(|_| DateTime::now());
    let to = moment(DateTime::now().millis().max(from).saturating_add(DAY_MILLIS));
    let call = Call::get("/timesheet/time-log")
        .query("organizationId", &props.organization)
        .query("startDate", moment(from))
        .query("endDate", to);
    Ok(gauzy.list(&call)?.items)
}

fn days_ago(props: &WatchedTime) -> i64 {
    DateTime::now().millis().saturating_sub(i64::from(props.days) * DAY_MILLIS)
}

/// Fires for every time log that is recorded: when a timer stops, and when time is entered by hand.
#[trigger(schedule = "*/5 * * * *", sample = json!({
    "id": "4bde6c7e-21b3-4c80-965b-c68ec33d103f", "organizationId": "5764ceb2-85ba-47e7-85f9-6703e3b93d3a",
    "employeeId": "505effc1-71f8-49f9-bbcc-cefdc3da7a25", "startedAt": "2026-01-01T09:00:00.000Z",
    "stoppedAt": "2026-01-01T10:00:00.000Z", "duration": 3600, "logType": "MANUAL", "source": "BROWSER",
    "isBillable": false, "isRunning": false, "description": null, "projectId": null, "taskId": null
}))]
impl Watching for TimeLogRecorded {
    type Props = WatchedTime;
    type Memory = Window;
    type Event = Value;

    fn begin(ctx: &Context, props: &WatchedTime) -> Result<Window> {
        let mut window = Window { from: days_ago(props), ids: BTreeMap::new() };
        let known = window.unknown(logs(&Gauzy::connect(ctx)?, props, window.from)?)?;
        window.add(&known);
        Ok(window)
    }

    fn poll(ctx: &Context, props: &WatchedTime, window: &mut Window) -> Result<Vec<Value>> {
        window.from = window.from.max(days_ago(props));
        let mut new = window.unknown(logs(&Gauzy::connect(ctx)?, props, window.from)?)?;
        // The rest stays unknown, and follows with the next poll.
        new.truncate(MOST_EVENTS);
        window.add(&new);
        Ok(new.into_iter().map(|(_, log)| log).collect())
    }

    fn test(ctx: &Context, props: &WatchedTime) -> Result<Vec<Value>> {
        let logs = logs(&Gauzy::connect(ctx)?, props, days_ago(props))?;
        Ok(logs.into_iter().rev().filter(is_finished).take(TEST_EVENTS as usize).collect())
    }
}
