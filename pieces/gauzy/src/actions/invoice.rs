//! Generating an invoice: number, invoice, items. Gauzy does it in three requests, and another client may be as fast.

use leno_sdk::prelude::*;

use super::money::{Rate, amount, to_cents};
use crate::answer::TAKEN;
use crate::call::Call;
use crate::choices::{contacts, currencies, organization_currency, organizations};
use crate::fields::{Fields, sent_by_value, without_secrets};
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::once::once;

/// How often a number is looked for, when others take it.
const NUMBER_ATTEMPTS: u32 = 4;
/// When a new invoice is due, if nothing is said.
const DUE_AFTER_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The state of an invoice.
#[derive(Choice, Clone, Copy)]
#[choice(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InvoiceStatus {
    Draft,
    Sent,
    Viewed,
    FullyPaid,
    PartiallyPaid,
    Overpaid,
    Void,
}

sent_by_value!(InvoiceStatus, Rate);

/// A line of an invoice.
#[derive(Props)]
pub struct InvoiceItem {
    description: String,
    /// The price of one
    price: f64,
    #[prop(default = 1.0, min = 0)]
    quantity: f64,
}

/// A new invoice.
#[derive(Props)]
pub struct GenerateInvoice {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    /// The client that gets it
    #[prop(options = contacts, refreshers("organization"), refresh_on_search)]
    contact: Option<Id>,
    items: Vec<InvoiceItem>,
    /// The currency of the organization, if none is chosen
    #[prop(options = currencies, refresh_on_search)]
    currency: Option<String>,
    /// Now, if none is given
    invoice_date: Option<DateTime>,
    /// 30 days after the invoice date, if none is given
    due_date: Option<DateTime>,
    #[prop(default = InvoiceStatus::Draft)]
    status: InvoiceStatus,
    /// The next free one, if none is given
    #[prop(min = 1, advanced)]
    invoice_number: Option<u32>,
    #[prop(default = 0.0, min = 0, advanced)]
    discount: f64,
    #[prop(default = Rate::Percent, advanced)]
    discount_type: Rate,
    #[prop(default = 0.0, min = 0, advanced)]
    tax: f64,
    #[prop(default = Rate::Percent, advanced)]
    tax_type: Rate,
    #[prop(advanced)]
    terms: Option<LongText>,
    /// Seen in the organization only
    #[prop(advanced)]
    internal_note: Option<LongText>,
}

/// Generates an invoice with its items. If the items cannot be stored, the invoice is removed again. A retry of the same step
/// generates no second one.
#[action(classification = "WRITE", ai(idempotent = true))]
pub fn generate_invoice(ctx: &Context, props: GenerateInvoice) -> Result<Value> {
    if props.items.is_empty() {
        return Err(Error::invalid_input("no-items", "items: an invoice needs at least one"));
    }
    let gauzy = Gauzy::connect(ctx)?;
    let currency = props.currency.as_deref().map(str::trim).filter(|code| !code.is_empty());
    // What makes two calls of one step the same: not the number, which is found later, and not the present time.
    let date = props.invoice_date.map_or_else(|| DateTime::from_millis(0), Ok).map_err(bad_date)?;
    let wanted =
        json!([body(&props, currency.unwrap_or_default(), 0, date)?, rows(&props, "", ""), props.invoice_number]);
    once(&gauzy, "invoice", &wanted, || {
        let currency = match currency {
            Some(code) => code.to_ascii_uppercase(),
            None => organization_currency(&gauzy, &props.organization)?,
        };
        let invoice = numbered(&gauzy, &props, &currency)?;
        with_items(&gauzy, &props, invoice).map(without_secrets)
    })
}

/// Creates the invoice under the number that was given, or under the next one.
fn numbered(gauzy: &Gauzy, props: &GenerateInvoice, currency: &str) -> Result<Value> {
    let date = props.invoice_date.unwrap_or_else(DateTime::now);
    let mut attempt = 1;
    loop {
        let number = match props.invoice_number {
            Some(number) => u64::from(number),
            None => next_number(gauzy)?,
        };
        match gauzy.created(&Call::post("/invoices", body(props, currency, number, date)?)) {
            Err(error) if error.code() == TAKEN && props.invoice_number.is_none() && attempt < NUMBER_ATTEMPTS => {
                log::debug!("the invoice number {number} is taken, the next one is tried");
                attempt += 1;
            }
            Err(error) if error.code() == TAKEN => {
                let message = format!("invoice_number: {number} is taken; give another one, or none");
                return Err(Error::invalid_input(TAKEN, message));
            }
            other => return other,
        }
    }
}

