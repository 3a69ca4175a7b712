use leno_sandbox::Step;
use serde_json::{Value, json};

use super::Call;
use crate::{Host, Piece, Run};

/// A property of an action or trigger whose options, or properties, the piece resolves. Made by [`Piece::options`].
#[derive(Clone)]
#[must_use = "nothing happens until `resolve`"]
pub struct OptionsCall<'p> {
    piece: &'p Piece,
    owner: String,
    property: String,
    chosen: Value,
    search: Option<String>,
}

impl<'p> OptionsCall<'p> {
    pub(crate) fn new(piece: &'p Piece, owner: &str, property: &str) -> Self {
        Self { piece, owner: owner.to_owned(), property: property.to_owned(), chosen: json!({}), search: None }
    }

    /// Sets the values chosen so far. They are coerced; none is required.
    pub fn props(mut self, chosen: Value) -> Self {
        self.chosen = chosen;
        self
    }

    /// Sets what the user typed to search.
    pub fn search(mut self, text: &str) -> Self {
        self.search = Some(text.to_owned());
        self
    }

    /// Asks the piece. The output is `{"options": [{"label", "value"}, …], …}` for a dropdown and an object of properties
    /// for a DYNAMIC property; anything else is an error, as in production.
    ///
    /// # Panics
    /// When the host's connection could not have been saved for this piece.
    pub async fn resolve(self, host: &Host) -> Run {
        let Self { piece, owner, property, chosen, search } = self;
        let call = Call::new(piece, host, &format!("property `{property}` of `{owner}`"));
        call.run(Step::Options { owner, property, input: chosen, search }).await
    }
}
