//! Property maps that a piece returns at run time.

use crate::{Problems, Properties, check, schema};

/// Reads a property map, as `properties.resolve` returns it for a DYNAMIC property.
///
/// # Errors
///
/// Everything that the metadata document would refuse in the `props` of an action.
pub fn parse_properties(json: &str) -> Result<Properties, Problems> {
    let value = schema::read(json, schema::Part::Properties, check::properties)?;
    schema::typed(&value)
}
