//! How values are written.

use ifrit_node::document;
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};
use tracing_subscriber::EnvFilter;

/// How many words a value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    /// Its flag needs no word.
    Flag,
    Many,
}

/// What a setting may be: one word, one or none, or a list.
pub(crate) trait Kind: Sized {
    const SHAPE: Shape;
    /// What stands for a word of it in help.
    const NAME: &'static str;
    /// From words; why not, if not. No words, or an empty one: not set.
    fn read(words: &[String]) -> Result<Self, String>;
    /// As TOML; `None` if it is not set.
    fn written(&self) -> Option<String>;
    /// The same, fit to be shown to anybody.
    fn shown(&self) -> Option<String>;
}

/// A value that is one word.
pub(crate) trait Word: Sized {
    const SHAPE: Shape = Shape::One;
    const NAME: &'static str;
    fn parse(word: &str) -> Result<Self, String>;
    fn toml(&self) -> String;
    fn harmless(&self) -> String {
        self.toml()
    }
}

impl<T: Word> Kind for T {
    const SHAPE: Shape = T::SHAPE;
    const NAME: &'static str = T::NAME;

    fn read(words: &[String]) -> Result<Self, String> {
        match words {
            [word] => T::parse(word),
            _ => Err("one value, not a list".to_owned()),
        }
    }

    fn written(&self) -> Option<String> {
        Some(self.toml())
    }

    fn shown(&self) -> Option<String> {
        Some(self.harmless())
    }
}

impl<T: Word> Kind for Option<T> {
    const SHAPE: Shape = T::SHAPE;
    const NAME: &'static str = T::NAME;

    fn read(words: &[String]) -> Result<Self, String> {
        match words {
            [] => Ok(None),
            [word] if word.is_empty() => Ok(None),
            words => T::read(words).map(Some),
        }
    }

    fn written(&self) -> Option<String> {
        self.as_ref().map(T::toml)
    }

    fn shown(&self) -> Option<String> {
        self.as_ref().map(T::harmless)
    }
}

impl<T: Word> Kind for Vec<T> {
    const SHAPE: Shape = Shape::Many;
    const NAME: &'static str = T::NAME;

    fn read(words: &[String]) -> Result<Self, String> {
        words.iter().filter(|word| !word.is_empty()).map(|word| T::parse(word)).collect()
    }

    fn written(&self) -> Option<String> {
        Some(format!("[{}]", self.iter().map(T::toml).collect::<Vec<_>>().join(", ")))
    }

    fn shown(&self) -> Option<String> {
        Some(format!("[{}]", self.iter().map(T::harmless).collect::<Vec<_>>().join(", ")))
    }
}

/// A text in quotes.
fn quoted(text: impl fmt::Display) -> String {
    toml::Value::String(text.to_string()).to_string()
}

impl Word for bool {
    const SHAPE: Shape = Shape::Flag;
    const NAME: &'static str = "true|false";

    fn parse(word: &str) -> Result<Self, String> {
        word.parse().map_err(|_| format!("true or false, not `{word}`"))
    }

    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Word for SocketAddr {
    const NAME: &'static str = "ADDR:PORT";

    fn parse(word: &str) -> Result<Self, String> {
        word.parse()
            .map_err(|_| format!("an address and a port like 192.0.2.7:8301 or [::1]:8301, not `{word}`"))
    }

    fn toml(&self) -> String {
        quoted(self)
    }
}

/// Where something is served for people of this machine: a port alone is one of loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(pub(crate) SocketAddr);

impl Word for Endpoint {
    const NAME: &'static str = "[ADDR:]PORT";

    fn parse(word: &str) -> Result<Self, String> {
        let local = word.parse().map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        local.or_else(|_| word.parse()).map(Self).map_err(|_| {
            format!(
                "a port of loopback like 8390, or an address and a port like 192.0.2.7:8390, not `{word}`"
            )
        })
    }

