//! How one root follows another (DESIGN section 6).
//!
//! The network's id and parameters stay. The new root is signed by itself, as every root; and the old root says in a cross
//! certificate that it is its successor: issued by the old root's name and key for the new one's, with an end. Until that end
//! certificates of both hold, those of the old one no longer (but for the allowance for clocks), whatever they say; members renew.
//!
//! All three together are a *bundle*. It proves itself to whoever holds the old root. To whoever holds the new one it proves
//! nothing: anybody can make an old root of his own and sign with it. So there the new root has to have brought it: as it does
//! in a revocation list, which it signs, or as the CA does when it enrols somebody.

use super::{
    CertificateError, Root,
    profile::{self, Envelope},
};
use crate::{
    crypto::{Hash, Verifier},
    limits::BUNDLE_MAX,
    time::Wall,
};
use CertificateError::{BadSignature, Malformed, OtherNetwork, Profile};
use alloc::{sync::Arc, vec::Vec};

/// The root that another has followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// It.
    pub root: Root,
    /// Until when its certificates hold, if they do not end sooner.
    pub until: Wall,
    /// What it signed for its successor, DER.
    cross: Arc<[u8]>,
}

impl Former {
    /// What it signed for its successor: the cross certificate, DER.
    pub fn cross(&self) -> &[u8] {
        &self.cross
    }
}

impl Root {
    /// The root that this one follows, if it is known: its certificates hold too, for a while.
    pub fn former(&self) -> Option<&Former> {
        self.former.as_deref()
    }

    /// What [`Root::bundle`] wrote: a root alone, or with the former one and what that one signed for it. Checks form and
    /// signatures, and that they belong to each other and to one network; not the dates, and not that anybody believes them.
    ///
    /// # Errors
    /// [`CertificateError`], for any other bytes; never panics.
    pub fn from_bundle(bytes: &[u8], verifier: &dyn Verifier) -> Result<Self, CertificateError> {
        if bytes.len() > BUNDLE_MAX {
            return Err(Malformed);
        }
        let (root, rest) = Envelope::split(bytes).ok_or(Malformed)?;
        if rest.is_empty() {
            return Self::parse(root, verifier);
        }
        let (former, cross) = Envelope::split(rest).ok_or(Malformed)?;
        Self::parse(root, verifier)?.following(Self::parse(former, verifier)?, cross, verifier)
    }

    /// This root's DER; and if it follows another one, that one's and the cross certificate's behind it.
    pub fn bundle(&self) -> Vec<u8> {
        self.parts().concat()
    }

    /// The certificates of [`Root::bundle`], one by one.
    pub fn parts(&self) -> Vec<&[u8]> {
        match self.former() {
            Some(former) => [self.der(), former.root.der(), former.cross()].into(),
            None => [self.der()].into(),
        }
    }

    /// Whether this root, or the one that it follows, has this fingerprint: who trusts either may trust this one, as the former
    /// signed for it.
    pub fn answers_to(&self, fingerprint: &Hash) -> bool {
        let former = self.former().map(|former| former.root.fingerprint);
        self.fingerprint == *fingerprint || former == Some(*fingerprint)
    }

    /// This root as the one that follows `former`, which says so in `cross` (DER).
    ///
    /// # Errors
    /// [`CertificateError`] unless `former` signed `cross` for this root, and both are of one network that has a CA.
    pub fn following(
        self,
        former: Self,
        cross: &[u8],
        verifier: &dyn Verifier,
    ) -> Result<Self, CertificateError> {
        if former.params != self.params {
            return Err(OtherNetwork);
        }
        if self.is_open() || former.is_open() {
            return Err(Profile("in an open network no root follows another"));
        }
        if former.subject == self.subject || former.key == self.key {
            return Err(Profile("a root that follows another has a name and a key of its own"));
        }
        let envelope = Envelope::open(cross)?;
        let fields = profile::cross(envelope.tbs(cross))?;
        if fields.issuer != *former.subject || fields.subject != *self.subject || fields.key != self.key {
            return Err(Profile("the cross certificate is not the former root's for this one"));
        }
        if !verifier.verify(&former.key, envelope.tbs(cross), &envelope.signature(cross)) {
            return Err(BadSignature);
        }
        // Whom that one followed is believed no more.
        let root = Self { former: None, ..former };
        let former = Former { root, until: fields.not_after, cross: cross.into() };
        Ok(Self { former: Some(Arc::new(former)), ..self })
    }

    /// The root of `bundle` if this one signed for it. Looks before it checks signatures, and its own first: anybody can sign the
    /// others, and strangers show them in handshakes.
    pub fn successor(&self, bundle: &[u8], verifier: &dyn Verifier) -> Option<Self> {
        let (root, rest) = Envelope::split(bundle)?;
        let (former, cross) = Envelope::split(rest)?;
        if planted!(AnySuccessor) {
            return Self::from_bundle(bundle, verifier).ok();
        }
        if *former != *self.der {
            return None;
        }
        let (root, envelope) = Self::unverified(root).ok()?;
        let root = root.following(self.clone(), cross, verifier).ok()?;
        root.is_signed(&envelope, verifier).then_some(root)
    }

    /// The root of `bundle` if it may be believed after this one, on condition that it signed what brings the bundle: a successor; or
    /// this root itself, which says which one it follows, or until when: whoever has the former one's key can say another end, but
    /// cannot sign what brings it.
    pub(crate) fn after(&self, bundle: &[u8], verifier: &dyn Verifier) -> Option<Self> {
        if bundle == self.bundle() {
            return Some(self.clone());
        }
        let tells = || {
            let (root, rest) = Envelope::split(bundle)?;
            let (former, _) = Envelope::split(rest)?;
            let fits = self.former().is_none_or(|known| *former == *known.root.der);
            if *root == *self.der && fits { Self::from_bundle(bundle, verifier).ok() } else { None }
        };
        self.successor(bundle, verifier).or_else(tells)
    }
}
