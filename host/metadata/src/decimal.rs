//! JSON numbers as what they are, decimals: no double comes between.

use serde_json::Number;

/// The most digits that a number without a fraction is written out with: more than any integer of 128 bits has.
const MOST_DIGITS: usize = 40;

/// A number as digits and a power of ten. There is one for each value: the digits begin and end with others than 0, and
/// zero has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads `[+-]digits[.digits][e[+-]digits]`, with digits before the point, after it, or both. None for any other text,
    /// and for an exponent beyond 18 digits.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, whole(exponent)?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
        let (head, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{head}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let kept = digits.trim_end_matches('0');
        let zeros = i64::try_from(digits.len() - kept.len()).ok()?;
        let exponent = exponent - i64::try_from(fraction.len()).ok()? + zeros;
        let kept = kept.trim_start_matches('0');
        let zero = kept.is_empty();
        Some(Self {
            negative: !zero && mantissa.starts_with('-'),
            digits: kept.to_owned(),
            exponent: if zero { 0 } else { exponent },
        })
    }

    /// The digits of a number without a fraction; none if it has one, or more digits than an integer type holds.
    fn integer(&self) -> Option<String> {
        let zeros = usize::try_from(self.exponent).ok()?;
        if self.digits.is_empty() {
            return Some("0".to_owned());
        }
        let fits = self.digits.len().checked_add(zeros)? <= MOST_DIGITS;
        fits.then(|| format!("{}{}{}", self.sign(), self.digits, "0".repeat(zeros)))
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    /// The text that all spellings of this number share.
    pub(crate) fn spelling(&self) -> String {
        format!("{}{}e{}", self.sign(), self.digits, self.exponent)
    }
}

/// An exponent.
fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let short = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if short { text.parse().ok() } else { None }
}

/// A number in its plainest form: without a fraction of nothing, so that a guest can read it as an integer. Its digits
/// stay what they are.
pub(crate) fn plain(number: &Number) -> Number {
    let text = number.as_str();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return number.clone();
    }
    let integer = Decimal::read(text).and_then(|decimal| decimal.integer());
    integer.and_then(|text| text.parse().ok()).unwrap_or_else(|| number.clone())
}

/// The number that a text of [`Decimal::read`]'s form spells, with the digits of the text.
pub(crate) fn spelt(text: &str) -> Option<Number> {
    let decimal = Decimal::read(text)?;
    if let Some(integer) = decimal.integer() {
        return integer.parse().ok();
    }
    // JSON has no plus, no zeros in front, and digits on both sides of a point.
    let (mantissa, exponent) = text.find(['e', 'E']).map_or((text, ""), |at| text.split_at(at));
    let unsigned = mantissa.trim_start_matches(['+', '-']);
    let (head, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let head = head.trim_start_matches('0');
    let head = if head.is_empty() { "0" } else { head };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{head}{point}{fraction}{exponent}", decimal.sign()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_number_are_one_and_no_other_number_is() {
        for same in [
            &["1", "1.0", "1e0", "10e-1", "0.1e1", "+1", "01.00"][..],
            &["0", "-0", "0.0", "0e5", "-0.00e-7", ".0"],
            &["-1500", "-1.5e3", "-15e+2", "-1500.000"],
            &["1e400", "10e399", "0.1e401"],
        ] {
            for text in same {
                assert_eq!(Decimal::read(text), Decimal::read(same[0]), "{text}");
            }
        }
        let apart = ["9007199254740993", "9007199254740992", "0.1", "0.10000000000000001", "1e400", "1e401", "-1", "1"];
        for (index, text) in apart.iter().enumerate() {
            for other in apart.iter().skip(index + 1) {
                assert_ne!(Decimal::read(text), Decimal::read(other), "{text} {other}");
            }
        }
        for text in
            ["", "-", ".", "e1", "1e", "1e+", "--1", "1.2.3", "1,5", "0x1", "inf", "1_0", "١", "1e1234567890123456789"]
        {
            assert_eq!(Decimal::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_plainest_form_keeps_every_digit() {
        for (text, expected) in [
            ("12", "12"),
            ("12.0", "12"),
            ("12.50", "12.50"),
            ("1e3", "1000"),
            ("-0.0", "0"),
            ("-0", "0"),
            ("9007199254740993.0", "9007199254740993"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("0.1234567890123456789", "0.1234567890123456789"),
            ("1e400", "1e+400"),
        ] {
            assert_eq!(plain(&text.parse().unwrap()).to_string(), expected, "{text}");
        }
    }
}
