//! `leno.toml`: settings and grants, with the line that each came from.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use leno_sandbox::Limits;
use toml::de::{DeTable, DeValue};

use super::{
    Problems,
    grants::{Grants, Rules},
    problem::did_you_mean,
    setting::{self, Setting},
    source_text::Source,
};

/// A parsed settings file. Wrong settings in it are reported, not kept.
pub(super) struct File {
    /// The path as it was given.
    pub(super) path: PathBuf,
    settings: BTreeMap<String, (String, usize)>,
    pub(super) rules: Rules,
    /// Whether others than its owner may read it.
    pub(super) exposed: bool,
}

/// What a file may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Settings and grants.
    Settings,
    /// Grants only.
    Grants,
}

impl File {
    /// Reads a file; `None` when it does not exist.
    pub(super) fn read(path: &Path, content: Content, problems: &mut Problems) -> Option<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                problems.add(format!("{}: {error}", path.display()));
                return None;
            }
        };
        let source = Source { path, text: &text };
        let exposed = super::secrets::exposed(path);
        let mut file = Self { path: path.to_owned(), settings: BTreeMap::new(), rules: Rules::default(), exposed };
        match DeTable::parse(&text) {
            Ok(document) => file.take(document.get_ref(), source, content, problems),
            Err(error) => {
                let at = source.at(error.span().map_or(0, |span| span.start));
                problems.add(format!("{at}: {}", error.message()));
            }
        }
        Some(file)
    }

    fn take(&mut self, document: &DeTable<'_>, source: Source<'_>, content: Content, problems: &mut Problems) {
        let keys: Vec<String> = setting::all().map(Setting::key).collect();
        for (key, value) in document {
            let (name, at) = (key.get_ref().as_ref(), source.at(key.span().start));
            if name == "grants" {
                self.rules.take(value, source, problems);
            } else if let Some(setting) = setting::all().find(|setting| setting.key() == name) {
                match (content, scalar(value.get_ref())) {
                    (Content::Grants, _) => {
                        problems.add(format!("{at}: `{name}` is a setting; move it to leno.toml"));
                    }
                    (_, Some(text)) => {
                        self.settings.insert(name.to_owned(), (text, source.line(key.span().start)));
                    }
                    (_, None) => {
                        problems.add(format!("{at}: {name} ({}): expected one string, number or boolean", setting.env));
                    }
                }
            } else {
                let known = keys.iter().map(String::as_str).chain(["grants"]);
                problems.add(format!("{at}: there is no setting `{name}`{}", did_you_mean(name, known)));
            }
        }
    }

    /// A setting's text and its line.
    pub(super) fn get(&self, setting: &Setting) -> Option<(&str, usize)> {
        self.settings.get(&setting.key()).map(|(text, line)| (text.as_str(), *line))
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

impl Grants {
    /// The grants of a file: one of grants alone, or a whole `leno.toml`, of which only the grants are used. `limits`
    /// are those of pieces whose grant sets none.
    ///
    /// # Errors
    /// All problems of the file.
    pub fn read(path: &Path, limits: Limits) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let file = File::read(path, Content::Settings, &mut problems);
        if file.is_none() {
            problems.add(format!("{}: there is no such file", path.display()));
        }
        problems.none(file.map(|file| Self::new(limits, file.rules)))
    }
}
