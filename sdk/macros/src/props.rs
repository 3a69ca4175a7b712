//! `#[derive(Props)]`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Expr, ExprLit, Field, Fields, Ident, Lit, LitStr, Result, Type};

use crate::attributes::{Given, docs, entries_of, lit};
use crate::names::{Case, in_words};

const KNOWN: &str = "`name`, `display_name`, `description`, `default`, `min`, `max`, `step`, `placeholder`, \
    `advanced`, `display`, `variant`, `options`, `dynamic`, `refreshers`, `refresh_on_search`, `custom`";

/// The code for one field.
struct Column {
    describe: TokenStream,
    read: TokenStream,
    resolve: Option<TokenStream>,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            _ => return Err(syn::Error::new_spanned(&input.ident, "`Props` is for structs with named fields")),
        },
        _ => {
            let message = "`Props` is for structs; use `Choice` for an enum to choose from";
            return Err(syn::Error::new_spanned(&input.ident, message));
        }
    };
    if !input.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&input.generics, "a struct of properties cannot have generic parameters"));
    }
    let mut case = None;
    for entry in entries_of(&input.attrs, "props")? {
        match entry.key.to_string().as_str() {
            "rename_all" => case = Some(Case::parse(&entry.text()?)?),
            _ => return Err(entry.unknown("`rename_all`")),
        }
    }

    let columns = fields.iter().map(|field| column(field, case)).collect::<Result<Vec<_>>>()?;
    let idents: Vec<&Ident> = fields.iter().filter_map(|field| field.ident.as_ref()).collect();
    let describe = columns.iter().map(|column| &column.describe);
    let read = columns.iter().map(|column| &column.read);
    let resolve: Vec<_> = columns.iter().filter_map(|column| column.resolve.as_ref()).collect();
    let resolve = (!resolve.is_empty()).then(|| {
        quote! {
            fn resolve(
                property: &str,
                lookup: &::leno_sdk::props::Lookup<'_>,
            ) -> ::leno_sdk::Result<::core::option::Option<::std::string::String>> {
                match property {
                    #(#resolve)*
                    _ => ::core::result::Result::Ok(::core::option::Option::None),
                }
            }
        }
    });
    let name = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        #[allow(clippy::redundant_closure)]
        impl ::leno_sdk::props::Props for #name {
            fn properties() -> ::leno_sdk::props::Properties {
                ::leno_sdk::props::Properties::new() #(#describe)*
            }

            fn read(input: &mut ::leno_sdk::props::Input<'_>) -> ::core::option::Option<Self> {
                // Read all fields before the first `?`, so that every problem is collected.
                #(let #idents = #read;)*
                ::core::option::Option::Some(Self { #(#idents: #idents?),* })
            }

            #resolve
        }
    })
}

/// The content of `#[prop(…)]`.
#[derive(Default)]
struct PropAttributes {
    name: Option<LitStr>,
    display_name: Option<LitStr>,
    description: Option<LitStr>,
    default: Option<Option<Expr>>,
    min: Option<Expr>,
    max: Option<Expr>,
    /// Calls that add members to the description.
    members: TokenStream,
    source: Option<Source>,
}

/// Where the values of a property come from that its type does not describe.
enum Source {
    Options(Expr),
    Dynamic(Expr),
    Custom(Expr),
}

