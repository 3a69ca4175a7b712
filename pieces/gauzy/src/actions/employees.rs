//! Reading and deleting employees.

use leno_sdk::prelude::*;

use super::{Deleted, Listed, deleted, listed};
use crate::call::{Call, PAGE};
use crate::choices::{employees, organizations};
use crate::fields::without_secrets;
use crate::gauzy::Gauzy;
use crate::id::Id;

/// The call for one employee, with its user: name and e-mail are there.
pub(super) fn one(id: &Id) -> Call {
    Call::get(format!("/employee/{id}")).with(&["user"])
}

/// An employee of an organization.
#[derive(Props)]
pub struct OneEmployee {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    #[prop(options = employees, refreshers("organization"), refresh_on_search)]
    employee: Id,
}

/// Gets an employee by its id, with its user.
#[action(classification = "READ", ai(idempotent = true))]
pub fn get_employee(ctx: &Context, props: OneEmployee) -> Result<Value> {
    let employee = Gauzy::connect(ctx)?.entity(&one(&props.employee), props.employee.as_str())?;
    match employee.get("organizationId").and_then(Value::as_str) {
        Some(organization) if organization != props.organization.as_str() => {
            Err(Error::not_found("gauzy-not-found", "employee: belongs to another organization; choose that one"))
        }
        _ => Ok(without_secrets(employee)),
    }
}

/// Which employees to list.
#[derive(Props)]
pub struct ListEmployees {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    #[prop(default = 1, min = 1)]
    page: u32,
    #[prop(default = PAGE, min = 1, max = PAGE, display_name = "Page size", advanced)]
    limit: u32,
}

/// Lists the employees of an organization whose users are active, newest first.
#[action(classification = "SEARCH", ai(idempotent = true))]
pub fn list_employees(ctx: &Context, props: ListEmployees) -> Result<Listed> {
    let call = Call::get("/employee")
        .only("organizationId", &props.organization)
        .with(&["user"])
        .query("order[createdAt]", "DESC");
    let mut list = listed(&Gauzy::connect(ctx)?, &call, props.page, props.limit)?;
    list.items = list.items.into_iter().map(without_secrets).collect();
    Ok(list)
}

/// Deletes an employee of an organization. Its user stays.
#[action(classification = "DESTRUCTIVE", ai(idempotent = false))]
pub fn delete_employee(ctx: &Context, props: OneEmployee) -> Result<Deleted> {
    let gauzy = Gauzy::connect(ctx)?;
    let call = Call::delete(format!("/employee/{}", props.employee)).query("organizationId", &props.organization);
    deleted(&gauzy, &call, props.employee)
}
