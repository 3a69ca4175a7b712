//! Triggers that are told: webhooks, the shared webhook of an app, and a user.

use serde::Serialize;

use super::{HandshakeResponse, Hooks, Texts, Trigger, WebhookRequest, call, texts};
use crate::props::{Props, read};
use crate::{Context, Error, Result, json_path};

/// A trigger with an address of its own, which the service calls.
///
/// ```
/// use leno_sdk::prelude::*;
///
/// pub struct OrderPaid;
///
/// /// Fires when an order is paid.
/// #[trigger(sample = json!({"id": 7, "total": "9.90"}), handshake(query = "challenge"))]
/// impl Webhook for OrderPaid {
///     type Props = NoProps;
///     type Event = Value;
///
///     fn enable(ctx: &Context, _: &NoProps) -> Result<()> {
///         let hook = json!({"url": ctx.webhook_url(), "event": "order.paid"});
///         let hook: Value =
///             http::post("https://api.example.com/hooks").json(&hook).authorize().send()?.error_for_status()?.json()?;
///         store::flow().put("hook", &hook["id"])
///     }
///
///     fn disable(_: &Context, _: &NoProps) -> Result<()> {
///         if let Some(id) = store::flow().get::<u64>("hook")? {
///             http::delete(format!("https://api.example.com/hooks/{id}")).authorize().send()?.error_for_status()?;
///         }
///         Ok(())
///     }
///
///     fn run(_: &Context, _: &NoProps, request: WebhookRequest) -> Result<Vec<Value>> {
///         Ok(vec![request.body])
///     }
///
///     fn handshake(_: &Context, _: &NoProps, request: WebhookRequest) -> Result<HandshakeResponse> {
///         Ok(HandshakeResponse::ok().body(request.query("challenge").unwrap_or_default()))
///     }
/// }
///
/// # let host = leno_sdk::testing::FakeHost::new();
/// let events = OrderPaid::TRIGGER.run("{}", Some(r#"{"method": "POST", "body": {"id": 8}}"#))?;
/// assert_eq!(events, [r#"{"id":8}"#]);
/// # Ok::<(), Error>(())
/// ```
pub trait Webhook {
    /// What the trigger asks its user for.
    type Props: Props;
    /// One event.
    type Event: Serialize;

    /// Registers [`Context::webhook_url`] at the service. May be called again without `disable` in between.
    ///
    /// # Errors
    /// The trigger is not enabled.
    fn enable(ctx: &Context, props: &Self::Props) -> Result<()>;

    /// Undoes `enable`.
    ///
    /// # Errors
    /// Are reported; the trigger is disabled all the same.
    fn disable(ctx: &Context, props: &Self::Props) -> Result<()>;

    /// The events in a request, oldest first.
    ///
    /// # Errors
    /// The request is answered with an error, so that the service sends it again.
    fn run(ctx: &Context, props: &Self::Props, request: WebhookRequest) -> Result<Vec<Self::Event>>;

    /// Events to try a flow with. If it is not written, a test waits for a real event.
    ///
    /// # Errors
    /// Are shown to the user.
    fn test(ctx: &Context, props: &Self::Props) -> Result<Vec<Self::Event>> {
        let _ = (ctx, props);
        Ok(Vec::new())
    }

    /// Answers the request by which the service makes sure that the webhook is wanted. It is one when it has what
    /// `handshake(…)` in the attribute names.
    ///
    /// # Errors
    /// The request is answered with an error.
    fn handshake(ctx: &Context, props: &Self::Props, request: WebhookRequest) -> Result<HandshakeResponse> {
        let _ = (ctx, props, request);
        Ok(HandshakeResponse::ok())
    }

    /// Makes the subscription last longer; called by the cron expression `renew = "…"` in the attribute.
    ///
    /// # Errors
    /// Are reported, and `renew` is tried again at its next time.
    fn renew(ctx: &Context, props: &Self::Props) -> Result<()> {
        let _ = (ctx, props);
        Ok(())
    }
}

