//! Timers that start and stop.
//!
//! A running timer is in no list of time logs before its first minutes are stored. But both changes touch the row of the
//! employee: where it has moved, the employee's last time log is read and compared with the one before.

use leno_sdk::prelude::*;

use super::memory::Memory;
use super::{Sample, Watched, id, time};
use crate::call::Call;
use crate::fields::Fields;
use crate::gauzy::Gauzy;
use crate::list::{Pages, Skip};

/// The most employees to remember, by the size that the host allows for a memory.
const MOST_EMPLOYEES: usize = 3000;
/// The most last time logs that one poll reads; the rest follows with the next ones.
const MOST_LOGS: usize = 200;

/// What is known of an employee.
#[derive(Clone)]
struct Timer {
    /// When the row of the employee last moved, in milliseconds.
    updated: i64,
    /// The last log of a timer, if it was read.
    log: Option<String>,
    running: bool,
}

impl Timer {
    /// An employee who was not there before has no timer from before.
    const NONE: Self = Self { updated: i64::MIN, log: None, running: false };

    /// As the memory has it.
    fn kept(&self) -> Value {
        json!([self.updated, self.log, self.running])
    }

    fn of(memory: &Memory, employee: &str) -> Self {
        let Some(kept) = memory.rows.get(employee) else { return Self::NONE };
        Self {
            updated: kept.get(0).and_then(Value::as_i64).unwrap_or(i64::MIN),
            log: kept.get(1).and_then(Value::as_str).map(str::to_owned),
            running: kept.get(2).and_then(Value::as_bool).unwrap_or(false),
        }
    }
}

/// What happened to a timer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Happened {
    Started,
    Stopped,
}

/// A timer that started or stopped. The log is null if another timer was started since.
fn event(employee: &str, time_log: &str, log: Value) -> Value {
    Fields::new().set("employeeId", employee).set("timeLogId", time_log).set("timeLog", log).into()
}

/// The employees of the organization.
fn employees(gauzy: &Gauzy, props: &Watched) -> Result<Vec<Value>> {
    let call = Call::get("/employee").only("organizationId", &props.organization).query("order[updatedAt]", "DESC");
    let mut rows = Vec::new();
    for list in Pages::new(gauzy, call, Skip::Rows) {
        rows.extend(list?.items);
        if rows.len() >= MOST_EMPLOYEES {
            log::warn!("more than {MOST_EMPLOYEES} employees: timers of some are not seen");
            break;
        }
    }
    Ok(rows)
}

/// The log of the employee's last timer; time that was entered by hand has none.
fn last_log(gauzy: &Gauzy, props: &Watched, employee: &str) -> Result<Option<Value>> {
    let call = Call::get("/timesheet/timer/status/worked")
        .query("organizationId", &props.organization)
        .query("employeeId", employee);
    let mut last: Option<(DateTime, Value)> = None;
    for mut status in gauzy.list(&call)?.items {
        let log = status.get_mut("lastLog").map(Value::take).unwrap_or_default();
        let text = |name: &str| log.get(name).and_then(Value::as_str).unwrap_or_default();
        // Without the permission to see others, Gauzy answers with the timer of the caller.
        if text("employeeId") != employee || text("logType") == "MANUAL" {
            continue;
        }
        let started = time(&log, "startedAt")?;
        if last.as_ref().is_none_or(|(before, _)| *before < started) {
            last = Some((started, log));
        }
    }
    Ok(last.map(|(_, log)| log))
}

fn is_running(log: &Value) -> bool {
    log.get("isRunning").and_then(Value::as_bool).unwrap_or(false)
}

fn is_tracking(employee: &Value) -> bool {
    employee.get("isTrackingTime").and_then(Value::as_bool).unwrap_or(false)
}

fn begin(ctx: &Context, props: &Watched) -> Result<Memory> {
    let gauzy = Gauzy::connect(ctx)?;
    let mut memory = Memory::default();
    for row in employees(&gauzy, props)? {
        let Some(id) = id(&row) else { continue };
        let log = if is_tracking(&row) { last_log(&gauzy, props, id)? } else { None };
        let timer = Timer {
            updated: time(&row, "updatedAt")?.millis(),
            running: log.as_ref().is_some_and(is_running),
            log: log.as_ref().and_then(super::id).map(str::to_owned),
        };
        memory.rows.insert(id.to_owned(), timer.kept());
    }
    Ok(memory)
}

