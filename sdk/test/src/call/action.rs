use std::time::Duration;

use leno_sandbox::Step;
use serde_json::{Value, json};

use super::Call;
use crate::{Host, Piece, Run};

/// One action of a piece, to be run. Made by [`Piece::action`].
#[derive(Clone)]
#[must_use = "nothing happens until `run`"]
pub struct ActionCall<'p> {
    piece: &'p Piece,
    name: String,
    props: Value,
    wall: Option<Duration>,
}

impl<'p> ActionCall<'p> {
    pub(crate) fn new(piece: &'p Piece, name: &str) -> Self {
        Self { piece, name: name.to_owned(), props: json!({}), wall: None }
    }

    /// Sets the props as a step has them; they are coerced and checked before the piece sees them. Without it there are
    /// none.
    pub fn props(mut self, props: Value) -> Self {
        self.props = props;
        self
    }

    /// Lowers the time limit of the run.
    pub fn timeout(mut self, wall: Duration) -> Self {
        self.wall = Some(wall);
        self
    }

    /// Runs the action.
    ///
    /// # Panics
    /// When the host's connection could not have been saved for this piece.
    pub async fn run(self, host: &Host) -> Run {
        let mut call = Call::new(self.piece, host, &format!("action `{}`", self.name));
        call.wall = self.wall;
        call.run(Step::Action { name: self.name, input: self.props }).await
    }
}
