//! Reading TOML so that every complaint names file, line and key: scenarios of the simulator, configuration of the command.
//! Feature `document`.

use std::{fmt, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file as it was named.
    pub file: String,
    /// Counted from 1; 0 if it is about the file as a whole.
    pub line: usize,
    /// The key, with those that lead to it; empty if it is about none.
    pub key: String,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for Error {}

/// What reading gives.
pub type Result<T> = std::result::Result<T, Error>;

/// The text that values point into.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The file, as complaints name it.
    pub file: &'a str,
    /// What it holds.
    pub text: &'a str,
}

impl Source<'_> {
    /// The text as TOML.
    pub fn parse(&self) -> Result<Spanned<DeTable<'_>>> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            self.error(at, "", error.message().replace('\n', ", "))
        })
    }

    fn error(&self, at: usize, key: &str, reason: impl Into<String>) -> Error {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Error { file: self.file.into(), line, key: key.into(), reason: reason.into() }
    }
}

/// A value, where it stands and what leads to it.
#[derive(Clone, Debug)]
pub struct Value<'a> {
    source: Source<'a>,
    key: String,
    at: usize,
    value: &'a DeValue<'a>,
}

/// A table all of whose keys are known.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    source: Source<'a>,
    key: String,
    at: usize,
    table: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    /// The whole document, all of whose keys must be `known`.
    pub fn root(source: Source<'a>, table: &'a DeTable<'a>, known: &[&str]) -> Result<Self> {
        Self::root_with(source, table, known, |_| None)
    }

    /// The same; `elsewhere` says of a key that is not `known` where it is to be said instead.
    pub fn root_with(
        source: Source<'a>,
        table: &'a DeTable<'a>,
        known: &[&str],
        elsewhere: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<Self> {
        Self { source, key: String::new(), at: 0, table }.knows(known, elsewhere)
    }

    /// Refuses keys that are not `known`, with the nearest that is.
    fn knows(self, known: &[&str], elsewhere: impl Fn(&str) -> Option<&'static str>) -> Result<Self> {
        match self.table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            None => Ok(self),
            Some(key) => {
                let reason = match elsewhere(key.get_ref()) {
                    Some(why) => why.to_owned(),
                    None => format!("unknown key; {}", instead(key.get_ref(), known)),
                };
                Err(self.source.error(key.span().start, &self.path(key.get_ref()), reason))
            }
        }
    }

    fn path(&self, key: &str) -> String {
        if self.key.is_empty() { key.into() } else { format!("{}.{key}", self.key) }
    }

    /// The value of `key`, if it is there.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let (found, value) = self.table.iter().find(|(found, _)| found.get_ref() == key)?;
        let at = found.span().start;
        Some(Value { source: self.source, key: self.path(key), at, value: value.get_ref() })
    }

    /// The value of `key`, which must be there.
    pub fn need(&self, key: &str) -> Result<Value<'a>> {
        self.get(key).ok_or_else(|| self.source.error(self.at, &self.path(key), "is missing"))
    }

    /// The elements of an array of tables; none if it is not there.
    pub fn list(&self, key: &str) -> Result<Vec<Value<'a>>> {
        self.get(key).map_or(Ok(Vec::new()), |value| value.list())
    }

    /// The only key of this table, and its value.
    pub fn only(&self) -> Result<(&'a str, Value<'a>)> {
        let mut keys = self.table.keys();
        match (keys.next(), keys.next()) {
            (Some(key), None) => Ok((key.get_ref(), self.need(key.get_ref())?)),
            (None, _) => Err(self.error("is empty")),
            (_, Some(second)) => {
                let reason = format!("one key only; `{}` is one too many", second.get_ref());
                Err(self.source.error(second.span().start, &self.key, reason))
            }
        }
    }

    /// A complaint about it.
    pub fn error(&self, reason: impl Into<String>) -> Error {
        self.source.error(self.at, &self.key, reason)
    }

    /// Where it begins, counted from 1.
    pub fn line(&self) -> usize {
        self.error("").line
    }
}

impl<'a> Value<'a> {
    /// A complaint about it.
    pub fn error(&self, reason: impl Into<String>) -> Error {
        self.source.error(self.at, &self.key, reason)
    }

    fn wants<T>(&self, what: &str, found: Option<T>) -> Result<T> {
        found.ok_or_else(|| self.error(format!("{what}, not {}", self.kind())))
    }

