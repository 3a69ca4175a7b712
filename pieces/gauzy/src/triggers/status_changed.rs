//! Tasks whose status changes: Gauzy writes it into its activity log.

use leno_sdk::prelude::*;

use super::memory::Memory;
use super::{Sample, Watched, appeared};
use crate::call::Call;
use crate::fields::Fields;
use crate::gauzy::Gauzy;
use crate::list::Skip;

/// The most entries of one poll: each may need its task to be read.
const MOST_CHANGES: usize = 200;

/// Polls for tasks whose status changed.
pub struct TaskStatusChanged;

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
fn described(entry: &Value) -> Value {
    let text = entry.get("description").and_then(Value::as_str).unwrap_or_default();
    let title = text.split_once('"').map(|(_, rest)| rest.strip_suffix('"').unwrap_or(rest));
    title.map_or(Value::Null, Value::from)
}

/// The changes in these entries. The log has no titles, so each task is read, and once only.
fn changes(gauzy: &Gauzy, entries: Vec<Value>) -> Result<Vec<Value>> {
    let mut titles: Map = Map::new();
    let mut changes = Vec::new();
    for entry in entries {
        let Some((from, to)) = change(&entry) else { continue };
        let Some(task) = entry.get("entityId").and_then(Value::as_str) else { continue };
        if !titles.contains_key(task) {
            titles.insert(task.to_owned(), title(gauzy, task)?);
        }
        let title = titles.get(task).filter(|title| title.is_string()).cloned();
        let fields = Fields::new()
            .set("taskId", task)
            .set("title", title.unwrap_or_else(|| described(&entry)))
            .set("from", from)
            .set("to", to)
            .set("changedAt", entry.get("createdAt").cloned().unwrap_or_default());
        changes.push(fields.set("raw", entry).into());
    }
    Ok(changes)
}

/// The title of a task; none if it was deleted since, or the user may see the log but not the task.
fn title(gauzy: &Gauzy, task: &str) -> Result<Value> {
    match gauzy.entity(&Call::get(format!("/tasks/{task}")), task) {
        Ok(task) => Ok(task.get("title").cloned().unwrap_or_default()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied) => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

/// Fires when the status of a task in an organization changes, with the status before and after.
#[trigger(schedule = "*/5 * * * *", sample = Sample(r#"{
    "taskId": "e2d338d5-fb56-421c-9102-c1f1a4dda61a", "title": "Write the report", "from": "open", "to": "in-progress",
    "changedAt": "2026-01-01T10:00:00.000Z",
    "raw": {"entity": "Task", "action": "Updated", "updatedFields": ["status"]}
}"#))]
impl Watching for TaskStatusChanged {
    type Props = Watched;
    type Memory = Memory;
    type Event = Value;

    fn begin(ctx: &Context, props: &Watched) -> Result<Memory> {
        appeared::begin(&Gauzy::connect(ctx)?, &call(props), Skip::Pages)
    }

    fn poll(ctx: &Context, props: &Watched, seen: &mut Memory) -> Result<Vec<Value>> {
        let gauzy = Gauzy::connect(ctx)?;
        let entries = appeared::poll_at_most(&gauzy, &call(props), Skip::Pages, seen, MOST_CHANGES)?;
        changes(&gauzy, entries)
    }

    fn test(ctx: &Context, props: &Watched) -> Result<Vec<Value>> {
        let gauzy = Gauzy::connect(ctx)?;
        let entries = gauzy.list(&call(props))?.items;
        let mut entries: Vec<Value> = entries.into_iter().filter(|entry| change(entry).is_some()).collect();
        entries.truncate(super::TEST_EVENTS as usize);
        changes(&gauzy, entries)
    }
}
