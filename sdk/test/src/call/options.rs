use leno_metadata::{Choices, ErrorKind, Properties, PropertyKind, coerce, parse_properties};
use leno_sandbox::Entry;
use serde_json::{Value, json};

use super::Call;
use crate::{Host, Piece, Run, RunError};

/// A property of an action or trigger whose options, or properties, the piece is asked for. Made by [`Piece::options`].
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
        let Self { piece, owner, property, chosen, search } = &self;
        let call = Call::new(piece, host, &format!("property `{property}` of `{owner}`"));
        let entry = |props| Entry::Resolve { owner, property, props, search: search.as_deref() };
        let declared = properties(piece, owner).and_then(|props| Some((props, &props.get(property)?.kind)));
        let Some((props, kind)) = declared else {
            // The sandbox says what there is.
            return call.enter(&entry("{}")).await;
        };
        let dynamic = matches!(kind, PropertyKind::Dynamic(_));
        if !dynamic && !matches!(kind, PropertyKind::Dropdown(_) | PropertyKind::MultiSelectDropdown(_)) {
            let message = format!(
                "property `{property}` is of type {}: only DROPDOWN, MULTI_SELECT_DROPDOWN and DYNAMIC are resolved by \
                 the piece",
                kind.name()
            );
            return call.refuse(RunError::new(ErrorKind::InvalidInput, "not_resolvable", message));
        }
        let mut optional = props.clone();
        optional.values_mut().for_each(|property| property.required = false);
        let chosen = match coerce(&optional, chosen) {
            Ok(coerced) => coerced.value.to_string(),
            Err(problems) => return call.refuse(RunError::from(problems)),
        };
        let mut run = call.enter(&entry(&chosen)).await;
        if let Ok(output) = &run.result {
            let text = output.to_string();
            let checked = if dynamic { parse_properties(&text).map(drop) } else { Choices::parse(&text).map(drop) };
            if let Err(problems) = checked {
                run.result = Err(RunError::new(ErrorKind::Internal, "invalid_output", problems.to_string()).into());
            }
        }
        run
    }
}

fn properties<'p>(piece: &'p Piece, owner: &str) -> Option<&'p Properties> {
    let metadata = piece.metadata();
    let action = metadata.actions.get(owner).map(|action| &action.props);
    action.or_else(|| metadata.triggers.get(owner).map(|trigger| &trigger.props))
}
