//! Creating and changing employees.

use leno_sdk::prelude::*;

use super::employees::one;
use crate::call::Call;
use crate::choices::{currencies, employees, organizations};
use crate::fields::{Fields, sent_by_value, without_secrets};
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::once::once;

/// Who becomes an employee.
#[derive(Props)]
pub struct CreateEmployee {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    /// If a user of the tenant has it, that user becomes an employee; otherwise a user is created, who gets a welcome e-mail
    #[prop(display_name = "E-mail")]
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    /// The user's first password. Without one, a long random one is set that nobody knows: the user then asks Gauzy for a new one
    #[prop(advanced)]
    password: Option<String>,
    started_work_on: Option<DateTime>,
    #[prop(display_name = "Level", advanced)]
    employee_level: Option<String>,
    /// A line about the employee
    #[prop(advanced)]
    short_description: Option<String>,
    #[prop(advanced)]
    description: Option<LongText>,
}

/// Creates an employee, and a user with the role EMPLOYEE if the e-mail is new. A retry of the same step creates no second one.
#[action(classification = "WRITE", ai(idempotent = true))]
pub fn create_employee(ctx: &Context, props: CreateEmployee) -> Result<Value> {
    let gauzy = Gauzy::connect(ctx)?;
    let user = Fields::new()
        .set("email", props.email.trim())
        .opt("firstName", props.first_name)
        .opt("lastName", props.last_name);
    let fields = Fields::new()
        .set("user", user)
        .set("organizationId", props.organization.as_str())
        .opt("startedWorkOn", props.started_work_on)
        .opt("employeeLevel", props.employee_level)
        .opt("short_description", props.short_description)
        .opt("description", props.description);
    // Without the password, which is random: a retry must find the same key.
    let mut body = Value::from(fields);
    once(&gauzy, "employee", &body.clone(), || {
        let password = props.password.filter(|password| !password.is_empty()).map_or_else(strong_password, Ok)?;
        if let Some(members) = body.as_object_mut() {
            members.insert("password".to_owned(), password.into());
        }
        Ok(without_secrets(gauzy.created(&Call::post("/employee", body))?))
    })
}

/// A password that no one knows: 32 random letters and digits, and one of each kind that rules may ask for.
fn strong_password() -> Result<String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal("random", format!("no random bytes: {error}")))?;
    let letters = bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 63))).map(|letter| char::from(*letter));
    Ok(letters.chain("Aa1!".chars()).collect())
}

/// How often an employee is paid.
#[derive(Choice, Clone, Copy)]
#[choice(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayPeriod {
    None,
    Weekly,
    BiWeekly,
    TwicePerMonth,
    Monthly,
}

sent_by_value!(PayPeriod);

/// What of an employee to change. What is left empty stays as it is.
#[derive(Props)]
pub struct UpdateEmployee {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    #[prop(options = employees, refreshers("organization"), refresh_on_search)]
    employee: Id,
    first_name: Option<String>,
    last_name: Option<String>,
    #[prop(display_name = "E-mail")]
    email: Option<String>,
    short_description: Option<String>,
    description: Option<LongText>,
    #[prop(display_name = "Level")]
    employee_level: Option<String>,
    started_work_on: Option<DateTime>,
    /// The end of the employment
    #[prop(display_name = "Ended work on")]
    end_work: Option<DateTime>,
    #[prop(min = 0)]
    bill_rate: Option<f64>,
    #[prop(options = currencies, refresh_on_search)]
    bill_rate_currency: Option<String>,
    pay_period: Option<PayPeriod>,
    /// Hours a week
    #[prop(display_name = "Weekly limit", min = 0, max = 168)]
    weekly_limit: Option<f64>,
    /// Whether the employee may track time
    #[prop(display_name = "Time tracking")]
    is_tracking_enabled: Option<bool>,
    #[prop(display_name = "Active")]
    is_active: Option<bool>,
    /// Further fields by the names that the API of Gauzy has for them. Gauzy ignores those that it does not know
    #[prop(default, advanced)]
    other_fields: Map,
}

/// Changes an employee and its user, and returns the employee as it is then.
#[action(classification = "WRITE", ai(idempotent = true))]
pub fn update_employee(ctx: &Context, props: UpdateEmployee) -> Result<Value> {
    let gauzy = Gauzy::connect(ctx)?;
    let id = props.employee.as_str();
    let before = gauzy.entity(&one(&props.employee), id)?;
    let changes = Fields::new()
        .opt("short_description", props.short_description)
        .opt("description", props.description)
        .opt("employeeLevel", props.employee_level)
        .opt("startedWorkOn", props.started_work_on)
        .opt("endWork", props.end_work)
        .opt("billRateValue", props.bill_rate)
        .opt("billRateCurrency", props.bill_rate_currency)
        .opt("payPeriod", props.pay_period)
        .opt("reWeeklyLimit", props.weekly_limit)
        .opt("isTrackingEnabled", props.is_tracking_enabled)
        .opt("isActive", props.is_active)
        .extend(props.other_fields);
    let user = Fields::new()
        .opt("firstName", props.first_name)
        .opt("lastName", props.last_name)
        .opt("email", props.email.map(|email| email.trim().to_owned()));
    if changes.is_empty() && user.is_empty() {
        return Err(Error::invalid_input("nothing-to-change", "give at least one field to change"));
    }
    if !changes.is_empty() {
        // Gauzy sets these two to null when they are not sent.
        let kept = |name: &str| before.get(name).cloned().unwrap_or_default();
        let Value::Object(changes) = Value::from(changes) else { return Ok(before) };
        let body = Fields::new()
            .set("upworkId", kept("upworkId"))
            .set("linkedInId", kept("linkedInId"))
            .extend(changes)
            .set("organizationId", props.organization.as_str());
        gauzy.send(&Call::put(format!("/employee/{id}"), body.into()))?;
    }
    if !user.is_empty() {
        let Some(user_id) = before.get("userId").and_then(Value::as_str) else {
            let message = "the employee has no user, so its name and its e-mail cannot be changed";
            return Err(Error::invalid_input("gauzy-no-user", message));
        };
        gauzy.send(&Call::put(format!("/user/{user_id}"), user.into()))?;
    }
    // The answer to a PUT has null for every column that was not sent.
    Ok(without_secrets(gauzy.entity(&one(&props.employee), id)?))
}
