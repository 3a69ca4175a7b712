//! `#[action]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{FnArg, Ident, ItemFn, LitStr, Result, ReturnType, Type};

use crate::attributes::{Entry, docs, entries, lit};
use crate::names::in_words;

/// The texts of an action or a trigger.
pub(crate) struct Texts {
    pub(crate) name: LitStr,
    pub(crate) display_name: LitStr,
    pub(crate) description: LitStr,
}

impl Texts {
    pub(crate) fn new(name: &str, docs: &str) -> Self {
        Self { name: lit(name), display_name: lit(&in_words(name)), description: lit(docs) }
    }

    /// Uses the entry if it is one of the texts. Returns whether it was.
    pub(crate) fn take(&mut self, entry: &Entry) -> Result<bool> {
        let place = match entry.key.to_string().as_str() {
            "name" => &mut self.name,
            "display_name" => &mut self.display_name,
            "description" => &mut self.description,
            _ => return Ok(false),
        };
        *place = entry.text()?;
        Ok(true)
    }
}

/// Members of the metadata document, as statements that set them on `document`.
#[derive(Default)]
pub(crate) struct Extra(TokenStream);

impl Extra {
    pub(crate) fn add(&mut self, member: &str, value: impl ToTokens) {
        self.0.extend(quote!(document.set(#member, &#value);));
    }

    pub(crate) fn add_object(&mut self, member: &str, Self(inner): &Self) {
        self.0.extend(quote! {
            document.set_object(#member, &{
                let mut document = ::leno_sdk::__private::Document::default();
                #inner
                document
            });
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Uses the entry if actions and triggers share its key. Returns whether they do.
    pub(crate) fn take(&mut self, entry: &Entry) -> Result<bool> {
        match entry.key.to_string().as_str() {
            "auth" => self.add("requireAuth", entry.flag()?),
            "output_schema" => self.add("outputSchema", entry.expr()?),
            "ai" => {
                let mut members = Self::default();
                for entry in entry.inside()? {
                    match entry.key.to_string().as_str() {
                        "description" => members.add("description", entry.text()?),
                        "idempotent" => members.add("idempotent", entry.flag()?),
                        _ => return Err(entry.unknown("`description`, `idempotent`")),
                    }
                }
                self.add_object("aiMetadata", &members);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The call that adds the members to the `Action` or `Trigger`; empty without members.
    pub(crate) fn call(&self) -> TokenStream {
        let Self(members) = self;
        if members.is_empty() { TokenStream::new() } else { quote!(.extra(|document| { #members })) }
    }
}

pub(crate) fn expand(attributes: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    let name = &function.sig.ident;
    let plain = name.to_string().trim_start_matches("r#").to_owned();
    let mut texts = Texts::new(&plain, &docs(&function.attrs));
    let mut extra = Extra::default();
    let mut handling = Extra::default();
    for entry in entries(attributes)? {
        if texts.take(&entry)? || extra.take(&entry)? {
            continue;
        }
        match entry.key.to_string().as_str() {
            "audience" => extra.add("audience", entry.one_of(&["human", "ai", "both"])?),
            "classification" => {
                let known = ["READ", "SEARCH", "WRITE", "DESTRUCTIVE"];
                extra.add("classification", entry.one_of(&known)?);
            }
            "retry_on_failure" => handling.add_object("retryOnFailure", &switch(&entry)?),
            "continue_on_failure" => handling.add_object("continueOnFailure", &switch(&entry)?),
            _ => {
                return Err(entry.unknown(
                    "`name`, `display_name`, `description`, `auth`, `audience`, `classification`, `ai`, \
                     `output_schema`, `retry_on_failure`, `continue_on_failure`",
                ));
            }
        }
    }
    if !handling.is_empty() {
        extra.add_object("errorHandlingOptions", &handling);
    }

    let (props, call) = signature(function)?;
    let Texts { name: wire_name, display_name, description } = texts;
    let extra = extra.call();
    let visibility = &function.vis;
    let doc = format!("The action of the function [`{plain}()`].");
    Ok(quote! {
        // The macro, not the author, decides that properties are passed by value.
        #[allow(clippy::needless_pass_by_value)]
        #function

        #[doc = #doc]
        #[allow(non_camel_case_types)]
        #visibility struct #name {}

        impl #name {
            /// The action, for `actions: […]` of `piece!`.
            #visibility const ACTION: ::leno_sdk::Action = {
                fn run(props: &str) -> ::leno_sdk::Result<::std::string::String> {
                    let props: #props = ::leno_sdk::props::read(props)?;
                    #call
                }
                ::leno_sdk::Action::new::<#props>(#wire_name, #display_name, #description, run) #extra
            };
        }
    })
}

fn switch(entry: &Entry) -> Result<Extra> {
    let mut members = Extra::default();
    for entry in entry.inside()? {
        match entry.key.to_string().as_str() {
            "default" => members.add("defaultValue", entry.flag()?),
            "hide" => members.add("hide", entry.flag()?),
            _ => return Err(entry.unknown("`default`, `hide`")),
        }
    }
    Ok(members)
}

/// The type of the properties, and the body that calls the function.
fn signature(function: &ItemFn) -> Result<(TokenStream, TokenStream)> {
    let signature = &function.sig;
    if let Some(token) = &signature.asyncness {
        return Err(syn::Error::new_spanned(
            token,
            "an action cannot be async; `http::send_all` sends requests concurrently",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&signature.generics, "an action cannot have generic parameters"));
    }
    if let ReturnType::Default = signature.output {
        return Err(syn::Error::new(
            signature.span(),
            "an action must return a `Result<…>` of a type that implements `Serialize`",
        ));
    }
    let mut props = None;
    let mut takes_context = false;
    for input in &signature.inputs {
        match input {
            FnArg::Typed(input) => match &*input.ty {
                Type::Reference(_) if !takes_context && props.is_none() => takes_context = true,
                ty @ Type::Path(_) if props.is_none() => props = Some(ty),
                other => return Err(wrong_input(other)),
            },
            FnArg::Receiver(receiver) => return Err(wrong_input(receiver)),
        }
    }
    let name: &Ident = &signature.ident;
    let context = takes_context.then(|| quote!(&::leno_sdk::Context::current(),));
    let given = props.map(|_| quote!(props));
    let unused = if props.is_none() { quote!(let _ = props;) } else { quote!() };
    let call = format_ident!("output");
    let span = signature.output.span();
    let body = quote_spanned!(span=> #unused ::leno_sdk::__private::#call(#name(#context #given)));
    let props = props.map_or_else(|| quote!(::leno_sdk::props::NoProps), |ty| ty.to_token_stream());
    Ok((props, body))
}

fn wrong_input(input: &impl quote::ToTokens) -> syn::Error {
    syn::Error::new_spanned(
        input,
        "an action takes no argument, `&Context`, its properties by value, or both in this order",
    )
}
