//! Lists, and reading them page by page.

use leno_sdk::prelude::*;

use crate::call::{Call, PAGE};
use crate::gauzy::{Gauzy, unexpected};

/// One page, or a list that has no pages.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) items: Vec<Value>,
    /// How many there are on all pages.
    pub(crate) total: Option<u64>,
}

impl List {
    /// An answer that is no list is an error, also if its status says success.
    pub(crate) fn read(call: &Call, body: Value) -> Result<Self> {
        match body {
            Value::Array(items) => Ok(Self { items, total: None }),
            Value::Object(mut members) => match members.remove("items") {
                Some(Value::Array(items)) => Ok(Self { items, total: members.get("total").and_then(Value::as_u64) }),
                _ => Err(unexpected(call, "a list")),
            },
            _ => Err(unexpected(call, "a list")),
        }
    }
}

/// What `skip` means: it depends on the route.
#[derive(Clone, Copy)]
pub(crate) enum Skip {
    /// How many rows, on plain lists.
    Rows,
    /// The number of the page, from 1.
    Pages,
}

/// The pages of a list, the first first.
pub(crate) struct Pages<'a> {
    gauzy: &'a Gauzy,
    call: Call,
    skip: Skip,
    number: u32,
    is_done: bool,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(gauzy: &'a Gauzy, call: Call, skip: Skip) -> Self {
        Self { gauzy, call, skip, number: 0, is_done: false }
    }
}

/// One page of a list, by its number from 0.
pub(crate) fn page(gauzy: &Gauzy, call: &Call, skip: Skip, number: u32, size: u32) -> Result<List> {
    let skipped = match skip {
        Skip::Rows => number.saturating_mul(size),
        Skip::Pages => number.saturating_add(1),
    };
    gauzy.list(&call.clone().query("take", size).query("skip", skipped))
}

impl Iterator for Pages<'_> {
    type Item = Result<List>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let read = page(self.gauzy, &self.call, self.skip, self.number, PAGE);
        self.number += 1;
        // A page that is not full is the last one. After an error there is nothing to go on with.
        self.is_done = read.as_ref().map_or(true, |list| list.items.len() < PAGE as usize);
        Some(read)
    }
}
