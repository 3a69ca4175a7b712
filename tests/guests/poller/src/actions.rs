//! Actions.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use leno_sdk::prelude::*;

/// Answers what the host says of the call, and the time.
#[action(auth = false)]
pub fn now(ctx: &Context) -> Result<Value> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    log::info!(attempt = ctx.attempt(); "asked for the time");
    Ok(json!({
        "seconds": now.as_secs(),
        "run": ctx.run_id(),
        "attempt": ctx.attempt(),
        "key": ctx.idempotency_key(),
        "webhook": ctx.webhook_url(),
    }))
}

/// Returns what the piece may read of its connection, after a request to the connection's own host.
#[action]
pub fn recall() -> Result<Value> {
    #[derive(serde::Deserialize)]
    struct Settings {
        base_url: String,
    }
    let settings: Settings = connection::settings()?;
    let kind = connection::kind().map(connection::Kind::as_str);
    http::get(format!("{}/v1", settings.base_url)).authorize().send()?.error_for_status()?;
    Ok(json!({"kind": kind, "baseUrl": settings.base_url}))
}

/// What `pick` is given.
#[derive(Props)]
pub struct Pick {
    /// Which project
    #[prop(options = projects, refresh_on_search)]
    project: u64,
    /// Its fields
    #[prop(dynamic = fields, refreshers("project"))]
    fields: Option<Map>,
    /// How many
    #[prop(default = 1)]
    count: u32,
}

fn projects(lookup: &Lookup<'_>) -> Result<Options> {
    #[derive(serde::Deserialize)]
    struct Project {
        id: u64,
        name: String,
    }
    let projects: Vec<Project> = http::get("https://poll.test/projects")
        .query_opt("q", lookup.search())
        .authorize()
        .send()?
        .error_for_status()?
        .json()?;
    Ok(projects.into_iter().map(|project| (project.name, project.id)).collect())
}

fn fields(lookup: &Lookup<'_>) -> Result<Properties> {
    let Some(project) = lookup.get::<u64>("project")? else { return Ok(Properties::new()) };
    Ok(Properties::new().with(format!("field_{project}"), Property::short_text("Field")))
}

/// Answers what was picked.
#[action(auth = false)]
pub fn pick(props: Pick) -> Result<Value> {
    Ok(json!({"project": props.project, "fields": props.fields, "count": props.count}))
}

/// Never ends by itself.
#[action(auth = false)]
pub fn spin() -> Result<()> {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

/// Panics.
#[action(auth = false)]
#[allow(clippy::panic)]
pub fn crash() -> Result<()> {
    log::warn!("about to crash");
    panic!("as asked for")
}
