//! Metadata as Activepieces' clients expect it.

use semver::Version;
use serde_json::{Map, Value, json};

use crate::Metadata;

/// The oldest Activepieces release that knows context version 2.
const MINIMUM_RELEASE: Version = Version::new(0, 82, 0);

/// What Activepieces takes for "no newest release".
const MAXIMUM_RELEASE: &str = "9999.9999.9999";

/// The context version of every piece here; upstream spells it as text.
const CONTEXT_VERSION: &str = "2";

/// The members of an auth entry that Activepieces does not know and that no copy of it needs.
const OWN_AUTH_MEMBERS: [&str; 3] = ["inject", "hosts", "settings"];

impl Metadata {
    /// The document in Activepieces' full shape: everything that the piece said, with its defaults filled in.
    ///
    /// DROPDOWN, MULTI_SELECT_DROPDOWN and DYNAMIC properties get the copy of `auth` that Activepieces' builder reads
    /// there. `egress` stays as an extra member. Storage members, such as `id` and `created`, are the caller's.
    #[must_use]
    pub fn full(&self) -> Value {
        let mut full = self.common();
        let copy = self.auth_copy();
        for group in ["actions", "triggers"] {
            let mut entries = match self.document.get(group) {
                Some(Value::Object(entries)) => entries.clone(),
                _ => Map::new(),
            };
            for entry in entries.values_mut().filter_map(Value::as_object_mut) {
                default(entry, "description", "");
                default(entry, "requireAuth", true);
                default(entry, "props", json!({}));
                if group == "actions" {
                    let off = || json!({"defaultValue": false, "hide": false});
                    default(
                        entry,
                        "errorHandlingOptions",
                        json!({"retryOnFailure": off(), "continueOnFailure": off()}),
                    );
                }
                if group == "triggers"
                    && let Some(trigger) =
                        entry.get("name").and_then(Value::as_str).and_then(|name| self.triggers.get(name))
                {
                    default(entry, "testStrategy", json!(trigger.test_strategy()));
                }
                properties(entry.get_mut("props"), copy.as_ref());
            }
            full.insert(group.into(), Value::Object(entries));
        }
        full.insert("i18n".into(), self.document.get("i18n").cloned().unwrap_or_default());
        default(&mut full, "i18n", json!({}));
        Value::Object(full)
    }

    /// The document as Activepieces lists it: `actions` and `triggers` are counts, and `i18n` is left out.
    #[must_use]
    pub fn summary(&self) -> Value {
        let mut summary = self.common();
        summary.insert("actions".into(), self.actions.len().into());
        summary.insert("triggers".into(), self.triggers.len().into());
        Value::Object(summary)
    }

    /// The members that both shapes have, without `actions`, `triggers` and `i18n`.
    fn common(&self) -> Map<String, Value> {
        let mut common = Map::new();
        for (name, member) in self.document.as_object().into_iter().flatten() {
            if !matches!(name.as_str(), "actions" | "triggers" | "i18n") {
                common.insert(name.clone(), member.clone());
            }
        }
        common.insert("name".into(), self.name.short().into());
        default(&mut common, "logoUrl", "");
        default(&mut common, "description", "");
        default(&mut common, "authors", json!([]));
        default(&mut common, "categories", json!([]));
        let declared = common.get("minimumSupportedRelease").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let minimum = declared.map_or(MINIMUM_RELEASE, |declared: Version| declared.max(MINIMUM_RELEASE));
        common.insert("minimumSupportedRelease".into(), minimum.to_string().into());
        default(&mut common, "maximumSupportedRelease", MAXIMUM_RELEASE);
        common.insert("contextInfo".into(), json!({"version": CONTEXT_VERSION}));
        common.insert("pieceType".into(), "CUSTOM".into());
        common.insert("packageType".into(), "ARCHIVE".into());
        common
    }

    fn auth_copy(&self) -> Option<Value> {
        let mut copy = self.document.get("auth").filter(|auth| !auth.is_null())?.clone();
        let strip = |entry: &mut Value| {
            if let Value::Object(members) = entry {
                members.retain(|name, _| !OWN_AUTH_MEMBERS.contains(&name.as_str()));
            }
        };
        match &mut copy {
            Value::Array(entries) => entries.iter_mut().for_each(strip),
            entry => strip(entry),
        }
        Some(copy)
    }
}

/// Brings properties into the full shape, down to those of rows.
fn properties(props: Option<&mut Value>, auth: Option<&Value>) {
    for property in props.and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
        let Value::Object(members) = property else { continue };
        default(members, "required", false);
        let kind = members.get("type").and_then(Value::as_str);
        if matches!(kind, Some("DROPDOWN" | "MULTI_SELECT_DROPDOWN" | "DYNAMIC")) {
            default(members, "refreshers", json!([]));
            match auth {
                Some(auth) => members.insert("auth".into(), auth.clone()),
                None => members.shift_remove("auth"),
            };
        }
        properties(members.get_mut("properties"), auth);
    }
}

/// Sets a member that is absent or null.
fn default(members: &mut Map<String, Value>, name: &str, value: impl Into<Value>) {
    if members.get(name).is_none_or(Value::is_null) {
        members.insert(name.to_owned(), value.into());
    }
}
