//! Frames with something left out, which many strategies send.

use crate::{
    tamper::{Hand, Wire},
    wire::{Bundle, read_records, records},
};
use ifrit_core::id::MemberId;

impl Hand<'_> {
    /// Sends what is left of a frame of records without those of which `hides` holds; whether it may go as it is, for none is.
    pub(super) fn censor(
        &mut self,
        to: MemberId,
        wire: Wire<'_>,
        mut hides: impl FnMut(&Bundle) -> bool,
    ) -> bool {
        let Wire::Frame(lane, frame) = wire else { return true };
        let Some(mut bundles) = read_records(frame) else { return true };
        let before = bundles.len();
        bundles.retain(|bundle| !hides(bundle));
        if bundles.len() == before {
            return true;
        }
        self.frame(to, lane, records(&bundles));
        false
    }
}
