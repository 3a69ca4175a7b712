use std::time::Duration;

use leno_sandbox::Entry;
use serde_json::{Value, json};

use super::Call;
use crate::{Host, Piece, Run, RunError};

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

    /// Sets the props as a step has them; they are coerced and checked before the piece sees them. None if not said.
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
        let Some(action) = self.piece.metadata().actions.get(&self.name) else {
            // The sandbox says which actions there are.
            return call.enter(&Entry::Run { action: &self.name, props: "{}" }).await;
        };
        if let Err(error) = call.require_connection(action.require_auth) {
            return call.refuse(error);
        }
        match call.props(&action.props, &self.props).await {
            Ok(props) => call.enter(&Entry::Run { action: &self.name, props: &props }).await,
            Err(problems) => call.refuse(RunError::from(problems)),
        }
    }
}
