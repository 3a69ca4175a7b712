//! Finding what a piece declares, by name.

use crate::{Action, Metadata, Properties, Property, Trigger};

/// The longest name repeated in a message, in characters.
const SHOWN: usize = 100;

/// A name that the piece does not declare. The text says what it does declare.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("piece `{piece}` has no {what} `{wanted}`; {known}")]
pub struct Undeclared {
    piece: String,
    what: &'static str,
    wanted: String,
    known: String,
}

impl Metadata {
    /// The action of that name.
    ///
    /// # Errors
    /// [`Undeclared`].
    pub fn action(&self, name: &str) -> Result<&Action, Undeclared> {
        self.actions.get(name).ok_or_else(|| self.undeclared("action", name, self.actions.keys()))
    }

    /// The trigger of that name.
    ///
    /// # Errors
    /// [`Undeclared`].
    pub fn trigger(&self, name: &str) -> Result<&Trigger, Undeclared> {
        self.triggers.get(name).ok_or_else(|| self.undeclared("trigger", name, self.triggers.keys()))
    }

    /// The properties of the action, or else the trigger, of that name.
    ///
    /// # Errors
    /// [`Undeclared`].
    pub fn properties(&self, owner: &str) -> Result<&Properties, Undeclared> {
        let action = self.actions.get(owner).map(|action| &action.props);
        let props = action.or_else(|| self.triggers.get(owner).map(|trigger| &trigger.props));
        props
            .ok_or_else(|| self.undeclared("action or trigger", owner, self.actions.keys().chain(self.triggers.keys())))
    }

    /// A property of the action, or else the trigger, `owner`.
    ///
    /// # Errors
    /// [`Undeclared`].
    pub fn property(&self, owner: &str, name: &str) -> Result<&Property, Undeclared> {
        let props = self.properties(owner)?;
        props.get(name).ok_or_else(|| self.undeclared("property", name, props.keys()))
    }

    fn undeclared<'n>(&self, what: &'static str, wanted: &str, known: impl Iterator<Item = &'n String>) -> Undeclared {
        let known: Vec<&str> = known.map(String::as_str).collect();
        Undeclared {
            piece: self.name.short().to_owned(),
            what,
            wanted: wanted.chars().filter(|c| !c.is_control()).take(SHOWN).collect(),
            known: if known.is_empty() { "it has none".to_owned() } else { format!("it has: {}", known.join(", ")) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece() -> Metadata {
        let prop = r#"{"type": "SHORT_TEXT", "displayName": "P", "required": false}"#;
        Metadata::parse(&format!(
            r#"{{"name": "x", "version": "1.0.0", "displayName": "X", "logoUrl": "https://a.test/x.svg",
            "actions": {{"a": {{"name": "a", "displayName": "A", "props": {{"p": {prop}}}}},
                         "b": {{"name": "b", "displayName": "B", "props": {{}}}}}}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn what_is_declared_is_found_and_what_is_not_is_answered_with_what_is() {
        let piece = piece();
        assert_eq!(piece.action("a").unwrap().props.len(), 1);
        assert!(piece.properties("b").unwrap().is_empty());
        assert_eq!(piece.property("a", "p").unwrap().display_name, "P");
        let said = |error: Undeclared| error.to_string();
        assert_eq!(said(piece.action("c").unwrap_err()), "piece `x` has no action `c`; it has: a, b");
        assert_eq!(said(piece.trigger("c").unwrap_err()), "piece `x` has no trigger `c`; it has none");
        assert_eq!(said(piece.properties("c").unwrap_err()), "piece `x` has no action or trigger `c`; it has: a, b");
        assert_eq!(said(piece.property("a", "q").unwrap_err()), "piece `x` has no property `q`; it has: p");
        let long = said(piece.action(&format!("\u{1b}{}", "y".repeat(10_000))).unwrap_err());
        assert_eq!(long, format!("piece `x` has no action `{}`; it has: a, b", "y".repeat(100)));
    }
}
