//! Liars that stand around one member on the rings, as an attacker with luck or with many identities would have them.

use super::{Strategy, map::Map};
use crate::scenario::Selector;
use ifrit_core::{id::MemberId, params::NetworkParams};
use std::collections::BTreeMap;

/// The parameters that ask for it, where a strategy has them.
const AROUND: &str = "around";
const INSIDE: &str = "inside";

impl Strategy {
    /// Who lies, if `params` ask for liars `around` a member rather than for the draw of a selector: as many as `members` counts,
    /// each directly before that member on a ring; first those that are so on one ring only. If it is `inside`, it is one of them.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn around(
        &self,
        params: &toml::Table,
        members: &Selector,
        ids: &[MemberId],
        network: &NetworkParams,
    ) -> Result<Option<Vec<usize>>, String> {
        let Some(value) = params.get(AROUND) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| usize::try_from(number).ok());
        let Some((center, at)) = number.and_then(|number| Some((ids.get(number)?, number))) else {
            return Err(format!("`{AROUND}` must be the number of a member"));
        };
        let inside = params.get(INSIDE).and_then(toml::Value::as_bool).unwrap_or(false);
        let Selector::Count(count) = members else {
            return Err(format!("`{AROUND}` asks for `members = {{ count = … }}`"));
        };
        let map = Map::new(ids.to_vec(), network);
        let mut held: BTreeMap<MemberId, (usize, u8)> = BTreeMap::new();
        for (ring, id) in (0..map.k()).filter_map(|ring| Some((ring, map.before(ring, center)?))) {
            held.entry(id).or_insert((0, ring)).0 += 1;
        }
        let mut order: Vec<_> = held.into_iter().map(|(id, held)| (held, id)).collect();
        order.sort_unstable();
        let before = count.saturating_sub(usize::from(inside));
        if order.len() < before {
            return Err(format!("only {} members are directly before `{AROUND}` on some ring", order.len()));
        }
        let number = |id: &MemberId| ids.iter().position(|other| other == id);
        let chosen = order[..before].iter().filter_map(|(_, id)| number(id));
        Ok(Some(chosen.chain(inside.then_some(at)).collect()))
    }
}
