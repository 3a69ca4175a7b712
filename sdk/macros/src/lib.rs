//! The macros of `leno_sdk`, which re-exports them.

mod action;
mod attributes;
mod choice;
mod names;
mod piece;
mod props;
mod trigger;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Implements `Props` for a struct: the properties of an action, a trigger, a row or a connection.
///
/// The type of a field chooses the type of its property, its doc comment becomes the description. Keys of `#[prop(…)]` on a field:
///
/// | Key | Meaning |
/// | --- | --- |
/// | `name = "…"` | the name; default: the field's |
/// | `display_name = "…"` | the label; default: the name in words |
/// | `description = "…"` | the text that explains it; default: the doc comment |
/// | `default = value` | the value of an absent property; `default` alone uses `Default::default()` |
/// | `min = n`, `max = n`, `step = n` | bounds of a number; `min` and `max` are checked |
/// | `placeholder = "…"`, `advanced`, `display = "…"` | hints for the editor |
/// | `variant = "…"` | `info`, `warning`, `tip` or `borderless`, of `Markdown` |
/// | `options = function` | DROPDOWN, of a `Vec` MULTI_SELECT_DROPDOWN: `fn(&Lookup) -> Result<Options>` |
/// | `dynamic = function` | DYNAMIC: `fn(&Lookup) -> Result<Properties>` |
/// | `refreshers("a", "b")` | sibling properties whose change calls the function again |
/// | `refresh_on_search` | calls the function again while the user types |
/// | `custom = "…"` | CUSTOM, with the source text of its browser function |
///
/// `#[props(rename_all = "camelCase")]` on the struct renames all fields.
#[proc_macro_derive(Props, attributes(prop, props))]
pub fn derive_props(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    props::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum without fields a choice: STATIC_DROPDOWN, or STATIC_MULTI_SELECT_DROPDOWN in a `Vec`.
///
/// The value of a variant is its name in `snake_case`, its label is the name in words. `#[choice(value = …, label = "…")]` on
/// a variant overrides them; a value is a text, a whole number or a boolean. `#[choice(rename_all = "…")]` on the enum changes
/// the case of all values.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Defines an action by a function. The action is the constant `ACTION` of a type with the name of the function.
///
/// The function takes no argument, `&Context`, the properties, or both, and returns `Result<T>` of a `T: Serialize`. Its doc
/// comment becomes the description. One `use` imports function and type. If a module has the same name, write the whole path:
/// `actions: [greet::greet]`.
///
/// | Key | Meaning |
/// | --- | --- |
/// | `name = "…"`, `display_name = "…"`, `description = "…"` | override those of the function |
/// | `auth = false` | needs no connection, although the piece has auth |
/// | `retry_on_failure(default = true, hide = true)`, `continue_on_failure(…)` | how the editor offers error handling |
/// | `audience = "…"` | `human`, `ai` or `both` |
/// | `classification = "…"` | `READ`, `SEARCH`, `WRITE` or `DESTRUCTIVE` |
/// | `ai(description = "…", idempotent = true)` | hints for a language model |
/// | `output_schema = value` | the schema of the output, as JSON |
#[proc_macro_attribute]
pub fn action(attributes: TokenStream, item: TokenStream) -> TokenStream {
    let function = parse_macro_input!(item as syn::ItemFn);
    action::expand(attributes.into(), &function).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Defines a trigger by an `impl` of `Polling`, `Watching`, `Webhook`, `AppWebhook` or `Manual`. The trigger is the constant `TRIGGER` of
/// the type. The doc comment of the `impl` becomes the description.
///
/// | Key | Meaning |
/// | --- | --- |
/// | `name = "…"`, `display_name = "…"`, `description = "…"` | override those of the type |
/// | `auth = false` | needs no connection, although the piece has auth |
/// | `sample = value` | a sample event, as JSON |
/// | `schedule = "…"` | `Polling`, `Watching`: five-field cron expression of the polls, UTC |
/// | `handshake(header = "…")`, `handshake(query = "…")`, `handshake(body = "…")` | `Webhook`: the parameter that marks a handshake |
/// | `renew = "…"` | `Webhook`: five-field cron expression of the renewals, UTC |
/// | `ai(description = "…")`, `output_schema = value` | as for an action |
#[proc_macro_attribute]
pub fn trigger(attributes: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemImpl);
    trigger::expand(attributes.into(), &item).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Defines the piece as `pub static PIECE`, and exports it if the crate is compiled as a component.
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
/// `version`, `description` and `authors` default to those of `Cargo.toml`. `auth` may be a list. `extra: {"i18n": value}`
/// adds members to the metadata document; a value is anything that implements `Serialize`.
#[proc_macro]
pub fn piece(input: TokenStream) -> TokenStream {
    let piece = parse_macro_input!(input as piece::Piece);
    piece.expand().into()
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use syn::{Result, parse_str};

    fn props(source: &str) -> Result<TokenStream> {
        crate::props::expand(&parse_str(source)?)
    }

    fn choice(source: &str) -> Result<TokenStream> {
        crate::choice::expand(&parse_str(source)?)
    }

    fn action(attributes: &str, source: &str) -> Result<TokenStream> {
        crate::action::expand(attributes.parse()?, &parse_str(source)?)
    }

    fn trigger(attributes: &str, source: &str) -> Result<TokenStream> {
        crate::trigger::expand(attributes.parse()?, &parse_str(source)?)
    }

    fn piece(source: &str) -> Result<TokenStream> {
        parse_str::<crate::piece::Piece>(source).map(|piece| piece.expand())
    }

    #[track_caller]
    fn refused(result: Result<TokenStream>, expected: &str) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn wrong_properties_are_refused_with_what_is_expected() {
        refused(props("struct A { #[prop(requird)] a: u8 }"), "unknown key `requird`; expected one of `name`");
        refused(props("struct A { #[prop(name = 5)] a: u8 }"), "expected a text: `name = \"…\"`");
        refused(props("struct A { #[prop(name)] a: u8 }"), "expected `name = \"…\"`");
        refused(props("struct A { #[prop(min = 1, min = 2)] a: u8 }"), "`min` is set twice");
        refused(props("struct A { #[prop(default = 1)] a: Option<u8> }"), "write the type without `Option`");
        refused(props("struct A { #[prop(refreshers(\"b\"))] a: u8 }"), "`refreshers` needs `options = …`");
        refused(props("struct A { #[prop(options = f, custom = \"\")] a: u8 }"), "only one of");
        refused(props("struct A { #[prop(variant = \"red\")] a: Markdown }"), "expected one of \"info\"");
        refused(props("struct A { #[prop] a: u8 }"), "expected `#[prop(…)]`");
        refused(props("#[props(rename_all = \"Camel\")] struct A { a: u8 }"), "expected one of `lowercase`");
        refused(props("struct A(u8);"), "structs with named fields");
        refused(props("enum A { B }"), "use `Choice` for an enum to choose from");
        refused(props("struct A<T> { a: T }"), "cannot have generic parameters");
    }

    #[test]
    fn wrong_choices_are_refused_with_what_is_expected() {
        refused(choice("struct A;"), "`Choice` is for enums");
        refused(choice("enum A {}"), "at least one variant");
        refused(choice("enum A { B(u8) }"), "cannot have fields");
        refused(choice("enum A { #[choice(value = 1.5)] B }"), "expected a text, a whole number, `true` or `false`");
        refused(choice("enum A { #[choice(name = \"b\")] B }"), "unknown key `name`; expected one of `label`, `value`");
    }

    #[test]
    fn wrong_actions_are_refused_with_what_is_expected() {
        refused(action("", "async fn a() -> Result<()> {}"), "cannot be async");
        refused(action("", "fn a() {}"), "must return a `Result<…>`");
        refused(action("", "fn a(a: A, b: B) -> Result<()> {}"), "takes no argument, `&Context`, its properties");
        refused(action("", "fn a(a: A, ctx: &Context) -> Result<()> {}"), "both in this order");
        refused(action("", "fn a(self) -> Result<()> {}"), "takes no argument");
        refused(action("", "fn a<T>(a: T) -> Result<()> {}"), "cannot have generic parameters");
        refused(
            action("audience = \"robots\"", "fn a() -> Result<()> {}"),
            "expected one of \"human\", \"ai\", \"both\"",
        );
        refused(action("ai(idempotent = 1)", "fn a() -> Result<()> {}"), "expected `true` or `false`");
        refused(action("ai", "fn a() -> Result<()> {}"), "expected `ai(…)`");
    }

    #[test]
    fn wrong_triggers_are_refused_with_what_is_expected() {
        refused(trigger("", "impl A {}"), "expected `impl Polling for …`");
        refused(trigger("", "impl Display for A {}"), "expected `impl Polling for …`");
        refused(
            trigger("schedule = \"* * * * *\"", "impl Webhook for A {}"),
            "`schedule` cannot be used with `Webhook`",
        );
        refused(trigger("handshake(query = \"c\")", "impl Webhook for A {}"), "`fn handshake` is missing");
        refused(trigger("", "impl Webhook for A { fn renew() {} }"), "which says when to renew");
        refused(trigger("handshake(cookie = \"c\")", "impl Webhook for A {}"), "unknown key `cookie`");
    }

    #[test]
    fn wrong_pieces_are_refused_with_what_is_expected() {
        refused(piece("display_name: \"A\""), "`name: \"…\"` is missing");
        refused(piece("name: \"A b\", display_name: \"A\""), "lower-case letters, digits and dashes");
        refused(piece("name: \"a\", name: \"a\""), "`name` is set twice");
        refused(piece("name: \"a\", action: [b]"), "unknown key `action`; expected one of `name`");
    }
}
