//! Settings as flags, made from the table of settings.

use std::{collections::BTreeMap, marker::PhantomData, path::PathBuf};

use clap::{Arg, ArgMatches, Command, FromArgMatches, value_parser};

use crate::config::{
    Config, Problems, Sources,
    setting::{self, Setting},
};

/// Which settings a command takes as flags.
pub(super) trait Takes {
    fn settings() -> Vec<&'static Setting>;
}

/// All that have a flag.
#[derive(Debug, Clone)]
pub(super) struct All;

impl Takes for All {
    fn settings() -> Vec<&'static Setting> {
        setting::all().collect()
    }
}

/// The settings that say which pieces there are.
#[derive(Debug, Clone)]
pub(super) struct Pieces;

impl Takes for Pieces {
    fn settings() -> Vec<&'static Setting> {
        vec![&setting::PIECES_DIR, &setting::DATA_DIR, &setting::GRANTS, &setting::PIECES_LOCK, &setting::LOCK_KEY]
    }
}

/// The settings that say where the secrets are.
#[derive(Debug, Clone)]
pub(super) struct Data;

impl Takes for Data {
    fn settings() -> Vec<&'static Setting> {
        vec![&setting::DATA_DIR, &setting::PRODUCTION]
    }
}

/// The settings flags of a command line.
#[derive(Debug, Clone)]
pub(super) struct Flags<T> {
    given: BTreeMap<&'static str, String>,
    file: Option<PathBuf>,
    takes: PhantomData<T>,
}

impl<T> Flags<T> {
    /// The settings of this process.
    pub(super) fn config(&self) -> Result<Config, Problems> {
        Config::read(&Sources::of_process(self.given.clone(), self.file.clone()))
    }
}

const FILE: &str = "config";
const HEADING: &str = "Settings";

fn flag(setting: &Setting) -> Option<Arg> {
    let name = setting.flag.clone()?.into_owned();
    let help = format!("{} [env: {}] [default: {}]", setting.help, setting.env, setting.default);
    let arg = Arg::new(setting.env).long(name).value_name(setting.value).help(help).help_heading(HEADING);
    Some(match setting.value {
        // `--production` alone means yes.
        "BOOL" => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg,
    })
}

impl<T: Takes> clap::Args for Flags<T> {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .long(FILE)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("A file with settings and grants [env: LENO_CONFIG] [default: leno.toml, if there is one]")
            .help_heading(HEADING);
        command.arg(file).args(T::settings().into_iter().filter_map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<T: Takes> FromArgMatches for Flags<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |setting: &Setting| {
            setting.flag.as_ref()?;
            Some((setting.env, matches.get_one::<String>(setting.env)?.clone()))
        };
        let given = T::settings().into_iter().filter_map(value).collect();
        Ok(Self { given, file: matches.get_one::<PathBuf>(FILE).cloned(), takes: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
