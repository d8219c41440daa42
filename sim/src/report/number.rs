//! Figures for people.

/// `12`, `1,234`, `1,234,567`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `0.03 s`, `8.0 s`, `120 s`.
pub(super) fn seconds(value: f64) -> String {
    match value {
        v if v < 0.005 => "0 s".into(),
        v if v >= 10.0 && (v - v.round()).abs() < 0.05 => format!("{v:.0} s"),
        v if v < 0.1 => format!("{v:.2} s"),
        v => format!("{v:.1} s"),
    }
}

/// `60–180 s`, or `60 s` if both are told alike.
pub(super) fn stretch(from: f64, until: f64) -> String {
    let (from, until) = (seconds(from), seconds(until));
    if from == until { from } else { format!("{}–{until}", from.trim_end_matches(" s")) }
}

/// `812 B`, `1.24 kB`, `3.10 MB`: decimal units, three digits.
pub(super) fn bytes(value: f64) -> String {
    let units = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| value >= *unit) else {
        return format!("{value:.0} B");
    };
    let value = value / unit;
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {name}")
}

/// `99.97`, `100`: as exact as is worth saying.
pub(super) fn mean(value: f64) -> String {
    if value == value.round() { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// `1 member`, `2 members`.
pub(super) fn members(count: usize) -> String {
    plural(count, "member")
}

/// `1 thing`, `2 things`.
pub(crate) fn plural(count: usize, thing: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {thing}{s}", self::count(count as u64))
}

/// `member 3`, `members 3 and 7`, `members 1, 2, 3 and 40 more`.
pub(super) fn named(listed: &[usize], all: usize) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<_> = listed.iter().take(SHOWN).map(usize::to_string).collect();
    let more = all.saturating_sub(shown.len());
    match (shown.as_slice(), more) {
        ([], _) => members(all),
        ([one], 0) => format!("member {one}"),
        ([first @ .., last], 0) => format!("members {} and {last}", first.join(", ")),
        (some, more) => format!("members {} and {} more", some.join(", "), count(more as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.24, 8.0, 12.34, 120.0].map(seconds), ["0 s", "0.2 s", "8.0 s", "12.3 s", "120 s"]);
        assert_eq!([stretch(60.0, 180.0), stretch(60.0, 60.0)], ["60–180 s", "60 s"]);
        assert_eq!(
            [0.0, 812.0, 1240.0, 45_600.0, 3.1e6].map(bytes),
            ["0 B", "812 B", "1.24 kB", "45.6 kB", "3.10 MB"]
        );
        assert_eq!([named(&[3], 1), named(&[3, 7], 2)], ["member 3", "members 3 and 7"]);
        assert_eq!(named(&(0..64).collect::<Vec<_>>(), 500), "members 0, 1, 2, 3, 4, 5 and 494 more");
        assert_eq!(named(&[], 1), "1 member");
    }
}
