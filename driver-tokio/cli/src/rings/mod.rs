//! Rings as pictures: who stands where, and who watches whom.

pub(crate) mod svg;
pub(crate) mod text;

use serde::{Deserialize, Serialize};

/// Spots of one ring that an agent tells at most: those that follow the member that was asked for.
pub(crate) const SPOTS_MAX: usize = 10_000;

/// One ring in its order. A member is watched by the closest before it that is not out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RingRow {
    pub(crate) ring: u8,
    pub(crate) spots: Vec<SpotRow>,
    /// Members that are on it and not told.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) left_out: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

/// A member on a ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpotRow {
    pub(crate) id: String,
    pub(crate) state: String,
    /// Whether it lets itself be accused on this ring (R3).
    pub(crate) enabled: bool,
}

impl SpotRow {
    pub(crate) fn is_out(&self) -> bool {
        !matches!(self.state.as_str(), "live" | "accused")
    }
}

impl RingRow {
    fn len(&self) -> usize {
        self.spots.len()
    }

    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.spots.iter().position(|spot| spot.id == id)
    }

    /// Those before a spot, closest first, up to the one that watches it; all others, if all of them are out.
    fn before(&self, at: usize) -> impl Iterator<Item = &SpotRow> {
        let places = (1..self.len()).map(move |back| (at + self.len() - back) % self.len());
        up_to(places.map(|place| &self.spots[place]), |spot| !spot.is_out())
    }

    /// Those after a spot, closest first, up to the last that it watches: past one that is out or accused, the next too.
    fn after(&self, at: usize) -> impl Iterator<Item = &SpotRow> {
        let places = (1..self.len()).map(move |on| (at + on) % self.len());
        up_to(places.map(|place| &self.spots[place]), |spot| spot.state == "live")
    }

    /// Who watches whom: places of watcher and watched. Nobody watches who is out.
    pub(crate) fn watches(&self) -> Vec<(usize, usize)> {
        let live: Vec<_> = (0..self.len()).filter(|place| !self.spots[*place].is_out()).collect();
        let next = live.iter().skip(1).chain(live.first().filter(|_| self.left_out == 0));
        live.iter()
            .zip(next)
            .map(|(from, to)| (*from, *to))
            .filter(|(from, to)| from != to && self.spots[*to].enabled)
            .collect()
    }
}

/// All up to the first for which `last` holds, that one included.
fn up_to<'a>(
    spots: impl Iterator<Item = &'a SpotRow>,
    last: impl Fn(&SpotRow) -> bool,
) -> impl Iterator<Item = &'a SpotRow> {
    let mut over = false;
    spots.take_while(move |spot| {
        let taken = !over;
        over |= last(spot);
        taken
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A ring of members `m-aaaaaaaa…`, `m-bbbbbbbb…` that stand so.
    pub(crate) fn ring(states: &[&str]) -> RingRow {
        let spot = |(n, state): (usize, &&str)| SpotRow {
            id: format!("m-{}", char::from(b'a' + n as u8).to_string().repeat(52)),
            state: (*state).to_owned(),
            enabled: true,
        };
        RingRow { ring: 3, spots: states.iter().enumerate().map(spot).collect(), left_out: 0 }
    }

    #[test]
    fn who_is_out_is_passed_over_and_watched_by_nobody() {
        let mut ring = ring(&["live", "down", "accused", "live", "gray"]);
        assert_eq!(ring.watches(), [(0, 2), (2, 3), (3, 0)]);
        ring.spots[2].enabled = false;
        assert_eq!(ring.watches(), [(0, 2 + 1 - 1), (2, 3), (3, 0)][1..]);
        ring.left_out = 1;
        assert_eq!(ring.watches(), [(2, 3)], "who follows the last is not told");
    }

    #[test]
    fn a_chain_ends_with_who_watches_or_is_watched() {
        let ring = ring(&["live", "down", "accused", "live", "gray"]);
        let states = |spots: Vec<&SpotRow>| spots.iter().map(|spot| spot.state.clone()).collect::<Vec<_>>();
        assert_eq!(states(ring.after(0).collect()), ["down", "accused", "live"]);
        assert_eq!(states(ring.before(0).collect()), ["gray", "live"]);
        assert!(super::tests::ring(&["live"]).watches().is_empty());
    }
}