    fn toml(&self) -> String {
        quoted(self.0)
    }
}

impl Word for PathBuf {
    const NAME: &'static str = "PATH";

    fn parse(word: &str) -> Result<Self, String> {
        Ok(word.into())
    }

    fn toml(&self) -> String {
        quoted(self.display())
    }
}

impl Word for Duration {
    const NAME: &'static str = "DURATION";

    fn parse(word: &str) -> Result<Self, String> {
        humantime::parse_duration(word)
            .map_err(|_| format!("a span of time like 500ms, 5s or 2m, not `{word}`"))
    }

    fn toml(&self) -> String {
        quoted(humantime::format_duration(*self))
    }
}

/// A whole number between two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count<const MIN: usize, const MAX: usize>(pub(crate) usize);

impl<const MIN: usize, const MAX: usize> Word for Count<MIN, MAX> {
    const NAME: &'static str = "NUMBER";

    fn parse(word: &str) -> Result<Self, String> {
        let count = word.parse().ok().filter(|count| (MIN..=MAX).contains(count));
        count.map(Self).ok_or_else(|| format!("a whole number from {MIN} to {MAX}, not `{word}`"))
    }

    fn toml(&self) -> String {
        self.0.to_string()
    }
}

/// A size, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    pub(crate) fn usize(self) -> usize {
        self.0.try_into().unwrap_or(usize::MAX)
    }
}

impl Word for Bytes {
    const NAME: &'static str = "SIZE";

    fn parse(word: &str) -> Result<Self, String> {
        let size = word.parse::<bytesize::ByteSize>();
        size.map(|size| Self(size.0)).map_err(|_| format!("a size like \"64 KiB\" or \"1 MB\", not `{word}`"))
    }

    /// In the largest unit of which it is a whole number: what is written is what is read.
    fn toml(&self) -> String {
        let units = [("GiB", bytesize::GIB), ("MiB", bytesize::MIB), ("KiB", bytesize::KIB)];
        let unit = units.into_iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit));
        let (name, unit) = unit.unwrap_or(("B", 1));
        quoted(format!("{} {name}", self.0 / unit))
    }
}

/// Somebody to be looked up while the program runs, again and again: only the form is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort(pub(crate) String);

impl Word for HostPort {
    const NAME: &'static str = "HOST:PORT";

    fn parse(word: &str) -> Result<Self, String> {
        host_port(word).map(Self)
    }

    fn toml(&self) -> String {
        quoted(&self.0)
    }
}

fn host_port(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("HOST:PORT, not `{text}`"))?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !bracketed) {
        return Err(format!("HOST:PORT, an IPv6 address in brackets, not `{text}`"));
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(text.to_owned()),
        _ => Err(format!("HOST:PORT with a port from 1 to 65535, not `{text}`")),
    }
}

/// A text that only its owner may see.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Word for Secret {
    const NAME: &'static str = "SECRET";

    fn parse(word: &str) -> Result<Self, String> {
        Ok(Self(word.to_owned()))
    }

    fn toml(&self) -> String {
        quoted(&self.0)
    }

    fn harmless(&self) -> String {
        quoted("(set, secret)")
    }
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFilter(pub(crate) String);

impl LogFilter {
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl Word for LogFilter {
    const NAME: &'static str = "LEVEL";

    fn parse(word: &str) -> Result<Self, String> {
        EnvFilter::try_new(word).map(|_| Self(word.to_owned())).map_err(|_| {
            format!("error, warn, info, debug or trace, or a list like `warn,ifrit=debug`, not `{word}`")
        })
    }

    fn toml(&self) -> String {
        quoted(&self.0)
    }
}

/// How it is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl Word for LogFormat {
    const NAME: &'static str = "text|json";

    fn parse(word: &str) -> Result<Self, String> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("no `{word}`; {}", document::instead(word, &["text", "json"]))),
        }
    }

    fn toml(&self) -> String {
        quoted(if *self == Self::Json { "json" } else { "text" })
    }
}