/// What happened between two looks at an employee's last log.
fn compare(employee: &str, before: &Timer, log: &Value) -> Result<Vec<(Happened, Value)>> {
    let log_id = id(log).unwrap_or_default();
    let mut happened = Vec::new();
    let is_new = match &before.log {
        Some(known) => known != log_id,
        // Nothing is known of the last log: it is new if it was made after the employee was last looked at.
        None => time(log, "createdAt")?.millis() > before.updated,
    };
    if is_new {
        if let Some(known) = before.log.as_deref().filter(|_| before.running) {
            happened.push((Happened::Stopped, event(employee, known, Value::Null)));
        }
        happened.push((Happened::Started, event(employee, log_id, log.clone())));
    }
    if !is_running(log) && (is_new || before.running) {
        happened.push((Happened::Stopped, event(employee, log_id, log.clone())));
    }
    Ok(happened)
}

fn poll(ctx: &Context, props: &Watched, memory: &mut Memory, wanted: Happened) -> Result<Vec<Value>> {
    let gauzy = Gauzy::connect(ctx)?;
    let mut rows = employees(&gauzy, props)?;
    rows.reverse();
    let mut now = Map::new();
    let (mut events, mut logs) = (Vec::new(), 0);
    for row in rows {
        let Some(id) = id(&row) else { continue };
        let updated = time(&row, "updatedAt")?.millis();
        let before = Timer::of(memory, id);
        let is_same = before.updated == updated && before.running == is_tracking(&row);
        if is_same || logs == MOST_LOGS {
            // Of the rest, nothing is known to have happened: the next poll looks again. Who is new stays unknown.
            if memory.rows.contains_key(id) {
                now.insert(id.to_owned(), before.kept());
            }
            continue;
        }
        logs += 1;
        let timer = match last_log(&gauzy, props, id)? {
            None => Timer { updated, ..before },
            Some(log) => {
                let happened = compare(id, &before, &log)?;
                events.extend(happened.into_iter().filter(|(what, _)| *what == wanted).map(|(_, event)| event));
                Timer { updated, log: super::id(&log).map(str::to_owned), running: is_running(&log) }
            }
        };
        now.insert(id.to_owned(), timer.kept());
    }
    memory.rows = now;
    Ok(events)
}

/// The timers that run, or do not, for trying out a flow.
fn test(ctx: &Context, props: &Watched, wanted: Happened) -> Result<Vec<Value>> {
    let gauzy = Gauzy::connect(ctx)?;
    let mut events = Vec::new();
    for row in employees(&gauzy, props)?.into_iter().take(super::TEST_EVENTS as usize) {
        let Some(employee) = id(&row) else { continue };
        let log = last_log(&gauzy, props, employee)?.filter(|log| is_running(log) == (wanted == Happened::Started));
        if let Some(log) = log {
            let time_log_id = id(&log).unwrap_or_default().to_owned();
            events.push(event(employee, &time_log_id, log));
        }
    }
    Ok(events)
}

/// Polls for timers that started.
pub struct TimerStarted;

/// Fires when the timer of an employee starts. Of several timers of one employee between two polls, the last is reported.
#[trigger(schedule = "*/2 * * * *", sample = Sample(r#"{
    "employeeId": "505effc1-71f8-49f9-bbcc-cefdc3da7a25", "timeLogId": "4bde6c7e-21b3-4c80-965b-c68ec33d103f",
    "timeLog": {"startedAt": "2026-01-01T09:00:00.000Z", "isRunning": true, "logType": "TRACKED", "projectId": null}
}"#))]
impl Watching for TimerStarted {
    type Props = Watched;
    type Memory = Memory;
    type Event = Value;

    fn begin(ctx: &Context, props: &Watched) -> Result<Memory> {
        begin(ctx, props)
    }

    fn poll(ctx: &Context, props: &Watched, memory: &mut Memory) -> Result<Vec<Value>> {
        poll(ctx, props, memory, Happened::Started)
    }

    fn test(ctx: &Context, props: &Watched) -> Result<Vec<Value>> {
        test(ctx, props, Happened::Started)
    }
}

/// Polls for timers that stopped.
pub struct TimerStopped;

/// Fires when the timer of an employee stops. Of several timers of one employee between two polls, the last is reported.
#[trigger(schedule = "*/2 * * * *", sample = Sample(r#"{
    "employeeId": "505effc1-71f8-49f9-bbcc-cefdc3da7a25", "timeLogId": "4bde6c7e-21b3-4c80-965b-c68ec33d103f",
    "timeLog": {"startedAt": "2026-01-01T09:00:00.000Z", "stoppedAt": "2026-01-01T10:00:00.000Z", "isRunning": false}
}"#))]
impl Watching for TimerStopped {
    type Props = Watched;
    type Memory = Memory;
    type Event = Value;

    fn begin(ctx: &Context, props: &Watched) -> Result<Memory> {
        begin(ctx, props)
    }

    fn poll(ctx: &Context, props: &Watched, memory: &mut Memory) -> Result<Vec<Value>> {
        poll(ctx, props, memory, Happened::Stopped)
    }

    fn test(ctx: &Context, props: &Watched) -> Result<Vec<Value>> {
        test(ctx, props, Happened::Stopped)
    }
}
