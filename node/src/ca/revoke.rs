//! Whom the CA has revoked: what it remembers, and the signed list that members take (R14).

use super::{
    Authority,
    database::{Ca, CaError, ISSUED, MEMBER_VALIDITY, META, OPERATOR, log, read_meta},
    rows::{Issued, Revoked, Row},
};
use crate::identity::pem;
use data_encoding::BASE64;
use ifrit_core::{
    id::MemberId,
    revocation::{Entry, Fields, Revocations},
    time::Wall,
};
use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::collections::BTreeSet;

/// Member id → [`Revoked`].
pub(super) const REVOKED: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("revoked");
/// Characters of a reason that are kept.
const REASON_MAX: usize = 200;
/// Characters of a member id that one must give at least: fewer fit too many members by chance.
const PREFIX_MIN: usize = 4;

impl Ca {
    /// Revokes a member, and gives the list that says so: members that are given it have the member out at once, for good.
    /// Its key gets no certificate any more. Again is nothing new: the list stands.
    ///
    /// A list names those whose certificates have not all ended; the others are out anyway. Its sequence is the clock's, in ms, if
    /// that is higher than the last one's plus one: so a CA that was restored from a backup does not repeat one. But what it
    /// has revoked since the backup it does not know, and its next list would let in again: revoke these again.
    ///
    /// # Errors
    /// [`CaError::NoMember`], [`CaError::TooManyRevoked`], or what is wrong with the database; nothing was changed.
    pub fn revoke(&self, id: &MemberId, reason: &str, now: Wall) -> Result<Revocations, CaError> {
        self.revoke_until(id, reason, None, now)
    }

    /// The same of a member that the CA does not know: it was let in after the backup from which the CA was restored. It is taken
    /// to have a certificate as long as they are now, or usually are.
    ///
    /// # Errors
    /// [`CaError::TooManyRevoked`], or what is wrong with the database; nothing was changed.
    pub fn revoke_unknown(&self, id: &MemberId, reason: &str, now: Wall) -> Result<Revocations, CaError> {
        let until = (now + self.lifetime()?.max(MEMBER_VALIDITY)).min(self.root().not_after);
        self.revoke_until(id, reason, Some(until), now)
    }

    /// `unknown` is when the certificate of a member ends that the CA does not know, if it may be unknown.
    fn revoke_until(
        &self,
        id: &MemberId,
        reason: &str,
        unknown: Option<Wall>,
        now: Wall,
    ) -> Result<Revocations, CaError> {
        let write = self.db.begin_write()?;
        if is_revoked(&write, id)? {
            return self.revocations()?.ok_or(CaError::Damaged("revocations"));
        }
        let until = self.last_end(&write, id)?.or(unknown);
        let until = until.ok_or_else(|| CaError::NoMember(id.to_string()))?;
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect();
        let row = Revoked { at_ms: now.0, until_ms: until.0, reason };
        write.open_table(REVOKED)?.insert(&id.0[..], &row.encode()[..])?;
        let list = self.sign_list(&self.authority(), &write, now)?;
        let why = if row.reason.is_empty() { String::new() } else { format!(": {}", row.reason) };
        log(&write, now, "revoke", &format!("{id}{why}"), OPERATOR)?;
        write.commit()?;
        Ok(list)
    }

