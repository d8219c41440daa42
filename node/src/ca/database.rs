//! The CA's memory: key, root, invites, what was issued, and a log, in one embedded database.
//!
//! Every change is one transaction, on disk before it is told: counting an invite down and issuing what it allows
//! cannot come apart. Invites are kept as hashes of their secrets. Records are JSON, so that they can grow.

use super::{
    Authority, AuthorityError, CsrError, OVERLAP_MIN,
    invites::{name_of, secret_hash, take_use},
    revoke::is_revoked,
    rows::{self, Issued, Row},
};
use crate::{
    file,
    identity::{ROOT_FILE, fill_random, generate_key, root_pem},
    invite::SECRET_LEN,
};
use ifrit_core::{
    certificate::{Certificate, CertificateError, Root},
    crypto::{P256Signer, P256Verifier, PublicKey},
    id::{MemberId, NetworkId},
    params::Wish,
    time::Wall,
};
use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};
use std::{
    fs::{self, OpenOptions},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

/// The database, in the CA's directory.
pub const DATABASE_FILE: &str = "ca.redb";
/// How long a root holds.
pub const ROOT_VALIDITY: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How long a member's certificate holds, unless [`Ca::set_lifetime`] said otherwise; never longer than the root.
pub const MEMBER_VALIDITY: Duration = Duration::from_secs(365 * 86_400);
/// Lately enrolled addresses that a newcomer is told.
pub const CONTACTS_MAX: usize = 16;
/// Entries of the log; the oldest fall out.
pub const AUDIT_MAX: u64 = 100_000;
/// One certificate per member in this time, or in an eighth of what they last: a renewal sooner gives the last one again.
const RENEWAL_SPACING: Duration = Duration::from_secs(60);

/// What a command of the operator is logged as coming from.
pub(super) const OPERATOR: &str = "operator";

pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Serial → [`Issued`].
pub(super) const ISSUED: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("issued");
/// Public key → serial of its last certificate.
const BY_KEY: TableDefinition<'_, &[u8], u64> = TableDefinition::new("by_key");
/// Hash of the secret → [`StoredInvite`](rows::StoredInvite).
pub(super) const INVITES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("invites");
/// Number → address, at most [`CONTACTS_MAX`].
const CONTACTS: TableDefinition<'_, u64, &str> = TableDefinition::new("contacts");
/// Number → JSON, at most [`AUDIT_MAX`].
pub(super) const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");

/// A CA with its memory. Locked for this process until it is dropped.
#[derive(Debug)]
pub struct Ca {
    dir: PathBuf,
    pub(super) db: Database,
    /// What signs now. Who writes to the database asks within the transaction: so nothing is signed by a root that has been
    /// followed meanwhile.
    pub(super) authority: RwLock<Arc<Authority>>,
}

/// What a newcomer gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Its certificate, DER.
    pub certificate: Vec<u8>,
    /// Members enrolled lately, the last first; not itself.
    pub contacts: Vec<SocketAddr>,
    /// Whether the certificate was issued earlier: the same key came with the same invite again.
    pub again: bool,
}

/// Why the CA cannot work. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaError {
    /// There is none yet.
    #[error("{} holds no CA: make one with `ifrit ca init --dir {}`", .0.display(), .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("{} holds a CA already: use it, or choose another directory", .0.display())]
    Exists(PathBuf),
    /// Another process has it open.
    #[error("the CA in {} is in use by another process", .0.display())]
    Busy(PathBuf),
    /// The directory cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database is damaged or cannot be written.
    #[error("the CA's database: {0}; if it is damaged, restore {DATABASE_FILE} from a backup")]
    Database(#[source] Box<redb::Error>),
    /// A record is not what was written.
    #[error("the CA's database is damaged ({0}): restore {DATABASE_FILE} from a backup")]
    Damaged(&'static str),
    /// Parameters, root or key.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Too many invites hold.
    #[error(
        "{} invites hold already: wait until some expire, or make one with more uses",
        super::INVITES_MAX
    )]
    TooManyInvites,
    /// The CA never gave that member a certificate.
    #[error("the CA knows no member {0}: `ifrit ca list` lists them")]
    NoMember(String),
    /// Several members' ids begin so.
    #[error("{0} is the beginning of several members: give more of it (`ifrit ca list`)")]
    Ambiguous(String),
    /// The list would not fit.
    #[error(
        "{} members are revoked whose certificates have not ended: wait until some do, or make a new network, with \
         shorter certificates (`--cert-lifetime`)",
        ifrit_core::limits::REVOKED_MAX
    )]
    TooManyRevoked,
    /// One root follows another still.
    #[error("this network's root has just followed another one: the next can follow it in {0:?}")]
    Rotating(Duration),
    /// Members need time to renew.
    #[error("an overlap is at least {} s: every member renews within it", OVERLAP_MIN.as_secs())]
    ShortOverlap,
    /// The member with this key was revoked.
    #[error("the member with this key was revoked: a newcomer needs a new key")]
    RevokedKey,
    /// No such invite is remembered.
    #[error("there is no invite {0}: `ifrit ca invites` lists them")]
    NoInvite(String),
}

