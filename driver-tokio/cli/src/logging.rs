//! What goes to stderr.

use crate::{
    recent::Recent,
    settings::kinds::{LogFilter, LogFormat},
};
use anyhow::Context;
use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt::writer::MakeWriterExt, layer::SubscriberExt, reload,
    util::SubscriberInitExt,
};

/// Changes what is logged while the program runs.
#[derive(Clone, Debug)]
pub(crate) struct Logging(reload::Handle<EnvFilter, Registry>);

impl Logging {
    /// Logs from now on. Once per process.
    pub(crate) fn start(filter: &LogFilter, format: LogFormat) -> Self {
        let (filter, handle) = reload::Layer::new(filter.filter());
        let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        let lines =
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr.and(Recent)).with_ansi(colours);
        let lines = match format {
            LogFormat::Text => lines.boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        tracing_subscriber::registry().with(filter).with(lines).init();
        Self(handle)
    }

    /// Logs this from now on.
    pub(crate) fn set(&self, filter: &LogFilter) -> anyhow::Result<()> {
        self.0.reload(filter.filter()).context("nothing is logged any more")
    }
}
