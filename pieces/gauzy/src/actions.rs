//! The actions.

mod custom;
mod employee_write;
mod employees;
mod invoice;
mod money;
mod notification;
mod task_write;
mod tasks;
mod time_log;
mod timer;

pub use custom::custom_api_call;
pub use employee_write::{create_employee, update_employee};
pub use employees::{delete_employee, get_employee, list_employees};
pub use invoice::generate_invoice;
pub use notification::send_notification;
use serde::Serialize;
pub use task_write::{create_task, update_task};
pub use tasks::{delete_task, get_task, list_tasks};
pub use time_log::log_time_entry;
pub use timer::{start_timer, stop_timer, timer_status};

use leno_sdk::prelude::*;

use crate::call::Call;
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::list::{List, Skip, page};

/// One page of a list.
#[derive(Serialize)]
pub struct Listed {
    items: Vec<Value>,
    /// How many there are on all pages.
    total: Option<u64>,
    /// The next page, if there is one.
    next_page: Option<u32>,
}

/// A page by its number from 1.
fn listed(gauzy: &Gauzy, call: &Call, number: u32, size: u32) -> Result<Listed> {
    let List { items, total } = page(gauzy, call, Skip::Rows, number.saturating_sub(1), size)?;
    let read = u64::from(number).saturating_mul(u64::from(size));
    let has_more = total.map_or(items.len() as u64 == u64::from(size), |total| read < total);
    Ok(Listed { items, total, next_page: has_more.then(|| number.saturating_add(1)) })
}

/// What a deletion answers.
#[derive(Serialize)]
pub struct Deleted {
    id: Id,
    deleted: bool,
}

/// Deletes a record. One that was not there is an error: the flow has the wrong id.
fn deleted(gauzy: &Gauzy, call: &Call, id: Id) -> Result<Deleted> {
    let answer = gauzy.send(call)?;
    if answer.get("affected").and_then(Value::as_u64) == Some(0) {
        let message = format!("{}: Gauzy has no such record, so nothing was deleted", call.name());
        return Err(Error::not_found("gauzy-not-found", message));
    }
    Ok(Deleted { id, deleted: true })
}
