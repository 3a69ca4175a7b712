//! The built-in piece `text`: cuts, joins, searches and converts text. It needs no network, store or connection.

mod basic;
mod case;
mod convert;
mod extract;
mod json;
mod slug;
mod template;

pub use basic::{concat, length, replace, slice, split, trim};
pub use case::change_case;
pub use convert::{decode_base64, decode_url, encode_base64, encode_url, hash};
pub use extract::extract_emails;
pub use json::{default_value, echo, parse_json, to_json};
use leno_sdk::prelude::*;
pub use slug::slugify;
pub use template::fill_template;

piece! {
    name: "text",
    display_name: "Text",
    categories: [Core],
    actions: [
        echo, concat, split, replace, trim, change_case, slice, length, fill_template, slugify, extract_emails,
        encode_base64, decode_base64, encode_url, decode_url, hash, parse_json, to_json, default_value,
    ],
}
