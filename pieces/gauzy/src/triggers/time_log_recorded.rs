//! Recorded time: logs that are finished, in a window of days.

use leno_sdk::prelude::*;

use super::memory::Memory;
use super::{MOST_EVENTS, Sample, TEST_EVENTS, id, oldest_first, time};
use crate::call::Call;
use crate::choices::organizations;
use crate::gauzy::Gauzy;
use crate::id::Id;

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
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

/// The finished logs of the window that are not known, oldest first. The window begins at the floor of the memory, which does
/// not go back when the clock does: the ids of earlier logs are forgotten.
fn unknown(window: &Memory, logs: Vec<Value>) -> Result<Vec<(DateTime, Value)>> {
    let mut unknown = Vec::new();
    for log in logs {
        let started = time(&log, "startedAt")?;
        if is_finished(&log) && id(&log).is_some_and(|id| !window.knows(id, started)) {
            unknown.push((started, log));
        }
    }
    oldest_first(&mut unknown);
    Ok(unknown)
}

fn add(window: &mut Memory, logs: &[(DateTime, Value)], from: i64) {
    for (started, log) in logs {
        window.add(id(log).unwrap_or_default(), *started);
    }
    window.raise(from);
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
#[trigger(schedule = "*/5 * * * *", sample = Sample(r#"{
    "id": "4bde6c7e-21b3-4c80-965b-c68ec33d103f", "organizationId": "5764ceb2-85ba-47e7-85f9-6703e3b93d3a",
    "employeeId": "505effc1-71f8-49f9-bbcc-cefdc3da7a25", "startedAt": "2026-01-01T09:00:00.000Z",
    "stoppedAt": "2026-01-01T10:00:00.000Z", "duration": 3600, "logType": "MANUAL", "source": "BROWSER",
    "isBillable": false, "isRunning": false, "description": null, "projectId": null, "taskId": null
}"#))]
impl Watching for TimeLogRecorded {
    type Props = WatchedTime;
    type Memory = Memory;
    type Event = Value;

    fn begin(ctx: &Context, props: &WatchedTime) -> Result<Memory> {
        let from = days_ago(props);
        let mut window = Memory::default();
        let known = unknown(&window, logs(&Gauzy::connect(ctx)?, props, from)?)?;
        add(&mut window, &known, from);
        Ok(window)
    }

    fn poll(ctx: &Context, props: &WatchedTime, window: &mut Memory) -> Result<Vec<Value>> {
        window.raise(days_ago(props));
        let from = window.floor.unwrap_or_else(|| days_ago(props));
        let mut new = unknown(window, logs(&Gauzy::connect(ctx)?, props, from)?)?;
        // The rest stays unknown, and follows with the next poll.
        new.truncate(MOST_EVENTS);
        add(window, &new, from);
        Ok(new.into_iter().map(|(_, log)| log).collect())
    }

    fn test(ctx: &Context, props: &WatchedTime) -> Result<Vec<Value>> {
        let logs = logs(&Gauzy::connect(ctx)?, props, days_ago(props))?;
        Ok(logs.into_iter().rev().filter(is_finished).take(TEST_EVENTS as usize).collect())
    }
}
