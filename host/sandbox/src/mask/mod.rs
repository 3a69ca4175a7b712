//! Keeps the call's secrets out of text that leaves it, and out of what comes back to it.
//!
//! Matching is literal, plus the forms that a secret takes on its way through JSON and URLs. It is the second line: the first
//! is that secrets do not enter the sandbox.

mod automaton;
mod response;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use leno_base::budget::{Budget, Exhausted};
use leno_metadata::Secrets;
use serde_json::{Number, value::RawValue};
use tokio::task::JoinError;
use zeroize::Zeroizing;

use self::automaton::Automaton;
use crate::value;

/// The replacement of a secret.
const MASK: &str = "**REDACTED**";
/// Texts up to this length are read at once: it takes a millisecond.
const INLINE: usize = 256 << 10;

/// The secrets of a call.
#[derive(Default)]
pub(crate) struct Mask {
    /// Every secret in every form.
    forms: Vec<Zeroizing<String>>,
    /// The lengths of the shortest and of the longest form.
    shortest: usize,
    longest: usize,
    /// Made when a text first needs it: many calls write none that is long enough to hold a secret.
    automaton: OnceLock<Automaton>,
}

impl Mask {
    /// A mask for `secrets`, in every form that they take in text, whose bytes together `budget` allows.
    ///
    /// # Errors
    /// [`Exhausted`]: they are more. None is left out, as that would show it.
    pub(crate) fn new(secrets: &Secrets, budget: &Budget) -> Result<Self, Exhausted> {
        let (mut forms, mut bytes) = (Vec::with_capacity(secrets.len()), 0_usize);
        for secret in secrets.iter() {
            let escaped = Zeroizing::new(serde_json::to_string(secret).unwrap_or_default());
            let escaped = escaped.get(1..escaped.len().saturating_sub(1)).unwrap_or_default();
            let quoted = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC);
            let quoted = Zeroizing::new(quoted.to_string());
            let other = [escaped, &quoted].map(|form| Some(form).filter(|form| *form != secret));
            for form in [Some(secret)].into_iter().chain(other).flatten() {
                bytes = bytes.saturating_add(form.len());
                forms.push(Zeroizing::new(form.to_owned()));
            }
            budget.allows(bytes as u64)?;
        }
        let lengths = || forms.iter().map(|form| form.len());
        let (shortest, longest) = (lengths().min().unwrap_or_default(), lengths().max().unwrap_or_default());
        Ok(Self { forms, shortest, longest, automaton: OnceLock::new() })
    }

    /// Whether nothing needs masking.
    pub(crate) fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// The automaton; `None` if `text` is too short to hold a secret.
    fn automaton(&self, text: &[u8]) -> Option<&Automaton> {
        if self.is_empty() || text.len() < self.shortest {
            return None;
        }
        Some(self.automaton.get_or_init(|| {
            let needles: Vec<&[u8]> = self.forms.iter().map(|form| form.as_bytes()).collect();
            Automaton::new(&needles)
        }))
    }

    /// Whether `text` holds a secret.
    pub(crate) fn hits(&self, text: &str) -> bool {
        self.replaced(text.as_bytes(), text.len()).is_some()
    }

    /// `text` with every secret replaced.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.replaced(text.as_bytes(), text.len()) {
            Some(masked) => Cow::Owned(into_text(masked)),
            None => Cow::Borrowed(text),
        }
    }

    /// The first `most` bytes of `text` on one line, free of secrets and of control characters, with a mark for a missing
    /// rest. A secret that is cut is masked as well: half of it is a secret too.
    pub(crate) fn line(&self, text: &str, most: usize) -> String {
        let kept = value::cut(text, most);
        // No more of the text than a secret which begins in the kept part can reach.
        let window = value::cut(text, most.saturating_add(self.longest));
        match self.replaced(window.as_bytes(), kept.len()) {
            Some(masked) => value::printable(&into_text(masked), kept.len() < text.len()),
            None => value::printable(kept, kept.len() < text.len()),
        }
    }

    /// The first `upto` bytes of `text` with what secrets cover replaced; `None` if that is nothing.
    fn replaced(&self, text: &[u8], upto: usize) -> Option<Vec<u8>> {
        let (mut masked, mut copied) = (None, 0);
        let piece = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        self.automaton(text)?.stretches(text, |stretch| {
            if stretch.start >= upto {
                return;
            }
            let masked = masked.get_or_insert_with(|| Vec::with_capacity(upto));
            masked.extend_from_slice(piece(copied, stretch.start));
            masked.extend_from_slice(MASK.as_bytes());
            copied = stretch.end;
        });
        let mut masked = masked?;
        masked.extend_from_slice(piece(copied, upto));
        Some(masked)
    }

    /// JSON text with the secrets in its strings replaced, names of members included, and numbers that are secrets replaced
    /// by strings. The rest of the text stays as it is.
    pub(crate) fn json<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.automaton(text.as_bytes()).is_none() {
            return Cow::Borrowed(text);
        }
        // Only a secret that is a number can be one: most are not.
        let numeric = self.forms.iter().any(|form| is_number(form));
        let (mut masked, mut copied) = (String::new(), 0);
        for token in (Tokens { text, at: 0 }) {
            let replacement = match token.kind {
                Kind::Plain => self.masked_string(token.text),
                Kind::Escaped => serde_json::from_str::<String>(&format!("\"{}\"", token.text))
                    .ok()
                    .and_then(|decoded| self.masked_string(&decoded)),
                Kind::Number => (numeric && self.is_secret(token.text)).then(|| format!("\"{MASK}\"")),
            };
            if let Some(replacement) = replacement {
                masked.push_str(text.get(copied..token.start).unwrap_or_default());
                masked.push_str(&replacement);
                copied = token.start + token.text.len();
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        masked.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// The same for a JSON text that is kept as it came.
    ///
    /// # Errors
    /// The masked text is no JSON, which would be a fault here.
    pub(crate) fn raw(&self, json: Box<RawValue>) -> serde_json::Result<Box<RawValue>> {
        let masked = match self.json(json.get()) {
            Cow::Owned(masked) => masked,
            Cow::Borrowed(_) => return Ok(json),
        };
        RawValue::from_string(masked)
    }

    /// Reads a text of `size` bytes; a long one on a thread of its own, as a worker has other calls to serve.
    ///
    /// # Errors
    /// The runtime is ending.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        size: usize,
        read: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        if self.is_empty() || size <= INLINE {
            return Ok(read(self));
        }
        let mask = self.clone();
        tokio::task::spawn_blocking(move || read(&mask)).await
    }

    /// The inside of a JSON string with its secrets replaced; `None` if there are none in `text`.
    fn masked_string(&self, text: &str) -> Option<String> {
        let masked = into_text(self.replaced(text.as_bytes(), text.len())?);
        let quoted = serde_json::to_string(&masked).unwrap_or_default();
        quoted.get(1..quoted.len().saturating_sub(1)).map(str::to_owned)
    }

    fn is_secret(&self, text: &str) -> bool {
        self.replaced(text.as_bytes(), text.len()).is_some_and(|masked| masked == MASK.as_bytes())
    }
}

