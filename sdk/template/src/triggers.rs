//! The triggers of the piece.

use leno_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The data of an event.
#[derive(Deserialize, Serialize)]
pub struct Guest {
    pub id: u64,
    pub name: String,
    pub arrived_at: String,
}

pub struct NewGuest;

/// Fires for every guest that arrives.
#[trigger(
    schedule = "*/5 * * * *",
    sample = Guest { id: 1, name: "Ada".into(), arrived_at: "2024-03-14T15:09:26Z".into() }
)]
impl Polling for NewGuest {
    type Props = NoProps;
    type Item = Guest;
    const STRATEGY: Strategy = Strategy::TimeBased;

    fn items(_: &Context, _: &NoProps, since: &Since) -> Result<Vec<Entry<Guest>>> {
        let guests: Vec<Guest> = http::get("https://api.example.com/guests")
            .query_opt("since", since.time)
            .authorize()
            .send()?
            .error_for_status()?
            .json()?;
        Ok(guests
            .into_iter()
            .map(|guest| Entry::at(guest.id, guest.arrived_at.parse(), guest))
            .collect())
    }
}
