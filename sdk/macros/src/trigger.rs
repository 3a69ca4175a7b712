//! `#[trigger]`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{ImplItem, ItemImpl, Result, Type};

use crate::action::{Extra, Texts};
use crate::attributes::{Entry, docs, entries};
use crate::names::Case;

const KNOWN: &str = "`name`, `display_name`, `description`, `auth`, `sample`, `ai`, `output_schema`, `schedule` \
    (Polling, Watching), `handshake` and `renew` (Webhook)";

pub(crate) fn expand(attributes: TokenStream, item: &ItemImpl) -> Result<TokenStream> {
    let wrong = || {
        let message = "expected `impl Polling for …`, `impl Watching for …`, `impl Webhook for …`, `impl AppWebhook for …` or `impl Manual for …`";
        syn::Error::new_spanned(&item.self_ty, message)
    };
    let kind = item.trait_.as_ref().and_then(|(_, path, _)| path.segments.last()).ok_or_else(wrong)?.ident.to_string();
    let constructor = match kind.as_str() {
        "Polling" => quote!(polling),
        "Watching" => quote!(watching),
        "Webhook" => quote!(webhook),
        "AppWebhook" => quote!(app_webhook),
        "Manual" => quote!(manual),
        _ => return Err(wrong()),
    };
    let Type::Path(path) = &*item.self_ty else { return Err(wrong()) };
    let name = path.path.segments.last().ok_or_else(wrong)?.ident.to_string();

    let mut texts = Texts::new(&Case::Snake.apply(&name), &docs(&item.attrs));
    let mut extra = Extra::default();
    let mut sample = TokenStream::new();
    let mut schedule = None;
    let mut handshake_named = false;
    let mut renew_named = false;
    for entry in entries(attributes)? {
        if texts.take(&entry)? || extra.take(&entry)? {
            continue;
        }
        match (entry.key.to_string().as_str(), kind.as_str()) {
            ("sample", _) => {
                let value = entry.expr()?;
                sample = quote!(.sample(|| ::leno_sdk::__private::text(&#value)));
            }
            ("schedule", "Polling" | "Watching") => schedule = Some(entry.text()?),
            ("handshake", "Webhook") => {
                handshake_named = true;
                extra.add_object("handshakeConfiguration", &handshake(&entry)?);
            }
            ("renew", "Webhook") => {
                renew_named = true;
                let mut renew = Extra::default();
                renew.add("strategy", "CRON");
                renew.add("cronExpression", entry.text()?);
                extra.add_object("renewConfiguration", &renew);
            }
            ("schedule" | "handshake" | "renew", _) => {
                let message = format!("`{}` cannot be used with `{kind}`; expected one of {KNOWN}", entry.key);
                return Err(syn::Error::new(entry.key.span(), message));
            }
            _ => return Err(entry.unknown(KNOWN)),
        }
    }

    let has = |function: &str| {
        item.items.iter().find_map(|item| match item {
            ImplItem::Fn(item) if item.sig.ident == function => Some(item.sig.ident.span()),
            _ => None,
        })
    };
    if kind == "Webhook" {
        match (has("handshake"), handshake_named) {
            (Some(span), false) => {
                let message = "`fn handshake` needs `#[trigger(handshake(query = \"…\"))]`, which says which requests are handshakes";
                return Err(syn::Error::new(span, message));
            }
            (None, true) => return Err(syn::Error::new_spanned(&item.self_ty, "`fn handshake` is missing")),
            _ => {}
        }
        match (has("renew"), renew_named) {
            (Some(span), false) => {
                let message = "`fn renew` needs `#[trigger(renew = \"0 0 * * *\")]`, which says when to renew";
                return Err(syn::Error::new(span, message));
            }
            (None, true) => return Err(syn::Error::new_spanned(&item.self_ty, "`fn renew` is missing")),
            _ => {}
        }
    }

    let mut item = item.clone();
    if let Some(schedule) = schedule {
        item.items.push(syn::parse_quote!(const SCHEDULE: ::core::option::Option<&'static str> =
            ::core::option::Option::Some(#schedule);));
    }
    let (test, handshake, renew) = (has("test").is_some(), has("handshake").is_some(), has("renew").is_some());
    let Texts { name, display_name, description } = texts;
    let self_ty = item.self_ty.to_token_stream();
    let extra = extra.call();
    Ok(quote! {
        #item

        impl #self_ty {
            /// The trigger, for `triggers: […]` of `piece!`.
            pub const TRIGGER: ::leno_sdk::Trigger = ::leno_sdk::Trigger::#constructor::<#self_ty>(
                ::leno_sdk::__private::Texts {
                    name: #name,
                    display_name: #display_name,
                    description: #description,
                },
                ::leno_sdk::__private::Written { test: #test, handshake: #handshake, renew: #renew },
            )
            #sample
            #extra;
        }
    })
}

fn handshake(entry: &Entry) -> Result<Extra> {
    let known = "`header`, `query`, `body`";
    let entries = entry.inside()?;
    let [place] = entries.as_slice() else {
        return Err(syn::Error::new(entry.key.span(), format!("expected exactly one of {known}")));
    };
    let strategy = match place.key.to_string().as_str() {
        "header" => "HEADER_PRESENT",
        "query" => "QUERY_PRESENT",
        "body" => "BODY_PARAM_PRESENT",
        _ => return Err(place.unknown(known)),
    };
    let mut configuration = Extra::default();
    configuration.add("strategy", strategy);
    configuration.add("paramName", place.text()?);
    Ok(configuration)
}
