//! Lists of rows.

use serde_json::{Map, Value};

use super::{Coercion, Outcome, Unknown, size};
use crate::problem::At;
use crate::{Properties, Property};

impl Coercion<'_> {
    /// Coerces a list of objects, or an object of columns.
    pub(super) fn rows(&mut self, property: &Property, columns: &Properties, value: Value, at: &At<'_>) -> Outcome {
        let rows = match value {
            Value::Array(rows) => rows,
            Value::Object(lists) => match self.zip(columns, lists, at) {
                Some(rows) => rows,
                None => return Outcome::Refused,
            },
            other => return self.wrong(at, "a list of objects", &other),
        };
        let coerced =
            rows.into_iter().enumerate().map(|(index, row)| self.object(columns, row, &at.index(index))).collect();
        self.filled(property, coerced)
    }

    /// Turns columns into rows: single values repeat, short columns leave the member absent. Columns that are all single
    /// values make one row.
    fn zip(&mut self, columns: &Properties, mut lists: Map<String, Value>, at: &At<'_>) -> Option<Vec<Value>> {
        let longest = lists.values().filter_map(Value::as_array).map(Vec::len).max();
        let count = longest.unwrap_or(usize::from(!lists.is_empty()));
        let single = lists.iter().filter(|(_, value)| !value.is_array());
        let repeated =
            single.map(|(name, value)| size(value).saturating_add(name.len())).fold(0, usize::saturating_add);
        if !self.expand(repeated.saturating_mul(count.saturating_sub(1)), at) {
            return None;
        }
        // A misspelt column is one problem, not one for each row.
        let unknown: Vec<_> = lists.keys().filter(|name| !columns.contains_key(*name)).collect();
        for name in &unknown {
            self.report.add(&at.key(name), Unknown(columns));
        }
        if !unknown.is_empty() {
            return None;
        }
        let mut row = |index: usize| {
            let members = lists.iter_mut().filter_map(|(name, value)| {
                let member = match value {
                    Value::Array(items) => items.get_mut(index)?.take(),
                    repeated => repeated.clone(),
                };
                Some((name.clone(), member))
            });
            Value::Object(members.collect())
        };
        Some((0..count).map(&mut row).collect())
    }
}
