//! Reading TOML so that every complaint names file, line and key.

use core::{fmt, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What is wrong with a scenario, and where.
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

pub(super) type Result<T> = core::result::Result<T, Error>;

/// The text that values point into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn parse(&self) -> Result<Spanned<DeTable<'_>>> {
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
pub(super) struct Value<'a> {
    source: Source<'a>,
    key: String,
    at: usize,
    value: &'a DeValue<'a>,
}

/// A table all of whose keys are known.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    source: Source<'a>,
    key: String,
    at: usize,
    table: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn root(source: Source<'a>, table: &'a DeTable<'a>, known: &[&str]) -> Result<Self> {
        Self { source, key: String::new(), at: 0, table }.knows(known)
    }

    /// Refuses keys that are not `known`, with the nearest that is.
    fn knows(self, known: &[&str]) -> Result<Self> {
        match self.table.keys().find(|key| !known.contains(&key.get_ref().as_ref())) {
            None => Ok(self),
            Some(key) => {
                let reason = format!("unknown key; {}", instead(key.get_ref(), known));
                Err(self.source.error(key.span().start, &self.path(key.get_ref()), reason))
            }
        }
    }

    fn path(&self, key: &str) -> String {
        if self.key.is_empty() { key.into() } else { format!("{}.{key}", self.key) }
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        let (found, value) = self.table.iter().find(|(found, _)| found.get_ref() == key)?;
        let at = found.span().start;
        Some(Value { source: self.source, key: self.path(key), at, value: value.get_ref() })
    }

    pub(super) fn need(&self, key: &str) -> Result<Value<'a>> {
        self.get(key).ok_or_else(|| self.source.error(self.at, &self.path(key), "is missing"))
    }

    /// The elements of an array of tables; none if it is not there.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Value<'a>>> {
        self.get(key).map_or(Ok(Vec::new()), |value| value.list())
    }

    /// The only key of this table, and its value.
    pub(super) fn only(&self) -> Result<(&'a str, Value<'a>)> {
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

    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
        self.source.error(self.at, &self.key, reason)
    }

    pub(super) fn line(&self) -> usize {
        self.error("").line
    }
}

impl<'a> Value<'a> {
    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
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

    pub(super) fn table(&self, known: &[&str]) -> Result<Table<'a>> {
        let table = self.wants("must be a table", self.value.as_table())?;
        let at = table.keys().map(|key| key.span().start).min().unwrap_or(self.at).max(self.at);
        Table { source: self.source, key: self.key.clone(), at, table }.knows(known)
    }

    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    pub(super) fn list(&self) -> Result<Vec<Self>> {
        let list = self.wants("must be a list", self.value.as_array())?;
        let element = |(i, value): (usize, &'a Spanned<DeValue<'a>>)| Self {
            source: self.source,
            key: format!("{}[{i}]", self.key),
            at: value.span().start,
            value: value.get_ref(),
        };
        Ok(list.iter().enumerate().map(element).collect())
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        self.wants("must be a text in quotes", self.value.as_str())
    }

    pub(super) fn flag(&self) -> Result<bool> {
        self.wants("must be true or false", self.value.as_bool())
    }

    pub(super) fn number(&self) -> Result<u64> {
        let number = self.value.as_integer().and_then(|n| u64::from_str_radix(n.as_str(), n.radix()).ok());
        self.wants("must be a whole number, 0 or more", number)
    }

    /// A whole number up to `most`.
    pub(super) fn up_to(&self, most: u64) -> Result<u64> {
        match self.number()? {
            number if number <= most => Ok(number),
            number => Err(self.error(format!("{number} is too many: at most {most}"))),
        }
    }

    pub(super) fn float(&self) -> Result<f64> {
        let whole = self.value.as_integer().and_then(|number| number.as_str().parse().ok());
        let float = self.value.as_float().and_then(|number| number.as_str().parse().ok());
        let float: Option<f64> = whole.or(float);
        self.wants("must be a number, 0 or more", float.filter(|float| *float >= 0.0 && float.is_finite()))
    }

    /// A rate, share or probability.
    pub(super) fn rate(&self) -> Result<f64> {
        let float = self.float().ok().filter(|float| *float <= 1.0);
        self.wants("must be a number from 0 to 1", float)
    }

    /// A span of time with its unit.
    pub(super) fn span(&self) -> Result<Duration> {
        let span = self.value.as_str().and_then(|text| humantime::parse_duration(text).ok());
        self.wants("must be a span of time in quotes, like \"500ms\", \"5s\" or \"2m\"", span)
    }

    /// A span of time with its unit, perhaps negative.
    pub(super) fn signed_ms(&self) -> Result<i64> {
        let text = self.value.as_str().unwrap_or_default();
        let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let span = humantime::parse_duration(rest).ok();
        let ms = span.and_then(|span| i64::try_from(span.as_millis()).ok()).map(|ms| sign * ms);
        self.wants("must be a span of time in quotes, like \"5s\" or \"-2m\"", ms)
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T> {
        let text = self.text()?;
        let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
        let found = words.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, word)| *word)
            .ok_or_else(|| self.error(format!("no `{text}`; {}", instead(text, &names))))
    }
}

/// What could be meant by `word`.
pub(super) fn instead(word: &str, known: &[&str]) -> String {
    match known.iter().map(|name| (distance(word, name), name)).min() {
        Some((distance, nearest)) if distance <= 1 + word.len() / 4 => format!("did you mean `{nearest}`?"),
        _ => format!("there are: {}", known.join(", ")),
    }
}

/// How many letters must be put in, left out, changed or swapped with the next one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let changed = rows[i][j] + usize::from(a[i] != b[j]);
            let mut least = changed.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
