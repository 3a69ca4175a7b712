//! Values that are easily changed on their way.

use proptest::prelude::*;
use serde_json::{Map, Number, Value};

/// Numbers that some reader or writer has changed.
const NUMBERS: &[&str] = &[
    "9007199254740993",
    "-9007199254740993",
    "18446744073709551616",
    "1e+400",
    "-1e-400",
    "0.1234567890123456789",
    "1.0",
    "1.50",
    "-0",
    "0.0",
    "-0.0",
    "123456789012345678901234567890",
];

/// Texts that some reader or writer has changed.
const TEXTS: &[&str] = &[
    "",
    " ",
    "\0",
    "\u{7f}\r\n\t",
    "\"\\/",
    "null",
    "1e5",
    "{{x}}",
    "é e\u{301}",
    "😀\u{10ffff}\u{2028}",
    "**REDACTED**",
];

/// Numbers of any size and precision, in the form in which `serde_json` writes them.
fn number() -> impl Strategy<Value = Number> {
    let any = "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?(e[+-][0-9]{1,3})?";
    let text = prop_oneof![any.prop_map(String::from), proptest::sample::select(NUMBERS).prop_map(str::to_owned)];
    text.prop_map(|text| text.parse().expect("it is a JSON number"))
}

/// Texts of all of Unicode. A byte order mark in front of a document is no part of it.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let text = prop_oneof![any::<String>(), proptest::sample::select(TEXTS).prop_map(str::to_owned)];
    text.prop_map(|text| text.trim_start_matches('\u{feff}').to_owned())
}

/// JSON values, with members in any order.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        3 => number().prop_map(Value::Number),
        3 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..6).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}
