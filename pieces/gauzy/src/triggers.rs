//! The triggers. All of them poll: Gauzy has no webhook that can be relied on.

mod appeared;
mod employee_created;
mod employee_updated;
mod invoice_generated;
mod memory;
mod new_task;
mod snapshot;
mod status_changed;
mod time_log_recorded;
mod timer;

pub use employee_created::EmployeeCreated;
pub use employee_updated::EmployeeUpdated;
pub use invoice_generated::InvoiceGenerated;
use leno_sdk::prelude::*;
pub use new_task::NewTask;
use serde::{Serialize, Serializer};
pub use status_changed::TaskStatusChanged;
pub use time_log_recorded::TimeLogRecorded;
pub use timer::{TimerStarted, TimerStopped};

use crate::choices::organizations;
use crate::id::Id;

/// The most events of one poll; the rest follows with the next ones.
const MOST_EVENTS: usize = 1000;
/// How many events a test shows.
const TEST_EVENTS: u32 = 5;

/// Where to look.
#[derive(Props)]
pub struct Watched {
    #[prop(options = organizations, refresh_on_search)]
    pub(crate) organization: Id,
}

/// A sample event as its JSON text. Built by `json!`, those of all triggers would be a tenth of the component.
struct Sample(&'static str);

impl Serialize for Sample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.parse::<Value>().unwrap_or_default().serialize(serializer)
    }
}

/// The id of a row.
fn id(row: &Value) -> Option<&str> {
    row.get("id").and_then(Value::as_str)
}

/// Sorts rows by their times; rows of the same time keep their order.
fn oldest_first(rows: &mut [(DateTime, Value)]) {
    rows.sort_by_key(|(time, _)| *time);
}

/// A time of a row. One that cannot be read fails the poll, because the row could not be told from those that are known.
fn time(row: &Value, column: &str) -> Result<DateTime> {
    let text = row.get(column).and_then(Value::as_str).unwrap_or_default();
    text.parse().map_err(|error| {
        let message = format!("the row `{}` of Gauzy has no usable `{column}`: {error}", id(row).unwrap_or("?"));
        Error::unavailable("polling-time", message)
    })
}
