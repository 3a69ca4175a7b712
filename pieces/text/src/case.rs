//! The case of letters, by the rules of Unicode: its words, its sentences, and what its letters become.

use leno_sdk::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

/// The cases of letters.
#[derive(Choice)]
pub enum Case {
    /// all lower case
    Lower,
    /// ALL UPPER CASE
    Upper,
    /// The First Letter Of Each Word
    Title,
    /// The first letter of each sentence
    Sentence,
}

/// What `change_case` is given.
#[derive(Props)]
pub struct ChangeCase {
    /// The text to change
    text: LongText,
    #[prop(display_name = "To")]
    case: Case,
}

/// Changes the case of letters.
#[action(classification = "READ", ai(idempotent = true))]
pub fn change_case(props: ChangeCase) -> Result<String> {
    Ok(match props.case {
        Case::Lower => props.text.to_lowercase(),
        Case::Upper => props.text.to_uppercase(),
        Case::Title => props.text.split_word_bounds().map(capitalized).collect(),
        Case::Sentence => sentences(&props.text).iter().map(|sentence| capitalized(sentence)).collect(),
    })
}

/// A text whose first letter or digit is that of a title, and all other letters are small.
fn capitalized(text: &str) -> String {
    let Some((index, first)) = text.char_indices().find(|(_, char)| char.is_alphanumeric()) else {
        return text.to_lowercase();
    };
    let (before, word) = text.split_at(index);
    // As a whole: a sigma at the end of a word differs from others.
    let small = word.to_lowercase();
    let length: usize = first.to_lowercase().map(char::len_utf8).sum();
    format!("{}{}{}", before.to_lowercase(), title(first), small.get(length..).unwrap_or_default())
}

/// A letter as the first of a title (Unicode's `Titlecase_Mapping`), which the standard library does not have: it differs
/// from the capital letter for digraphs, ligatures and letters with a Greek iota below.
fn title(char: char) -> String {
    let single = match char {
        'Ǆ'..='ǆ' => Some('ǅ'),
        'Ǉ'..='ǉ' => Some('ǈ'),
        'Ǌ'..='ǌ' => Some('ǋ'),
        'Ǳ'..='ǳ' => Some('ǲ'),
        'ᾀ'..='ᾇ' | 'ᾐ'..='ᾗ' | 'ᾠ'..='ᾧ' => char::from_u32(u32::from(char) + 8),
        'ᾳ' | 'ῃ' | 'ῳ' => char::from_u32(u32::from(char) + 9),
        'ᾈ'..='ᾏ' | 'ᾘ'..='ᾟ' | 'ᾨ'..='ᾯ' | 'ᾼ' | 'ῌ' | 'ῼ' => Some(char),
        _ => None,
    };
    if let Some(single) = single {
        return single.into();
    }
    let mut large = false;
    let capitals = char.to_uppercase().map(|capital| {
        let small = large;
        large |= capital.is_uppercase();
        if small { capital.to_lowercase().to_string() } else { capital.to_string() }
    });
    capitals.collect()
}

/// The sentences of a text, spaces included (UAX 29, section 5). After a full stop Unicode wants a capital letter to begin
/// one, which may be what the user wants from here: all letters count as capital ones.
fn sentences(text: &str) -> Vec<String> {
    let capitals: String = text.chars().map(|char| char.to_uppercase().next().unwrap_or(char)).collect();
    let mut chars = text.chars();
    let lengths = capitals.split_sentence_bounds().map(|sentence| sentence.chars().count());
    lengths.map(|length| chars.by_ref().take(length).collect()).collect()
}
