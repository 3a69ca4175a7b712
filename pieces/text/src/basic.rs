//! Cutting and joining. Positions and lengths count characters (Unicode scalar values), not bytes.

use leno_sdk::prelude::*;

/// What `concat` is given.
#[derive(Props)]
pub struct Concat {
    /// The texts to join, in order
    texts: Vec<String>,
    /// The text between two texts
    #[prop(default = "")]
    separator: String,
}

/// Joins texts into one.
#[action(classification = "READ", ai(idempotent = true))]
pub fn concat(props: Concat) -> Result<String> {
    Ok(props.texts.join(&props.separator))
}

/// What `split` is given.
#[derive(Props)]
pub struct Split {
    /// The text to split
    text: LongText,
    /// The text between two parts; if empty, every character is a part
    #[prop(default = ",")]
    separator: String,
    /// Remove spaces and line ends at both ends of each part
    #[prop(default = true)]
    trim: bool,
    /// Leave empty parts out
    #[prop(default = false)]
    skip_empty: bool,
    /// The maximum number of parts; the last one contains the rest
    #[prop(min = 1)]
    most: Option<u32>,
}

/// Splits a text into a list.
#[action(classification = "READ", ai(idempotent = true))]
pub fn split(props: Split) -> Result<Vec<String>> {
    let most = props.most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    let parts: Vec<String> = if props.separator.is_empty() {
        let mut chars = props.text.chars();
        let mut parts: Vec<String> = chars.by_ref().take(most - 1).map(String::from).collect();
        let rest: String = if most == usize::MAX { String::new() } else { chars.collect() };
        parts.extend(Some(rest).filter(|rest| !rest.is_empty()));
        parts
    } else {
        props.text.splitn(most, &props.separator).map(str::to_owned).collect()
    };
    let trimmed = parts.into_iter().map(|part| if props.trim { part.trim().to_owned() } else { part });
    Ok(trimmed.filter(|part| !(props.skip_empty && part.is_empty())).collect())
}

/// What `replace` is given.
#[derive(Props)]
pub struct Replace {
    /// The text to search in
    text: LongText,
    /// The text to find
    search: String,
    /// The replacement
    #[prop(default = "")]
    replacement: String,
    /// Replace only the first match
    #[prop(default = false)]
    first_only: bool,
}

/// Replaces every occurrence of a part of a text.
#[action(classification = "READ", ai(idempotent = true))]
pub fn replace(props: Replace) -> Result<String> {
    if props.search.is_empty() {
        return Err(Error::invalid_input("empty-search", "search: must not be empty"));
    }
    let most = if props.first_only { 1 } else { usize::MAX };
    Ok(props.text.replacen(&props.search, &props.replacement, most))
}

/// The ends to trim.
#[derive(Choice)]
pub enum Side {
    /// At both ends.
    Both,
    /// At the beginning.
    Start,
    /// At the end.
    End,
}

/// What `trim` is given.
#[derive(Props)]
pub struct Trim {
    /// The text to trim
    text: LongText,
    #[prop(default = Side::Both)]
    side: Side,
    /// The characters to remove; spaces and line ends if absent or empty
    characters: Option<String>,
}

/// Removes spaces, or other characters, at the ends of a text.
#[action(classification = "READ", ai(idempotent = true))]
pub fn trim(props: Trim) -> Result<String> {
    let characters = props.characters.unwrap_or_default();
    let off = |char: char| if characters.is_empty() { char.is_whitespace() } else { characters.contains(char) };
    let text = match props.side {
        Side::Both => props.text.trim_matches(off),
        Side::Start => props.text.trim_start_matches(off),
        Side::End => props.text.trim_end_matches(off),
    };
    Ok(text.to_owned())
}

/// What `slice` is given.
#[derive(Props)]
pub struct Slice {
    /// The text to cut from
    text: LongText,
    /// The position of the first character, from 0; a negative one counts from the end
    #[prop(default = 0)]
    start: i64,
    /// The number of characters; up to the end if absent
    #[prop(min = 0)]
    length: Option<u32>,
}

/// Returns a part of a text.
#[action(classification = "READ", ai(idempotent = true))]
pub fn slice(props: Slice) -> Result<String> {
    let start = match usize::try_from(props.start) {
        Ok(start) => start,
        Err(_) => {
            let back = usize::try_from(props.start.unsigned_abs()).unwrap_or(usize::MAX);
            props.text.chars().count().saturating_sub(back)
        }
    };
    let length = props.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
    Ok(props.text.chars().skip(start).take(length).collect())
}

/// What `length` is given.
#[derive(Props)]
pub struct Length {
    /// The text to measure
    #[prop(default = "")]
    text: LongText,
}

/// Counts the characters, words and lines of a text.
#[action(classification = "READ", ai(idempotent = true))]
pub fn length(props: Length) -> Result<Value> {
    Ok(json!({
        "characters": props.text.chars().count(),
        "bytes": props.text.len(),
        "words": props.text.split_whitespace().count(),
        "lines": props.text.lines().count(),
    }))
}
