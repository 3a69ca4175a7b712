//! Finding things in text.

use leno_sdk::prelude::*;

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
    let mut found: Vec<String> = Vec::new();
    let mut rest: &str = &props.text;
    while let Some((local, after)) = rest.split_once('@') {
        if let (Some(name), Some(host)) = (local_part(local), domain(after)) {
            let address = format!("{name}@{host}");
            if !props.unique || !found.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
                found.push(address);
            }
        }
        rest = after;
    }
    Ok(found)
}

/// The end of a text that is valid before the `@`.
fn local_part(text: &str) -> Option<&str> {
    let allowed = |char: char| char.is_alphanumeric() || "!#$%&*+/=?^_`{|}~.-".contains(char);
    let start = text.char_indices().rev().take_while(|(_, char)| allowed(*char)).last()?.0;
    let name = text.get(start..)?.trim_start_matches(['.', '-', '/', '*', '_', '`', '=', '|', '{']);
    (!name.is_empty() && !name.ends_with('.') && !name.contains("..")).then_some(name)
}

/// The beginning of a text that is a host name with at least one dot.
fn domain(text: &str) -> Option<&str> {
    let end = text.find(|char: char| !char.is_alphanumeric() && char != '-' && char != '.').unwrap_or(text.len());
    let host = text.get(..end)?.trim_end_matches(['.', '-']);
    let labels_fit = host.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let (_, top) = host.rsplit_once('.')?;
    (labels_fit && top.chars().count() >= 2 && top.chars().all(char::is_alphabetic)).then_some(host)
}
