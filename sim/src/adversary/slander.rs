//! False accusations, which many strategies need.

use crate::{tamper::Hand, wire::Bundle};
use ifrit_core::id::MemberId;

impl Hand<'_> {
    /// Accuses each ring successor of `spare`'s complement on the rings where its word counts, and tells everybody but the
    /// accused. Gives whom it accused.
    pub(super) fn slander(&mut self, spare: &[MemberId]) -> Vec<MemberId> {
        let mut bundles = Vec::new();
        for accused in self.neighbours().into_iter().filter(|id| !spare.contains(id)) {
            bundles.extend(self.charge(accused));
        }
        let victims = bundles.iter().map(|bundle| bundle.id).collect();
        self.tell_others(&bundles);
        victims
    }

    /// Its accusations of `accused` where its word counts, if anywhere.
    pub(super) fn charge(&mut self, accused: MemberId) -> Option<Bundle> {
        let mut bundle = Bundle::of(accused);
        for ring in self.rings_before(&accused) {
            bundle = bundle.accusation(&self.accuse(accused, ring)?);
        }
        (!bundle.accusations.is_empty()).then_some(bundle)
    }

    /// Shows each bundle to everybody but to whom it is about.
    pub(super) fn tell_others(&mut self, bundles: &[Bundle]) {
        for to in self.linked {
            let others: Vec<_> = bundles.iter().filter(|bundle| bundle.id != *to).cloned().collect();
            self.show(*to, &others);
        }
    }

    /// Dials the ring neighbours that ended their links.
    pub(super) fn redial(&mut self) {
        for id in self.neighbours().into_iter().filter(|id| !self.linked.contains(id)).take(8) {
            self.dial(id);
        }
    }
}
