//! Settings read again while the program runs.

use super::{Flags, Loaded, Settings, When};

/// Reads the layers again and tells what changed.
#[derive(Debug)]
pub(crate) struct Reload<S> {
    flags: Flags<S>,
    /// What the program runs with, in the order of [`Settings::SPECS`].
    running: Vec<Option<String>>,
}

impl<S: Settings> Reload<S> {
    /// For a program that runs with `settings`, told by `flags` among others.
    pub(crate) fn new(flags: Flags<S>, settings: &S) -> Self {
        Self { flags, running: settings.written() }
    }

    /// The settings as they are now, and the keys that changed and are to be carried out. The log says both, and what needs a
    /// restart; again with every reading, until there was one.
    ///
    /// `None`: they are wrong, the log says how, and all stays as it is.
    pub(crate) fn read(&mut self) -> Option<(S, Vec<&'static str>)> {
        match Loaded::load(&self.flags) {
            Ok(loaded) => Some(self.changed(loaded)),
            Err(error) => {
                tracing::error!("settings are not taken, all stays as it is: {error:#}");
                None
            }
        }
    }

    pub(super) fn changed(&mut self, loaded: Loaded<S>) -> (S, Vec<&'static str>) {
        let (new, shown) = (loaded.settings.written(), loaded.settings.shown());
        let mut live = Vec::new();
        let mut quiet = true;
        for (place, spec) in S::SPECS.iter().enumerate() {
            if new[place] == self.running[place] {
                continue;
            }
            quiet = false;
            let (to, origin) = (shown[place].as_deref().unwrap_or("not set"), &loaded.origins[place]);
            match spec.when {
                When::Live => {
                    tracing::info!("setting {} is {to} now ({origin})", spec.key);
                    self.running[place].clone_from(&new[place]);
                    live.push(spec.key);
                }
                When::Restart => tracing::warn!("setting {} is {to} after a restart ({origin})", spec.key),
            }
        }
        if quiet {
            tracing::info!("settings read again: nothing has changed");
        }
        (loaded.settings, live)
    }
}
