//! A JSON object under construction.
//!
//! Descriptions are written as text, member by member. A piece that does not use `serde_json::Value` itself does not contain
//! its code.

use std::borrow::Cow;

use serde::Serialize;

/// A JSON object whose members are set one by one, in order.
#[derive(Clone, Debug, Default)]
#[doc(hidden)]
pub struct Document {
    /// Names, and values as JSON text.
    members: Vec<(Cow<'static, str>, String)>,
}

impl Document {
    /// Sets a member. A value that cannot be serialized is left out.
    pub fn set<T: Serialize + ?Sized>(&mut self, name: impl Into<Cow<'static, str>>, value: &T) {
        if let Ok(text) = serde_json::to_string(value) {
            self.set_text(name.into(), text);
        }
    }

    /// Sets a member to an object.
    pub fn set_object(&mut self, name: impl Into<Cow<'static, str>>, value: &Self) {
        self.set_text(name.into(), value.to_text());
    }

    /// Sets a member to a list of JSON texts.
    pub fn set_list(&mut self, name: impl Into<Cow<'static, str>>, texts: &[String]) {
        self.set_text(name.into(), format!("[{}]", texts.join(",")));
    }

    /// Sets a member of an object that is a member of this one.
    pub fn set_inside<T: Serialize + ?Sized>(&mut self, outer: &'static str, name: &str, value: &T) {
        let mut inner = Self::default();
        inner.set(name.to_owned(), value);
        let added = inner.to_text();
        let text = match self.members.iter().find(|(member, _)| member == outer).map(|(_, text)| text.as_str()) {
            Some(text) if text.len() > 2 => {
                let (kept, added) = (text.strip_suffix('}').unwrap_or(text), added.strip_prefix('{').unwrap_or(&added));
                format!("{kept},{added}")
            }
            _ => added,
        };
        self.set_text(outer.into(), text);
    }

    /// Sets a member to a JSON text.
    pub fn set_text(&mut self, name: Cow<'static, str>, text: String) {
        match self.members.iter_mut().find(|(member, _)| *member == name) {
            Some((_, old)) => *old = text,
            None => self.members.push((name, text)),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The object as JSON text.
    pub fn to_text(&self) -> String {
        let mut text = String::from("{");
        for (index, (name, value)) in self.members.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            // Serializing a text cannot fail.
            text.push_str(&serde_json::to_string(name.as_ref()).unwrap_or_default());
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        text
    }

    /// The object as a tree.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::from_str(&self.to_text()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Document;

    #[test]
    fn members_keep_their_order_and_the_last_value_counts() {
        let mut document = Document::default();
        document.set("b", "say \"b\"");
        document.set("a", &1);
        document.set("b", &[true]);
        document.set_list("list", &["1".into(), "{}".into()]);
        assert_eq!(document.to_text(), r#"{"b":[true],"a":1,"list":[1,{}]}"#);
    }

    #[test]
    fn members_of_members_are_added_one_by_one() {
        let mut document = Document::default();
        document.set_inside("inject", "X-Key", "{{connection.key}}");
        document.set_inside("inject", "X-\"User", "}");
        assert_eq!(document.to_text(), r#"{"inject":{"X-Key":"{{connection.key}}","X-\"User":"}"}}"#);
    }
}
