//! Creating and changing tasks.

use leno_sdk::prelude::*;

use super::tasks::one;
use crate::call::Call;
use crate::choices::{employees, organizations, projects, task_statuses, tasks, teams};
use crate::fields::{Fields, references, sent_by_value};
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::once::once;
use crate::status;

/// The status of a new task for which none was chosen.
const FIRST_STATUS: &str = "open";

/// How urgent a task is.
#[derive(Choice, Clone, Copy)]
pub enum Priority {
    Urgent,
    High,
    Medium,
    Low,
}

/// How large a task is.
#[derive(Choice, Clone, Copy)]
pub enum Size {
    #[choice(value = "x-large", label = "Extra large")]
    XLarge,
    Large,
    Medium,
    Small,
    Tiny,
}

/// What kind of task it is.
#[derive(Choice, Clone, Copy)]
pub enum IssueType {
    Epic,
    Story,
    Task,
    Bug,
    Memo,
}

sent_by_value!(Priority, Size, IssueType);

/// A new task.
#[derive(Props)]
pub struct CreateTask {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    title: String,
    description: Option<LongText>,
    #[prop(options = projects, refreshers("organization"), refresh_on_search)]
    project: Option<Id>,
    /// The name of a status; `open` if none is chosen
    #[prop(options = task_statuses, refreshers("organization", "project"), refresh_on_search)]
    status: Option<String>,
    priority: Option<Priority>,
    #[prop(advanced)]
    size: Option<Size>,
    #[prop(advanced)]
    issue_type: Option<IssueType>,
    /// The employees who work on it
    #[prop(default, options = employees, refreshers("organization"), refresh_on_search)]
    members: Vec<Id>,
    #[prop(default, options = teams, refreshers("organization"), refresh_on_search, advanced)]
    teams: Vec<Id>,
    #[prop(display_name = "Estimate in hours", min = 0)]
    estimate_hours: Option<f64>,
    start_date: Option<DateTime>,
    due_date: Option<DateTime>,
    /// The task that this one is a part of
    #[prop(options = tasks, refreshers("organization"), refresh_on_search, advanced)]
    parent: Option<Id>,
}

/// Creates a task. A retry of the same step creates no second one.
#[action(classification = "WRITE", ai(idempotent = true))]
pub fn create_task(ctx: &Context, props: CreateTask) -> Result<Value> {
    let title = props.title.trim();
    if title.is_empty() {
        return Err(Error::invalid_input("no-title", "title: must not be empty"));
    }
    let gauzy = Gauzy::connect(ctx)?;
    let fields = Fields::new()
        .set("organizationId", props.organization.as_str())
        .set("title", title)
        .set("status", FIRST_STATUS)
        .opt("description", props.description)
        .opt("projectId", props.project.as_ref())
        .opt("priority", props.priority)
        .opt("size", props.size)
        .opt("issueType", props.issue_type)
        .opt("estimate", props.estimate_hours.map(seconds))
        .opt("startDate", props.start_date)
        .opt("dueDate", props.due_date)
        .opt("parentId", props.parent)
        .opt("members", (!props.members.is_empty()).then(|| references(&props.members)))
        .opt("teams", (!props.teams.is_empty()).then(|| references(&props.teams)));
    let fields = match props.status.filter(|status| !status.trim().is_empty()) {
        None => fields,
        Some(name) => {
            let status = status::named(&gauzy, &props.organization, props.project.as_ref(), &name)?;
            fields.set("status", status.name).set("taskStatusId", status.id)
        }
    };
    let body = Value::from(fields);
    once(&gauzy, "task", &body, || gauzy.created(&Call::post("/tasks", body.clone())))
}

/// Gauzy counts an estimate in seconds.
fn seconds(hours: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a cast stops at the bounds of the type")]
    let seconds = (hours * 3600.0).round() as i64;
    seconds
}

/// What of a task to change. What is left empty stays as it is.
#[derive(Props)]
pub struct UpdateTask {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    #[prop(options = tasks, refreshers("organization"), refresh_on_search)]
    task: Id,
    title: Option<String>,
    description: Option<LongText>,
    #[prop(options = task_statuses, refreshers("organization"), refresh_on_search)]
    status: Option<String>,
    priority: Option<Priority>,
    size: Option<Size>,
    issue_type: Option<IssueType>,
    /// The employees who work on it, in place of those who do now
    #[prop(options = employees, refreshers("organization"), refresh_on_search)]
    members: Option<Vec<Id>>,
    /// In place of the teams that it has now
    #[prop(options = teams, refreshers("organization"), refresh_on_search)]
    teams: Option<Vec<Id>>,
    #[prop(options = projects, refreshers("organization"), refresh_on_search)]
    project: Option<Id>,
    #[prop(display_name = "Estimate in hours", min = 0)]
    estimate_hours: Option<f64>,
    start_date: Option<DateTime>,
    due_date: Option<DateTime>,
    /// Further fields by the names that the API of Gauzy has for them. Gauzy ignores those that it does not know
    #[prop(default, advanced)]
    other_fields: Map,
}

/// Changes a task and returns it as it is then.
#[action(classification = "WRITE", ai(idempotent = true))]
pub fn update_task(ctx: &Context, props: UpdateTask) -> Result<Value> {
    let gauzy = Gauzy::connect(ctx)?;
    let id = props.task.as_str();
    let before = gauzy.entity(&one(&props.task), id)?;
    let kept = |name: &str| before.get(name).cloned().unwrap_or_default();
    let related = |name: &str| {
        let rows = before.get(name).and_then(Value::as_array).into_iter().flatten();
        references(rows.filter_map(|row| row.get("id").and_then(Value::as_str)))
    };
    // Gauzy wants title and status with every change, and takes people away whom it is not told of.
    let fields = Fields::new()
        .set("title", kept("title"))
        .set("status", kept("status"))
        .set("members", props.members.map_or_else(|| related("members"), references))
        .set("teams", props.teams.map_or_else(|| related("teams"), references))
        .set("tags", related("tags"))
        .opt("title", props.title.map(|title| title.trim().to_owned()))
        .opt("description", props.description)
        .opt("priority", props.priority)
        .opt("size", props.size)
        .opt("issueType", props.issue_type)
        .opt("projectId", props.project.as_ref())
        .opt("estimate", props.estimate_hours.map(seconds))
        .opt("startDate", props.start_date)
        .opt("dueDate", props.due_date);
    let fields = match props.status.filter(|status| !status.trim().is_empty()) {
        None => fields,
        Some(name) => {
            let present =
                before.get("projectId").and_then(Value::as_str).and_then(|id| Id::try_from(id.to_owned()).ok());
            let project = props.project.or(present);
            let status = status::named(&gauzy, &props.organization, project.as_ref(), &name)?;
            fields.set("status", status.name).set("taskStatusId", status.id)
        }
    };
    let body = fields.extend(props.other_fields).set("organizationId", props.organization.as_str());
    gauzy.send(&Call::put(format!("/tasks/{id}"), body.into()))?;
    // The answer to a PUT has null for every column that was not sent.
    gauzy.entity(&one(&props.task), id)
}
