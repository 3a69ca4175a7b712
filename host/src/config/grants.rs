//! What the operator lets each piece do.
//!
//! ```toml
//! [grants.http]
//! hosts = ["api.example.com"]      # of those its manifest names; all of them when absent
//! private = ["10.1.2.3:8080"]      # non-public addresses that it may reach
//! limits = { wall_ms = 60000 }     # its own budget
//!
//! [grants.signer]
//! secrets = true                   # it may see the values of connections
//!
//! [grants."*"]                     # what holds for every piece whose own table does not say otherwise
//! limits = { memory_mb = 32 }
//! ```

use std::{
    collections::{BTreeMap, btree_map::Entry},
    str::FromStr,
};

use leno_egress::{HostPattern, PrivateGrant};
use leno_metadata::PieceName;
use leno_sandbox::{Grant, Limits};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Problems,
    limit::{self, Limit},
    problem::did_you_mean,
    source_text::Source,
};

/// What each piece may do. A piece without a table gets the default: the hosts of its manifest on public addresses, no
/// secrets, the host's limits.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    limits: Limits,
    rules: Rules,
}

/// The table that holds for every piece.
const EVERY: &str = "*";

/// The tables of one or more files, by short name or [`EVERY`], each with its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules(BTreeMap<String, (Rule, String)>);

/// One table: what it says, and nothing where it is silent.
#[derive(Debug, Clone, Default)]
struct Rule {
    hosts: Option<Vec<HostPattern>>,
    private: Option<Vec<PrivateGrant>>,
    secrets: Option<bool>,
    limits: Vec<(&'static Limit, u64)>,
}

impl Grants {
    pub(super) fn new(limits: Limits, rules: Rules) -> Self {
        Self { limits, rules }
    }

    /// What `piece` is granted.
    #[must_use]
    pub fn for_piece(&self, piece: &PieceName) -> Grant {
        let mut grant = Grant { limits: self.limits.clone(), ..Grant::default() };
        for table in [EVERY, piece.short()] {
            if let Some((rule, _)) = self.rules.0.get(table) {
                rule.apply(&mut grant);
            }
        }
        grant
    }

    /// The short names of the pieces with a table.
    pub fn pieces(&self) -> impl Iterator<Item = &str> {
        self.rules.0.keys().map(String::as_str).filter(|name| *name != EVERY)
    }

    /// Whether every piece may see secrets, because the table for all pieces says so.
    #[must_use]
    pub fn reveal_to_all(&self) -> bool {
        self.rules.0.get(EVERY).is_some_and(|(rule, _)| rule.secrets == Some(true))
    }
}

impl Rule {
    fn apply(&self, grant: &mut Grant) {
        if let Some(hosts) = &self.hosts {
            grant.hosts = Some(hosts.clone());
        }
        if let Some(private) = &self.private {
            grant.private.clone_from(private);
        }
        if let Some(secrets) = self.secrets {
            grant.secrets = secrets;
        }
        for (limit, number) in &self.limits {
            limit.set(&mut grant.limits, *number);
        }
    }
}

const MEMBERS: [&str; 4] = ["hosts", "private", "secrets", "limits"];

type Value<'a> = Spanned<DeValue<'a>>;

impl Rules {
    /// Takes the tables of `[grants]`.
    pub(super) fn take(&mut self, grants: &Value<'_>, source: Source<'_>, problems: &mut Problems) {
        let DeValue::Table(tables) = grants.get_ref() else {
            let at = source.at(grants.span().start);
            return problems.add(format!("{at}: grants are tables: [grants.NAME], or [grants.\"*\"] for every piece"));
        };
        for (key, value) in tables {
            let (name, at) = (key.get_ref().as_ref(), source.at(key.span().start));
            let DeValue::Table(table) = value.get_ref() else {
                let hint = if MEMBERS.contains(&name) { "; move it into such a table" } else { "" };
                problems.add(format!("{at}: `{name}` is not a table [grants.NAME]{hint}"));
                continue;
            };
            let rule = Rule::read(table, name, source, problems);
            let piece = match name.parse::<PieceName>() {
                _ if name == EVERY => EVERY.to_owned(),
                Ok(piece) => piece.short().to_owned(),
                Err(error) => {
                    problems.add(format!("{at}: grants.{name}: {error}"));
                    continue;
                }
            };
            self.add(piece, rule, at, problems);
        }
    }

    /// Adds the tables of another file.
    pub(super) fn join(&mut self, other: Self, problems: &mut Problems) {
        for (piece, (rule, place)) in other.0 {
            self.add(piece, rule, place, problems);
        }
    }

    /// A piece has one table, so that there is one place to look.
    fn add(&mut self, piece: String, rule: Rule, place: String, problems: &mut Problems) {
        match self.0.entry(piece) {
            Entry::Vacant(entry) => drop(entry.insert((rule, place))),
            Entry::Occupied(entry) => {
                problems.add(format!(
                    "{place}: [grants.{}] is in {} already; keep one of them",
                    entry.key(),
                    entry.get().1
                ));
            }
        }
    }
}

impl Rule {
    fn read(table: &DeTable<'_>, piece: &str, source: Source<'_>, problems: &mut Problems) -> Self {
        let mut rule = Self::default();
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), source.at(key.span().start));
            let place = format!("{at}: grants.{piece}.{name}");
            match (name, value.get_ref()) {
                ("hosts", value) => rule.hosts = list(value, &place, "[\"api.example.com\"]", problems),
                ("private", value) => rule.private = list(value, &place, "[\"10.1.2.3:8080\"]", problems),
                ("secrets", DeValue::Boolean(flag)) => rule.secrets = Some(*flag),
                ("secrets", _) => problems.add(format!("{place}: expected true or false")),
                ("limits", DeValue::Table(table)) => rule.limits = limits(table, &place, source, problems),
                ("limits", _) => problems.add(format!("{place}: expected a table, such as {{ wall_ms = 60000 }}")),
                _ => problems.add(format!("{at}: grants.{piece}: there is no `{name}`{}", did_you_mean(name, MEMBERS))),
            }
        }
        rule
    }
}

fn list<T: FromStr>(value: &DeValue<'_>, place: &str, example: &str, problems: &mut Problems) -> Option<Vec<T>>
where
    T::Err: std::fmt::Display,
{
    let DeValue::Array(items) = value else {
        problems.add(format!("{place}: expected a list of strings, such as {example}"));
        return None;
    };
    let mut list = Vec::new();
    for item in items {
        match item.get_ref() {
            DeValue::String(text) => match text.parse() {
                Ok(parsed) => list.push(parsed),
                Err(error) => problems.add(format!("{place}: {error}")),
            },
            _ => problems.add(format!("{place}: expected a list of strings, such as {example}")),
        }
    }
    Some(list)
}

fn limits(table: &DeTable<'_>, place: &str, source: Source<'_>, problems: &mut Problems) -> Vec<(&'static Limit, u64)> {
    let mut limits = Vec::new();
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let Some(limit) = limit::ALL.iter().find(|limit| limit.name == name) else {
            let known = did_you_mean(name, limit::ALL.iter().map(|limit| limit.name));
            problems.add(format!("{}: there is no limit `{name}`{known}", source.at(key.span().start)));
            continue;
        };
        let number = match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        match number.filter(|number| limit.range.contains(number)) {
            Some(number) => limits.push((limit, number)),
            None => problems.add(format!("{place}.{name}: expected {}", limit.expected())),
        }
    }
    limits
}
