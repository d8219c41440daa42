//! Settings as flags of a command.

use super::{Settings, Spec, kinds::Shape};
use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, parser::ValueSource};
use std::{marker::PhantomData, path::PathBuf};

/// What the command line says of settings: `#[command(flatten)]` it.
#[derive(Clone, Debug)]
pub(crate) struct Flags<S> {
    /// The file, if one is named.
    pub(crate) config: Option<PathBuf>,
    /// Words by place of the setting.
    pub(crate) given: Vec<(usize, Vec<String>)>,
    set: PhantomData<S>,
}

impl<S: Settings> clap::Args for Flags<S> {
    fn augment_args(command: Command) -> Command {
        let config =
            Arg::new("config").long("config").value_name("FILE").value_parser(clap::value_parser!(PathBuf));
        let config =
            config.help(format!("Read settings from this file, instead of {} in the directory", super::FILE));
        S::SPECS.iter().fold(command.arg(config), |command, spec| command.arg(arg::<S>(spec)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn arg<S: Settings>(spec: &'static Spec) -> Arg {
    let lines: Vec<_> = spec.doc_lines().collect();
    let text = lines.join(" ");
    let short =
        text.split_inclusive(". ").next().unwrap_or_default().trim_end().trim_end_matches('.').to_owned();
    let long = format!("{} [{}]", lines.join("\n"), spec.variable::<S>());
    let arg = Arg::new(spec.key).long(spec.flag()).value_name(spec.name).help_heading(spec.section);
    let arg = arg.help(short).long_help(long);
    match spec.shape {
        Shape::One => arg,
        Shape::Many => arg.action(ArgAction::Append),
        Shape::Flag => {
            arg.num_args(0..=1).require_equals(true).default_missing_value("true").hide_possible_values(true)
        }
    }
}

impl<S: Settings> FromArgMatches for Flags<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |(place, spec): (usize, &'static Spec)| {
            (matches.value_source(spec.key) == Some(ValueSource::CommandLine)).then(|| {
                let words = matches.get_many::<String>(spec.key).unwrap_or_default();
                (place, words.cloned().collect())
            })
        };
        Ok(Self {
            config: matches.get_one::<PathBuf>("config").cloned(),
            given: S::SPECS.iter().enumerate().filter_map(given).collect(),
            set: PhantomData,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
