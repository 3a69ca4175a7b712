//! A connection as other systems keep it: Activepieces' columns are in camel case, the workflow builder's in snake case.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use leno_base::ExternalId;
use leno_db::{ConnectionStatus, InvalidStatus};
use serde_json::{Map, Value};

/// One row of another system.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) external_id: ExternalId,
    pub(super) display_name: String,
    pub(super) kind: String,
    pub(super) status: ConnectionStatus,
    pub(super) platform_id: Option<String>,
    pub(super) piece_name: String,
    pub(super) piece_version: String,
    pub(super) owner: Option<String>,
    pub(super) project_ids: String,
    pub(super) scope: String,
    /// Encrypted.
    pub(super) value: String,
    pub(super) metadata: Option<String>,
    pub(super) created_at: Option<i64>,
    pub(super) updated_at: Option<i64>,
}

/// The id of a row, to name it by; its number when it has none.
pub(super) fn name(row: &Value, number: usize) -> String {
    row.get("id").and_then(Value::as_str).map_or_else(|| format!("(row {number})"), str::to_owned)
}

impl Record {
    /// Reads a row. Errors quote only names: a value may be a secret in the wrong column.
    pub(super) fn read(row: &Value) -> Result<Self, String> {
        let fields = Fields(row.as_object().ok_or("it is not an object")?);
        let status = match fields.text("status", "status")? {
            Some(text) => text.parse().map_err(|error: InvalidStatus| format!("`status` {error}"))?,
            None => ConnectionStatus::Active,
        };
        let scope = fields.text("scope", "scope")?.unwrap_or_else(|| "PROJECT".into());
        one_of("scope", &scope, &["PROJECT", "PLATFORM"])?;
        let external_id = fields.required("externalId", "external_id")?;
        let record = Self {
            id: fields.required("id", "id")?,
            external_id: external_id.parse().map_err(|error| format!("`externalId` {error}"))?,
            display_name: fields.required("displayName", "display_name")?,
            kind: fields.required("type", "type")?,
            status,
            platform_id: fields.text("platformId", "platform_id")?,
            piece_name: fields.required("pieceName", "piece_name")?,
            piece_version: fields.text("pieceVersion", "piece_version")?.unwrap_or_else(|| "0.0.0".into()),
            owner: fields.text("ownerId", "owner_id")?,
            project_ids: projects(fields.get("projectIds", "project_ids"))?,
            scope,
            value: match fields.get("value", "value") {
                None => return Err("it has no value".into()),
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
            },
            metadata: fields.get("metadata", "metadata").map(metadata).transpose()?,
            created_at: fields.time(&["created", "createdAt", "created_at"])?,
            updated_at: fields.time(&["updated", "updatedAt", "updated_at"])?,
        };
        Ok(record)
    }
}

struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn get(&self, camel: &str, snake: &str) -> Option<&Value> {
        self.0.get(camel).or_else(|| self.0.get(snake)).filter(|value| !value.is_null())
    }

    fn text(&self, camel: &str, snake: &str) -> Result<Option<String>, String> {
        match self.get(camel, snake) {
            None => Ok(None),
            // PostgreSQL's texts do not hold it.
            Some(Value::String(text)) if text.contains('\0') => Err(format!("`{camel}` contains a null character")),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("`{camel}` is not a string")),
        }
    }

    fn required(&self, camel: &str, snake: &str) -> Result<String, String> {
        self.text(camel, snake)?.filter(|text| !text.is_empty()).ok_or_else(|| format!("it has no `{camel}`"))
    }

    /// Milliseconds, or an ISO 8601 text; without an offset it is UTC, as in a PostgreSQL `timestamp`.
    fn time(&self, names: &[&'static str]) -> Result<Option<i64>, String> {
        let Some((name, value)) = names.iter().find_map(|name| Some((name, self.0.get(*name)?))) else {
            return Ok(None);
        };
        let zoned = |text: &str| text.parse::<Timestamp>().ok();
        let local = |text: &str| text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
        let time = match value {
            Value::Null => return Ok(None),
            Value::String(text) => zoned(text).or_else(|| local(text)).map(Timestamp::as_millisecond),
            value => value.as_i64(),
        };
        time.map(Some).ok_or_else(|| format!("`{name}` is not a time"))
    }
}

fn one_of(name: &str, value: &str, known: &[&str]) -> Result<(), String> {
    known.contains(&value).then_some(()).ok_or_else(|| format!("`{name}` is not one of {}", known.join(", ")))
}

fn projects(value: Option<&Value>) -> Result<String, String> {
    match value {
        None => Ok("[]".into()),
        Some(Value::Array(ids)) if ids.iter().all(Value::is_string) => Ok(Value::Array(ids.clone()).to_string()),
        Some(_) => Err("`projectIds` is not a list of strings".into()),
    }
}

fn metadata(value: &Value) -> Result<String, String> {
    let text = value.to_string();
    value.is_object().then_some(text).ok_or_else(|| "`metadata` is not an object".into())
}
