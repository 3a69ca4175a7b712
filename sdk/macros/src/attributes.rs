//! Parsing attributes: `key`, `key = value`, `key(…)`. Errors point at the wrong key.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitBool, LitStr, Meta, Result, Token, parenthesized, token};

/// One `key`, `key = value` or `key(…)`.
pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Given,
}

pub(crate) enum Given {
    Nothing,
    Value(Box<Expr>),
    Inside(TokenStream),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        use syn::ext::IdentExt as _;
        let key = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Given::Value(input.parse()?)
        } else if input.peek(token::Paren) {
            let inside;
            parenthesized!(inside in input);
            Given::Inside(inside.parse()?)
        } else {
            Given::Nothing
        };
        Ok(Self { key, value })
    }
}

impl Entry {
    pub(crate) fn unknown(&self, known: &str) -> syn::Error {
        syn::Error::new(self.key.span(), format!("unknown key `{}`; expected one of {known}", self.key))
    }

    pub(crate) fn expr(&self) -> Result<&Expr> {
        match &self.value {
            Given::Value(value) => Ok(value),
            _ => Err(self.wrong(" = …")),
        }
    }

    pub(crate) fn text(&self) -> Result<LitStr> {
        match self.expr() {
            Ok(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Ok(text.clone()),
            Ok(other) => Err(syn::Error::new_spanned(other, format!("expected a text: `{} = \"…\"`", self.key))),
            Err(_) => Err(self.wrong(" = \"…\"")),
        }
    }

    pub(crate) fn flag(&self) -> Result<bool> {
        match &self.value {
            Given::Nothing => Ok(true),
            Given::Value(value) => match &**value {
                Expr::Lit(ExprLit { lit: Lit::Bool(LitBool { value, .. }), .. }) => Ok(*value),
                other => Err(syn::Error::new_spanned(other, "expected `true` or `false`")),
            },
            Given::Inside(_) => Err(self.wrong(" = true")),
        }
    }

    /// The entries inside of `key(…)`.
    pub(crate) fn inside(&self) -> Result<Vec<Self>> {
        match &self.value {
            Given::Inside(tokens) => entries(tokens.clone()),
            _ => Err(self.wrong("(…)")),
        }
    }

    /// The texts inside of `key("a", "b")`.
    pub(crate) fn texts(&self) -> Result<Vec<LitStr>> {
        match &self.value {
            Given::Inside(tokens) => {
                let texts = Punctuated::<LitStr, Token![,]>::parse_terminated.parse2(tokens.clone())?;
                Ok(texts.into_iter().collect())
            }
            _ => Err(self.wrong("(\"…\", \"…\")")),
        }
    }

    /// A text that must be one of `known`.
    pub(crate) fn one_of(&self, known: &[&str]) -> Result<LitStr> {
        let text = self.text()?;
        if known.contains(&text.value().as_str()) {
            return Ok(text);
        }
        let known: Vec<String> = known.iter().map(|name| format!("\"{name}\"")).collect();
        Err(syn::Error::new(text.span(), format!("expected one of {}", known.join(", "))))
    }

    fn wrong(&self, form: &str) -> syn::Error {
        syn::Error::new(self.key.span(), format!("expected `{}{form}`", self.key))
    }
}

/// The entries of a macro attribute; a repeated key is an error.
pub(crate) fn entries(tokens: TokenStream) -> Result<Vec<Entry>> {
    let entries = Punctuated::<Entry, Token![,]>::parse_terminated.parse2(tokens)?;
    let entries: Vec<Entry> = entries.into_iter().collect();
    for (index, entry) in entries.iter().enumerate() {
        if entries.iter().take(index).any(|earlier| earlier.key == entry.key) {
            return Err(syn::Error::new(entry.key.span(), format!("`{}` is set twice", entry.key)));
        }
    }
    Ok(entries)
}

/// The entries of all `#[name(…)]`.
pub(crate) fn entries_of(attributes: &[Attribute], name: &str) -> Result<Vec<Entry>> {
    let mut tokens = TokenStream::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        match &attribute.meta {
            Meta::List(list) => {
                list.tokens.to_tokens(&mut tokens);
                if !list.tokens.to_string().trim_end().ends_with(',') {
                    <Token![,]>::default().to_tokens(&mut tokens);
                }
            }
            _ => return Err(syn::Error::new_spanned(attribute, format!("expected `#[{name}(…)]`"))),
        }
    }
    if tokens.is_empty() { Ok(Vec::new()) } else { entries(tokens) }
}

/// The text of a doc comment: the lines of a paragraph are joined, paragraphs stay apart.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let mut paragraphs = vec![String::new()];
    for attribute in attributes {
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value else { continue };
        if !meta.path.is_ident("doc") {
            continue;
        }
        // `lines` yields nothing for the empty text of an empty line; `split` yields one empty line.
        for line in text.value().split('\n').map(str::trim) {
            match paragraphs.last_mut() {
                Some(last) if !line.is_empty() => {
                    if !last.is_empty() {
                        last.push(' ');
                    }
                    last.push_str(line);
                }
                _ => paragraphs.push(String::new()),
            }
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n\n")
}

/// A string literal in the macro's output.
pub(crate) fn lit(text: &str) -> LitStr {
    LitStr::new(text, Span::call_site())
}
