//! Problems with the settings.

use std::fmt;

/// All problems with the settings, so that they can be corrected at once. Never empty, never quotes a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    /// The problems, one line each, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    pub(super) fn add(&mut self, problem: impl Into<String>) {
        self.0.push(problem.into());
    }

    /// The value when nothing was wrong.
    pub(super) fn none<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self),
        }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(one),
            many => {
                write!(f, "{} settings are wrong:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}

/// The name of `names` that was probably meant, as ` (did you mean ...?)`; empty when none is close.
pub(super) fn did_you_mean<'a>(given: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let close = |name: &&str, distance: usize| {
        // Two slips in a word of seven letters, one in a short one; or only its beginning.
        distance <= 1 + name.len() / 6 || (given.len() > 2 && name.starts_with(given))
    };
    let known = names.into_iter().map(|name| (distance(given, name), name));
    match known.filter(|(distance, name)| close(name, *distance)).min() {
        Some((_, name)) => format!(" (did you mean `{name}`?)"),
        None => String::new(),
    }
}

/// How many letters have to be added, dropped or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((pair, other), left) in row.windows(2).zip(&b).zip(1..) {
            if let ([diagonal, above], Some(&before)) = (pair, next.get(left - 1)) {
                next.push((before + 1).min(above + 1).min(diagonal + usize::from(letter != *other)));
            }
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_recognised_and_another_word_is_not() {
        let names = ["listen", "hosts", "max_calls", "max_calls_per_piece"];
        for (given, meant) in
            [("lisen", "listen"), ("host", "hosts"), ("max_cals", "max_calls"), ("Listen", "listen"), ("lis", "listen")]
        {
            assert_eq!(did_you_mean(given, names), format!(" (did you mean `{meant}`?)"), "{given}");
        }
        for given in ["", "port", "x", "calls"] {
            assert_eq!(did_you_mean(given, names), "", "{given}");
        }
    }
}
