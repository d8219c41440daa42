//! Settings: declared once, and with that a key of the file, a variable, a flag, a help text and a line of
//! `ifrit config show`.
//!
//! ```text
//! defaults  <  ifrit.toml  <  IFRIT_KEY  <  --key          layers, each over those before it
//!                     └──────► Settings, and where each value came from
//! ```
//!
//! **To add a setting** write it into `agent.rs` (or `ca.rs`), under the section where users look for it:
//! ```text
//! /// What it does; first sentence short, for `--help`. Then unit, bounds, cost.
//! metrics: Option<SocketAddr> = None, restart, like "\"127.0.0.1:9301\"";
//! ```
//! - The key is also `IFRIT_METRICS` and `--metrics`, and stands in what `--write-config` prints; nothing else is to be done.
//! - The type says how it is written ([`kinds`]): numbers, addresses, `Duration`, [`Bytes`](kinds::Bytes), paths, `Option`
//!   (may be unset), `Vec` (a list; the flag is repeated, the variable has commas). A type of its own implements
//!   [`Word`](kinds::Word).
//! - `restart`: read at the start only. `live`: also on SIGHUP; `agent/reload.rs` then carries a changed one out.
//! - `like` is an example in TOML, printed where there is no default. A test reads every example and every default back.

pub(crate) mod agent;
pub(crate) mod ca;
pub(crate) mod flags;
pub(crate) mod kinds;
mod layers;
mod reload;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use flags::Flags;
pub(crate) use layers::{Loaded, Origin};
pub(crate) use reload::Reload;
pub(crate) use write::write;

use kinds::Shape;
use std::path::Path;

/// The file's usual name, in the directory that the settings are about.
pub(crate) const FILE: &str = "ifrit.toml";

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// On SIGHUP.
    Live,
    /// With the next start.
    Restart,
}

/// What is known of one setting beside its value.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) key: &'static str,
    pub(crate) section: &'static str,
    /// As it stands above the declaration.
    pub(crate) doc: &'static str,
    pub(crate) when: When,
    /// In TOML.
    pub(crate) example: &'static str,
    pub(crate) shape: Shape,
    /// What stands for a value in help.
    pub(crate) name: &'static str,
}

impl Spec {
    /// Lines of the documentation, without the space that comments begin with.
    pub(crate) fn doc_lines(&self) -> impl Iterator<Item = &'static str> {
        self.doc.trim_end().lines().map(|line| line.strip_prefix(' ').unwrap_or(line))
    }

    /// Its flag, without the dashes before it.
    pub(crate) fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// Its variable.
    pub(crate) fn variable<S: Settings>(&self) -> String {
        format!("{}{}", S::PREFIX, self.key.to_uppercase())
    }
}

/// A set of settings; made by [`settings!`].
pub(crate) trait Settings: Default + Clone + Send + Sync + 'static {
    /// What variables begin with.
    const PREFIX: &'static str;
    /// What the file is for, as its first lines say.
    const ABOUT: &'static str;
    /// Keys that people expect here, and why they are elsewhere.
    const ELSEWHERE: &'static [(&'static str, &'static str)];
    /// In the order of declaration.
    const SPECS: &'static [Spec];

    /// Sets the one at this place of [`Settings::SPECS`]; why not, if not.
    fn put(&mut self, place: usize, words: &[String]) -> Result<(), String>;

    /// Every value as TOML, in that order; `None` where nothing is set.
    fn written(&self) -> Vec<Option<String>>;

    /// Every value as it may be shown: secrets are not.
    fn shown(&self) -> Vec<Option<String>>;

    /// The directory that they are about; empty if none is given.
    fn dir(&self) -> &Path;

    /// The place of a key.
    fn place(key: &str) -> Option<usize> {
        Self::SPECS.iter().position(|spec| spec.key == key)
    }
}

/// Declares a [`Settings`]: see the module. One of them is `dir`.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $set:ident, variables $prefix:literal, about $about:expr, elsewhere $elsewhere:expr;
        $( $section:literal { $(
            $(#[doc = $doc:literal])+
            $key:ident : $kind:ty = $default:expr, $when:ident, like $example:literal;
        )+ } )+
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub(crate) struct $set { $($( $(#[doc = $doc])+ pub(crate) $key: $kind, )+)+ }

        impl Default for $set {
            fn default() -> Self {
                Self { $($( $key: $default, )+)+ }
            }
        }

        impl $crate::settings::Settings for $set {
            const PREFIX: &'static str = $prefix;
            const ABOUT: &'static str = $about;
            const ELSEWHERE: &'static [(&'static str, &'static str)] = $elsewhere;
            const SPECS: &'static [$crate::settings::Spec] = &[ $($( $crate::settings::Spec {
                key: stringify!($key),
                section: $section,
                doc: concat!($($doc, "\n"),+),
                when: $crate::settings::when!($when),
                example: $example,
                shape: <$kind as $crate::settings::kinds::Kind>::SHAPE,
                name: <$kind as $crate::settings::kinds::Kind>::NAME,
            }, )+)+ ];

            fn put(&mut self, place: usize, words: &[String]) -> Result<(), String> {
                let key = Self::SPECS.get(place).map_or("", |spec| spec.key);
                $($( if key == stringify!($key) {
                    self.$key = $crate::settings::kinds::Kind::read(words)?;
                } )+)+
                Ok(())
            }

            fn written(&self) -> Vec<Option<String>> {
                vec![ $($( $crate::settings::kinds::Kind::written(&self.$key), )+)+ ]
            }

            fn shown(&self) -> Vec<Option<String>> {
                vec![ $($( $crate::settings::kinds::Kind::shown(&self.$key), )+)+ ]
            }

            fn dir(&self) -> &std::path::Path {
                &self.dir
            }
        }
    };
}

macro_rules! when {
    (live) => {
        $crate::settings::When::Live
    };
    (restart) => {
        $crate::settings::When::Restart
    };
}

pub(crate) use {settings, when};
