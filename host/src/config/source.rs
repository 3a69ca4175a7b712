//! The sources of settings: flags, then the environment, then `leno.toml`.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::{
    Problems,
    file::{Content, File},
    problem::did_you_mean,
    setting::{self, Setting},
};

/// The settings file that is looked for in the working directory.
const FILE: &str = "leno.toml";
/// The variable that names another one.
const FILE_VARIABLE: &str = "LENO_CONFIG";

/// Where settings are taken from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Flags that were given, by the environment variable of their setting.
    pub flags: BTreeMap<&'static str, String>,
    /// The environment. An empty variable counts as unset.
    pub environment: BTreeMap<OsString, OsString>,
    /// The settings file; without one, `leno.toml` in the directory, if it exists.
    pub file: Option<PathBuf>,
    /// What relative paths are relative to; those in a settings file are relative to it.
    pub directory: PathBuf,
}

impl Sources {
    /// This process' environment and working directory, with the flags and the settings file of the command line. The
    /// variable `LENO_CONFIG` names a settings file too.
    #[must_use]
    pub fn of_process(flags: BTreeMap<&'static str, String>, file: Option<PathBuf>) -> Self {
        let environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let named =
            || environment.get(&OsString::from(FILE_VARIABLE)).filter(|name| !name.is_empty()).map(PathBuf::from);
        let file = file.or_else(named);
        // Paths stay as they were given: short, and relative to the working directory by themselves.
        Self { flags, environment, file, directory: PathBuf::new() }
    }
}

/// Reads settings one by one and collects the problems.
pub(super) struct Reader<'a> {
    sources: &'a Sources,
    pub(super) file: Option<File>,
    pub(super) problems: Problems,
}

/// A value and its source.
struct Given {
    text: String,
    origin: String,
    /// What a relative path is relative to.
    base: PathBuf,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        let mut problems = Problems::default();
        let path = sources.directory.join(sources.file.as_deref().unwrap_or(Path::new(FILE)));
        let file = File::read(&path, Content::Settings, &mut problems);
        if file.is_none() && sources.file.is_some() {
            problems.add(format!("{}: there is no such file", path.display()));
        }
        Self { sources, file, problems }
    }

    fn given(&mut self, setting: &Setting) -> Option<Given> {
        let base = self.sources.directory.clone();
        if let Some(text) = self.sources.flags.get(setting.env) {
            let origin = format!("--{}", setting.flag.as_deref().unwrap_or_default());
            return Some(Given { text: text.clone(), origin, base });
        }
        if let Some(text) = self.sources.environment.get(&OsString::from(setting.env)).filter(|text| !text.is_empty()) {
            let origin = "environment".to_owned();
            match text.to_str() {
                Some(text) => return Some(Given { text: text.to_owned(), origin, base }),
                None => self.problems.add(format!("{} ({origin}): expected text in UTF-8", setting.env)),
            }
        }
        let file = self.file.as_ref()?;
        let (text, line) = file.get(setting)?;
        let base = file.path.parent().unwrap_or(Path::new("")).to_owned();
        Some(Given { text: text.to_owned(), origin: format!("{}:{line}", file.path.display()), base })
    }

    /// The setting as `parse` reads it; `None` when it is absent or wrong.
    pub(super) fn read<T>(
        &mut self,
        setting: &Setting,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let given = self.given(setting)?;
        let parsed = parse(&given.text);
        if parsed.is_none() {
            let got = if setting.secret { String::new() } else { format!("; got {:?}", given.text) };
            self.problems.add(format!("{} ({}): expected {expected}{got}", setting.env, given.origin));
        }
        parsed
    }

    pub(super) fn text(&mut self, setting: &Setting) -> Option<String> {
        self.given(setting).map(|given| given.text)
    }

    pub(super) fn path(&mut self, setting: &Setting) -> Option<PathBuf> {
        self.given(setting).map(|given| given.base.join(given.text))
    }

    pub(super) fn number(&mut self, setting: &Setting, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(setting, &expected, |text| text.parse().ok().filter(|number| range.contains(number)))
    }

    pub(super) fn flag(&mut self, setting: &Setting) -> Option<bool> {
        self.read(setting, "true or false", |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
    }

    /// Variables with a name close to a setting's: most likely misspelt. Others that start with `LENO_` may belong to
    /// other programs.
    pub(super) fn strangers(&self) -> Vec<String> {
        let known = || setting::all().map(|setting| setting.env).chain([FILE_VARIABLE]);
        let names = self.sources.environment.keys().filter_map(|name| name.to_str());
        names
            .filter(|name| name.starts_with("LENO_") && known().all(|known| known != *name))
            .map(|name| (name, did_you_mean(name, known())))
            .filter(|(_, meant)| !meant.is_empty())
            .map(|(name, meant)| format!("the variable {name} is not a setting{meant}"))
            .collect()
    }

    /// Whether a secret is in a settings file that others may read.
    pub(super) fn exposes_secrets(&self) -> Option<&Path> {
        let file = self.file.as_ref().filter(|file| file.exposed)?;
        let secret = setting::all().any(|setting| setting.secret && file.get(setting).is_some());
        secret.then_some(file.path.as_path())
    }
}
