//! What an application has its member sign, and what it makes of others' signatures.

use crate::{crypto::RingVerifier, identity::Identity};
use ifrit_core::{
    application,
    crypto::{P256Signer, PublicKey, Signature, Signer, Verifier},
    id::MemberId,
    params::NetworkParams,
};

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The member's application signed exactly these bytes in this network. It may be out by now.
    Valid,
    /// It did not: other bytes, another signer, another network, or not signed by an application at all.
    Invalid,
    /// No certificate of that member is held, so nothing can be said: it is not in the view yet, or no longer.
    Unknown,
}

/// The member's key, for its application.
#[derive(Clone, Debug)]
pub(crate) struct Pen {
    network: NetworkParams,
    me: MemberId,
    key: P256Signer,
}

impl Pen {
    pub(crate) fn new(identity: &Identity) -> Self {
        Self { network: identity.root.params, me: identity.id(), key: identity.signer.clone() }
    }

    pub(crate) fn network(&self) -> &NetworkParams {
        &self.network
    }

    pub(crate) fn me(&self) -> MemberId {
        self.me
    }

    /// Signs a body that is one already.
    pub(super) fn sign_as_is(&self, body: &[u8]) -> Signature {
        self.key.clone().sign(body)
    }

    /// Signs `bytes` as the application's, which is nothing that the protocol signs.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Signature {
        self.key.clone().sign(&application::body(&self.network, &self.me, bytes))
    }

    /// Judges a signature by `id`, whose key is `key`. Oneself is always known.
    pub(crate) fn verify(
        &self,
        id: &MemberId,
        key: Option<PublicKey>,
        bytes: &[u8],
        signature: &Signature,
    ) -> Verdict {
        let Some(key) = key.or_else(|| (*id == self.me).then(|| self.key.public_key())) else {
            return Verdict::Unknown;
        };
        let body = application::body(&self.network, id, bytes);
        if RingVerifier.verify(&key, &body, signature) { Verdict::Valid } else { Verdict::Invalid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::tests::world::{authority, identity};
    use ifrit_core::{accusation::Accusation, note::Note};
    use proptest::prelude::*;

    fn pen(n: u8) -> Pen {
        Pen::new(&identity(&authority(1), n))
    }

    #[test]
    fn a_signature_is_of_one_member_in_one_network_over_one_text() {
        let (one, two) = (pen(1), pen(2));
        let signature = one.sign(b"text");
        let key = Some(one.key.public_key());
        assert_eq!(two.verify(&one.me, key, b"text", &signature), Verdict::Valid);
        assert_eq!(two.verify(&one.me, key, b"texts", &signature), Verdict::Invalid);
        assert_eq!(two.verify(&two.me, key, b"text", &signature), Verdict::Invalid, "the id is signed too");
        assert_eq!(two.verify(&one.me, None, b"text", &signature), Verdict::Unknown);
        assert_eq!(one.verify(&one.me, None, b"text", &signature), Verdict::Valid, "oneself is known");
        let abroad = Pen::new(&identity(&authority(9), 2));
        assert_eq!(abroad.verify(&one.me, key, b"text", &signature), Verdict::Invalid);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Whatever an application has signed, the body is no record of the protocol's.
        #[test]
        fn what_an_application_signs_is_no_record(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let pen = pen(1);
            let signed = [application::body(&pen.network, &pen.me, &bytes), vec![0; 64]].concat();
            prop_assert!(Note::parse(&signed, &pen.network).is_err());
            prop_assert!(Accusation::parse(&signed, &pen.network).is_err());
        }
    }
}
