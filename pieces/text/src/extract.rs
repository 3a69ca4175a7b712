//! Finding things in text.

use std::collections::BTreeSet;

use leno_sdk::prelude::*;
use unicode_normalization::char::is_combining_mark;

/// What `extract_emails` is given.
#[derive(Props)]
pub struct ExtractEmails {
    /// The text to search in
    text: LongText,
    /// Leave out duplicates
    #[prop(default = true)]
    unique: bool,
}

/// Finds the email addresses in a text, in order.
#[action(classification = "READ", ai(idempotent = true))]
pub fn extract_emails(props: ExtractEmails) -> Result<Vec<String>> {
    let (mut found, mut known) = (Vec::new(), BTreeSet::new());
    let mut rest: &str = &props.text;
    while let Some((local, after)) = rest.split_once('@') {
        if let (Some(name), Some(host)) = (local_part(local), domain(after)) {
            let address = format!("{name}@{host}");
            if !props.unique || known.insert(address.to_lowercase()) {
                found.push(address);
            }
        }
        rest = after;
    }
    Ok(found)
}

/// A letter, a digit, or a mark on one, which some scripts spell vowels with.
fn is_letter(char: char) -> bool {
    char.is_alphanumeric() || is_combining_mark(char)
}

/// The end of a text that is valid before the `@` (RFC 5322, section 3.2.3; RFC 6531, section 3.3).
fn local_part(text: &str) -> Option<&str> {
    let allowed = |char: char| is_letter(char) || "!#$%&'*+/=?^_`{|}~.-".contains(char);
    let start = text.char_indices().rev().take_while(|(_, char)| allowed(*char)).last()?.0;
    // What may begin an address, and in text most often surrounds one.
    let name = text.get(start..)?.trim_start_matches(['.', '-', '/', '*', '_', '`', '\'', '=', '|', '{']);
    (!name.is_empty() && !name.ends_with('.') && !name.contains("..")).then_some(name)
}

/// The beginning of a text that is a host name with at least one dot.
fn domain(text: &str) -> Option<&str> {
    let end = text.find(|char: char| !is_letter(char) && char != '-' && char != '.').unwrap_or(text.len());
    let host = text.get(..end)?.trim_end_matches(['.', '-']);
    let labels_fit = host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let (_, top) = host.rsplit_once('.')?;
    (labels_fit && is_top(top)).then_some(host)
}

/// Letters, or letters of any script as RFC 5890 writes them in ASCII.
fn is_top(label: &str) -> bool {
    let encoded = label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"));
    label.chars().count() >= 2 && (encoded || label.chars().all(|char| is_letter(char) && !char.is_numeric()))
}
