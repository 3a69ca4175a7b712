//! Tasks whose status changes: Gauzy writes it into its activity log.

use std::collections::BTreeMap;

use leno_sdk::prelude::*;
use serde::Serialize;

use super::seen::Seen;
use super::{Watched, appeared};
use crate::call::Call;
use crate::gauzy::Gauzy;
use crate::list::Skip;

/// The most entries of one poll: each may need its task to be read.
const MOST_CHANGES: usize = 200;

/// Polls for tasks whose status changed.
pub struct TaskStatusChanged;

/// A change.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    task_id: String,
    title: Option<String>,
    from: Value,
    to: Value,
    changed_at: Value,
    /// The entry of the activity log.
    raw: Value,
}

/// The log takes its conditions without `where`, and has pages.
fn call(props: &Watched) -> Call {
    Call::get("/activity-log")
        .query("organizationId", &props.organization)
        .query("entity", "Task")
        .query("action", "Updated")
        .query("orderBy", "createdAt")
        .query("order", "DESC")
}

/// A list that may have been stored as its JSON text.
fn list(entry: &Value, name: &str) -> Vec<Value> {
    match entry.get(name) {
        Some(Value::Array(items)) => items.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The value of a field before or after: the log has `[{field: value}]`.
fn value(entry: &Value, name: &str, field: &str) -> Value {
    list(entry, name).iter().find_map(|values| values.get(field).cloned()).unwrap_or_default()
}

/// The change of the status in an entry, if there is one. A status that is chosen by its row changes by the name as well.
fn change(entry: &Value) -> Option<(Value, Value)> {
    let fields = list(entry, "updatedFields");
    ["status", "taskStatusId"].into_iter().find_map(|field| {
        fields.iter().find(|name| name.as_str() == Some(field))?;
        let (from, to) = (value(entry, "previousValues", field), value(entry, "updatedValues", field));
        (from != to).then_some((from, to))
    })
}

/// The title in the text of an entry: `Updated Task "T2"`. It is that of the time of the change.
fn described(entry: &Value) -> Option<String> {
    let (_, rest) = entry.get("description").and_then(Value::as_str)?.split_once('"')?;
    Some(rest.strip_suffix('"').unwrap_or(rest).to_owned())
}

/// The changes in these entries. The log has no titles, so each task is read, and once only.
fn changes(gauzy: &Gauzy, entries: Vec<Value>) -> Result<Vec<Change>> {
    let mut titles: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut changes = Vec::new();
    for entry in entries {
        let Some((from, to)) = change(&entry) else { continue };
        let Some(task_id) = entry.get("entityId").and_then(Value::as_str).map(str::to_owned) else { continue };
        let title = match titles.get(&task_id) {
            Some(title) => title.clone(),
            None => {
                let title = title(gauzy, &task_id)?;
                titles.insert(task_id.clone(), title.clone());
                title
            }
        };
        let changed_at = entry.get("createdAt").cloned().unwrap_or_default();
        changes.push(Change { task_id, title: title.or_else(|| described(&entry)), from, to, changed_at, raw: entry });
    }
    Ok(changes)
}

/// The title of a task; none if it was deleted since, or the user may see the log but not the task.
fn title(gauzy: &Gauzy, task: &str) -> Result<Option<String>> {
    match gauzy.entity(&Call::get(format!("/tasks/{task}")), task) {
        Ok(task) => Ok(task.get("title").and_then(Value::as_str).map(str::to_owned)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fires when the status of a task in an organization changes, with the status before and after.
#[trigger(schedule = "*/5 * * * *", sample = json!({
    "taskId": "e2d338d5-fb56-421c-9102-c1f1a4dda61a", "title": "Write the report", "from": "open", "to": "in-progress",
    "changedAt": "2026-01-01T10:00:00.000Z",
    "raw": {"entity": "Task", "action": "Updated", "updatedFields": ["status"]}
}))]
impl Watching for TaskStatusChanged {
    type Props = Watched;
    type Memory = Seen;
    type Event = Change;

    fn begin(ctx: &Context, props: &Watched) -> Result<Seen> {
        appeared::begin(&Gauzy::connect(ctx)?, &call(props), Skip::Pages)
    }

    fn poll(ctx: &Context, props: &Watched, seen: &mut Seen) -> Result<Vec<Change>> {
        let gauzy = Gauzy::connect(ctx)?;
        let entries = appeared::poll_at_most(&gauzy, &call(props), Skip::Pages, seen, MOST_CHANGES)?;
        changes(&gauzy, entries)
    }

    fn test(ctx: &Context, props: &Watched) -> Result<Vec<Change>> {
        let gauzy = Gauzy::connect(ctx)?;
        let entries = gauzy.list(&call(props))?.items;
        let mut entries: Vec<Value> = entries.into_iter().filter(|entry| change(entry).is_some()).collect();
        entries.truncate(super::TEST_EVENTS as usize);
        changes(&gauzy, entries)
    }
}
