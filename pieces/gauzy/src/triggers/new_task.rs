//! New tasks.

use leno_sdk::prelude::*;

use super::memory::Memory;
use super::{Sample, appeared};
use crate::call::Call;
use crate::choices::{organizations, projects};
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::list::Skip;

/// Which tasks to watch.
#[derive(Props)]
pub struct WatchedTasks {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    /// Only tasks of this project
    #[prop(options = projects, refreshers("organization"), refresh_on_search)]
    project: Option<Id>,
}

/// Polls for new tasks.
pub struct NewTask;

fn call(props: &WatchedTasks) -> Call {
    let call = Call::get("/tasks").only("organizationId", &props.organization).query("order[createdAt]", "DESC");
    match &props.project {
        Some(project) => call.only("projectId", project),
        None => call,
    }
}

/// Fires for every task that is created in an organization, or in one of its projects.
#[trigger(schedule = "*/5 * * * *", sample = Sample(r#"{
    "id": "e2d338d5-fb56-421c-9102-c1f1a4dda61a", "organizationId": "5764ceb2-85ba-47e7-85f9-6703e3b93d3a",
    "title": "Write the report", "number": 1, "status": "open", "priority": null, "estimate": null, "projectId": null,
    "createdAt": "2026-01-01T10:00:00.000Z", "updatedAt": "2026-01-01T10:00:00.000Z"
}"#))]
impl Watching for NewTask {
    type Props = WatchedTasks;
    type Memory = Memory;
    type Event = Value;

    fn begin(ctx: &Context, props: &WatchedTasks) -> Result<Memory> {
        appeared::begin(&Gauzy::connect(ctx)?, &call(props), Skip::Rows)
    }

    fn poll(ctx: &Context, props: &WatchedTasks, seen: &mut Memory) -> Result<Vec<Value>> {
        appeared::poll(&Gauzy::connect(ctx)?, &call(props), Skip::Rows, seen)
    }

    fn test(ctx: &Context, props: &WatchedTasks) -> Result<Vec<Value>> {
        appeared::newest(&Gauzy::connect(ctx)?, &call(props), Skip::Rows)
    }
}