    fn kind(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(date) => date.to_string(),
            DeValue::Array(_) => "a list".into(),
            DeValue::Table(_) => "a table".into(),
        }
    }

    /// It must be a table, all of whose keys are `known`.
    pub fn table(&self, known: &[&str]) -> Result<Table<'a>> {
        let table = self.wants("must be a table", self.value.as_table())?;
        let at = table.keys().map(|key| key.span().start).min().unwrap_or(self.at).max(self.at);
        Table { source: self.source, key: self.key.clone(), at, table }.knows(known, |_| None)
    }

    /// Whether it is one.
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// It must be a list.
    pub fn list(&self) -> Result<Vec<Self>> {
        let list = self.wants("must be a list", self.value.as_array())?;
        let element = |(i, value): (usize, &'a Spanned<DeValue<'a>>)| Self {
            source: self.source,
            key: format!("{}[{i}]", self.key),
            at: value.span().start,
            value: value.get_ref(),
        };
        Ok(list.iter().enumerate().map(element).collect())
    }

    /// Where it begins, counted from 1.
    pub fn line(&self) -> usize {
        self.error("").line
    }

    /// Its words: one, or those of a list. Numbers and flags as they are written.
    pub fn words(&self) -> Result<Vec<String>> {
        let word = |value: &Self| match value.value {
            DeValue::String(text) => Ok(text.clone().into_owned()),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => Ok(value.kind()),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
                Err(value.error(format!("must be a text or a number, not {}", value.kind())))
            }
        };
        match self.value {
            DeValue::Array(_) => self.list()?.iter().map(word).collect(),
            _ => Ok(vec![word(self)?]),
        }
    }

    /// It must be a text.
    pub fn text(&self) -> Result<&'a str> {
        self.wants("must be a text in quotes", self.value.as_str())
    }

    /// It must be true or false.
    pub fn flag(&self) -> Result<bool> {
        self.wants("must be true or false", self.value.as_bool())
    }

    /// It must be a whole number, 0 or more.
    pub fn number(&self) -> Result<u64> {
        let number = self.value.as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        self.wants("must be a whole number, 0 or more", number)
    }

    /// A whole number up to `most`.
    pub fn up_to(&self, most: u64) -> Result<u64> {
        match self.number()? {
            number if number <= most => Ok(number),
            number => Err(self.error(format!("{number} is too many: at most {most}"))),
        }
    }

    /// It must be a number, 0 or more.
    pub fn float(&self) -> Result<f64> {
        let whole = self.value.as_integer().and_then(|number| number.as_str().parse().ok());
        let float = self.value.as_float().and_then(|number| number.as_str().parse().ok());
        let float: Option<f64> = whole.or(float);
        self.wants("must be a number, 0 or more", float.filter(|float| *float >= 0.0 && float.is_finite()))
    }

    /// A rate, share or probability.
    pub fn rate(&self) -> Result<f64> {
        let float = self.float().ok().filter(|float| *float <= 1.0);
        self.wants("must be a number from 0 to 1", float)
    }

    /// A span of time with its unit.
    pub fn span(&self) -> Result<Duration> {
        let span = self.value.as_str().and_then(|text| humantime::parse_duration(text).ok());
        self.wants("must be a span of time in quotes, like \"500ms\", \"5s\" or \"2m\"", span)
    }

    /// A span of time with its unit, perhaps negative.
    pub fn signed_ms(&self) -> Result<i64> {
        let text = self.value.as_str().unwrap_or_default();
        let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let span = humantime::parse_duration(rest).ok();
        let ms = span.and_then(|span| i64::try_from(span.as_millis()).ok()).map(|ms| sign * ms);
        self.wants("must be a span of time in quotes, like \"5s\" or \"-2m\"", ms)
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        let found = words.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, word)| *word)
            .ok_or_else(|| self.error(format!("no `{text}`; {}", instead(text, &names))))
    }
}

/// What could be meant by `word`: the nearest of those `known`, or all of them.
pub fn instead(word: &str, known: &[&str]) -> String {
    match known.iter().map(|name| (strsim::osa_distance(word, name), name)).min() {
        Some((distance, nearest)) if distance <= 1 + word.len() / 4 => format!("did you mean `{nearest}`?"),
        _ => format!("there are: {}", known.join(", ")),
    }
}
