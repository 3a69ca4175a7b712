//! Notifications inside of Gauzy.

use leno_sdk::prelude::*;

use crate::call::Call;
use crate::choices::{employees, organizations};
use crate::fields::{Fields, sent_by_value};
use crate::gauzy::Gauzy;
use crate::id::Id;
use crate::once::once;

/// What kind of notification it is. Each employee can switch each kind off.
#[derive(Choice, Clone, Copy)]
#[choice(rename_all = "PascalCase")]
pub enum NotificationType {
    Message,
    Assignment,
    Mention,
    Comment,
    Invitation,
    Payment,
    Broadcast,
}

sent_by_value!(NotificationType);

/// A notification for an employee.
#[derive(Props)]
pub struct SendNotification {
    #[prop(options = organizations, refresh_on_search)]
    organization: Id,
    /// The employee who gets it
    #[prop(options = employees, refreshers("organization"), refresh_on_search)]
    receiver: Id,
    title: String,
    message: LongText,
    #[prop(default = NotificationType::Message, name = "type", display_name = "Type")]
    kind: NotificationType,
    /// What it is about, for example `Task`; the receiver, if nothing is given
    #[prop(advanced)]
    entity: Option<String>,
    /// The id of what it is about; needed if `entity` is given
    #[prop(advanced)]
    entity_id: Option<String>,
}

/// Sends a notification to an employee. Nothing is sent if the employee has switched its type off: the output says so. A retry
/// of the same step sends no second one.
#[action(classification = "WRITE", ai(idempotent = true))]
pub fn send_notification(ctx: &Context, props: SendNotification) -> Result<Value> {
    let given = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let (entity, entity_id) = match (given(props.entity), given(props.entity_id)) {
        (None, None) => ("Employee".to_owned(), props.receiver.to_string()),
        (Some(entity), Some(id)) => (entity, id),
        (None, Some(_)) => return Err(Error::invalid_input("invalid-props", "entity: is required with `entity_id`")),
        (Some(_), None) => return Err(Error::invalid_input("invalid-props", "entity_id: is required with `entity`")),
    };
    let gauzy = Gauzy::connect(ctx)?;
    let fields = Fields::new()
        .set("organizationId", props.organization.as_str())
        .set("receiverEmployeeId", props.receiver.as_str())
        .set("entity", entity)
        .set("entityId", entity_id)
        .set("title", props.title)
        .set("message", props.message.0)
        .opt("type", Some(props.kind));
    let body = Value::from(fields);
    once(&gauzy, "notification", &body.clone(), || {
        let mut body = body;
        let me = gauzy.me()?;
        let sender = me.get("employee").and_then(|employee| employee.get("id")).cloned();
        if let (Some(sender), Some(members)) = (sender, body.as_object_mut()) {
            members.insert("sentByEmployeeId".to_owned(), sender);
        }
        let answer = gauzy.send(&Call::post("/employee-notification", body))?;
        let is_sent = answer.get("id").is_some();
        let reason = (!is_sent).then(|| "the receiver has switched notifications of this type off".to_owned());
        Ok(Fields::new().set("sent", is_sent).opt("reason", reason).opt("notification", Some(answer)).into())
    })
}
