//! `leno grants`: what each piece requests, and what it gets.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{anyhow, bail};
use leno_sandbox::{Engine, Grant, Limits, Piece};
use serde_json::{Value, json};

use super::{
    component,
    flags::{Flags, Pieces},
    inspect,
    terminal::{self, Style},
};
use crate::config::Config;

#[derive(Debug, clap::Args)]
#[command(
    about = "Show what each piece requests and what it is granted",
    long_about = "Show what each piece of the pieces directory requests and what it is granted, with the lines to add to \
                  leno.toml for what is missing."
)]
pub(super) struct Args {
    /// One piece: its name, or a component
    #[arg(value_name = "PIECE|PIECE.wasm")]
    piece: Option<String>,
    /// Print one JSON object instead
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Flags<Pieces>,
}

/// A piece, what it requests, and what it gets.
struct Asked {
    file: PathBuf,
    piece: Piece,
    grant: Grant,
}

pub(super) fn grants(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.settings.config()?;
    let (asked, broken) = super::exit::block_on(ask(&config, args.piece.as_deref()))?;
    // Of one piece nothing can be said about the others.
    let absent = if args.piece.is_some() { Vec::new() } else { absent(&config, &asked) };
    if args.json {
        let pieces: Vec<Value> = asked.iter().map(Asked::document).collect();
        terminal::print_json(&json!({ "pieces": pieces, "broken": broken, "grantedButAbsent": absent }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let style = Style::stdout();
    let mut page: String = asked.iter().map(|asked| asked.show(&config.limits, style)).collect();
    for name in absent {
        let _ = writeln!(
            page,
            "{} [grants.{name}] names a piece that is not in the pieces directory",
            style.yellow("note:")
        );
    }
    terminal::print(&page)?;
    for error in broken {
        terminal::note(format_args!("{} {error}", Style::stderr().yellow("not loaded:")));
    }
    Ok(ExitCode::SUCCESS)
}

/// The pieces, and why some are missing.
async fn ask(config: &Config, wanted: Option<&str>) -> anyhow::Result<(Vec<Asked>, Vec<String>)> {
    let engine = component::engine_of(config)?;
    if let Some(file) = wanted.filter(|wanted| wanted.ends_with(".wasm")) {
        return Ok((vec![one(&engine, config, Path::new(file)).await?], Vec::new()));
    }
    let (mut asked, mut broken) = (Vec::new(), Vec::new());
    for path in component::files(&config.pieces_dir)? {
        match one(&engine, config, &path).await {
            Ok(one) => asked.push(one),
            Err(error) => broken.push(format!("{error:#}")),
        }
    }
    if let Some(wanted) = wanted {
        let name = wanted.parse().map_err(|error| anyhow!("{error}"))?;
        let names: Vec<String> = asked.iter().map(|asked| asked.name().to_owned()).collect();
        asked.retain(|asked| asked.piece.metadata().name == name);
        if asked.is_empty() {
            bail!(
                "there is no piece `{name}` in {}; its pieces are: {}",
                config.pieces_dir.display(),
                names.join(", ")
            );
        }
    }
    Ok((asked, broken))
}

async fn one(engine: &Engine, config: &Config, path: &Path) -> anyhow::Result<Asked> {
    // Loaded with every grant, so that a missing one is shown rather than met.
    let any = |_: &_| Grant { secrets: true, ..Grant::default() };
    let piece = component::load(engine, path, any).await?;
    let grant = config.grants.for_piece(&piece.metadata().name);
    Ok(Asked { file: path.to_owned(), piece, grant })
}

/// Pieces that are granted something and are not here: most likely misspelt.
fn absent(config: &Config, asked: &[Asked]) -> Vec<String> {
    let here = |name: &str| asked.iter().any(|asked| asked.name() == name);
    config.grants.pieces().filter(|name| !here(name)).map(str::to_owned).collect()
}

impl Asked {
    fn name(&self) -> &str {
        self.piece.metadata().name.short()
    }

    fn wants_secrets(&self) -> bool {
        self.piece.inspection().wants_secrets()
    }

    /// The requested hosts of which it gets nothing. What a wildcard is narrowed to was chosen by the operator; what a
    /// connection names is known only in a call.
    fn refused_hosts(&self) -> Vec<String> {
        let Some(granted) = self.granted_hosts() else { return Vec::new() };
        let refused = |host: &String| {
            let narrowed = granted.iter().any(|granted| covers(host, granted));
            !host.contains("{{") && !narrowed && !granted.iter().any(|granted| covers(granted, host))
        };
        inspect::hosts(&self.piece).into_iter().filter(refused).collect()
    }

    fn granted_hosts(&self) -> Option<Vec<String>> {
        Some(self.grant.hosts.as_ref()?.iter().map(ToString::to_string).collect())
    }

    /// What it gets of the requested hosts.
    fn hosts(&self, style: Style) -> String {
        let asked = inspect::hosts(&self.piece);
        if asked.is_empty() {
            return "requests none".to_owned();
        }
        let gets = match (self.granted_hosts(), self.refused_hosts()) {
            (None, _) => style.green("granted"),
            (Some(granted), refused) if refused.is_empty() => {
                style.green(format_args!("narrowed to {}", list(&granted)))
            }
            (Some(_), refused) => style.yellow(format_args!("not granted: {}", list(&refused))),
        };
        format!("requests {}; {gets}", list(&asked))
    }

    /// The lines that would grant everything requested; empty when nothing is missing.
    fn missing(&self) -> String {
        let mut lines = String::new();
        if self.wants_secrets() && !self.grant.secrets {
            lines.push_str("secrets = true\n");
        }
        let refused = self.refused_hosts();
        if !refused.is_empty() {
            let all: Vec<String> = self.granted_hosts().into_iter().flatten().chain(refused).collect();
            let _ = writeln!(lines, "hosts = {}", json!(all));
        }
        if lines.is_empty() { lines } else { format!("[grants.{}]\n{lines}", self.name()) }
    }

    fn document(&self) -> Value {
        let Limits { wall, cpu, memory, output, http_requests, .. } = self.grant.limits;
        json!({
            "file": self.file,
            "name": self.name(),
            "version": self.piece.metadata().version,
            "asks": { "hosts": inspect::hosts(&self.piece), "secrets": self.wants_secrets() },
            "gets": {
                "hosts": self.grant.hosts,
                "private": self.grant.private,
                "secrets": self.grant.secrets,
                "limits": {
                    "wallMs": u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
                    "cpuMs": u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX),
                    "memoryMb": memory >> 20,
                    "outputBytes": output,
                    "httpRequests": http_requests,
                },
            },
            "missing": self.missing(),
        })
    }

    fn show(&self, limits: &Limits, style: Style) -> String {
        let mut text = String::new();
        let name = style.bold(self.name());
        let _ = writeln!(text, "{name} {}  {}", self.piece.metadata().version, style.dim(self.file.display()));
        let _ = writeln!(text, "  hosts    {}", self.hosts(style));
        let _ = match (self.wants_secrets(), self.grant.secrets) {
            (false, false) => writeln!(text, "  secrets  does not request them"),
            (false, true) => {
                writeln!(text, "  secrets  does not request them; {}", style.yellow("granted anyway"))
            }
            (true, true) => writeln!(text, "  secrets  requests them; {}", style.green("granted")),
            (true, false) => {
                writeln!(text, "  secrets  requests them; {}", style.red("not granted: it does not load"))
            }
        };
        if !self.grant.private.is_empty() {
            let private: Vec<String> = self.grant.private.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "  private  {}", style.yellow(list(&private)));
        }
        if self.grant.limits != *limits {
            let Limits { wall, cpu, memory, .. } = self.grant.limits;
            let memory = terminal::bytes(memory);
            let _ = writeln!(
                text,
                "  limits   its own: {} ms wall, {} ms CPU, {memory}, …",
                wall.as_millis(),
                cpu.as_millis()
            );
        }
        let missing = self.missing();
        if !missing.is_empty() {
            let _ = writeln!(text, "  To grant what is missing, add to leno.toml:");
            for line in missing.lines() {
                let _ = writeln!(text, "    {}", style.cyan(line));
            }
        }
        text.push('\n');
        text
    }
}

fn list(items: &[String]) -> String {
    terminal::harmless(&items.join(", "), false)
}

/// Whether one pattern names every host that another does. Both as their `Display` writes them.
fn covers(wide: &str, narrow: &str) -> bool {
    wide == narrow || wide == "*" || wide.strip_prefix('*').is_some_and(|parent| narrow.ends_with(parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_pattern_covers_a_narrower_one() {
        for (wide, narrow, expected) in [
            ("*", "api.example.com", true),
            ("api.example.com", "api.example.com", true),
            ("*.example.com", "api.example.com", true),
            ("*.example.com", "*.api.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "*", false),
            ("api.example.com", "*.example.com", false),
            ("api.example.com", "api.example.com:8443", false),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        }
    }
}
