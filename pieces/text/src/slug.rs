//! Short names for URLs and files.

use leno_sdk::prelude::*;
use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// What `slugify` is given.
#[derive(Props)]
pub struct Slugify {
    /// The text, a title for example
    text: String,
    #[prop(default = "-")]
    separator: String,
}

/// Makes a title a short name for URLs and files: lower-case letters and digits, the rest becomes the separator. Latin
/// letters lose their accents; those of other scripts keep their marks.
#[action(classification = "READ", ai(idempotent = true))]
pub fn slugify(props: Slugify) -> Result<String> {
    let mut slug = Slug { text: String::new(), separator: &props.separator, gap: false, last: Last::Other };
    for char in props.text.chars() {
        slug.add(char);
    }
    Ok(slug.text)
}

/// The last letter, as far as marks on it are concerned.
#[derive(PartialEq)]
enum Last {
    /// A plain Latin letter: `a`, `o` or `u` if an umlaut may come.
    Latin(char),
    Other,
}

struct Slug<'s> {
    text: String,
    separator: &'s str,
    /// Whether something was left out after the last letter.
    gap: bool,
    last: Last,
}

impl Slug<'_> {
    fn add(&mut self, char: char) {
        match char {
            // What stands inside of words.
            '\'' | '’' | '\u{ad}' | '\u{200c}' | '\u{200d}' => {}
            mark if is_combining_mark(mark) => self.mark(mark),
            letter if letter.is_alphanumeric() => self.letter(letter),
            _ => self.gap = true,
        }
    }

    /// A mark on the last letter, whether it was typed with it or after it.
    fn mark(&mut self, mark: char) {
        if self.gap || self.text.is_empty() {
            return;
        }
        match self.last {
            // A diaeresis; in German an umlaut, which is written so.
            Last::Latin('a' | 'o' | 'u') if mark == '\u{308}' => self.text.push('e'),
            Last::Latin(_) => {}
            Last::Other => self.text.push(mark),
        }
    }

    fn letter(&mut self, letter: char) {
        if self.gap && !self.text.is_empty() {
            self.text.push_str(self.separator);
        }
        self.gap = false;
        let mut parts = Vec::new();
        decompose_canonical(letter, |part| parts.push(part));
        let large: String = letter.to_uppercase().collect();
        match parts.as_slice() {
            [first, marks @ ..] if first.is_ascii_alphabetic() => {
                let first = first.to_ascii_lowercase();
                self.text.push(first);
                self.last = Last::Latin(first);
                for mark in marks {
                    self.mark(*mark);
                }
            }
            // A ligature such as `ﬁ`, or `ß`.
            _ if large.len() > 1 && large.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
                self.latin(&large.to_ascii_lowercase());
            }
            _ => match plain(letter) {
                Some(letters) => self.latin(letters),
                None => {
                    self.text.extend(letter.to_lowercase());
                    self.last = Last::Other;
                }
            },
        }
    }

    fn latin(&mut self, letters: &str) {
        self.text.push_str(letters);
        self.last = Last::Latin(' ');
    }
}

/// Latin letters that are more than a letter with an accent.
fn plain(char: char) -> Option<&'static str> {
    Some(match char {
        'æ' | 'Æ' | 'ǽ' | 'Ǽ' => "ae",
        'œ' | 'Œ' => "oe",
        'ẞ' => "ss",
        'þ' | 'Þ' => "th",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ħ' | 'Ħ' => "h",
        'ı' => "i",
        'ĳ' | 'Ĳ' => "ij",
        'ł' | 'Ł' => "l",
        'ŋ' | 'Ŋ' => "ng",
        'ø' | 'Ø' | 'ǿ' | 'Ǿ' => "o",
        'ŧ' | 'Ŧ' => "t",
        _ => return None,
    })
}
