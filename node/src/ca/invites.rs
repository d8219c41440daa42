//! Invites, as the CA keeps them: by the hash of the secret, never the secret itself.

use super::{
    database::{Ca, CaError, INVITES, OPERATOR, Refusal, contacts, log},
    rows::{Row, StoredInvite},
};
use crate::{
    identity::fill_random,
    invite::{INVITE_MEMBERS_MAX, Invite, SECRET_LEN, base32},
};
use ifrit_core::{
    crypto::{Hash, hash},
    params::Params,
    time::Wall,
};
use redb::{ReadableDatabase, ReadableTable, ReadableTableMetadata, WriteTransaction};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Invites that are over are remembered for this time, so that the error can say why they are.
pub const INVITE_MEMORY: Duration = Duration::from_secs(7 * 86_400);
/// Invites that are remembered at one time: far more than anybody hands out, and a look at all of them stays quick.
pub const INVITES_MAX: u64 = 10_000;

const HASH_SECRET: &[u8] = b"ifrit invite secret 1";

/// An invite, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteRow {
    /// What the log and [`Ca::uninvite`] call it: see [`invite_id`].
    pub id: String,
    /// Whether it lets anybody in.
    pub state: InviteState,
    /// How many members it was made for.
    pub uses: u32,
    /// How many it may still let in.
    pub left: u32,
    /// When it was made.
    pub created_ms: u64,
    /// Until when it holds.
    pub expires_ms: u64,
}

/// Whether an invite lets anybody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InviteState {
    /// It does.
    Open,
    /// It let in as many as it may.
    UsedUp,
    /// Its time is over.
    Expired,
    /// The operator took it back.
    Withdrawn,
}

/// What an invite is called where people read it: 40 bits of its secret's hash, which tell nothing of the secret.
pub fn invite_id(invite: &Invite) -> String {
    name_of(&secret_hash(&invite.secret))
}

impl Ca {
    /// A new invite for up to `uses` members until `now + expires`, with up to c (R16) lately enrolled addresses.
    ///
    /// # Errors
    /// [`CaError::TooManyInvites`] or what is wrong with the database; nothing was changed.
    pub fn invite(&self, ca: &str, uses: u32, expires: Duration, now: Wall) -> Result<Invite, CaError> {
        let mut secret = [0; SECRET_LEN];
        fill_random(&mut secret);
        let name = secret_hash(&secret);
        let write = self.db.begin_write()?;
        forget_invites(&write, now)?;
        {
            let mut invites = write.open_table(INVITES)?;
            if invites.len()? >= INVITES_MAX {
                return Err(CaError::TooManyInvites);
            }
            let expires_ms = (now + expires).0;
            let invite = StoredInvite { uses, left: uses, expires_ms, created_ms: now.0, withdrawn: false };
            invites.insert(&name[..], &invite.encode()[..])?;
        }
        log(&write, now, "invite", &format!("{} for {uses} members", name_of(&name)), OPERATOR)?;
        let mut members = contacts(&write)?;
        write.commit()?;
        members.truncate(Params::derive(&self.root().params).contacts.min(INVITE_MEMBERS_MAX));
        Ok(Invite { ca: ca.into(), fingerprint: self.root().fingerprint, secret, members })
    }

    /// Takes an invite back: it lets nobody in from now on. Whom it let in stays a member. Again is nothing new.
    ///
    /// # Errors
    /// [`CaError::NoInvite`] if none of this id is remembered; nothing was changed.
    pub fn uninvite(&self, id: &str, now: Wall) -> Result<InviteRow, CaError> {
        let write = self.db.begin_write()?;
        let row = {
            let mut invites = write.open_table(INVITES)?;
            let name = find(&invites, id)?.ok_or_else(|| CaError::NoInvite(id.to_owned()))?;
            let stored = invites.get(&name[..])?.map(|stored| StoredInvite::decode(stored.value()));
            let mut stored = stored.transpose()?.ok_or(CaError::Damaged("invites"))?;
            stored.withdrawn = true;
            invites.insert(&name[..], &stored.encode()[..])?;
            row(&name, &stored, now)
        };
        log(&write, now, "uninvite", &format!("{} with {} uses left", row.id, row.left), OPERATOR)?;
        write.commit()?;
        Ok(row)
    }

    /// Invites that are remembered, `count` of them after the first `skip`, in no telling order.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn invites(&self, skip: usize, count: usize, now: Wall) -> Result<Vec<InviteRow>, CaError> {
        let table = self.db.begin_read()?.open_table(INVITES)?;
        let rows = table.iter()?.skip(skip).take(count);
        rows.map(|entry| {
            let (name, stored) = entry?;
            Ok(row(name.value(), &StoredInvite::decode(stored.value())?, now))
        })
        .collect()
    }

    /// Whether an invite of this secret was ever given: the cheap look.
    pub(super) fn knows_invite(&self, invite: &Hash) -> Result<bool, CaError> {
        let table = self.db.begin_read()?.open_table(INVITES)?;
        Ok(table.get(&invite[..])?.is_some())
    }
}

fn row(name: &[u8], stored: &StoredInvite, now: Wall) -> InviteRow {
    let state = match stored {
        StoredInvite { withdrawn: true, .. } => InviteState::Withdrawn,
        StoredInvite { left: 0, .. } => InviteState::UsedUp,
        StoredInvite { expires_ms, .. } if *expires_ms < now.0 => InviteState::Expired,
        StoredInvite { .. } => InviteState::Open,
    };
    let StoredInvite { uses, left, created_ms, expires_ms, .. } = *stored;
    InviteRow { id: short(name), state, uses, left, created_ms, expires_ms }
}

fn find(
    invites: &impl ReadableTable<&'static [u8], &'static [u8]>,
    id: &str,
) -> Result<Option<Vec<u8>>, CaError> {
    for entry in invites.iter()? {
        let name = entry?.0;
        if short(name.value()) == id.trim().to_ascii_lowercase() {
            return Ok(Some(name.value().to_vec()));
        }
    }
    Ok(None)
}

pub(super) fn secret_hash(secret: &[u8; SECRET_LEN]) -> Hash {
    hash(HASH_SECRET, &[secret])
}

pub(super) fn name_of(invite: &Hash) -> String {
    short(invite)
}

fn short(name: &[u8]) -> String {
    base32(&name[..name.len().min(5)])
}

/// Counts an invite down, if it holds.
pub(super) fn take_use(write: &WriteTransaction, invite: &Hash, now: Wall) -> Result<(), Refusal> {
    let mut invites = write.open_table(INVITES).map_err(CaError::from)?;
    let stored =
        invites.get(&invite[..]).map_err(CaError::from)?.map(|stored| StoredInvite::decode(stored.value()));
    let mut stored = stored.transpose()?.ok_or(Refusal::UnknownInvite)?;
    if stored.withdrawn {
        return Err(Refusal::WithdrawnInvite);
    }
    if stored.expires_ms < now.0 {
        return Err(Refusal::ExpiredInvite);
    }
    stored.left = stored.left.checked_sub(1).ok_or(Refusal::UsedUpInvite)?;
    invites.insert(&invite[..], &stored.encode()[..]).map_err(CaError::from)?;
    Ok(())
}

fn forget_invites(write: &WriteTransaction, now: Wall) -> Result<(), CaError> {
    let forgotten = |stored: &[u8]| {
        StoredInvite::decode(stored).is_ok_and(|invite| Wall(invite.expires_ms) + INVITE_MEMORY < now)
    };
    write.open_table(INVITES)?.retain(|_, stored| !forgotten(stored))?;
    Ok(())
}
