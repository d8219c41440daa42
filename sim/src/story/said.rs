//! What members say to each other, in words.

use super::{Story, letter};
use crate::{
    wire::{Bundle, read_announced, read_records, read_wanted},
    world::{Said, World},
};
use ifrit_core::{
    accusation::Accusation,
    note::Note,
    tags::{
        DATAGRAM_PING, DATAGRAM_PONG, FRAME_ANNOUNCE, FRAME_HOLDS, FRAME_REVOCATIONS, FRAME_WALK_ASK,
        FRAME_WALK_TELL,
    },
};

impl Story {
    /// `None` for what no rule is about.
    pub(super) fn said(&mut self, world: &World, said: &Said) -> Option<String> {
        let tag = *said.bytes.first()?;
        if !said.frame {
            return self.datagram(said, tag);
        }
        if let Some(bundles) = read_records(&said.bytes) {
            let bundles: Vec<String> = bundles.iter().map(|bundle| self.bundle(world, bundle)).collect();
            return Some(bundles.join(", then "));
        }
        if let Some(ids) = read_announced(&said.bytes) {
            let word = if tag == FRAME_ANNOUNCE { "news of" } else { "holds something else of" };
            return Some(format!("{word} {}", briefly(world, &ids)));
        }
        if let Some(ids) = read_wanted(&said.bytes) {
            return Some(format!("asks for {}", briefly(world, &ids)));
        }
        match tag {
            FRAME_WALK_ASK => Some("walk: where do we differ?".into()),
            FRAME_WALK_TELL => Some("walk: these are my hashes".into()),
            FRAME_HOLDS => Some("which revocation list it holds".into()),
            FRAME_REVOCATIONS => Some("the revocation list".into()),
            _ => None,
        }
    }

    fn datagram(&mut self, said: &Said, tag: u8) -> Option<String> {
        match tag {
            DATAGRAM_PING => {
                let before = self.unanswered.entry((said.from, said.to)).or_default();
                *before += 1;
                Some(match *before - 1 {
                    0 => "ping".into(),
                    missed => format!("ping, after {missed} missed"),
                })
            }
            DATAGRAM_PONG => {
                self.unanswered.remove(&(said.to, said.from));
                Some("pong".into())
            }
            _ => None,
        }
    }

    fn bundle(&mut self, world: &World, bundle: &Bundle) -> String {
        let name = letter(world.index(&bundle.id));
        let network = world.network().params();
        let mut words = Vec::new();
        if let Some(der) = &bundle.certificate {
            words.push(format!("certificate {}", self.certificate(&bundle.id, der)));
        }
        if let Some(note) = bundle.note.as_ref().and_then(|note| Note::parse(note, network).ok()) {
            words.push(self.note(&bundle.id, note.epoch()));
        }
        let own = if words.is_empty() { None } else { Some(format!("{} of {name}", words.join(" and "))) };
        let charges = bundle.accusations.iter().filter_map(|bytes| Accusation::parse(bytes, network).ok());
        let charges: Vec<Accusation> = charges.collect();
        let charges = charges.iter().map(|accusation| self.charge(world, accusation));
        let words: Vec<String> = own.into_iter().chain(charges).collect();
        if words.is_empty() { format!("nothing newer of {name}") } else { words.join(" with ") }
    }
}

/// The letters of members named by the first bytes of their ids.
fn briefly(world: &World, ids: &[[u8; 8]]) -> String {
    let members = (0..world.len()).filter(|member| ids.iter().any(|id| world.id(*member).0[..8] == id[..]));
    super::letters(members)
}
