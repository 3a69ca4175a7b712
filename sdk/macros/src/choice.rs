//! `#[derive(Choice)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Expr, ExprLit, ExprUnary, Fields, Lit, Result, UnOp};

use crate::attributes::{entries_of, lit};
use crate::names::{Case, in_words};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(syn::Error::new_spanned(
            &input.ident,
            "`Choice` is for enums; use `Props` for a struct of properties",
        ));
    };
    let mut case = Case::Snake;
    for entry in entries_of(&input.attrs, "choice")? {
        match entry.key.to_string().as_str() {
            "rename_all" => case = Case::parse(&entry.text()?)?,
            _ => return Err(entry.unknown("`rename_all`")),
        }
    }

    let mut options = Vec::new();
    let mut variants = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(syn::Error::new_spanned(variant, "a variant of a choice cannot have fields"));
        }
        let name = variant.ident.to_string();
        let mut label = lit(&in_words(&name));
        let text = lit(&case.apply(&name));
        let mut value = quote!(Text(#text));
        for entry in entries_of(&variant.attrs, "choice")? {
            match entry.key.to_string().as_str() {
                "label" => label = entry.text()?,
                "value" => value = scalar(entry.expr()?)?,
                _ => return Err(entry.unknown("`label`, `value`")),
            }
        }
        options.push(quote!((#label, ::leno_sdk::__private::choice::Scalar::#value)));
        variants.push(&variant.ident);
    }
    if variants.is_empty() {
        return Err(syn::Error::new_spanned(&input.ident, "a choice needs at least one variant"));
    }

    let name = &input.ident;
    let indices = 0..variants.len();
    let indices_again = 0..variants.len();
    Ok(quote! {
        const _: () = {
            use ::leno_sdk::__private::{RawValue, choice, serde};

            #[automatically_derived]
            impl choice::Choice for #name {
                const OPTIONS: &'static [(&'static str, choice::Scalar)] = &[#(#options),*];

                fn from_index(index: usize) -> ::core::option::Option<Self> {
                    match index {
                        #(#indices => ::core::option::Option::Some(Self::#variants),)*
                        _ => ::core::option::Option::None,
                    }
                }

                fn index(&self) -> usize {
                    match self {
                        #(Self::#variants => #indices_again,)*
                    }
                }
            }

            #[automatically_derived]
            impl ::leno_sdk::props::Prop for #name {
                fn property() -> ::leno_sdk::props::Property {
                    choice::one::<Self>()
                }

                fn read(raw: &RawValue, at: &mut ::leno_sdk::props::At) -> ::core::option::Option<Self> {
                    choice::read(raw, at)
                }
            }

            #[automatically_derived]
            impl ::leno_sdk::props::Item for #name {
                fn list() -> ::leno_sdk::props::Property {
                    choice::some::<Self>()
                }

                fn read_item(raw: &RawValue, at: &mut ::leno_sdk::props::At) -> ::core::option::Option<Self> {
                    choice::read(raw, at)
                }
            }

            #[automatically_derived]
            impl serde::Serialize for #name {
                fn serialize<S: serde::Serializer>(
                    &self,
                    serializer: S,
                ) -> ::core::result::Result<S::Ok, S::Error> {
                    choice::serialize(self, serializer)
                }
            }

            #[automatically_derived]
            impl<'de> serde::Deserialize<'de> for #name {
                fn deserialize<D: serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    choice::deserialize(deserializer)
                }
            }
        };
    })
}

fn scalar(value: &Expr) -> Result<TokenStream> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(quote!(Text(#text))),
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Ok(quote!(Whole(#number))),
        Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. }) => Ok(quote!(Flag(#flag))),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. })
            if matches!(&**expr, Expr::Lit(ExprLit { lit: Lit::Int(_), .. })) =>
        {
            Ok(quote!(Whole(#value)))
        }
        other => Err(syn::Error::new_spanned(other, "expected a text, a whole number, `true` or `false`")),
    }
}
