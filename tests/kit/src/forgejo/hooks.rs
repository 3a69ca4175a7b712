//! Webhooks, and the requests to them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::asked::{Asked, error, not_found};
use super::reply::Reply;
use super::state::{Hook, State};

/// A request to a webhook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Where it goes.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body: indented JSON.
    pub body: String,
}

pub(super) fn create(state: &mut State, repository: &str, asked: &Asked<'_>) -> Reply {
    let (kind, config) = (asked.body["type"].as_str().unwrap_or_default(), &asked.body["config"]);
    if !["forgejo", "gitea"].contains(&kind) {
        return error(422, &format!("Invalid hook type: {kind}"));
    }
    let text = |name: &str| config[name].as_str();
    for name in ["url", "content_type"] {
        if text(name).is_none() {
            return error(422, &format!("Missing config option: {name}"));
        }
    }
    if !["json", "form"].contains(&text("content_type").unwrap_or_default()) {
        return error(422, "Invalid content type");
    }
    let id = state.fresh_id();
    let names = asked.body["events"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let events: Vec<String> = names.map(str::to_owned).collect();
    let hook = Hook {
        id,
        url: text("url").unwrap_or_default().to_owned(),
        secret: text("secret").unwrap_or_default().to_owned(),
        events: if events.is_empty() { vec!["push".to_owned()] } else { events },
    };
    // The secret is not shown again.
    let shown = json!({"content_type": text("content_type"), "url": hook.url});
    let active = asked.body["active"].as_bool().unwrap_or_default();
    let reply = json!({"id": id, "type": kind, "config": shown, "events": hook.events, "active": active});
    let Some(repository) = state.repository(repository) else { return not_found() };
    repository.hooks.push(hook);
    Reply::json(201, reply)
}

pub(super) fn delete(state: &mut State, repository: &str, id: &str) -> Reply {
    let Some(repository) = state.repository(repository) else { return not_found() };
    let before = repository.hooks.len();
    repository.hooks.retain(|hook| hook.id.to_string() != id);
    if repository.hooks.len() == before { not_found() } else { Reply::json(204, Value::Null) }
}

pub(super) fn deliveries(state: &State, repository: &str, event: &str, payload: &Value) -> Vec<Delivery> {
    let hooks = state.repositories.iter().filter(|known| known.name == repository).flat_map(|known| &known.hooks);
    // `issues` subscribes to all events of issues, `pull_request` to all of pull requests.
    let hears =
        |hook: &&Hook| hook.events.iter().any(|name| name == event || name == "issues" && event.starts_with("issue_"));
    hooks.filter(hears).map(|hook| delivery(hook, event, payload)).collect()
}

fn delivery(hook: &Hook, event: &str, payload: &Value) -> Delivery {
    let body = serde_json::to_string_pretty(payload).expect("JSON");
    let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let mac = Hmac::<Sha256>::new_from_slice(hook.secret.as_bytes()).expect("HMAC takes keys of any length");
    let signature = hex::encode(mac.chain_update(&body).finalize().into_bytes());
    let id = uuid::Uuid::new_v4().to_string();
    for family in ["Forgejo", "Gitea"] {
        for (name, value) in
            [("Delivery", id.as_str()), ("Event", event), ("Event-Type", event), ("Signature", &signature)]
        {
            headers.push((format!("X-{family}-{name}"), value.to_owned()));
        }
    }
    Delivery { url: hook.url.clone(), headers, body }
}
