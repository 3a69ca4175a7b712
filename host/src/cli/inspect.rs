//! `leno inspect`: a component as a page of documentation.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use leno_metadata::{Properties, Property, PropertyKind};
use leno_sandbox::{Grant, Inspection, Piece};
use serde_json::{Value, json};

use super::{
    component,
    terminal::{self, Style},
};

#[derive(Debug, clap::Args)]
#[command(about = "Show the actions of a component, its permissions, and the hosts it requests")]
pub(super) struct Args {
    /// The component
    #[arg(value_name = "PIECE.wasm")]
    file: PathBuf,
    /// Print one JSON object instead, with the whole metadata document
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(args: &Args) -> anyhow::Result<ExitCode> {
    // Nothing is run but `describe`, which reaches nothing: what it would be granted does not matter.
    let any = |_: &_| Grant { secrets: true, ..Grant::default() };
    let piece = super::exit::block_on(async { component::load(&component::engine(&[])?, &args.file, any).await })?;
    match args.json {
        true => terminal::print_json(&document(&piece))?,
        false => terminal::print(&page(&piece, Style::stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn document(piece: &Piece) -> Value {
    let inspection = piece.inspection();
    let permissions: Vec<Value> = inspection
        .imports
        .iter()
        .map(|import| {
            json!({
                "interface": import.interface,
                "version": import.version,
                "means": component::permission(&import.interface),
            })
        })
        .collect();
    json!({
        "name": piece.metadata().name,
        "version": piece.metadata().version,
        "digest": piece.digest(),
        "hosts": hosts(piece),
        "wantsSecrets": inspection.wants_secrets(),
        "permissions": permissions,
        "component": inspection,
        "metadata": piece.metadata().document,
    })
}

/// The hosts that the manifest names.
pub(super) fn hosts(piece: &Piece) -> Vec<String> {
    piece.metadata().egress_hosts.iter().map(|host| host.as_str().to_owned()).collect()
}

/// The documentation.
struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        let heading = self.style.bold(heading);
        self.line(format!("\n{heading}"));
    }

    /// A text of the piece's, indented; nothing when it is empty.
    fn words(&mut self, indent: usize, text: &str) {
        for line in terminal::harmless(text.trim(), true).lines() {
            self.line(format!("{:indent$}{line}", ""));
        }
    }

    /// Lines of two columns.
    fn columns(&mut self, indent: usize, rows: &[(String, String)]) {
        let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or_default();
        for (left, right) in rows {
            let padding = width - left.chars().count();
            let line = format!("{:indent$}{}{:padding$}  {right}", "", self.style.cyan(left), "");
            self.line(line.trim_end());
        }
    }

    fn props(&mut self, props: &Properties) {
        let rows: Vec<_> =
            props.iter().map(|(name, property)| (terminal::harmless(name, false), explain(property))).collect();
        self.columns(4, &rows);
    }
}

/// A property in one line: type, whether it must be given, default, what it is for.
fn explain(property: &Property) -> String {
    let mut text = property.kind.name().to_owned();
    if property.required {
        text.push_str(", required");
    }
    if let Some(default) = &property.default {
        let _ = write!(text, ", default {default}");
    }
    if let PropertyKind::StaticDropdown { options } | PropertyKind::StaticMultiSelectDropdown { options } =
        &property.kind
    {
        let values: Vec<String> = options.options.iter().map(|choice| choice.value.to_string()).collect();
        let _ = write!(text, ", one of {}", values.join(" "));
    }
    for words in [Some(&property.display_name), property.description.as_ref()].into_iter().flatten() {
        if !words.is_empty() {
            let _ = write!(text, " - {words}");
        }
    }
    terminal::harmless(&text, false)
}

fn page(piece: &Piece, style: Style) -> String {
    let metadata = piece.metadata();
    let mut page = Page { text: String::new(), style };
    let title = style.bold(terminal::harmless(&metadata.display_name, false));
    page.line(format!("{title}  {} {}", metadata.name, metadata.version));
    page.words(0, &metadata.description);
    if !metadata.authors.is_empty() {
        page.words(0, &format!("By {}", metadata.authors.join(", ")));
    }

    page.heading("Connection");
    if metadata.auth.is_empty() {
        page.line("  none");
    }
    for auth in &metadata.auth {
        let required = if auth.required { "required" } else { "optional" };
        page.line(format!("  {} {}, {required}", auth.kind(), terminal::harmless(&auth.display_name, false)));
        page.words(4, auth.description.as_deref().unwrap_or_default());
        page.props(auth.props().unwrap_or(&Properties::new()));
    }

    page.heading("Hosts");
    let hosts = hosts(piece);
    if hosts.is_empty() {
        page.line("  none");
    }
    for host in hosts {
        let words = match host.as_str() {
            "*" => "* (every public host)".to_owned(),
            host if host.contains("{{") => format!("{host} (set by the connection)"),
            host => host.to_owned(),
        };
        page.words(2, &words);
    }

    page.heading("Permissions");
    page.columns(2, &permissions(piece.inspection()));

    page.heading("Actions");
    for action in metadata.actions.values() {
        entry(&mut page, &action.name, &action.display_name, "", &action.description, &action.props);
    }
    if metadata.actions.is_empty() {
        page.line("  none");
    }
    if !metadata.triggers.is_empty() {
        page.heading("Triggers");
    }
    for trigger in metadata.triggers.values() {
        let kind = json!(trigger.kind);
        let kind = kind.as_str().unwrap_or_default();
        entry(&mut page, &trigger.name, &trigger.display_name, kind, &trigger.description, &trigger.props);
    }

    page.heading("Component");
    page.columns(2, &figures(piece));
    page.text
}

fn entry(page: &mut Page, name: &str, display_name: &str, kind: &str, description: &str, props: &Properties) {
    let name = page.style.green(terminal::harmless(name, false));
    let rest: String =
        [display_name, kind].iter().filter(|text| !text.is_empty()).map(|text| format!("  {text}")).collect();
    page.line(format!("  {name}{}", terminal::harmless(&rest, false)));
    page.words(4, description);
    page.props(props);
}

/// What the imports permit. What every standard library imports is one line.
fn permissions(inspection: &Inspection) -> Vec<(String, String)> {
    let own = inspection.imports.iter().filter_map(|import| {
        let name = import.interface.strip_prefix("leno:piece/")?;
        Some((name.to_owned(), component::permission(&import.interface)?.to_owned()))
    });
    let mut rows: Vec<(String, String)> = own.collect();
    if inspection.imports.iter().any(|import| import.interface.starts_with("wasi:")) {
        let words = "its language's standard library: time, random numbers, stderr; no files, no network";
        rows.push(("wasi".to_owned(), words.to_owned()));
    }
    if rows.is_empty() {
        rows.push(("none".to_owned(), "no permissions: it only computes".to_owned()));
    }
    rows
}

fn figures(piece: &Piece) -> Vec<(String, String)> {
    let inspection = piece.inspection();
    [
        ("size", terminal::bytes(inspection.size as u64)),
        ("code", format!("{} in {} functions", terminal::bytes(inspection.code_size), inspection.functions)),
        ("memory at start", terminal::bytes(inspection.initial_memory)),
        ("sha256", piece.digest().to_string()),
    ]
    .map(|(name, figure)| (name.to_owned(), figure))
    .into()
}
