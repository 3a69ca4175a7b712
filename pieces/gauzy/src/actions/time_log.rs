//! Logging time that was worked.

use leno_sdk::prelude::*;

use super::employees::one;
use crate::call::Call;
use crate::choices::{contacts, employees, organizations, projects, tasks, teams};
use crate::fields::Fields;
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::once::once;

/// How long before the entry a log that overlaps it may have begun. Gauzy finds logs by their beginning.
const LOOK_BACK_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Time that was worked.
#[derive(Props)]
pub struct LogTimeEntry {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    #[prop(options = employees, refreshers("organization"), refresh_on_search)]
    employee: Id,
    started_at: DateTime,
    /// Give this or the minutes
    stopped_at: Option<DateTime>,
    /// The length of the entry, in place of its end
    #[prop(min = 1, max = 1440)]
    minutes: Option<u32>,
    #[prop(options = projects, refreshers("organization"), refresh_on_search)]
    project: Option<Id>,
    #[prop(options = tasks, refreshers("organization"), refresh_on_search)]
    task: Option<Id>,
    /// The client that the work is for
    #[prop(options = contacts, refreshers("organization"), refresh_on_search, advanced)]
    contact: Option<Id>,
    #[prop(options = teams, refreshers("organization"), refresh_on_search, advanced)]
    team: Option<Id>,
    description: Option<LongText>,
    /// Why it is entered by hand
    #[prop(advanced)]
    reason: Option<String>,
    #[prop(default = false, display_name = "Billable")]
    is_billable: bool,
    /// Gauzy cuts time that is logged already out of the older entries. Without this, such an entry is refused
    #[prop(default = false)]
    replace_overlapping_time: bool,
}

/// Logs time by hand for an employee. A retry of the same step logs it once.
#[action(classification = "WRITE", ai(idempotent = true))]
pub fn log_time_entry(ctx: &Context, props: LogTimeEntry) -> Result<Value> {
    let (from, to) = (props.started_at, end(&props)?);
    let gauzy = Gauzy::connect(ctx)?;
    // `logType` and `source` must be sent, and Gauzy then sets these two itself.
    let body = Value::from(
        Fields::new()
            .set("organizationId", props.organization.as_str())
            .set("employeeId", props.employee.as_str())
            .set("startedAt", from.to_string())
            .set("stoppedAt", to.to_string())
            .set("logType", "MANUAL")
            .set("source", "BROWSER")
            .set("isBillable", props.is_billable)
            .opt("projectId", props.project)
            .opt("taskId", props.task)
            .opt("organizationContactId", props.contact)
            .opt("organizationTeamId", props.team)
            .opt("description", props.description)
            .opt("reason", props.reason),
    );
    once(&gauzy, "time-log", &body, || {
        // Without the permission to see others, Gauzy would log the time for the caller.
        gauzy.entity(&one(&props.employee), props.employee.as_str())?;
        if !props.replace_overlapping_time {
            refuse_overlap(&gauzy, &props.organization, &props.employee, from, to)?;
        }
        let log = gauzy.created(&Call::post("/timesheet/time-log", body.clone()))?;
        match log.get("employeeId").and_then(Value::as_str) {
            Some(logged) if logged != props.employee.as_str() => {
                let id = log.get("id").and_then(Value::as_str).unwrap_or_default();
                let message = format!(
                    "Gauzy logged the time for employee {logged} instead of {} (entry {id}); delete it there, and give the \
                     user of the connection the permission CHANGE_SELECTED_EMPLOYEE",
                    props.employee
                );
                Err(Error::denied("gauzy-permission", message).with_details(json!({"timeLogId": id})))
            }
            _ => Ok(log),
        }
    })
}

fn end(props: &LogTimeEntry) -> Result<DateTime> {
    let stopped = match (props.stopped_at, props.minutes) {
        (Some(stopped), None) => stopped,
        (None, Some(minutes)) => {
            let millis = props.started_at.millis().saturating_add(i64::from(minutes) * 60_000);
            DateTime::from_millis(millis)
                .map_err(|error| Error::invalid_input("invalid-props", format!("minutes: {error}")))?
        }
        (None, None) => {
            return Err(Error::invalid_input("invalid-props", "stopped_at: is required, or `minutes` in its place"));
        }
        (Some(_), Some(_)) => {
            return Err(Error::invalid_input("invalid-props", "minutes: give either the end or the minutes, not both"));
        }
    };
    if stopped <= props.started_at {
        let message = format!("stopped_at: {stopped} is not after the start, {}", props.started_at);
        return Err(Error::invalid_input("invalid-props", message));
    }
    Ok(stopped)
}

fn refuse_overlap(gauzy: &Gauzy, organization: &Id, employee: &Id, from: DateTime, to: DateTime) -> Result<()> {
    let earliest = DateTime::from_millis(from.millis() - LOOK_BACK_MILLIS).unwrap_or(from);
    let call = Call::get("/timesheet/time-log")
        .query("organizationId", organization)
        .query("employeeIds[0]", employee)
        .query("startDate", earliest)
        .query("endDate", to);
    let time = |log: &Value, name: &str| log.get(name).and_then(Value::as_str)?.parse::<DateTime>().ok();
    let overlaps = |log: &&Value| {
        time(log, "startedAt").is_some_and(|started| started < to)
            && time(log, "stoppedAt").is_none_or(|stopped| stopped > from)
    };
    match gauzy.list(&call)?.items.iter().find(overlaps) {
        None => Ok(()),
        Some(log) => {
            let part = |name: &str| log.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
            let message = format!(
                "the employee has time logged from {} to {} (entry {}), which this entry would replace; choose other times, or \
                 set `replace_overlapping_time`",
                part("startedAt"),
                part("stoppedAt"),
                part("id")
            );
            Err(Error::invalid_input("overlapping-time", message).with_details(json!({"timeLogId": part("id")})))
        }
    }
}
