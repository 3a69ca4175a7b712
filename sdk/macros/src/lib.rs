//! The macros of leno-sdk. Use them through `leno_sdk`; they are described there.

mod action;
mod attributes;
mod choice;
mod names;
mod piece;
mod props;
mod trigger;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a struct the properties of an action, a trigger, a row or a connection.
///
/// The type of a field chooses the type of its property, its doc comment is the description. `#[prop(…)]` on a field:
///
/// | Key | Meaning |
/// | --- | --- |
/// | `name = "…"` | the name, if not the field's |
/// | `display_name = "…"` | the text at its head, if not made of the name |
/// | `description = "…"` | the text that explains it, if not the doc comment |
/// | `default = value` | the value when none is given; `default` alone takes the type's |
/// | `min = n`, `max = n`, `step = n` | bounds of a number, also checked |
/// | `placeholder = "…"`, `advanced`, `display = "…"` | hints for the editor |
/// | `variant = "…"` | `info`, `warning`, `tip` or `borderless`, of `Markdown` |
/// | `options = function` | DROPDOWN, of a `Vec` MULTI_SELECT_DROPDOWN: `fn(&Lookup) -> Result<Options>` |
/// | `dynamic = function` | DYNAMIC: `fn(&Lookup) -> Result<Properties>` |
/// | `refreshers("a", "b")` | siblings whose change asks the function again |
/// | `refresh_on_search` | asks the function again while the user types |
/// | `custom = "…"` | CUSTOM, with the source text of its browser function |
///
/// `#[props(rename_all = "camelCase")]` on the struct renames all fields.
#[proc_macro_derive(Props, attributes(prop, props))]
pub fn derive_props(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    props::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum without fields a choice: STATIC_DROPDOWN, in a `Vec` STATIC_MULTI_SELECT_DROPDOWN.
///
/// The value of a variant is its name in `snake_case`, its label the name in words. `#[choice(value = …, label = "…")]` on a
/// variant says otherwise (a value is a text, a whole number or a flag), `#[choice(rename_all = "…")]` on the enum
/// too.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a function an action of the same name, as the constant `ACTION` of a type of that name.
///
/// The function takes nothing, `&Context`, the properties, or both, and answers `Result<T>` of anything serde can write.
/// Its doc comment is the description.
///
/// | Key | Meaning |
/// | --- | --- |
/// | `name = "…"`, `display_name = "…"`, `description = "…"` | if not those of the function |
/// | `auth = false` | needs no connection although the piece has auth |
/// | `retry_on_failure(default = true, hide = true)`, `continue_on_failure(…)` | how the editor offers error handling |
/// | `audience = "…"` | `human`, `ai` or `both` |
/// | `classification = "…"` | `READ`, `SEARCH`, `WRITE` or `DESTRUCTIVE` |
/// | `ai(description = "…", idempotent = true)` | what a language model should know |
/// | `output_schema = value` | the answer's shape, as JSON |
#[proc_macro_attribute]
pub fn action(attributes: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as syn::ItemFn);
    action::expand(attributes.into(), &function).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an `impl` of `Polling`, `Webhook`, `AppWebhook` or `Manual` a trigger, as the constant `TRIGGER` of the type.
/// The doc comment of the `impl` is the description.
///
/// | Key | Meaning |
/// | --- | --- |
/// | `name = "…"`, `display_name = "…"`, `description = "…"` | if not those of the type |
/// | `auth = false` | needs no connection although the piece has auth |
/// | `sample = value` | an event as JSON |
/// | `schedule = "…"` | `Polling`: five-field cron expression of the polls, UTC |
/// | `handshake(header = "…")`, `handshake(query = "…")`, `handshake(body = "…")` | `Webhook`: what marks a handshake |
/// | `renew = "…"` | `Webhook`: five-field cron expression of the renewals, UTC |
/// | `ai(description = "…")`, `output_schema = value` | as of an action |
#[proc_macro_attribute]
pub fn trigger(attributes: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemImpl);
    trigger::expand(attributes.into(), &item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Puts the piece together as `pub static PIECE`, and exports it when the crate is compiled as a component.
///
/// ```ignore
/// piece! {
///     name: "greeter",
///     display_name: "Greeter",
///     description: "Says hello.",
///     logo_url: "https://example.com/greeter.svg",
///     categories: [Communication],
///     auth: Auth::secret_text("API key"),
///     hosts: ["api.example.com"],
///     actions: [greet],
///     triggers: [NewGuest],
/// }
/// ```
///
/// `version`, `description` and `authors` are those of `Cargo.toml` if not said. `auth` may be a list. `extra:
/// {"i18n": value}` adds members to the metadata document, of anything serde can write.
#[proc_macro]
pub fn piece(input: TokenStream) -> TokenStream {
    let piece = parse_macro_input!(input as piece::Piece);
    piece.expand().into()
}