fn attributes_of(field: &Field) -> Result<PropAttributes> {
    let mut attributes = PropAttributes::default();
    let mut needs_source = None;
    for entry in entries_of(&field.attrs, "prop")? {
        let key = entry.key.to_string();
        let mut member = |name: &str, value: TokenStream| attributes.members.extend(quote!(.with(#name, #value)));
        match key.as_str() {
            "name" => attributes.name = Some(entry.text()?),
            "display_name" => attributes.display_name = Some(entry.text()?),
            "description" => attributes.description = Some(entry.text()?),
            "default" => {
                attributes.default = Some(match &entry.value {
                    Given::Nothing => None,
                    _ => Some(entry.expr()?.clone()),
                });
            }
            "min" | "max" | "step" => {
                let value = entry.expr()?;
                member(&key, value.to_token_stream());
                match key.as_str() {
                    "min" => attributes.min = Some(value.clone()),
                    "max" => attributes.max = Some(value.clone()),
                    _ => {}
                }
            }
            "placeholder" | "display" => member(&key, entry.text()?.to_token_stream()),
            "advanced" => member("advanced", entry.flag()?.to_token_stream()),
            "variant" => {
                let variant = entry.one_of(&["info", "warning", "tip", "borderless"])?.value().to_uppercase();
                member("variant", lit(&variant).to_token_stream());
            }
            "refreshers" => {
                let names = entry.texts()?;
                attributes.members.extend(quote!(.refreshers(&[#(#names),*])));
                needs_source = Some(entry.key.clone());
            }
            "refresh_on_search" => {
                member("refreshOnSearch", entry.flag()?.to_token_stream());
                needs_source = Some(entry.key.clone());
            }
            "options" | "dynamic" | "custom" => {
                let value = entry.expr()?.clone();
                let source = match key.as_str() {
                    "options" => Source::Options(value),
                    "dynamic" => Source::Dynamic(value),
                    _ => Source::Custom(value),
                };
                if attributes.source.replace(source).is_some() {
                    let message = "a property takes only one of `options`, `dynamic` and `custom`";
                    return Err(syn::Error::new(entry.key.span(), message));
                }
            }
            _ => return Err(entry.unknown(KNOWN)),
        }
    }
    match (needs_source, &attributes.source) {
        (Some(key), None | Some(Source::Custom(_))) => {
            Err(syn::Error::new(key.span(), format!("`{key}` needs `options = …` or `dynamic = …`")))
        }
        _ => Ok(attributes),
    }
}

fn column(field: &Field, case: Option<Case>) -> Result<Column> {
    let attributes = attributes_of(field)?;
    let ident = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
    let plain = ident.trim_start_matches("r#");
    let name = attributes
        .name
        .clone()
        .unwrap_or_else(|| lit(&case.map_or_else(|| plain.to_owned(), |case| case.apply(plain))));
    let display_name = attributes.display_name.clone().unwrap_or_else(|| lit(&in_words(plain)));
    let description = attributes.description.clone().unwrap_or_else(|| lit(&docs(&field.attrs)));
    let ty = &field.ty;
    let optional = argument_of(ty, "Option");
    if let (Some(_), Some(_)) = (&attributes.default, optional) {
        let message = "a property with a default always has a value: write the type without `Option`";
        return Err(syn::Error::new_spanned(ty, message));
    }

    let default = attributes.default.as_ref().map(|given| match given {
        None => quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default()),
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => quote_spanned!(text.span()=> <#ty>::from(#text)),
        Some(value) => value.to_token_stream(),
    });
    let mut describe = base(&attributes, ty, optional);
    describe.extend(quote!(.display_name(#display_name)));
    if !description.value().is_empty() {
        describe.extend(quote!(.description(#description)));
    }
    if default.is_some() {
        describe.extend(quote!(.required(false)));
    }
    if let (Some(Some(_)), Some(value)) = (&attributes.default, &default) {
        describe.extend(quote!(.default_value({ let value: #ty = #value; value })));
    }
    describe.extend(attributes.members.clone());

    let read = read(&attributes, ty, optional.is_some(), &name, default.as_ref());
    let resolve = match &attributes.source {
        Some(Source::Options(function)) => Some(quote_spanned! {function.span()=>
            #name => {
                let options: ::leno_sdk::props::Options = #function(lookup)?;
                ::core::result::Result::Ok(::core::option::Option::Some(options.document().to_text()))
            }
        }),
        Some(Source::Dynamic(function)) => Some(quote_spanned! {function.span()=>
            #name => {
                let properties: ::leno_sdk::props::Properties = #function(lookup)?;
                ::core::result::Result::Ok(::core::option::Option::Some(properties.document().to_text()))
            }
        }),
        _ => None,
    };
    Ok(Column { describe: quote!(.with(#name, #describe)), read, resolve })
}

/// The description without name and texts.
fn base(attributes: &PropAttributes, ty: &Type, optional: Option<&Type>) -> TokenStream {
    let required = optional.is_none();
    let many = argument_of(optional.unwrap_or(ty), "Vec").is_some();
    let kind = match &attributes.source {
        None => return quote_spanned!(ty.span()=> <#ty as ::leno_sdk::props::Prop>::property()),
        Some(Source::Options(_)) if many => "MULTI_SELECT_DROPDOWN",
        Some(Source::Options(_)) => "DROPDOWN",
        Some(Source::Dynamic(_)) => "DYNAMIC",
        Some(Source::Custom(_)) => "CUSTOM",
    };
    let mut base = quote!(::leno_sdk::props::Property::new(#kind, "").required(#required));
    match &attributes.source {
        Some(Source::Custom(code)) => base.extend(quote!(.with("code", #code))),
        _ => base.extend(quote!(.refreshers(&[]))),
    }
    base
}

/// The expression that reads the value, an `Option`.
fn read(
    attributes: &PropAttributes,
    ty: &Type,
    optional: bool,
    name: &LitStr,
    default: Option<&TokenStream>,
) -> TokenStream {
    let span = ty.span();
    let read = match (&attributes.source, default) {
        (None, None) => quote_spanned!(span=> input.field::<#ty>(#name)),
        (None, Some(default)) => quote_spanned!(span=> input.field_or::<#ty>(#name, || #default)),
        (Some(_), default) => {
            let absent = match default {
                Some(default) => quote!(::core::option::Option::Some(#default)),
                None if optional => quote!(::core::option::Option::Some(::core::option::Option::None)),
                None => quote!(::core::option::Option::None),
            };
            quote_spanned!(span=> input.any::<#ty>(#name, || #absent))
        }
    };
    if attributes.min.is_none() && attributes.max.is_none() {
        return read;
    }
    let bound = |bound: &Option<Expr>| match bound {
        Some(value) => quote!(::core::option::Option::Some(f64::from(#value))),
        None => quote!(::core::option::Option::None),
    };
    let (min, max) = (bound(&attributes.min), bound(&attributes.max));
    let value = if optional { quote!(value.flatten()) } else { quote!(value) };
    quote! {{
        let value = #read;
        #[allow(clippy::cast_precision_loss, clippy::unnecessary_cast)]
        let number = #value.map(|number| number as f64);
        input.bounds(#name, number, #min, #max);
        value
    }}
}

/// `T` of `Name<T>`.
fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