/// Why a newcomer or a member does not get a certificate. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No such invite was ever given, or it was forgotten.
    #[error("the CA does not know this invite")]
    UnknownInvite,
    /// Its time is over.
    #[error("the invite has expired: ask for a new one")]
    ExpiredInvite,
    /// It let in as many as it may.
    #[error("the invite is used up: ask for a new one")]
    UsedUpInvite,
    /// The operator took it back.
    #[error("the invite was withdrawn: ask for a new one")]
    WithdrawnInvite,
    /// The member was revoked: its key gets no certificate any more.
    #[error("this member was revoked: come again with a new key and a new invite")]
    Revoked,
    /// The request is not right.
    #[error(transparent)]
    Csr(#[from] CsrError),
    /// The certificate to renew is not a current one of this CA and this key.
    #[error("only a member's current certificate can be renewed, by its own key")]
    NotRenewable,
    /// The CA itself cannot.
    #[error("the CA cannot issue now: {0}")]
    Ca(#[from] CaError),
}

impl<E: Into<redb::Error>> From<E> for CaError {
    fn from(error: E) -> Self {
        Self::Database(Box::new(error.into()))
    }
}

impl Ca {
    /// Makes a network: key, root and database in `dir`, which is made (mode 0700) if it is missing.
    ///
    /// # Errors
    /// [`CaError::Exists`] if there is one already, which stays as it is; otherwise nothing usable is left.
    pub fn init(dir: &Path, wish: &Wish, now: Wall) -> Result<Self, CaError> {
        let mut network = NetworkId([0; 32]);
        fill_random(&mut network.0);
        let not_after = now + ROOT_VALIDITY;
        let authority = Authority::create(generate_key(), network, wish, backdated(now, 600), not_after)?;

        // A root without a database is an open network's.
        if dir.join(ROOT_FILE).exists() {
            return Err(CaError::Exists(dir.into()));
        }
        file::private_dir(dir).map_err(CaError::io(dir))?;
        let db = open(dir, true)?;
        if read_meta(&db, "root")?.is_some() {
            return Err(CaError::Exists(dir.into()));
        }
        let write = db.begin_write()?;
        {
            let mut meta = write.open_table(META)?;
            meta.insert("key", &authority.key().scalar()[..])?;
            meta.insert("root", authority.root().der())?;
            write.open_table(ISSUED)?;
            write.open_table(BY_KEY)?;
            write.open_table(INVITES)?;
            write.open_table(CONTACTS)?;
        }
        log(&write, now, "init", &authority.root().params.id.to_string(), OPERATOR)?;
        write.commit()?;
        let ca = Self::with(dir, db, authority);
        ca.write_root()?;
        Ok(ca)
    }

    /// Opens the CA in `dir`.
    ///
    /// # Errors
    /// [`CaError::Missing`], [`CaError::Busy`], or what is wrong with the database.
    pub fn open(dir: &Path) -> Result<Self, CaError> {
        if !dir.join(DATABASE_FILE).exists() {
            return Err(CaError::Missing(dir.into()));
        }
        let db = open(dir, false)?;
        let root = read_meta(&db, "root")?.ok_or_else(|| CaError::Missing(dir.into()))?;
        let scalar = read_meta(&db, "key")?.and_then(|scalar| scalar.try_into().ok());
        let key = scalar.as_ref().and_then(P256Signer::from_scalar).ok_or(CaError::Damaged("key"))?;
        let ca = Self::with(dir, db, Authority::open(key, &root)?);
        // It was not, if an earlier process ended between the database and this.
        ca.write_root()?;
        Ok(ca)
    }

    fn with(dir: &Path, db: Database, authority: Authority) -> Self {
        Self { dir: dir.into(), db, authority: RwLock::new(Arc::new(authority)) }
    }

    /// The network's root; if it follows another one, with that one.
    pub fn root(&self) -> Root {
        self.authority().root().clone()
    }

    /// What signs.
    pub fn authority(&self) -> Arc<Authority> {
        // A panic elsewhere cannot leave half of one.
        Arc::clone(&self.authority.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the root where people and tools look for it, unless it stands there.
    pub(super) fn write_root(&self) -> Result<(), CaError> {
        let (path, pem) = (self.dir.join(ROOT_FILE), root_pem(&self.root()));
        if fs::read(&path).is_ok_and(|there| there == pem.as_bytes()) {
            return Ok(());
        }
        file::write_atomic(&path, pem.as_bytes()).map_err(CaError::io(&path))
    }

    /// Remembers where the service answers (`host:port`), for invites.
    ///
    /// # Errors
    /// [`CaError`]; nothing was changed.
    pub fn set_address(&self, address: &str) -> Result<(), CaError> {
        let write = self.db.begin_write()?;
        write.open_table(META)?.insert("address", address.as_bytes())?;
        Ok(write.commit()?)
    }

    /// How long certificates that are issued from now on hold: at first [`MEMBER_VALIDITY`].
    ///
    /// # Errors
    /// [`CaError`]; nothing was changed.
    pub fn set_lifetime(&self, lifetime: Duration) -> Result<(), CaError> {
        let ms = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let write = self.db.begin_write()?;
        write.open_table(META)?.insert("lifetime", &ms.to_be_bytes()[..])?;
        Ok(write.commit()?)
    }

    pub(super) fn lifetime(&self) -> Result<Duration, CaError> {
        let Some(ms) = read_meta(&self.db, "lifetime")? else { return Ok(MEMBER_VALIDITY) };
        let ms = ms.try_into().map_err(|_| CaError::Damaged("lifetime"))?;
        Ok(Duration::from_millis(u64::from_be_bytes(ms)))
    }

    /// Where the service last said that it answers.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn address(&self) -> Result<Option<String>, CaError> {
        let address = read_meta(&self.db, "address")?.map(String::from_utf8);
        address.transpose().map_err(|_| CaError::Damaged("address"))
    }

    /// Lets a newcomer in: counts the invite down and issues a certificate for the request's key, in one transaction.
    ///
    /// The same key with the same invite gets the same certificate again and takes no use: a newcomer that lost the
    /// answer asks again. `from` is where the request came from, for the log.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was changed.
    pub fn enrol(
        &self,
        secret: &[u8; SECRET_LEN],
        csr: &[u8],
        addr: Option<SocketAddr>,
        from: &str,
        now: Wall,
    ) -> Result<Enrolled, Refusal> {
        let invite = secret_hash(secret);
        // The cheap look first: a request's signature is checked only for those who know an invite.
        if !self.knows_invite(&invite)? {
            return Err(Refusal::UnknownInvite);
        }
        let key = super::requested_key(csr)?;
        let write = self.db.begin_write().map_err(CaError::from)?;
        let last = last_issued(&write, &key)?;
        if let Some(last) = &last
            && is_revoked(&write, &last.id()?)?
        {
            return Err(Refusal::Revoked);
        }
        let same = last.as_ref().filter(|last| last.invite == Some(name_of(&invite)));
        if let Some(last) = same
            && self.is_of_this_root(last)?
        {
            let contacts = others(contacts(&write)?, addr);
            return Ok(Enrolled { certificate: last.der()?, contacts, again: true });
        }
        // One of the former root is replaced as long as it could be renewed; after that it lets nobody back in.
        if !same.is_some_and(|last| self.holds_still(last, now)) {
            take_use(&write, &invite, now)?;
        }
        // A key is one member: a second invite renews it.
        let id = last.map_or_else(|| Ok(new_id()), |last| last.id())?;
        let certificate = self.issue_in(&write, &key, id, Some(name_of(&invite)), ("enrol", from), now)?;
        let contacts = others(contacts(&write)?, addr);
        if let Some(addr) = addr {
            add_contact(&write, addr)?;
        }
        write.commit().map_err(CaError::from)?;
        Ok(Enrolled { certificate, contacts, again: false })
    }

    /// A certificate for a new member with this key, without an invite: the operator stands for it.
    ///
    /// # Errors
    /// [`CaError`]; nothing was changed.
    pub fn issue(&self, key: &PublicKey, now: Wall) -> Result<Enrolled, CaError> {
        let write = self.db.begin_write()?;
        let id = last_issued(&write, key)?.map_or_else(|| Ok(new_id()), |last| last.id())?;
        if is_revoked(&write, &id)? {
            return Err(CaError::RevokedKey);
        }
        let certificate = self.issue_in(&write, key, id, None, ("issue", OPERATOR), now)?;
        let contacts = contacts(&write)?;
        write.commit()?;
        Ok(Enrolled { certificate, contacts, again: false })
    }

    /// A later certificate for a member, with the same id and key (R14).
    ///
    /// # Errors
    /// [`Refusal::NotRenewable`] unless `old` is this CA's, holds at `now`, and `csr` proves its key.
    pub fn renew(&self, old: &[u8], csr: &[u8], from: &str, now: Wall) -> Result<Enrolled, Refusal> {
        let root = self.root();
        let allowance = Duration::from_secs(u64::from(root.params.allowance_s));
        let old = Certificate::parse(old, &root).map_err(|_| Refusal::NotRenewable)?;
        if !old.is_current(now, allowance) || !old.verify(&root, &P256Verifier) {
            return Err(Refusal::NotRenewable);
        }
        if super::requested_key(csr)? != old.key() {
            return Err(Refusal::NotRenewable);
        }
        let write = self.db.begin_write().map_err(CaError::from)?;
        let last = last_issued(&write, &old.key())?.ok_or(Refusal::NotRenewable)?;
        if last.id()? != old.id {
            return Err(Refusal::NotRenewable);
        }
        if is_revoked(&write, &old.id)? {
            return Err(Refusal::Revoked);
        }
        let lately = now.since(Wall(last.at_ms)) < RENEWAL_SPACING.min(self.lifetime()? / 8);
        if lately && self.is_of_this_root(&last)? {
            return Ok(Enrolled { certificate: last.der()?, contacts: contacts(&write)?, again: true });
        }
        let certificate = self.issue_in(&write, &old.key(), old.id, last.invite, ("renew", from), now)?;
        let contacts = contacts(&write)?;
        write.commit().map_err(CaError::from)?;
        Ok(Enrolled { certificate, contacts, again: false })
    }

    fn holds_still(&self, issued: &Issued, now: Wall) -> bool {
        let root = self.root();
        let allowance = Duration::from_secs(u64::from(root.params.allowance_s));
        let certificate = issued.der().ok().and_then(|der| Certificate::parse(&der, &root).ok());
        certificate.is_some_and(|certificate| certificate.is_current(now, allowance))
    }

    /// Whether its certificate is the present root's, not one's that this has followed.
    pub(super) fn is_of_this_root(&self, issued: &Issued) -> Result<bool, CaError> {
        match Certificate::parse(&issued.der()?, &self.root()) {
            Ok(certificate) => Ok(!certificate.is_of_former()),
            Err(CertificateError::OtherRoot) => Ok(false),
            Err(_) => Err(CaError::Damaged(Issued::NAME)),
        }
    }

    fn issue_in(
        &self,
        write: &WriteTransaction,
        key: &PublicKey,
        id: MemberId,
        invite: Option<String>,
        (what, from): (&str, &str),
        now: Wall,
    ) -> Result<Vec<u8>, CaError> {
        let authority = self.authority();
        let root = authority.root();
        let mut issued = write.open_table(ISSUED)?;
        // 1 is the root's.
        let serial = issued.last()?.map_or(1, |(serial, _)| serial.value()) + 1;
        let not_after = (now + self.lifetime()?).min(root.not_after);
        let not_before = backdated(now, root.params.allowance_s);
        let der = authority.issue(key, id, not_before, not_after, serial);
        let row = Issued::new(id, now, invite, &der);
        issued.insert(serial, &row.encode()[..])?;
        write.open_table(BY_KEY)?.insert(&key.0[..], serial)?;
        let by = row.invite.as_ref().map(|invite| format!(" by invite {invite}")).unwrap_or_default();
        log(write, now, what, &format!("{id} serial {serial}{by}"), from)?;
        Ok(der)
    }
}

impl CaError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}

/// Chosen by the CA, so that nobody grinds a place beside a victim.
fn new_id() -> MemberId {
    let mut id = MemberId([0; 32]);
    fill_random(&mut id.0);
    id
}

/// Certificates begin a little earlier, so that a member whose clock is behind can use them at once.
pub(crate) fn backdated(now: Wall, by_s: u32) -> Wall {
    Wall(now.0.saturating_sub(u64::from(by_s) * 1000))
}

/// Opens the database; its file is nobody else's to read.
fn open(dir: &Path, create: bool) -> Result<Database, CaError> {
    let path = dir.join(DATABASE_FILE);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(create).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path).map_err(CaError::io(&path))?;
    if fs::metadata(&path).is_ok_and(|meta| meta.len() > 0) || create {
        return Database::builder().create_file(file).map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => CaError::Busy(dir.into()),
            error => error.into(),
        });
    }
    Err(CaError::Missing(dir.into()))
}

