//! Ids of Gauzy: UUIDs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The id of an employee, a task and so on. What is no UUID is refused before anything is sent: Gauzy would answer 406, and in
/// a path it could name another resource.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

impl Id {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let trimmed = text.trim();
        let groups = [8, 4, 4, 4, 12];
        let mut parts = trimmed.split('-');
        let is_hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
        if groups.iter().all(|length| parts.next().is_some_and(|part| is_hex(part, *length))) && parts.next().is_none()
        {
            // Gauzy writes ids in lower case, and answers are compared with what was asked for.
            return Ok(Self(trimmed.to_ascii_lowercase()));
        }
        let shown: String = trimmed.chars().take(60).collect();
        Err(format!("`{shown}` is not an id of Gauzy; give a UUID as in 5764ceb2-85bb-47e7-85f9-6703e3b93d3a"))
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Id;

    #[test]
    fn only_a_uuid_is_an_id() {
        let id = Id::try_from(" 5764CEB2-85bb-47e7-85f9-6703e3b93d3a ".to_owned()).unwrap();
        assert_eq!(id.as_str(), "5764ceb2-85bb-47e7-85f9-6703e3b93d3a");
        for wrong in ["", "abc", "..", "5764ceb2-85bb-47e7-85f9-6703e3b93d3", "5764ceb2-85bb-47e7-85f9-6703e3b93d3a-1"]
        {
            assert!(Id::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
