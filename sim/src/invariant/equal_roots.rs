//! Equal records and out-sets, equal roots; other records, other roots (R13).
//!
//! Two members per second, in turn, are compared with their successor by number.

use super::{Found, Invariant};
use crate::run::Scene;
use ifrit_core::{id::MemberId, view::View};
use std::collections::BTreeMap;

/// Pairs per second.
const PER_LOOK: usize = 2;

#[derive(Debug, Default)]
pub(super) struct EqualRoots;

impl Invariant for EqualRoots {
    fn name(&self) -> &'static str {
        "equal-roots"
    }

    fn look(&mut self, scene: &Scene<'_>, found: &mut Found) {
        for a in scene.turn(PER_LOOK) {
            let b = (a + 1) % scene.world.len();
            let (Some(one), Some(other)) = (scene.correct_view(a), scene.correct_view(b)) else { continue };
            let list = |view: &View<'_>| view.revocations().map(|list| *list.hash());
            let records = records(&one) == records(&other) && list(&one) == list(&other);
            let roots = one.digest() == other.digest();
            if roots != records {
                let detail = format!("{a} and {b} have equal records: {records}, equal roots: {roots}");
                found.violation(Some(a), detail);
            }
        }
    }
}

/// What a digest must cover of one member: certificate, note and valid accusations.
#[derive(Debug, PartialEq)]
struct Record<'a> {
    certificate: Option<&'a [u8]>,
    note: Option<&'a [u8]>,
    accusations: Vec<[u8; 32]>,
}

fn records<'a>(view: &'a View<'_>) -> BTreeMap<MemberId, Record<'a>> {
    let record = |id: &MemberId| Record {
        certificate: view.certificate(id),
        note: view.note(id),
        accusations: Vec::new(),
    };
    let mut all: BTreeMap<_, _> = view.members().map(|member| (member.id, record(&member.id))).collect();
    for case in view.charged() {
        let valid = case.accusations.iter().filter(|charge| charge.valid);
        if let Some(record) = all.get_mut(&case.member.id) {
            record.accusations = valid.map(|charge| *charge.accusation.hash()).collect();
        }
    }
    all
}