    /// The last list; `None` while nobody was ever revoked.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn revocations(&self) -> Result<Option<Revocations>, CaError> {
        let Some(bytes) = read_meta(&self.db, "revocations")? else { return Ok(None) };
        let list = Revocations::parse(&bytes, &self.root().params);
        list.map(Some).map_err(|_| CaError::Damaged("revocations"))
    }

    /// The member of which this is the id, or the beginning of it (at least four characters, with or without `m-`).
    ///
    /// # Errors
    /// [`CaError::NoMember`] if there is none, [`CaError::Ambiguous`] if there are several.
    pub fn find(&self, text: &str) -> Result<MemberId, CaError> {
        if let Ok(id) = text.parse() {
            return Ok(id);
        }
        let none = || CaError::NoMember(text.to_owned());
        let lower = text.to_ascii_lowercase();
        let prefix = lower.strip_prefix("m-").unwrap_or(&lower);
        if prefix.len() < PREFIX_MIN {
            return Err(none());
        }
        let read = self.db.begin_read()?;
        let issued = read.open_table(ISSUED)?;
        let mut found = BTreeSet::new();
        for entry in issued.iter()? {
            let id = Issued::decode(entry?.1.value())?.id()?;
            if id.base32().starts_with(prefix) {
                found.insert(id);
            }
        }
        match found.len() {
            0 | 1 => found.pop_first().ok_or_else(none),
            _ => Err(CaError::Ambiguous(text.to_owned())),
        }
    }

    /// When the last certificate of a member ends; `None` if it never had one. O(all certificates): revoking is rare.
    fn last_end(&self, write: &WriteTransaction, id: &MemberId) -> Result<Option<Wall>, CaError> {
        let issued = write.open_table(ISSUED)?;
        let mut last = None;
        for entry in issued.iter()? {
            let row = Issued::decode(entry?.1.value())?;
            if row.id()? == *id {
                last = last.max(Some(self.end_of(&row.der()?)?));
            }
        }
        Ok(last)
    }

    /// Signs who is revoked now, and remembers it as the last list. While the root follows another one, the list says so.
    pub(super) fn sign_list(
        &self,
        authority: &Authority,
        write: &WriteTransaction,
        now: Wall,
    ) -> Result<Revocations, CaError> {
        let root = authority.root();
        let allowance = std::time::Duration::from_secs(u64::from(root.params.allowance_s));
        let mut entries = Vec::new();
        for entry in write.open_table(REVOKED)?.iter()? {
            let (id, row) = entry?;
            let id = MemberId(id.value().try_into().map_err(|_| CaError::Damaged(Revoked::NAME))?);
            let until = Wall(Revoked::decode(row.value())?.until_ms);
            // By any clock that is believed.
            if until + allowance * 2 >= now {
                entries.push(Entry { id, until });
            }
        }
        let last = self.revocations()?.map_or(0, |list| list.sequence());
        let sequence = now.0.max(last.saturating_add(1));
        let follows = root.former().is_some_and(|former| former.until + allowance * 2 >= now);
        let succession = if follows { root.bundle() } else { Vec::new() };
        let fields = Fields { sequence, entries, succession };
        let list = fields.sign(&root.params, &mut authority.key().clone());
        let list = list.ok_or(CaError::TooManyRevoked)?;
        write.open_table(META)?.insert("revocations", list.signed().bytes())?;
        Ok(list)
    }

    /// Whether it was ever revoked.
    pub(super) fn was_revoked(&self, id: &MemberId) -> Result<bool, CaError> {
        match self.db.begin_read()?.open_table(REVOKED) {
            Ok(table) => Ok(table.get(&id.0[..])?.is_some()),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The same within a transaction.
pub(super) fn is_revoked(write: &WriteTransaction, id: &MemberId) -> Result<bool, CaError> {
    Ok(write.open_table(REVOKED)?.get(&id.0[..])?.is_some())
}

/// What a list is called in a file.
const LABEL: &str = "IFRIT REVOCATIONS";

/// A list as text, for a file: as PEM, with the label `IFRIT REVOCATIONS`.
pub fn list_to_pem(list: &Revocations) -> String {
    pem(LABEL, list.signed().bytes())
}

/// The list in such a text, as it was signed; not checked. `None` if there is none.
pub fn list_from_pem(text: &str) -> Option<Vec<u8>> {
    let body = text.split_once(&format!("-----BEGIN {LABEL}-----"))?.1;
    let body = body.split_once(&format!("-----END {LABEL}-----"))?.0;
    let body: String = body.split_whitespace().collect();
    BASE64.decode(body.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::generate_key;
    use ifrit_core::{
        id::NetworkId,
        params::{NetworkParams, Wish},
    };

    #[test]
    fn a_list_comes_back_from_its_file_whatever_stands_around_it() {
        let network = NetworkParams::new(NetworkId([3; 32]), &Wish::default()).expect("defaults");
        let entries = (0..9).map(|n| Entry { id: MemberId([n; 32]), until: Wall(7) }).collect();
        let list = Fields { sequence: 5, entries, succession: vec![] }
            .sign(&network, &mut generate_key())
            .expect("few");
        let text = format!("revoked on Monday\r\n{}\nthanks", list_to_pem(&list).replace('\n', "\r\n"));
        assert_eq!(list_from_pem(&text).as_deref(), Some(list.signed().bytes()));
        assert_eq!(list_from_pem(&text.replace("REVOCATIONS", "CERTIFICATE")), None);
        assert_eq!(
            list_from_pem("-----BEGIN IFRIT REVOCATIONS-----\n!\n-----END IFRIT REVOCATIONS-----"),
            None
        );
    }
}
