//! What an agent says of itself in its note: a name and tags, as lines of `key=value`. To the core these are bytes; other
//! applications may say something else there.

use crate::settings::kinds::Word;
use ifrit_core::limits::TAGS_MAX;
use std::collections::BTreeMap;

/// The key of a member's name.
const NAME: &str = "name";

/// `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    key: String,
    value: String,
}

impl Word for Tag {
    const NAME: &'static str = "KEY=VALUE";

    fn parse(word: &str) -> Result<Self, String> {
        let told = || format!("KEY=VALUE, the key of a-z, 0-9, `-`, `_` and `.`, not `{word}`");
        let (key, value) = word.split_once('=').ok_or_else(told)?;
        if key == NAME {
            return Err("the name is a setting of its own: `name`".to_owned());
        }
        if !is_key(key) || !is_value(value) {
            Err(told())
        } else {
            Ok(Self { key: key.into(), value: value.into() })
        }
    }

    fn toml(&self) -> String {
        toml::Value::String(format!("{}={}", self.key, self.value)).to_string()
    }
}

/// A member's name: a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Word for Name {
    const NAME: &'static str = "NAME";

    fn parse(word: &str) -> Result<Self, String> {
        let good = is_value(word) && !word.contains(char::is_whitespace) && word.chars().count() <= 64;
        good.then(|| Self(word.to_owned()))
            .ok_or_else(|| format!("one word of at most 64 characters, not `{word}`"))
    }

    fn toml(&self) -> String {
        toml::Value::String(self.0.clone()).to_string()
    }
}

fn is_key(text: &str) -> bool {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-_.".contains(&c);
    !text.is_empty() && text.bytes().all(fits)
}

/// Nothing that could steer a terminal or break a line.
fn is_value(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// As it travels; why not, if it is too long.
pub(crate) fn encode(name: Option<&Name>, tags: &[Tag]) -> Result<Vec<u8>, String> {
    let name = name.map(|name| format!("{NAME}={}\n", name.0));
    let lines = name.into_iter().chain(tags.iter().map(|tag| format!("{}={}\n", tag.key, tag.value)));
    let bytes = lines.collect::<String>().into_bytes();
    match bytes.len() {
        ..=TAGS_MAX => Ok(bytes),
        len => Err(format!("name and tags have {len} bytes together, and may have {TAGS_MAX}")),
    }
}

/// Name and tags of a member, if it says them so.
pub(crate) fn decode(bytes: &[u8]) -> Option<(Option<String>, BTreeMap<String, String>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let pair = |line: &str| {
        let (key, value) = line.split_once('=')?;
        (is_key(key) && is_value(value)).then(|| (key.to_owned(), value.to_owned()))
    };
    let mut tags = text.lines().map(pair).collect::<Option<BTreeMap<_, _>>>()?;
    Some((tags.remove(NAME), tags))
}

/// Whether a member has a tag: `KEY`, or `KEY=VALUE`.
pub(crate) fn matches(tags: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => tags.get(key).is_some_and(|held| held == value),
        None => tags.contains_key(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_and_tags_survive_the_note() {
        let name = Name::parse("web-1").expect("a name");
        let tags = ["role=db", "zone=eu=west"].map(|tag| Tag::parse(tag).expect("a tag"));
        let (told, held) = decode(&encode(Some(&name), &tags).expect("short")).expect("in that form");
        assert_eq!(told.as_deref(), Some("web-1"));
        assert!(matches(&held, "role=db") && matches(&held, "zone") && matches(&held, "zone=eu=west"));
        assert!(!matches(&held, "role=web") && !matches(&held, "rack"));
        assert_eq!(decode(b""), Some((None, BTreeMap::new())));
    }

    #[test]
    fn what_is_no_tag_is_not_taken_for_one() {
        for bad in ["role", "=x", "Role=x", "role=", "role=a\nb", "role=\u{1b}[2J", "name=x"] {
            assert!(Tag::parse(bad).is_err(), "{bad}");
        }
        assert!(Name::parse("two words").is_err() && Name::parse("").is_err());
        for foreign in [&b"\xff"[..], b"hello", b"a=\x1b[2J\n"] {
            assert_eq!(decode(foreign), None);
        }
        let long = Tag::parse(&format!("a={}", "b".repeat(TAGS_MAX))).expect("a tag");
        assert!(encode(None, &[long]).is_err());
    }
}