/// One more than the highest number, which may be a number or a text of digits.
fn next_number(gauzy: &Gauzy) -> Result<u64> {
    let call = Call::get("/invoices/highest");
    let answer = gauzy.send(&call)?;
    let highest = match answer.get("max") {
        None | Some(Value::Null) => Some(0),
        Some(Value::String(digits)) => digits.trim().parse::<u64>().ok(),
        Some(number) => number.as_u64(),
    };
    let message = || Error::unavailable("gauzy-unexpected", "Gauzy did not say which invoice number is the highest");
    highest.and_then(|highest| highest.checked_add(1)).ok_or_else(message)
}

fn body(props: &GenerateInvoice, currency: &str, number: u64, date: DateTime) -> Result<Value> {
    let due = match props.due_date {
        Some(due) => due,
        None => DateTime::from_millis(date.millis().saturating_add(DUE_AFTER_MILLIS)).map_err(bad_date)?,
    };
    // `discountValue` and `terms` are not validated, and the database refuses an invoice without them.
    let fields = Fields::new()
        .set("organizationId", props.organization.as_str())
        .set("fromOrganizationId", props.organization.as_str())
        .set("invoiceNumber", number)
        .set("invoiceDate", date.to_string())
        .set("dueDate", due.to_string())
        .opt("status", Some(props.status))
        .set("currency", currency)
        .set("invoiceType", "DETAILED_ITEMS")
        .set("discountValue", props.discount)
        .opt("discountType", Some(props.discount_type))
        .set("tax", props.tax)
        .opt("taxType", Some(props.tax_type))
        .set("terms", props.terms.as_ref().map(|terms| terms.0.clone()).unwrap_or_default())
        .set("totalValue", amount(total(props)))
        .set("paid", false)
        .set("isEstimate", false)
        .opt("internalNote", props.internal_note.as_ref())
        .opt("toContactId", props.contact.as_ref())
        .opt("organizationContactId", props.contact.as_ref());
    Ok(fields.into())
}

fn bad_date(error: leno_sdk::InvalidDateTime) -> Error {
    Error::invalid_input("invalid-props", format!("invoice_date: {error}"))
}

/// The sum of the lines with tax and without discount, in cents.
fn total(props: &GenerateInvoice) -> i64 {
    let lines: i64 = props.items.iter().map(line).sum();
    lines + props.tax_type.of(props.tax, lines) - props.discount_type.of(props.discount, lines)
}

fn line(item: &InvoiceItem) -> i64 {
    to_cents(item.price * item.quantity)
}

/// The items as Gauzy takes them. Each says again whose it is.
fn rows(props: &GenerateInvoice, tenant: &str, invoice: &str) -> Value {
    let row = |item: &InvoiceItem| {
        Value::from(
            Fields::new()
                .set("organizationId", props.organization.as_str())
                .set("tenantId", tenant)
                .set("invoiceId", invoice)
                .set("description", item.description.as_str())
                .set("price", item.price)
                .set("quantity", item.quantity)
                .set("totalValue", amount(line(item)))
                .set("applyTax", props.tax > 0.0)
                .set("applyDiscount", props.discount > 0.0),
        )
    };
    props.items.iter().map(row).collect()
}

/// Stores the items of an invoice. If that fails, the invoice is removed, so that no empty one stays behind.
fn with_items(gauzy: &Gauzy, props: &GenerateInvoice, mut invoice: Value) -> Result<Value> {
    let id = invoice.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let tenant = gauzy.tenant()?;
    let call = Call::post(format!("/invoice-item/bulk/{id}"), rows(props, &tenant, &id));
    let failure = match gauzy.list(&call) {
        Ok(list) => {
            if let Some(members) = invoice.as_object_mut() {
                members.insert("invoiceItems".to_owned(), list.items.into());
            }
            return Ok(invoice);
        }
        Err(failure) => failure,
    };
    match gauzy.send(&Call::delete(format!("/invoices/{id}"))) {
        Ok(_) => Err(failure),
        Err(error) => {
            let message = format!(
                "{failure}; and the invoice {id}, which has no items now, could not be removed: {error}; remove it in Gauzy"
            );
            Err(Error::new(failure.kind(), "gauzy-invoice-left", message).with_details(json!({"invoiceId": id})))
        }
    }
}
