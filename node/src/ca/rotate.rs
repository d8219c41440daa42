//! A new root for a network that goes on (DESIGN section 6).

use super::database::{Ca, CaError, META, OPERATOR, ROOT_VALIDITY, backdated, log};
use crate::identity::generate_key;
use ifrit_core::{certificate::Root, revocation::Revocations, time::Wall};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

/// The shortest time for which both roots are believed: members ask for their new certificates within half of it.
pub const OVERLAP_MIN: Duration = Duration::from_secs(10);

/// What came of [`Ca::rotate`].
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The new root, with the former one.
    pub root: Root,
    /// When the former one is believed no more.
    pub until: Wall,
    /// The list that tells the members.
    pub list: Revocations,
}

impl Ca {
    /// Gives the network a new root and key, which sign from now on. The old root signs for the new one, and its key is forgotten;
    /// certificates of both are believed for `overlap`, at most as long as the old root holds. Members learn it from the list,
    /// as they learn of revocations, and renew meanwhile; one that is away all that time has to be let in anew.
    ///
    /// It is for a root that grows old, or a key that has to move. If a stranger has the key it helps only as far as the
    /// stranger does not use it before the members have heard.
    ///
    /// # Errors
    /// [`CaError::Rotating`] while an earlier overlap lasts, [`CaError::ShortOverlap`], or what is wrong with the database; nothing
    /// was changed. [`CaError::Io`] if only the root's file could not be written: it is when the CA is opened again.
    pub fn rotate(&self, overlap: Duration, now: Wall) -> Result<Rotated, CaError> {
        let write = self.db.begin_write()?;
        let old = self.authority();
        let allowance = old.root().params.allowance_s;
        let both = Duration::from_secs(u64::from(allowance)) * 2;
        if let Some(former) = old.root().former().filter(|former| former.until + both >= now) {
            let left = Duration::from_secs((former.until + both).since(now).as_secs());
            return Err(CaError::Rotating(left));
        }
        let until = (now + overlap).min(old.root().not_after);
        if until.since(now) < OVERLAP_MIN {
            return Err(CaError::ShortOverlap);
        }
        let authority = old.succeed(generate_key(), backdated(now, allowance), now + ROOT_VALIDITY, until)?;
        {
            let mut meta = write.open_table(META)?;
            meta.insert("key", &authority.key().scalar()[..])?;
            meta.insert("root", &authority.root().bundle()[..])?;
        }
        let list = self.sign_list(&authority, &write, now)?;
        let root = authority.root().clone();
        let until = root.former().map_or(until, |former| former.until);
        let detail =
            format!("root {}; both hold for {} s from now", root.generation, until.since(now).as_secs());
        log(&write, now, "rotate", &detail, OPERATOR)?;
        {
            // Nobody asks for what signs between the two.
            let mut signs = self.authority.write().unwrap_or_else(PoisonError::into_inner);
            write.commit()?;
            *signs = Arc::new(authority);
        }
        self.write_root()?;
        Ok(Rotated { root, until, list })
    }
}
