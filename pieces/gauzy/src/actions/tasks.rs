//! Reading and deleting tasks.

use leno_sdk::prelude::*;

use super::{Deleted, Listed, deleted, listed};
use crate::call::{Call, PAGE};
use crate::choices::{organizations, projects, task_statuses, tasks};
use crate::gauzy::Gauzy;
use crate::id::Id;

/// The call for one task with its members, teams and tags.
pub(super) fn one(id: &Id) -> Call {
    Call::get(format!("/tasks/{id}")).with(&["members", "teams", "tags"])
}

/// A task of an organization.
#[derive(Props)]
pub struct OneTask {
    #[prop(options = organizations, refresh_on_search)]
    #[expect(dead_code, reason = "the list of tasks depends on it")]
    organization: Id,
    #[prop(options = tasks, refreshers("organization"), refresh_on_search)]
    task: Id,
}

/// Gets a task by its id, with its members, teams and tags.
#[action(classification = "READ", ai(idempotent = true))]
pub fn get_task(ctx: &Context, props: OneTask) -> Result<Value> {
    Gauzy::connect(ctx)?.entity(&one(&props.task), props.task.as_str())
}

/// Which tasks to list.
#[derive(Props)]
pub struct ListTasks {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    /// Only tasks of this project
    #[prop(options = projects, refreshers("organization"), refresh_on_search)]
    project: Option<Id>,
    /// Only tasks of this status
    #[prop(options = task_statuses, refreshers("organization", "project"), refresh_on_search)]
    status: Option<String>,
    #[prop(default = 1, min = 1)]
    page: u32,
    #[prop(default = PAGE, min = 1, max = PAGE, display_name = "Page size", advanced)]
    limit: u32,
}

/// Lists the tasks of an organization, newest first.
#[action(classification = "SEARCH", ai(idempotent = true))]
pub fn list_tasks(ctx: &Context, props: ListTasks) -> Result<Listed> {
    let mut call = Call::get("/tasks").only("organizationId", &props.organization).query("order[createdAt]", "DESC");
    if let Some(project) = &props.project {
        call = call.only("projectId", project);
    }
    if let Some(status) = props.status.filter(|status| !status.is_empty()) {
        call = call.only("status", status);
    }
    listed(&Gauzy::connect(ctx)?, &call, props.page, props.limit)
}

/// Deletes a task.
#[action(classification = "DESTRUCTIVE", ai(idempotent = false))]
pub fn delete_task(ctx: &Context, props: OneTask) -> Result<Deleted> {
    deleted(&Gauzy::connect(ctx)?, &Call::delete(format!("/tasks/{}", props.task)), props.task)
}
