//! The timer of an employee. A user starts and stops only its own.

use leno_sdk::prelude::*;

use crate::call::Call;
use crate::choices::{contacts, employees, organizations, projects, tasks, teams};
use crate::fields::Fields;
use crate::gauzy::Gauzy;
use crate::id::Id;

/// What the user works on.
#[derive(Props)]
pub struct StartTimer {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    #[prop(options = projects, refreshers("organization"), refresh_on_search)]
    project: Option<Id>,
    /// A task that is assigned to the user
    #[prop(options = tasks, refreshers("organization"), refresh_on_search)]
    task: Option<Id>,
    #[prop(options = contacts, refreshers("organization"), refresh_on_search, advanced)]
    contact: Option<Id>,
    #[prop(options = teams, refreshers("organization"), refresh_on_search, advanced)]
    team: Option<Id>,
    description: Option<LongText>,
    #[prop(default = false, display_name = "Billable")]
    is_billable: bool,
}

/// Starts the timer of the connection's user. A timer that runs already is stopped.
#[action(classification = "WRITE", ai(idempotent = false))]
pub fn start_timer(ctx: &Context, props: StartTimer) -> Result<Value> {
    let body = toggle(&props.organization)
        .set("isBillable", props.is_billable)
        .opt("projectId", props.project)
        .opt("taskId", props.task)
        .opt("organizationContactId", props.contact)
        .opt("organizationTeamId", props.team)
        .opt("description", props.description);
    let started = Gauzy::connect(ctx)?.created(&Call::post("/timesheet/timer/start", body.into()));
    started.map_err(|error| {
        if error.message().contains("invalid-task-permissions") {
            let message = "the timer cannot run on this task: choose one of the project that is assigned to the user";
            Error::denied("gauzy-task-permission", message)
        } else {
            error
        }
    })
}

/// An organization of the user.
#[derive(Props)]
pub struct StopTimer {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
}

/// Stops the timer of the connection's user and returns the time log.
#[action(classification = "WRITE", ai(idempotent = false))]
pub fn stop_timer(ctx: &Context, props: StopTimer) -> Result<Value> {
    let call = Call::post("/timesheet/timer/stop", toggle(&props.organization).into());
    Gauzy::connect(ctx)?.created(&call).map_err(|error| {
        // Gauzy answers 406, as for a malformed id.
        if error.message().contains("No running log") {
            Error::invalid_input("gauzy-no-timer", "no timer of the user is running, so there is none to stop")
        } else {
            error
        }
    })
}

/// Gauzy wants these with every change of a timer.
fn toggle(organization: &Id) -> Fields {
    Fields::new().set("organizationId", organization.as_str()).set("logType", "TRACKED").set("source", "BROWSER")
}

/// Whose timer to look at.
#[derive(Props)]
pub struct TimerStatus {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    /// The user itself, if none is chosen
    #[prop(options = employees, refreshers("organization"), refresh_on_search)]
    employee: Option<Id>,
}

/// Tells whether a timer runs, its last time log, and how many seconds were worked today.
#[action(classification = "READ", ai(idempotent = true))]
pub fn timer_status(ctx: &Context, props: TimerStatus) -> Result<Value> {
    let mut call = Call::get("/timesheet/timer/status").query("organizationId", &props.organization);
    if let Some(employee) = &props.employee {
        call = call.query("employeeId", employee);
    }
    let gauzy = Gauzy::connect(ctx)?;
    let status = gauzy.send(&call)?;
    // Without the permission to see others, Gauzy tells of the caller's own timer.
    let of = status.get("lastLog").and_then(|log| log.get("employeeId")).and_then(Value::as_str);
    match (&props.employee, of) {
        (Some(asked), Some(of)) if of != asked.as_str() => Err(Error::denied(
            "gauzy-permission",
            "Gauzy answered with the timer of the user itself: the user needs the permission CHANGE_SELECTED_EMPLOYEE to see \
             those of others",
        )),
        _ => Ok(status),
    }
}
