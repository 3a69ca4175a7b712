//! A trigger with a webhook at the server.

use hmac::{Hmac, KeyInit as _, Mac as _};
use leno_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::api;
use crate::choices::repositories;
use crate::model::RepositoryName;

/// Where the flow's store has the webhook.
const HOOK: &str = "hook";
/// The bytes of a webhook's secret; more than the hash has would add nothing.
const SECRET_BYTES: usize = 32;

/// What a webhook can be told of. The server takes some names for several events: `issues` are also their labels,
/// assignees, milestones and comments.
#[derive(Choice)]
pub enum Subject {
    Push,
    Create,
    Delete,
    Fork,
    Issues,
    IssueComment,
    PullRequest,
    Release,
}

#[derive(Props)]
pub struct Subscribed {
    #[prop(options = repositories, refresh_on_search)]
    repository: RepositoryName,
    /// What to be told of
    events: Vec<Subject>,
}

#[derive(Serialize)]
pub struct Event {
    /// For example `push` or `issues`.
    event: String,
    /// The same when the server repeats a delivery.
    delivery: Option<String>,
    payload: Value,
}

/// The webhook, as the flow's store keeps it.
#[derive(Deserialize, Serialize)]
struct Hook {
    repository: RepositoryName,
    secret: String,
    /// None until the server has it.
    id: Option<u64>,
}

pub struct RepositoryEvent;

/// Fires when something happens in a repository.
#[trigger(sample = json!({
    "event": "issues", "delivery": "f6266f16-1bf3-46a5-9ea4-602e06ead473",
    "payload": {"action": "opened", "number": 7, "repository": {"full_name": "ada/engine"}, "sender": {"login": "ada"}}
}))]
impl Webhook for RepositoryEvent {
    type Props = Subscribed;
    type Event = Event;

    fn enable(ctx: &Context, props: &Subscribed) -> Result<()> {
        #[derive(Deserialize)]
        struct Created {
            id: u64,
        }
        if props.events.is_empty() {
            // The server would take none for `push`.
            return Err(Error::invalid_input("no-events", "events: choose at least one"));
        }
        let url = ctx.webhook_url().ok_or_else(|| Error::internal("no-webhook-url", "the flow has no webhook URL"))?;
        remove()?;
        // The first delivery may come before the server's response: the secret is stored before the webhook exists.
        let mut hook = Hook { repository: props.repository.clone(), secret: secret()?, id: None };
        store::flow().put(HOOK, &hook)?;
        let config = json!({"url": url, "content_type": "json", "secret": hook.secret});
        // Forgejo knows the type `gitea` too.
        let body = json!({"type": "gitea", "config": config, "events": props.events, "active": true});
        let created: Created = api::send(api::post(&hook.repository.path("/hooks"), &body)?)?.json()?;
        hook.id = Some(created.id);
        store::flow().put(HOOK, &hook)
    }

    fn disable(_: &Context, _: &Subscribed) -> Result<()> {
        remove()
    }

    fn run(_: &Context, _: &Subscribed, request: WebhookRequest) -> Result<Vec<Event>> {
        let hook: Option<Hook> = store::flow().get(HOOK)?;
        if !hook.is_some_and(|hook| is_signed(&request, hook.secret.as_bytes())) {
            return Err(Error::denied("bad-signature", "the request is not signed with the secret of the webhook"));
        }
        let header = |name| header(&request, name).map(str::to_owned);
        let event = header("event").ok_or_else(|| Error::invalid_input("no-event", "the request names no event"))?;
        Ok(vec![Event { event, delivery: header("delivery"), payload: request.body.clone() }])
    }
}

/// Removes the webhook that an earlier `enable` created, if it is still there.
fn remove() -> Result<()> {
    let Some(hook) = store::flow().get::<Hook>(HOOK)? else { return Ok(()) };
    if let Some(id) = hook.id {
        match api::send(api::delete(&hook.repository.path(&format!("/hooks/{id}")))?) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    store::flow().delete(HOOK)
}

fn secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal("random", format!("no random bytes: {error}")))?;
    Ok(hex::encode(bytes))
}

/// `X-Forgejo-…`, or `X-Gitea-…` from a Gitea server.
fn header<'r>(request: &'r WebhookRequest, name: &str) -> Option<&'r str> {
    request.header(&format!("x-forgejo-{name}")).or_else(|| request.header(&format!("x-gitea-{name}")))
}

/// Whether the signature is the HMAC-SHA256 of the body, in hexadecimal; compared in constant time.
fn is_signed(request: &WebhookRequest, secret: &[u8]) -> bool {
    let signature = header(request, "signature").and_then(|text| hex::decode(text).ok());
    let (Some(signature), Some(body)) = (signature, request.raw_body()) else { return false };
    Hmac::<Sha256>::new_from_slice(secret).is_ok_and(|mac| mac.chain_update(body).verify_slice(&signature).is_ok())
}
