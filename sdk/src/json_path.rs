//! The path in a JSON text at which deserialization failed.
//!
//! serde_json reports line and column; users need a path such as `items[2].name`. It is computed from the text only after an
//! error, so that successful reads cost nothing more.

use serde::de::DeserializeOwned;

/// Reads `text`; the error names the path of the wrong value, for example `items[2].name: invalid type: …`.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| explain(text, &error))
}

/// Like [`read`], from bytes that should be UTF-8.
pub(crate) fn read_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => read(text),
        Err(error) => Err(format!("it is not UTF-8 text: {error}")),
    }
}

fn explain(text: &str, error: &serde_json::Error) -> String {
    let full = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = full.strip_suffix(&place).unwrap_or(&full);
    // What is out of the range of a type is JSON all the same.
    if !error.is_data() && reason != "number out of range" {
        return format!("it is not JSON: {full}");
    }
    match at(text, offset(text, error.line(), error.column())) {
        path if path.is_empty() => reason.to_owned(),
        path => format!("{path}: {reason}"),
    }
}

/// Byte offset of a 1-based line and column.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column
}

/// The path of the innermost value that covers, or ends at, `end`.
fn at(text: &str, end: usize) -> String {
    enum Level {
        Object { key: Option<String>, expects_key: bool },
        Array(usize),
    }
    let mut levels: Vec<Level> = Vec::new();
    let mut chars = text.char_indices().take_while(|(index, _)| *index < end).peekable();
    while let Some((start, char)) = chars.next() {
        match char {
            '{' => levels.push(Level::Object { key: None, expects_key: true }),
            '[' => levels.push(Level::Array(0)),
            '}' | ']' => {
                // An error about a whole object (a missing member) points at its closing brace.
                if start + 1 >= end {
                    if let Some(Level::Object { key, .. }) = levels.last_mut() {
                        *key = None;
                    }
                    break;
                }
                levels.pop();
            }
            ',' => match levels.last_mut() {
                Some(Level::Object { key, expects_key }) => (*key, *expects_key) = (None, true),
                Some(Level::Array(index)) => *index += 1,
                None => {}
            },
            ':' => {
                if let Some(Level::Object { expects_key, .. }) = levels.last_mut() {
                    *expects_key = false;
                }
            }
            '"' => {
                let mut stop = start;
                while let Some((index, char)) = chars.next() {
                    stop = index;
                    match char {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                if let Some(Level::Object { key, expects_key: true }) = levels.last_mut() {
                    *key = text.get(start..=stop).and_then(|quoted| serde_json::from_str(quoted).ok());
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Object { key: Some(key), .. } if path.is_empty() => path.push_str(&key),
            Level::Object { key: Some(key), .. } => path.extend([".", &key]),
            Level::Object { key: None, .. } => {}
            Level::Array(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::read;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Issue {
        id: u32,
        labels: Vec<Label>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Label {
        name: String,
    }

    #[test]
    fn a_wrong_type_is_told_with_its_path() {
        let text = "{\"id\": 1,\n \"labels\": [{\"name\": \"a, \\\"b\\\": [\"}, {\"name\": 7}]}";
        let error = read::<Issue>(text).unwrap_err();
        assert_eq!(error, "labels[1].name: invalid type: integer `7`, expected a string");
    }

    #[test]
    fn a_missing_member_is_told_with_the_path_of_its_object() {
        let error = read::<Issue>(r#"{"id": 1, "labels": [{"name": "a"}, {"title": "b"}]}"#).unwrap_err();
        assert_eq!(error, "labels[1]: missing field `name`");
        let error = read::<Issue>(r#"{"labels": []}"#).unwrap_err();
        assert_eq!(error, "missing field `id`");
    }

    #[test]
    fn nested_maps_and_lists_are_counted() {
        let error =
            read::<BTreeMap<String, Vec<Vec<u8>>>>(r#"{"x": [[1, 2], [3]], "y z": [[], [4, 300]]}"#).unwrap_err();
        assert!(error.starts_with("y z[1][1]: "), "{error}");
    }

    #[test]
    fn broken_json_is_called_broken_with_line_and_column() {
        let error = read::<Issue>("{\"id\": 1,").unwrap_err();
        assert_eq!(error, "it is not JSON: EOF while parsing a value at line 1 column 9");
    }
}
