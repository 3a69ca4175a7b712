//! What a JSON text costs once it is parsed, found without parsing it.

use leno_metadata::is_reserved;

/// Bytes of memory for a value: its place in a list that grows by doubling, or in an object with the name of the member, and
/// the digits of a number.
const VALUE: u64 = 192;
/// Bytes of memory for a list or an object with something in it: what it allocates for its first few members.
const CONTAINER: u64 = 320;
/// Deeper than that, `serde_json` stops, so nothing of it is ever in memory.
const DEEPEST: usize = 128;

/// The cost of a JSON text. Of a text that is no JSON it is that of some part of it, at least of what a parser reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    /// How many values there are.
    pub(crate) values: u64,
    /// How many of them are lists or objects with something in them.
    containers: u64,
    /// Whether a member has a name that no object can have once it is parsed.
    pub(crate) reserved: bool,
}

impl Weight {
    /// Weighs a text, in one pass over its bytes.
    pub(crate) fn of(text: &[u8]) -> Self {
        let mut weight = Self { values: 1, containers: 0, reserved: false };
        let mut depth = 0_usize;
        // Whether a list or an object was just begun.
        let mut begun = false;
        let mut bytes = text.iter();
        while let Some(byte) = bytes.next() {
            if byte.is_ascii_whitespace() {
                continue;
            }
            let closes = matches!(byte, b']' | b'}');
            if begun && !closes {
                weight.values += 1;
                weight.containers += 1;
            }
            begun = false;
            match byte {
                b'"' => {
                    let string = bytes.as_slice();
                    while let Some(byte) = bytes.next() {
                        match byte {
                            b'"' => break,
                            b'\\' => drop(bytes.next()),
                            _ => {}
                        }
                    }
                    let rest = bytes.as_slice();
                    let length = string.len().saturating_sub(rest.len() + 1);
                    weight.reserved |= is_reserved(string.get(..length).unwrap_or_default())
                        && rest.trim_ascii_start().first() == Some(&b':');
                }
                b',' => weight.values += 1,
                b'[' | b'{' => {
                    depth += 1;
                    if depth > DEEPEST {
                        return weight;
                    }
                    begun = true;
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        weight
    }

    /// Bytes of memory that the values take, beyond those of the texts in them.
    pub(crate) fn bytes(self) -> u64 {
        self.values * VALUE + self.containers * CONTAINER
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Values, and containers that are not empty.
    fn count(value: &Value) -> (u64, u64) {
        let members: Vec<&Value> = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(members) => members.values().collect(),
            _ => Vec::new(),
        };
        let own = (1, u64::from(!members.is_empty()));
        members.into_iter().map(count).fold(own, |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<i32>().prop_map(Value::from),
            "[\"\\\\\\[\\]{},a-z \n]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[\"\\\\{,a-z]{0,3}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_text_weighs_what_its_values_do_however_it_is_written(value in json_value()) {
            let (values, containers) = count(&value);
            for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                prop_assert_eq!(Weight::of(text.as_bytes()), Weight { values, containers, reserved: false }, "{}", text);
            }
        }

        #[test]
        fn no_text_is_too_strange_to_be_weighed(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let weight = Weight::of(&text);
            prop_assert!(weight.values <= 1 + text.len() as u64);
        }
    }

    #[test]
    fn a_name_that_would_change_what_is_parsed_is_noticed_however_it_is_written() {
        for (text, reserved) in [
            (r#"{"$serde_json::private::Number": "1"}"#, true),
            (r#"[{"a": {"$serde_json::private::RawValue" : "[1]"}}]"#, true),
            (r#"{"\u0024serde_json::\u0070rivate::Number":"1"}"#, true),
            (r#"["$serde_json::private::Number", "a"]"#, false),
            (r#"{"a": "$serde_json::private::Number"}"#, false),
            (r#"{"$serde_json": 1, "\\": 2, "\"$serde_json::private::": 3}"#, false),
        ] {
            assert_eq!(Weight::of(text.as_bytes()).reserved, reserved, "{text}");
        }
    }

    #[test]
    fn small_values_weigh_many_times_their_text_and_what_no_parser_reads_weighs_nothing() {
        let text = format!("[{}{{}}]", "{},".repeat(9_999));
        let weight = Weight::of(text.as_bytes());
        assert_eq!(weight.values, 10_001);
        assert!(weight.bytes() > 50 * text.len() as u64, "{weight:?}");
        assert!(Weight::of("[".repeat(1 << 20).as_bytes()).values <= 130);
    }
}
