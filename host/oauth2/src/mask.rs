//! A provider's description, safe to show: short, without control characters and without what was sent to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use secrecy::SecretString;
use zeroize::Zeroizing;

/// The longest description that is shown, in characters.
const LONGEST: usize = 300;

/// The secrets of one request, in every spelling in which a provider may send them back. Zeroed on drop.
#[derive(Clone, Default)]
pub(super) struct Sent(Vec<SecretString>);

impl Sent {
    pub(super) fn add(&mut self, secret: &str) {
        let plain = Zeroizing::new(visible(secret));
        if plain.is_empty() {
            return;
        }
        let form = Zeroizing::new(url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>());
        let percent = Zeroizing::new(form.replace('+', "%20"));
        let lower = |text: &str| {
            let mut escape = 0;
            let letter = |c: char| {
                escape = if c == '%' { 3_u8 } else { escape.saturating_sub(1) };
                if escape > 0 { c.to_ascii_lowercase() } else { c }
            };
            Zeroizing::new(text.chars().map(letter).collect::<String>())
        };
        let json = Zeroizing::new(serde_json::Value::from(secret).to_string());
        let json = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
        let lower_form = lower(&form);
        for text in [&**plain, &form, &percent, &lower_form, json] {
            if !text.is_empty() && !self.0.iter().any(|known| known.expose_secret() == text) {
                self.0.push(text.to_owned().into());
            }
        }
        // Longest first, so that one which contains another is masked before it.
        self.0.sort_by_key(|text| std::cmp::Reverse(text.expose_secret().len()));
    }

    /// The `user:password` of Basic, as it travels.
    pub(super) fn add_basic(&mut self, pair: &str) {
        self.add(&STANDARD.encode(pair));
    }

    /// The presentable part of `text`. It is masked before it is cut: half a secret is a secret too.
    pub(super) fn words(&self, text: &str) -> String {
        let mut shown = Zeroizing::new(visible(text));
        for secret in &self.0 {
            if shown.contains(secret.expose_secret()) {
                *shown = shown.replace(secret.expose_secret(), "***");
            }
        }
        match shown.char_indices().nth(LONGEST) {
            None => shown.trim().to_owned(),
            Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default().trim()),
        }
    }
}

/// Line breaks become spaces; other control characters and those that turn or hide text go.
fn visible(text: &str) -> String {
    let hides =
        |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let seen = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c });
    seen.filter(|c| !c.is_control() && !hides(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_words_are_short_plain_and_without_secrets() {
        let mut sent = Sent::default();
        sent.add("se:c&r t\"");
        sent.add("se:c&r");
        sent.add_basic("id:se:c&r t\"");
        for (text, shown) in [
            ("bad secret se:c&r t\" here", "bad secret *** here"),
            ("client_secret=se%3Ac%26r+t%22&x", "client_secret=***&x"),
            ("se%3ac%26r+t%22 se%3Ac%26r%20t%22", "*** ***"),
            (r#"{"s":"se:c&r t\""}"#, r#"{"s":"***"}"#),
            ("se\u{0}:c\u{200b}&r", "***"),
            ("a\nb\u{1b}[31m\u{202e}", "a b[31m"),
            ("Basic aWQ6c2U6YyZyIHQi", "Basic ***"),
        ] {
            assert_eq!(sent.words(text), shown, "{text:?}");
        }
        assert_eq!(sent.words(&"ä".repeat(5000)).chars().count(), 301);
        let edge = format!("{}se:c&r t\"", "x".repeat(297));
        assert!(!sent.words(&edge).contains("se"), "a secret across the cut is masked first");
    }
}
