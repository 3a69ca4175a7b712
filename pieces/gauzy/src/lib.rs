//! The built-in piece `gauzy`: employees, time, tasks, invoices and notifications of an Ever Gauzy server.

mod account;
mod actions;
mod answer;
mod call;
mod choices;
mod digest;
mod fields;
mod gauzy;
mod id;
mod list;
mod once;
mod permission;
mod status;
mod triggers;

pub use actions::*;
use leno_sdk::prelude::*;
pub use triggers::*;

piece! {
    name: "gauzy",
    display_name: "Gauzy",
    categories: [HumanResources, Productivity, Accounting],
    auth: [account::oauth2(), account::token()],
    hosts: ["{{connection.props.baseUrl}}", "{{connection.baseUrl}}"],
    actions: [
        create_employee, update_employee, get_employee, list_employees, delete_employee,
        create_task, update_task, get_task, list_tasks, delete_task,
        log_time_entry, start_timer, stop_timer, timer_status,
        generate_invoice, send_notification, custom_api_call,
    ],
    triggers: [
        EmployeeCreated, EmployeeUpdated, TimeLogRecorded, TimerStarted, TimerStopped, NewTask, TaskStatusChanged,
        InvoiceGenerated,
    ],
}
