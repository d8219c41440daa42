//! What is let in: refusals before any effect, and what the application asks for.

use crate::{
    certificate::{Certificate, Root},
    event::{Command, Event, Refused},
    limits::{ADDRS_MAX, OUTBOX_HIGH_WATER, SEEDS_MAX, TAGS_MAX},
    member::Member,
    time::Now,
};
use alloc::sync::Arc;

impl Member {
    /// Refuses before any effect (DESIGN section 3).
    pub(crate) fn admit(&self, event: &Event<'_>) -> Result<(), Refused> {
        match event {
            Event::Wake
            | Event::LinkDown { .. }
            | Event::SeedDown { .. }
            | Event::Unsent { .. }
            | Event::Acked { .. }
            | Event::Written { .. }
            | Event::Persisted { .. } => Ok(()),
            Event::Datagram { .. } | Event::LinkUp { .. } | Event::SeedUp { .. } => self.has_room(),
            Event::Frame { from, .. } => {
                self.has_room()?;
                if self.is_inbox_full(from) { Err(Refused::Backpressure) } else { Ok(()) }
            }
            Event::Command(command) => {
                self.has_room()?;
                if self.own.leaving { Err(Refused::Left) } else { self.admit_command(command) }
            }
        }
    }

    fn has_room(&self) -> Result<(), Refused> {
        if self.out.bytes() > OUTBOX_HIGH_WATER { Err(Refused::Backpressure) } else { Ok(()) }
    }

    fn admit_command(&self, command: &Command) -> Result<(), Refused> {
        match command {
            Command::SetTags(tags) if tags.len() > TAGS_MAX => Err(Refused::TooLarge { limit: TAGS_MAX }),
            Command::SetAddrs(addrs) if addrs.len() > ADDRS_MAX => {
                Err(Refused::TooLarge { limit: ADDRS_MAX })
            }
            Command::SetSeeds(seeds) if usize::from(*seeds) > SEEDS_MAX => {
                Err(Refused::TooLarge { limit: SEEDS_MAX })
            }
            Command::SetCertificate(der) => self.renewed(der).map(|_| ()),
            Command::SetRevocations(list) => self.list_of(list).map(|_| ()),
            Command::SetRoot(bundle) => self.successor(bundle).map(|_| ()),
            Command::Leave
            | Command::SetTags(_)
            | Command::SetAddrs(_)
            | Command::SetSeeds(_)
            | Command::SpeakMinor(_) => Ok(()),
        }
    }

    /// R14: a renewed certificate keeps id and key, and is not older, unless it is the next root's.
    fn renewed(&self, der: &[u8]) -> Result<Certificate, Refused> {
        let certificate =
            Certificate::parse(der, &self.config.root).map_err(|_| Refused::WrongCertificate)?;
        let held = &self.state.roster[self.my_ix].certificate;
        let same = certificate.id == self.me && certificate.key() == held.key();
        let newer = certificate.not_before >= held.not_before || certificate.supersedes(held);
        if same && newer && certificate.verify(&self.config.root, &*self.config.verifier) {
            Ok(certificate)
        } else {
            Err(Refused::WrongCertificate)
        }
    }

    /// R14: the old root signed for the new one.
    fn successor(&self, bundle: &[u8]) -> Result<Root, Refused> {
        let root = self.config.root.successor(bundle, &*self.config.verifier);
        root.ok_or(Refused::WrongCertificate)
    }

    pub(crate) fn on_command(&mut self, command: Command, now: Now) -> Result<(), Refused> {
        match command {
            Command::Leave => self.own.leaving = true,
            Command::SetTags(tags) => self.own.tags = tags,
            Command::SetAddrs(addrs) => {
                self.own.addrs = addrs;
                self.relinked = true;
            }
            Command::SetCertificate(der) => {
                let certificate = self.renewed(&der)?;
                // Of two of one moment everybody keeps the same one.
                if certificate.supersedes(&self.state.roster[self.my_ix].certificate) {
                    self.state.recertify(self.my_ix, Arc::new(certificate), now);
                    self.own.is_renewed = true;
                }
            }
            Command::SetSeeds(seeds) => {
                self.contacts.set_seeds(seeds, now.mono);
                return Ok(());
            }
            Command::SetRevocations(list) => {
                let (list, root) = self.list_of(&list)?;
                self.take_list(list, root, None, now);
                return Ok(());
            }
            Command::SetRoot(bundle) => {
                let root = self.successor(&bundle)?;
                self.succeed(root, now);
                return Ok(());
            }
            Command::SpeakMinor(minor) => {
                self.own.minor = minor;
                return Ok(());
            }
        }
        self.own.mark_stale();
        self.own_due = Some(now.mono);
        Ok(())
    }
}
