//! Sums of an invoice, in cents, so that no cent is lost on the way.

use leno_sdk::prelude::*;

/// How a discount or a tax is given.
#[derive(Choice, Clone, Copy, PartialEq, Eq)]
#[choice(rename_all = "UPPERCASE")]
pub enum Rate {
    #[choice(label = "Percent of the items")]
    Percent,
    #[choice(label = "Fixed amount")]
    Flat,
}

impl Rate {
    /// The amount that a value of this rate is of a sum, in cents.
    pub(super) fn of(self, value: f64, cents: i64) -> i64 {
        match self {
            Self::Flat => to_cents(value),
            #[expect(clippy::cast_precision_loss, reason = "sums of invoices are far below 2^53 cents")]
            Self::Percent => rounded(cents as f64 * value / 100.0),
        }
    }
}

/// An amount in cents.
pub(super) fn to_cents(amount: f64) -> i64 {
    rounded(amount * 100.0)
}

/// Cents as an amount.
pub(super) fn amount(cents: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "sums of invoices are far below 2^53 cents")]
    let amount = cents as f64 / 100.0;
    amount
}

/// To the nearest whole number. The error of a decimal fraction in binary, as in 1.005, must not decide about the half.
fn rounded(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a cast stops at the bounds of the type")]
    let whole = (value + value.signum() * 1e-6).round() as i64;
    whole
}

#[cfg(test)]
mod tests {
    use super::{Rate, amount, to_cents};

    #[test]
    fn cents_are_exact() {
        for (given, cents) in [(0.1 + 0.2, 30), (1.005, 101), (19.99, 1999), (0.0, 0), (3.0 * 0.333, 100)] {
            assert_eq!(to_cents(given), cents, "{given}");
        }
        assert_eq!(Rate::Percent.of(19.0, 1999), 380);
        assert_eq!(Rate::Flat.of(5.5, 1999), 550);
        assert!((amount(1999) - 19.99).abs() < f64::EPSILON);
    }
}