/// Masked text: secrets begin and end between characters, so it is text still.
fn into_text(masked: Vec<u8>) -> String {
    String::from_utf8(masked).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && serde_json::from_str::<Number>(text).is_ok()
}

/// A part of JSON text that may hold a secret.
struct Token<'t> {
    start: usize,
    /// A number, or what is between the quotes of a string.
    text: &'t str,
    kind: Kind,
}

enum Kind {
    Number,
    /// A string without escapes.
    Plain,
    /// A string with escapes.
    Escaped,
}

/// The strings and numbers of JSON text that was checked.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let bytes = self.text.as_bytes();
        let begins = |byte: &u8| matches!(byte, b'"' | b'-' | b'0'..=b'9');
        let mut start = self.at + bytes.get(self.at..)?.iter().position(begins)?;
        let mut kind = Kind::Number;
        let mut end = start;
        if bytes.get(start) == Some(&b'"') {
            start += 1;
            end = start;
            kind = Kind::Plain;
            loop {
                match bytes.get(end)? {
                    b'"' => break,
                    b'\\' => {
                        kind = Kind::Escaped;
                        end += 2;
                    }
                    _ => end += 1,
                }
            }
            self.at = end + 1;
        } else {
            while matches!(bytes.get(end), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
                end += 1;
            }
            self.at = end;
        }
        Some(Token { start, text: self.text.get(start..end)?, kind })
    }
}

#[cfg(test)]
mod tests;
