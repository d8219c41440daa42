//! Rings in a terminal.

use super::{RingRow, SpotRow};
use crate::{
    output::{BOLD, DIM, paint},
    render::{short, style_of},
};

/// Columns of a member's name with its mark.
const NAME: usize = 12;

/// A sign for each state, told apart without colours.
pub(crate) fn mark(state: &str) -> char {
    match state {
        "live" => '●',
        "accused" => '◐',
        "gray" => '◇',
        "left" => '○',
        _ => '✗',
    }
}

fn name(spot: &SpotRow) -> String {
    paint(style_of(&spot.state), format!("{} {}", mark(&spot.state), short(&spot.id)))
}

pub(crate) fn legend() -> String {
    paint(DIM, "● live  ◐ accused  ✗ down  ◇ gray  ○ left   whoever is out is passed over")
}

/// One member on every ring: who watches it, and whom it watches.
pub(crate) fn around(id: &str, rings: &[RingRow]) -> String {
    let none = || paint(DIM, "nobody");
    let places = rings.iter().filter_map(|ring| Some((ring, ring.place(id)?)));
    let chains: Vec<_> = places
        .map(|(ring, at)| {
            let mut before: Vec<_> = ring.before(at).map(name).collect();
            before.reverse();
            let after: Vec<_> = ring.after(at).map(name).collect();
            (ring, at, width(before.len()), chain(&before, none), chain(&after, none))
        })
        .collect();
    let widest = chains.iter().map(|(_, _, width, ..)| *width).max().unwrap_or(0);
    let mut lines = vec![format!("{} on {} rings", paint(BOLD, id), chains.len()), String::new()];
    let head = format!("{:>4}  {:<widest$}     {:<NAME$}     WATCHES", "RING", "WATCHED BY", "");
    lines.push(paint(BOLD, head));
    for (ring, at, width, before, after) in &chains {
        let (this, pad) = (&ring.spots[*at], " ".repeat(widest - width));
        let arrow = if this.enabled { "──►" } else { "─╳─" };
        lines.push(format!("{:>4}  {before}{pad} {arrow} {} ──► {after}", ring.ring, name(this)));
    }
    if chains.iter().any(|(ring, at, ..)| !ring.spots[*at].enabled) {
        lines.push(format!("\n{}", paint(DIM, "─╳─ it lets nobody accuse it on this ring (R3)")));
    }
    lines.push(format!("\n{}", legend()));
    lines.join("\n")
}

/// Columns of a chain of so many names; of "nobody", if there are none.
fn width(names: usize) -> usize {
    if names == 0 { "nobody".len() } else { NAME * names + 3 * (names - 1) }
}

fn chain(names: &[String], none: impl Fn() -> String) -> String {
    if names.is_empty() { none() } else { names.join(" ─ ") }
}

/// All of one ring: down on the left, back up on the right.
pub(crate) fn whole(ring: &RingRow) -> String {
    let half = ring.spots.len().div_ceil(2);
    let (down, up) = ring.spots.split_at(half);
    let title = format!(" ring {} ", ring.ring);
    let wide = 2 * NAME + 12;
    let mut lines = vec![format!("  ╭{}╮", centred(&title, wide - 4))];
    for (row, left) in down.iter().enumerate() {
        // The right column is read from the bottom.
        let right = up.len().checked_sub(row + 1).and_then(|place| up.get(place));
        let gap = " ".repeat(wide - 2 * NAME - 2);
        let right = right.map(name).unwrap_or_else(|| format!("{:<NAME$}", "│"));
        lines.push(format!("  {}{gap}{right}", name(left)));
        if row + 1 < half {
            lines.push(format!(
                "  {:<width$}{}",
                arrow(left, '▼'),
                if row < up.len() { "▲" } else { "│" },
                width = wide - NAME - 2
            ));
        }
    }
    lines.push(format!("  ╰{}╯", centred("►", wide - 4)));
    if ring.left_out > 0 {
        lines.push(format!("  and {} more that are not told", ring.left_out));
    }
    lines.join("\n")
}

fn arrow(spot: &SpotRow, sign: char) -> char {
    if spot.is_out() { '┆' } else { sign }
}

fn centred(text: &str, width: usize) -> String {
    format!("{text:─^width$}")
}

#[cfg(test)]
mod tests {
    use super::{super::tests::ring, *};

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_member_stands_between_who_watches_it_and_whom_it_watches() {
        let ring = ring(&["live", "down", "live", "gray"]);
        let id = ring.spots[0].id.clone();
        let text = plain(&around(&id, &[ring]));
        let line = text.lines().find(|line| line.trim_start().starts_with('3')).expect("ring 3");
        let order = ["● m-cccccccc ─ ◇ m-dddddddd", "──► ● m-aaaaaaaa ──►", "✗ m-bbbbbbbb ─ ● m-cccccccc"];
        let at: Vec<_> =
            order.map(|part| line.find(part).unwrap_or_else(|| panic!("{part} is not in {line}"))).into();
        assert!(at.is_sorted(), "{line}");
    }

    #[test]
    fn a_whole_ring_goes_down_on_the_left_and_up_on_the_right() {
        let text = plain(&whole(&ring(&["live", "down", "accused", "live", "left"])));
        let rows: Vec<_> = text.lines().filter(|line| line.contains("m-")).collect();
        assert!(rows[0].contains("● m-aaaaaaaa") && rows[0].contains("○ m-eeeeeeee"), "{text}");
        assert!(rows[1].contains("✗ m-bbbbbbbb") && rows[1].contains("● m-dddddddd"), "{text}");
        assert!(rows[2].contains("◐ m-cccccccc"), "{text}");
        assert!(text.contains('┆'), "nobody who is out watches: {text}");
        whole(&ring(&["live"]));
        whole(&RingRow::default());
    }
}