/// A trigger behind the one webhook that an app has for all its users.
pub trait AppWebhook {
    /// What the trigger asks its user for.
    type Props: Props;
    /// One event.
    type Event: Serialize;

    /// Says with [`listen`](super::listen) which events are this trigger's.
    ///
    /// # Errors
    /// The trigger is not enabled.
    fn enable(ctx: &Context, props: &Self::Props) -> Result<()>;

    /// Undoes what `enable` did at the service; the host ends the listening itself.
    ///
    /// # Errors
    /// Are reported; the trigger is disabled all the same.
    fn disable(ctx: &Context, props: &Self::Props) -> Result<()> {
        let _ = (ctx, props);
        Ok(())
    }

    /// The events in a request, oldest first.
    ///
    /// # Errors
    /// The request is answered with an error, so that the service sends it again.
    fn run(ctx: &Context, props: &Self::Props, request: WebhookRequest) -> Result<Vec<Self::Event>>;

    /// Events to try a flow with. If it is not written, the sample is used, and without one a test waits for a real
    /// event.
    ///
    /// # Errors
    /// Are shown to the user.
    fn test(ctx: &Context, props: &Self::Props) -> Result<Vec<Self::Event>> {
        let _ = (ctx, props);
        Ok(Vec::new())
    }
}

/// A trigger that a user fires.
pub trait Manual {
    /// What the trigger asks its user for.
    type Props: Props;
    /// One event.
    type Event: Serialize;

    /// The events to start flows with.
    ///
    /// # Errors
    /// Are shown to the user.
    fn run(ctx: &Context, props: &Self::Props) -> Result<Vec<Self::Event>>;
}

fn request(text: Option<&str>) -> Result<WebhookRequest> {
    let text =
        text.ok_or_else(|| Error::invalid_input("no-webhook-request", "this trigger needs a webhook request"))?;
    json_path::read(text).map_err(|error| Error::invalid_input("webhook-request", format!("the request: {error}")))
}

/// Which of the optional functions the author has written.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub test: bool,
    pub handshake: bool,
    pub renew: bool,
}

#[doc(hidden)]
impl Trigger {
    pub const fn webhook<T: Webhook>(of: Texts, written: Written) -> Self {
        let hooks = Hooks {
            enable: |props| call(props, T::enable),
            disable: |props| call(props, T::disable),
            run: |props, event| texts(&T::run(&Context::current(), &read(props)?, request(event)?)?),
            test: if written.test { Some(|props| texts(&call(props, T::test)?)) } else { None },
            handshake: if written.handshake {
                Some(|props, event| {
                    let answer = T::handshake(&Context::current(), &read(props)?, request(Some(event))?)?;
                    Ok(serde_json::to_string(&answer)?)
                })
            } else {
                None
            },
            renew: if written.renew { Some(|props| call(props, T::renew)) } else { None },
        };
        Self::new::<T::Props>(of, "WEBHOOK", hooks)
    }

    pub const fn app_webhook<T: AppWebhook>(of: Texts, written: Written) -> Self {
        let hooks = Hooks {
            enable: |props| call(props, T::enable),
            disable: |props| call(props, T::disable),
            run: |props, event| texts(&T::run(&Context::current(), &read(props)?, request(event)?)?),
            test: if written.test { Some(|props| texts(&call(props, T::test)?)) } else { None },
            handshake: None,
            renew: None,
        };
        Self::new::<T::Props>(of, "APP_WEBHOOK", hooks)
    }

    pub const fn manual<T: Manual>(of: Texts, _: Written) -> Self {
        let hooks = Hooks {
            enable: |_| Ok(()),
            disable: |_| Ok(()),
            run: |props, _| texts(&call(props, T::run)?),
            test: Some(|props| texts(&call(props, T::run)?)),
            handshake: None,
            renew: None,
        };
        Self::new::<T::Props>(of, "MANUAL", hooks)
    }
}
