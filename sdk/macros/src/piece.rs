//! `piece!`.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Path, Result, Token, braced, bracketed};

const KNOWN: &str = "`name`, `display_name`, `version`, `description`, `logo_url`, `authors`, `categories`, `auth`, \
    `hosts`, `actions`, `triggers`, `extra`";

/// The parsed content of `piece!`.
pub(crate) struct Piece {
    name: LitStr,
    display_name: LitStr,
    version: TokenStream,
    description: TokenStream,
    authors: TokenStream,
    rest: TokenStream,
}

/// `"name": value` in `extra`.
struct Member {
    name: LitStr,
    value: Expr,
}

impl Parse for Member {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self { name, value: input.parse()? })
    }
}

impl Parse for Piece {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut seen: Vec<Ident> = Vec::new();
        let (mut name, mut display_name) = (None, None);
        let mut version = quote!(::core::env!("CARGO_PKG_VERSION"));
        let mut description = quote!(::core::env!("CARGO_PKG_DESCRIPTION"));
        let mut authors = quote!(::core::env!("CARGO_PKG_AUTHORS"));
        let mut rest = TokenStream::new();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            if seen.contains(&key) {
                return Err(syn::Error::new(key.span(), format!("`{key}` is set twice")));
            }
            input.parse::<Token![:]>()?;
            match key.to_string().as_str() {
                "name" => name = Some(piece_name(input)?),
                "display_name" => display_name = Some(input.parse()?),
                "version" => version = input.parse::<LitStr>()?.into_token_stream(),
                "description" => description = input.parse::<LitStr>()?.into_token_stream(),
                "authors" => {
                    let authors_listed: Vec<String> = list::<LitStr>(input)?.iter().map(LitStr::value).collect();
                    authors = authors_listed.join(":").into_token_stream();
                }
                "logo_url" => {
                    let url: LitStr = input.parse()?;
                    rest.extend(quote!(.logo_url(#url)));
                }
                "categories" => {
                    let categories = list::<Ident>(input)?;
                    rest.extend(quote!(.categories(&[#(::leno_sdk::Category::#categories),*])));
                }
                "hosts" => {
                    let hosts = list::<LitStr>(input)?;
                    rest.extend(quote!(.hosts(&[#(#hosts),*])));
                }
                "auth" => {
                    let auths = match input.parse()? {
                        Expr::Array(array) => array.elems.into_token_stream(),
                        one => one.into_token_stream(),
                    };
                    rest.extend(quote!(.auth(|| ::std::vec![#auths])));
                }
                "actions" => {
                    let actions = list::<Path>(input)?;
                    rest.extend(quote!(.actions(&[#(#actions::ACTION),*])));
                }
                "triggers" => {
                    let triggers = list::<Path>(input)?;
                    rest.extend(quote!(.triggers(&[#(#triggers::TRIGGER),*])));
                }
                "extra" => {
                    let members;
                    braced!(members in input);
                    let members = Punctuated::<Member, Token![,]>::parse_terminated(&members)?;
                    let set = members.iter().map(|Member { name, value }| quote!(document.set(#name, &#value);));
                    rest.extend(quote!(.extra(|document| { #(#set)* })));
                }
                _ => return Err(syn::Error::new(key.span(), format!("unknown key `{key}`; expected one of {KNOWN}"))),
            }
            seen.push(key);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let name = name.ok_or_else(|| input.error("`name: \"…\"` is missing"))?;
        let display_name = display_name.ok_or_else(|| input.error("`display_name: \"…\"` is missing"))?;
        Ok(Self { name, display_name, version, description, authors, rest })
    }
}

fn piece_name(input: ParseStream<'_>) -> Result<LitStr> {
    let expected = "expected a text of lower-case letters, digits and dashes, for example \"my-crm\"";
    match input.parse()? {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. })
            if !name.value().is_empty()
                && name.value().chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | '-')) =>
        {
            Ok(name)
        }
        other => Err(syn::Error::new_spanned(other, expected)),
    }
}

fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    let content;
    bracketed!(content in input);
    Ok(Punctuated::<T, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

impl Piece {
    pub(crate) fn expand(&self) -> TokenStream {
        let Self { name, display_name, version, description, authors, rest } = self;
        quote! {
            /// The piece.
            pub static PIECE: ::leno_sdk::Piece = ::leno_sdk::Piece::new(#name, #display_name, #version)
                .description(#description)
                .authors(#authors)
                #rest;

            #[cfg(target_family = "wasm")]
            #[allow(unsafe_code)]
            const _: () = {
                struct Component;

                impl ::leno_sdk::export::Source for Component {
                    fn piece() -> &'static ::leno_sdk::Piece {
                        &PIECE
                    }
                }

                ::leno_sdk::bindings::export!(Component with_types_in ::leno_sdk::bindings);
            };
        }
    }
}
