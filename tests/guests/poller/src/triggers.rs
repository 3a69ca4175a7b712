//! Triggers.

use leno_sdk::prelude::*;
use leno_sdk::trigger;
use serde::{Deserialize, Serialize};

/// What the source has.
#[derive(Deserialize, Serialize)]
pub struct Item {
    id: u64,
    at: String,
}

fn items() -> Result<Vec<Item>> {
    Ok(http::get("https://poll.test/items").send()?.error_for_status()?.json()?)
}

/// What the source is asked for.
#[derive(Props)]
pub struct Source {
    /// Which list
    list: Option<String>,
}

pub struct NewByTime;

/// Fires for items that are younger than the known ones.
#[trigger(auth = false, schedule = "*/2 * * * *", sample = json!({"id": 1, "at": "2024-01-01T00:00:00Z"}))]
impl Polling for NewByTime {
    type Props = Source;
    type Item = Item;
    const STRATEGY: Strategy = Strategy::TimeBased;

    fn items(_: &Context, props: &Source, _: &Since) -> Result<Vec<Entry<Item>>> {
        log::debug!("looking at {}", props.list.as_deref().unwrap_or("everything"));
        Ok(items()?.into_iter().map(|item| Entry::at(item.id, item.at.parse(), item)).collect())
    }
}

pub struct NewByPlace;

/// Fires for items that stand before the known ones.
#[trigger(auth = false, sample = json!({"id": 1, "at": ""}))]
impl Polling for NewByPlace {
    type Props = Source;
    type Item = Item;
    const STRATEGY: Strategy = Strategy::LastItem;

    fn items(_: &Context, _: &Source, _: &Since) -> Result<Vec<Entry<Item>>> {
        Ok(items()?.into_iter().map(|item| Entry::new(item.id, item)).collect())
    }
}

pub struct Paid;

/// Fires for requests at the webhook.
#[trigger(auth = false, sample = json!({"id": 7}), handshake(query = "challenge"), renew = "0 0 * * *")]
impl Webhook for Paid {
    type Props = NoProps;
    type Event = Value;

    fn enable(ctx: &Context, _: &NoProps) -> Result<()> {
        let hook: Value =
            http::post("https://poll.test/hooks").json(&json!({"url": ctx.webhook_url()})).send()?.json()?;
        store::flow().put("hook", &hook)
    }

    fn disable(_: &Context, _: &NoProps) -> Result<()> {
        if let Some(id) = store::flow().get::<u64>("hook")? {
            http::delete(format!("https://poll.test/hooks/{id}")).send()?.error_for_status()?;
        }
        store::flow().delete("hook")
    }

    fn run(_: &Context, _: &NoProps, request: WebhookRequest) -> Result<Vec<Value>> {
        let signature = request.header("x-signature").map(str::to_owned);
        let length = request.raw_body().map_or(0, |body| body.len());
        Ok(vec![json!({"body": request.body, "signature": signature, "length": length})])
    }

    fn handshake(_: &Context, _: &NoProps, request: WebhookRequest) -> Result<HandshakeResponse> {
        Ok(HandshakeResponse::ok().body(request.query("challenge").unwrap_or_default()))
    }

    fn renew(_: &Context, _: &NoProps) -> Result<()> {
        http::post("https://poll.test/hooks/renew").send()?.error_for_status()?;
        Ok(())
    }
}

pub struct Mention;

/// Fires for events of the shared webhook.
#[trigger(auth = false, sample = json!({"text": "hi"}))]
impl AppWebhook for Mention {
    type Props = Source;
    type Event = Value;

    fn enable(_: &Context, props: &Source) -> Result<()> {
        trigger::listen(&["mention"], props.list.as_deref().unwrap_or("all"))
    }

    fn run(_: &Context, _: &Source, request: WebhookRequest) -> Result<Vec<Value>> {
        Ok(vec![request.body])
    }
}

pub struct Fired;

/// Fires when the test says so.
#[trigger(auth = false, sample = json!({"by": "hand"}))]
impl Manual for Fired {
    type Props = NoProps;
    type Event = Value;

    fn run(_: &Context, _: &NoProps) -> Result<Vec<Value>> {
        Ok(vec![json!({"by": "hand"})])
    }
}