pub(super) fn read_meta(db: &Database, name: &str) -> Result<Option<Vec<u8>>, CaError> {
    match db.begin_read()?.open_table(META) {
        Ok(table) => Ok(table.get(name)?.map(|value| value.value().to_vec())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn last_issued(write: &WriteTransaction, key: &PublicKey) -> Result<Option<Issued>, CaError> {
    let Some(serial) = write.open_table(BY_KEY)?.get(&key.0[..])?.map(|serial| serial.value()) else {
        return Ok(None);
    };
    let issued = write.open_table(ISSUED)?;
    let row = issued.get(serial)?.ok_or(CaError::Damaged("issued"))?;
    Issued::decode(row.value()).map(Some)
}

/// The last first.
pub(super) fn contacts(write: &WriteTransaction) -> Result<Vec<SocketAddr>, CaError> {
    let table = write.open_table(CONTACTS)?;
    let rows = table.iter()?.rev();
    rows.map(|row| row?.1.value().parse().map_err(|_| CaError::Damaged("contacts"))).collect()
}

fn others(mut contacts: Vec<SocketAddr>, own: Option<SocketAddr>) -> Vec<SocketAddr> {
    contacts.retain(|contact| Some(*contact) != own);
    contacts
}

fn add_contact(write: &WriteTransaction, addr: SocketAddr) -> Result<(), CaError> {
    let mut table = write.open_table(CONTACTS)?;
    let addr = addr.to_string();
    table.retain(|_, known| known != addr)?;
    let next = table.last()?.map_or(0, |(number, _)| number.value() + 1);
    table.insert(next, &addr[..])?;
    while table.len()? > CONTACTS_MAX as u64 {
        table.pop_first()?;
    }
    Ok(())
}

/// One line of the log, in the transaction of what it tells of.
pub(super) fn log(
    write: &WriteTransaction,
    now: Wall,
    what: &str,
    detail: &str,
    from: &str,
) -> Result<(), CaError> {
    let mut table = write.open_table(AUDIT)?;
    let next = table.last()?.map_or(0, |(number, _)| number.value() + 1);
    table.insert(next, &rows::audit(now, what, detail, from)[..])?;
    while table.len()? > AUDIT_MAX {
        table.pop_first()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
