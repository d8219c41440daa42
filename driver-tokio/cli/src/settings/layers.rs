//! Defaults, file, variables, flags: one over the other.

use super::{FILE, Flags, Settings, ca::CaSettings, kinds::Shape};
use crate::error::bad_input;
use anyhow::Context;
use ifrit_node::document::{self, Source, Table, instead};
use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    File { path: PathBuf, line: usize },
    Variable(String),
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}

/// Settings, and where each came from.
#[derive(Clone, Debug)]
pub(crate) struct Loaded<S> {
    pub(crate) settings: S,
    /// In the order of [`Settings::SPECS`].
    pub(crate) origins: Vec<Origin>,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    /// Variables that look like settings and are none, and what is meant.
    pub(crate) strange: Vec<String>,
}

/// A layer's words, by place of the setting.
type Layer = Vec<(usize, Vec<String>, Origin)>;

impl<S: Settings> Loaded<S> {
    /// All layers: with the file of `--config`, of the variable, or of the directory.
    ///
    /// # Errors
    /// [`BadInput`](crate::error::BadInput): what is wrong, where, and what is meant.
    pub(crate) fn load(flags: &Flags<S>) -> anyhow::Result<Self> {
        Self::layer(flags, &std::env::vars_os().filter_map(utf8).collect())
    }

    pub(super) fn layer(flags: &Flags<S>, variables: &BTreeMap<String, String>) -> anyhow::Result<Self> {
        let above = [of_variables::<S>(variables), of_flags(flags)];
        let file = file_of::<S>(flags, variables, &above)?;
        let below = match &file {
            Some((path, text)) => of_file::<S>(path, text)?,
            None => Layer::new(),
        };
        let mut loaded = Self {
            settings: S::default(),
            origins: vec![Origin::Default; S::SPECS.len()],
            file: file.map(|(path, _)| path),
            strange: strange::<S>(variables),
        };
        for (place, words, origin) in std::iter::once(below).chain(above).flatten() {
            loaded.put(place, &words, origin)?;
        }
        Ok(loaded)
    }

    fn put(&mut self, place: usize, words: &[String], origin: Origin) -> anyhow::Result<()> {
        self.settings.put(place, words).map_err(|wanted| {
            bad_input(match &origin {
                Origin::File { .. } => format!("{origin}: {}: must be {wanted}", S::SPECS[place].key),
                _ => format!("{origin}: must be {wanted}"),
            })
        })?;
        self.origins[place] = origin;
        Ok(())
    }

    /// Names variables that look like settings, on stderr.
    pub(crate) fn warn(&self) {
        self.strange.iter().for_each(|strange| eprintln!("warning: {strange}"));
    }

    /// What to run with, if a directory is given.
    ///
    /// # Errors
    /// [`BadInput`](crate::error::BadInput) if there is no directory.
    pub(crate) fn started(self, command: &str) -> anyhow::Result<S> {
        self.warn();
        if self.settings.dir().as_os_str().is_empty() {
            return Err(bad_input(format!(
                "no directory is given: say --dir DIR, or `dir` in the file of --config (`{command} --write-config` prints one)"
            )));
        }
        Ok(self.settings)
    }
}

fn utf8((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

fn of_flags<S: Settings>(flags: &Flags<S>) -> Layer {
    let given = flags.given.iter().cloned();
    given.map(|(place, words)| (place, words, Origin::Flag(S::SPECS[place].flag()))).collect()
}

fn of_variables<S: Settings>(variables: &BTreeMap<String, String>) -> Layer {
    let mut layer = Layer::new();
    for (place, spec) in S::SPECS.iter().enumerate() {
        let own = spec.variable::<S>();
        // What programs in Rust are usually told with.
        let usual = (spec.key == "log").then(|| "RUST_LOG".to_owned());
        let found = [Some(own), usual].into_iter().flatten().find(|name| variables.contains_key(name));
        let Some(name) = found else { continue };
        let value = variables[&name].clone();
        let words = match spec.shape {
            Shape::Many => value.split(',').map(|word| word.trim().to_owned()).collect(),
            Shape::One | Shape::Flag => vec![value],
        };
        layer.push((place, words, Origin::Variable(name)));
    }
    layer
}

/// The file and its text. One that is named must be there.
fn file_of<S: Settings>(
    flags: &Flags<S>,
    variables: &BTreeMap<String, String>,
    above: &[Layer],
) -> anyhow::Result<Option<(PathBuf, String)>> {
    let named =
        flags.config.clone().or_else(|| variables.get(&format!("{}CONFIG", S::PREFIX)).map(PathBuf::from));
    let of_dir = || {
        let dir = S::place("dir")?;
        let (_, words, _) = above.iter().flatten().rfind(|(place, ..)| *place == dir)?;
        words.first().map(|dir| Path::new(dir).join(FILE))
    };
    let is_named = named.is_some();
    let Some(path) = named.or_else(of_dir) else { return Ok(None) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(bad_input(format!(
            "{}: there is no such file; --write-config prints one to begin with",
            path.display()
        ))),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn of_file<S: Settings>(path: &Path, text: &str) -> anyhow::Result<Layer> {
    let file = path.display().to_string();
    let read = || -> document::Result<Layer> {
        let source = Source { file: &file, text };
        let document = source.parse()?;
        let known: Vec<_> = S::SPECS.iter().map(|spec| spec.key).collect();
        let elsewhere = |key: &str| S::ELSEWHERE.iter().find(|(name, _)| *name == key).map(|(_, why)| *why);
        let table = Table::root_with(source, document.get_ref(), &known, elsewhere)?;
        let mut layer = Layer::new();
        for (place, spec) in S::SPECS.iter().enumerate() {
            let Some(value) = table.get(spec.key) else { continue };
            layer.push((place, value.words()?, Origin::File { path: path.into(), line: value.line() }));
        }
        Ok(layer)
    };
    read().map_err(|error| bad_input(error.to_string()))
}

/// Variables that begin as ours and are none, if they look like one: others may have their own reasons to be there. Those of the
/// CA are not the agent's.
fn strange<S: Settings>(variables: &BTreeMap<String, String>) -> Vec<String> {
    let mut known: Vec<_> = S::SPECS.iter().map(|spec| spec.key.to_uppercase()).collect();
    known.push("CONFIG".to_owned());
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let is_foreign = |name: &str| S::PREFIX != CaSettings::PREFIX && name.starts_with(CaSettings::PREFIX);
    let told = |name: &String| {
        let key = name.strip_prefix(S::PREFIX).filter(|key| !known.contains(key) && !is_foreign(name))?;
        // Compared without what they all begin with: else short ones are all alike.
        let nearest = instead(key, &known).strip_prefix("did you mean `")?.to_owned();
        Some(format!("{name} is no setting; did you mean `{}{nearest}", S::PREFIX))
    };
    variables.keys().filter_map(told).collect()
}
