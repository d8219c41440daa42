//! Who was put out, by whom, and whether that was right.

use super::{Out, Seconds, Was, ledger::Charge};
use std::collections::BTreeMap;

/// Entries kept.
const KEPT: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Outs(BTreeMap<(Was, usize), Verdicts>);

#[derive(Debug)]
struct Verdicts {
    out: Out,
    /// A bit per observer.
    observers: Vec<u64>,
}

impl Outs {
    /// `observer` has put a member out for `charge`.
    pub(super) fn down(&mut self, observer: usize, charge: Charge, was: Was, at: Seconds) {
        let Charge { accuser, accused, epoch, ring } = charge;
        let first = || Verdicts {
            out: Out {
                subject: accused,
                was,
                observers: 0,
                first_s: at,
                last_s: at,
                observer,
                accuser,
                ring,
                epoch,
            },
            observers: Vec::new(),
        };
        let verdicts = self.0.entry((was, accused)).or_insert_with(first);
        verdicts.out.last_s = at;
        let word = observer / 64;
        if verdicts.observers.len() <= word {
            verdicts.observers.resize(word + 1, 0);
        }
        verdicts.observers[word] |= 1 << (observer % 64);
    }

    /// The wronged first; and what was left out.
    pub(super) fn end(self, left_out: &mut Vec<String>) -> Vec<Out> {
        if let Some(rest @ 1..) = self.0.len().checked_sub(KEPT) {
            left_out.push(format!("{rest} of {} members that were put out", self.0.len()));
        }
        let count =
            |verdicts: &Verdicts| verdicts.observers.iter().map(|word| word.count_ones() as usize).sum();
        self.0
            .into_values()
            .take(KEPT)
            .map(|verdicts| Out { observers: count(&verdicts), ..verdicts.out })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wronged_come_first_with_their_first_evidence() {
        let mut outs = Outs::default();
        let charge = |accuser| Charge { accuser, accused: 5, epoch: 9, ring: 1 };
        outs.down(70, charge(2), Was::Gone, Seconds(1000));
        outs.down(70, charge(1), Was::Healthy, Seconds(2000));
        outs.down(70, charge(3), Was::Healthy, Seconds(3000));
        outs.down(8, charge(3), Was::Healthy, Seconds(4000));
        let outs = outs.end(&mut Vec::new());
        let told: Vec<_> = outs
            .iter()
            .map(|out| (out.was, out.observers, out.accuser, out.first_s.0, out.last_s.0))
            .collect();
        assert_eq!(told, [(Was::Healthy, 2, 1, 2000, 4000), (Was::Gone, 1, 2, 1000, 1000)]);
    }
}
