//! Triggers that do not poll: webhooks, the shared webhook of an app, and manual triggers.

use serde::Serialize;

use super::{HandshakeResponse, Hooks, Texts, Trigger, WebhookRequest, call, texts};
use crate::props::{Props, read};
use crate::{Context, Error, Result, json_path};

/// A trigger with a URL of its own, which the service calls.
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
    /// The properties that the user fills in.
    type Props: Props;
    /// The data of one event.
    type Event: Serialize;

    /// Registers [`Context::webhook_url`] at the service. The host may call it again without `disable` in between.
    ///
    /// # Errors
    /// The trigger is not enabled.
    fn enable(ctx: &Context, props: &Self::Props) -> Result<()>;

    /// Undoes `enable`.
    ///
    /// # Errors
    /// The host reports the error, and disables the trigger regardless.
    fn disable(ctx: &Context, props: &Self::Props) -> Result<()>;

    /// Returns the events in a request, oldest first.
    ///
    /// # Errors
    /// The host responds to the request with an error, so that the service repeats it.
    fn run(ctx: &Context, props: &Self::Props, request: WebhookRequest) -> Result<Vec<Self::Event>>;

    /// Returns events for trying out a flow. If the author does not write it, a test waits for a real event.
    ///
    /// # Errors
    /// The error is shown to the user.
    fn test(ctx: &Context, props: &Self::Props) -> Result<Vec<Self::Event>> {
        let _ = (ctx, props);
        Ok(Vec::new())
    }

    /// Responds to a request by which the service verifies the webhook. `handshake(…)` in the attribute says how to recognise
    /// such a request.
    ///
    /// # Errors
    /// The host responds to the request with an error.
    fn handshake(ctx: &Context, props: &Self::Props, request: WebhookRequest) -> Result<HandshakeResponse> {
        let _ = (ctx, props, request);
        Ok(HandshakeResponse::ok())
    }

    /// Renews the subscription at the service. The cron expression `renew = "…"` in the attribute says when.
    ///
    /// # Errors
    /// The host reports the error, and calls `renew` again at the next scheduled time.
    fn renew(ctx: &Context, props: &Self::Props) -> Result<()> {
        let _ = (ctx, props);
        Ok(())
    }
}

/// A trigger behind the single webhook that an app has for all its users.
pub trait AppWebhook {
    /// The properties that the user fills in.
    type Props: Props;
    /// The data of one event.
    type Event: Serialize;

    /// Subscribes to events with [`listen`](super::listen).
    ///
    /// # Errors
    /// The trigger is not enabled.
    fn enable(ctx: &Context, props: &Self::Props) -> Result<()>;

    /// Undoes what `enable` did at the service. The host removes the subscriptions of [`listen`](super::listen) itself.
    ///
    /// # Errors
    /// The host reports the error, and disables the trigger regardless.
    fn disable(ctx: &Context, props: &Self::Props) -> Result<()> {
        let _ = (ctx, props);
        Ok(())
    }

    /// Returns the events in a request, oldest first.
    ///
    /// # Errors
    /// The host responds to the request with an error, so that the service repeats it.
    fn run(ctx: &Context, props: &Self::Props, request: WebhookRequest) -> Result<Vec<Self::Event>>;

    /// Returns events for trying out a flow. If the author does not write it, a test uses the sample, or waits for a real
    /// event if there is no sample.
    ///
    /// # Errors
    /// The error is shown to the user.
    fn test(ctx: &Context, props: &Self::Props) -> Result<Vec<Self::Event>> {
        let _ = (ctx, props);
        Ok(Vec::new())
    }
}

/// A trigger that a user starts by hand.
pub trait Manual {
    /// The properties that the user fills in.
    type Props: Props;
    /// The data of one event.
    type Event: Serialize;

    /// Returns the events; each starts the flow.
    ///
    /// # Errors
    /// The error is shown to the user.
    fn run(ctx: &Context, props: &Self::Props) -> Result<Vec<Self::Event>>;
}

fn request(text: Option<&str>) -> Result<WebhookRequest> {
    let text =
        text.ok_or_else(|| Error::invalid_input("no-webhook-request", "this trigger runs only on webhook requests"))?;
    json_path::read(text).map_err(|error| {
        Error::invalid_input("webhook-request", format!("the webhook request cannot be read: {error}"))
    })
}

/// Which optional functions the author wrote.
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
                    let response = T::handshake(&Context::current(), &read(props)?, request(Some(event))?)?;
                    Ok(serde_json::to_string(&response)?)
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
