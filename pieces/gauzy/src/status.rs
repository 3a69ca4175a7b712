//! The statuses of tasks. Gauzy takes any text for a status, so a wrong one is refused here.

use leno_sdk::prelude::*;

use crate::call::Call;
use crate::gauzy::Gauzy;
use crate::id::Id;

/// A status that an organization, or one of its projects, has for tasks.
pub(crate) struct Status {
    pub(crate) id: String,
    /// What tasks have in their column `status`.
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

/// The statuses that tasks may have. This list takes its conditions without `where`.
pub(crate) fn all(gauzy: &Gauzy, organization: &Id, project: Option<&Id>) -> Result<Vec<Status>> {
    let mut call = Call::get("/task-statuses").query("organizationId", organization);
    if let Some(project) = project {
        call = call.query("projectId", project);
    }
    let mut statuses = read(gauzy, &call)?;
    if statuses.is_empty() && project.is_some() {
        // A project without statuses of its own has those of the organization.
        statuses = read(gauzy, &Call::get("/task-statuses").query("organizationId", organization))?;
    }
    Ok(statuses)
}

fn read(gauzy: &Gauzy, call: &Call) -> Result<Vec<Status>> {
    let status = |row: &Value| {
        let text = |name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Status { id: text("id")?, name: text("name")?, value: text("value") })
    };
    Ok(gauzy.list(call)?.items.iter().filter_map(status).collect())
}

/// The status of this name, in whatever case it is written.
pub(crate) fn named(gauzy: &Gauzy, organization: &Id, project: Option<&Id>, name: &str) -> Result<Status> {
    let statuses = all(gauzy, organization, project)?;
    let is_it = |text: &str| text.eq_ignore_ascii_case(name.trim());
    let place = statuses.iter().position(|status| is_it(&status.name) || status.value.as_deref().is_some_and(is_it));
    let names: Vec<&str> = statuses.iter().map(|status| status.name.as_str()).collect();
    let known = if names.is_empty() {
        "Gauzy has none for them".to_owned()
    } else {
        format!("choose one of {}", names.join(", "))
    };
    let message = format!("status: `{name}` is no status of these tasks; {known}");
    place
        .and_then(|place| statuses.into_iter().nth(place))
        .ok_or_else(|| Error::invalid_input("unknown-status", message))
}
