//! Seeds: names that are looked up, and addresses that are tried one after the other.

use crate::limits::SEED_ADDRS_MAX;
use std::{collections::VecDeque, net::SocketAddr};

#[derive(Debug)]
struct Seed {
    name: String,
    /// Addresses not tried yet.
    addrs: VecDeque<SocketAddr>,
    /// Whether the core waits for its end.
    asked: bool,
}

/// The seeds, by number.
#[derive(Debug)]
pub(super) struct Seeds {
    list: Vec<Seed>,
    /// Tells apart the seeds that a number has stood for.
    round: u16,
}

impl Seeds {
    pub(super) fn new(names: Vec<String>) -> Self {
        let mut seeds = Self { list: Vec::new(), round: 0 };
        seeds.replace(names);
        seeds
    }

    pub(super) fn replace(&mut self, names: Vec<String>) {
        // The top bit of keys is for addresses that requests dial.
        self.round = self.round.wrapping_add(1) & 0x7fff;
        let seed = |name| Seed { name, addrs: VecDeque::new(), asked: false };
        self.list = names.into_iter().map(seed).collect();
    }

    pub(super) fn name(&self, seed: u16) -> &str {
        self.list.get(usize::from(seed)).map_or("", |seed| &seed.name)
    }

    /// The core asks for a seed; whether it has to be looked up.
    pub(super) fn ask(&mut self, seed: u16) -> bool {
        self.get(seed).is_some_and(|seed| !std::mem::replace(&mut seed.asked, true))
    }

    /// The name was looked up.
    pub(super) fn resolved(&mut self, seed: u16, addrs: &[SocketAddr]) {
        if let Some(seed) = self.get(seed).filter(|seed| seed.asked) {
            seed.addrs = addrs.iter().copied().take(SEED_ADDRS_MAX).collect();
        }
    }

    /// The next address to try, and the key under which links know the dial.
    pub(super) fn next(&mut self, seed: u16) -> Option<(u32, SocketAddr)> {
        let key = self.key(seed);
        Some((key, self.get(seed)?.addrs.pop_front()?))
    }

    pub(super) fn key(&self, seed: u16) -> u32 {
        u32::from(self.round) << 16 | u32::from(seed)
    }

    /// Whether the core waits for its end.
    pub(super) fn is_asked(&self, seed: u16) -> bool {
        self.list.get(usize::from(seed)).is_some_and(|seed| seed.asked)
    }

    /// The number behind a key; `None` if it stands for another seed now.
    pub(super) fn number(&self, key: u32) -> Option<u16> {
        (key >> 16 == u32::from(self.round)).then_some(key as u16)
    }

    /// The core has been told of the end.
    pub(super) fn done(&mut self, seed: u16) {
        if let Some(seed) = self.get(seed) {
            seed.addrs.clear();
            seed.asked = false;
        }
    }

    fn get(&mut self, seed: u16) -> Option<&mut Seed> {
        self.list.get_mut(usize::from(seed))
    }
}
