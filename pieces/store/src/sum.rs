//! Sums of JSON numbers, exact to the last digit: a double would change large and small ones in silence.

use leno_sdk::props::Number;

/// The most digits of a sum: those that an `i128` holds whatever they are.
pub(crate) const MOST_DIGITS: usize = 38;

/// Digits times a power of ten.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i64,
}

/// The sum; none if it, or what is added, has more than [`MOST_DIGITS`] digits.
pub(crate) fn of(one: &Number, other: &Number) -> Option<Number> {
    let (one, other) = (Decimal::read(one.as_str())?, Decimal::read(other.as_str())?);
    let exponent = match (one.digits, other.digits) {
        (0, _) => other.exponent,
        (_, 0) => one.exponent,
        _ => one.exponent.min(other.exponent),
    };
    let digits = one.digits_at(exponent)?.checked_add(other.digits_at(exponent)?)?;
    Decimal { digits, exponent }.write().parse().ok()
}

impl Decimal {
    /// Reads a JSON number; none if it has too many digits.
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (head, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{head}{fraction}");
        let kept = digits.trim_end_matches('0');
        if kept.trim_start_matches('-').is_empty() {
            return Some(Self { digits: 0, exponent: 0 });
        }
        let zeros = i64::try_from(digits.len() - kept.len()).ok()?;
        let exponent = exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        Some(Self { digits: kept.parse().ok()?, exponent: exponent.checked_add(zeros)? })
    }

    /// The digits at a lower power of ten.
    fn digits_at(self, exponent: i64) -> Option<i128> {
        if self.digits == 0 {
            return Some(0);
        }
        let places = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.digits.checked_mul(10_i128.checked_pow(places)?)
    }

    fn write(mut self) -> String {
        if self.digits == 0 {
            return "0".to_owned();
        }
        while self.digits % 10 == 0 {
            self.digits /= 10;
            self.exponent = self.exponent.saturating_add(1);
        }
        let sign = if self.digits < 0 { "-" } else { "" };
        let digits = self.digits.unsigned_abs().to_string();
        match usize::try_from(self.exponent) {
            Ok(zeros) if digits.len().saturating_add(zeros) <= MOST_DIGITS + 1 => {
                format!("{sign}{digits}{}", "0".repeat(zeros))
            }
            Err(_) if self.exponent >= -(MOST_DIGITS as i64) => {
                let places = usize::try_from(-self.exponent).unwrap_or_default();
                let padded = format!("{digits:0>width$}", width = places + 1);
                let (whole, fraction) = padded.split_at(padded.len() - places);
                format!("{sign}{whole}.{fraction}")
            }
            _ => format!("{sign}{digits}e{}", self.exponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(one: &str, other: &str) -> Option<String> {
        of(&one.parse().ok()?, &other.parse().ok()?).map(|sum| sum.to_string())
    }

    #[test]
    fn sums_are_exact_or_there_is_none() {
        for (one, other, expected) in [
            ("0", "9007199254740993", "9007199254740993"),
            ("9007199254740993", "-9007199254740993", "0"),
            ("18446744073709551615", "1", "18446744073709551616"),
            ("0.1", "0.2", "0.3"),
            ("0.1", "-0.10", "0"),
            ("42", "-0.5", "41.5"),
            ("-0.05", "0.01", "-0.04"),
            ("1e3", "1.50", "1001.5"),
            ("99.99", "0.01", "100"),
            ("1e308", "1.7e308", "27e+307"),
            ("1e400", "0", "1e+400"),
            ("1e-30", "1e-31", "0.0000000000000000000000000000011"),
            ("1e-50", "1e-50", "2e-50"),
            ("-170141183460469231731687303715884105727", "0", "-170141183460469231731687303715884105727"),
        ] {
            assert_eq!(sum(one, other).as_deref(), Some(expected), "{one} + {other}");
            assert_eq!(sum(other, one).as_deref(), Some(expected), "{other} + {one}");
        }
        for (one, other) in [
            ("1e308", "1"),
            ("170141183460469231731687303715884105727", "1"),
            ("1e-30", "1e30"),
            ("1234567890123456789012345678901234567890123", "1"),
            ("1e99999999999999999999", "1"),
        ] {
            assert_eq!(sum(one, other), None, "{one} + {other}");
        }
    }
}
