//! The checks, field by field.

use super::{CertificateError, PARAMS_OID, Root};
use crate::{
    crypto::{PublicKey, Signature},
    id::MemberId,
    limits::CERTIFICATE_MAX,
    params::NetworkParams,
    time::Wall,
};
use CertificateError::{Malformed, OtherNetwork, OtherRoot, Profile};
use alloc::sync::Arc;
use der::{
    Decode, Encode, Header, Reader, SliceReader, Tag,
    asn1::{ObjectIdentifier, OctetStringRef},
};
use p256::ecdsa::Signature as P256Signature;
use x509_cert::{TbsCertificate, certificate::Version, ext::Extension};

pub(super) const SCHEME: &str = "ifrit://";

/// `AlgorithmIdentifier { ecdsa-with-SHA256 }`, without parameters.
const ALGORITHM: &[u8] = &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
/// A `SubjectPublicKeyInfo` of P-256 up to its 65 bytes of key.
const KEY_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// `BasicConstraints` of a CA, without a limit to the path: a later root will be signed by this one.
const IS_CA: &[u8] = &[0x30, 0x03, 0x01, 0x01, 0xff];
/// `BasicConstraints` of anybody else, if there are any.
const NO_CA: &[u8] = &[0x30, 0x00];
/// `KeyUsage`: keyCertSign and cRLSign.
const SIGNS_CERTIFICATES: &[u8] = &[0x03, 0x02, 0x01, 0x06];
/// `ExtKeyUsage`: serverAuth, clientAuth.
const BOTH_ENDS: &[u8] = &[
    0x30, 0x14, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01, 0x06, 0x08, 0x2b, 0x06, 0x01,
    0x05, 0x05, 0x07, 0x03, 0x02,
];

/// A `Name` of nobody.
const NO_NAME: &[u8] = &[0x30, 0x00];

/// Where the signed part ends; all offsets follow from it. Two bytes instead of a copied signature: 10⁵ members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    tbs_start: u16,
    tbs_end: u16,
}

impl Envelope {
    /// Takes the outer SEQUENCE apart, strictly: nothing in it is signed.
    pub(super) fn open(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_MAX {
            return Err(Malformed);
        }
        let envelope = Self::frame(der).map_err(|_| Malformed)?;
        let rest = &der[usize::from(envelope.tbs_end)..];
        let Some(signature) = rest.strip_prefix(ALGORITHM) else {
            return Err(Profile("the signature's algorithm is not ecdsa-with-SHA256"));
        };
        let signature = decode_signature(signature).ok_or(Malformed)?;
        if !signature.is_low_s() {
            return Err(Profile("the signature's s is high"));
        }
        Ok(envelope)
    }

    /// The first of several certificates in a row, and the rest.
    pub(super) fn split(ders: &[u8]) -> Option<(&[u8], &[u8])> {
        let mut reader = SliceReader::new(ders).ok()?;
        let first = reader.tlv_bytes().ok()?;
        Some((first, &ders[first.len()..]))
    }

    fn frame(der: &[u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let outer = Header::decode(&mut reader)?;
        outer.tag().assert_eq(Tag::Sequence)?;
        if u32::from(outer.length()) != u32::from(reader.remaining_len()) {
            return Err(Tag::Sequence.length_error().into());
        }
        let tbs_start = u32::from(reader.position()) as u16;
        let tbs_len = reader.tlv_bytes()?.len() as u16;
        Ok(Self { tbs_start, tbs_end: tbs_start + tbs_len })
    }

    pub(super) fn tbs<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        &der[usize::from(self.tbs_start)..usize::from(self.tbs_end)]
    }

    pub(super) fn signature(&self, der: &[u8]) -> Signature {
        decode_signature(&der[usize::from(self.tbs_end) + ALGORITHM.len()..])
            .expect("`open` decoded the same bytes")
    }
}

/// A BIT STRING with one strict DER `ECDSA-Sig-Value` in it, and nothing after it.
fn decode_signature(bit_string: &[u8]) -> Option<Signature> {
    let (&[tag, len, unused], der) = bit_string.split_first_chunk()?;
    if tag != 0x03 || usize::from(len) != der.len() + 1 || unused != 0 {
        return None;
    }
    let signature = P256Signature::from_der(der).ok()?;
    // One byte string per signature, whatever the parser puts up with.
    (signature.to_der().as_bytes() == der).then(|| Signature(signature.to_bytes().into()))
}

pub(super) struct RootFields {
    pub(super) generation: u64,
    pub(super) params: NetworkParams,
    pub(super) key: PublicKey,
    pub(super) not_before: Wall,
    pub(super) not_after: Wall,
    pub(super) validity: Arc<[u8]>,
    pub(super) subject: Arc<[u8]>,
}

pub(super) fn root(tbs: &[u8]) -> Result<RootFields, CertificateError> {
    let tbs = Tbs::parse(tbs)?;
    let subject = encode(tbs.0.subject())?;
    if encode(tbs.0.issuer())? != subject {
        return Err(Profile("the root is not issued by itself"));
    }
    let (mut params, mut is_ca, mut signs) = (None, false, false);
    for extension in tbs.extensions() {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            BASIC_CONSTRAINTS => is_ca = extension.critical && value == IS_CA,
            KEY_USAGE => signs = extension.critical && value == SIGNS_CERTIFICATES,
            EXTENDED_KEY_USAGE | ALTERNATIVE_NAME => {
                return Err(Profile("the root has a member's extension"));
            }
            oid if is_params(oid) => params = Some(network_params(value)?),
            _ => known_or_harmless(extension)?,
        }
    }
    if !is_ca || !signs {
        return Err(Profile("the root is not marked as a CA that signs certificates"));
    }
    let (not_before, not_after) = tbs.dates()?;
    let params = params.ok_or(Profile("the root has no network parameters"))?;
    let (validity, generation) = (tbs.validity()?.into(), tbs.serial());
    let (key, subject) = (tbs.key()?, subject.into());
    Ok(RootFields { generation, params, key, not_before, not_after, validity, subject })
}

pub(super) fn end(tbs: &[u8]) -> Result<Wall, CertificateError> {
    Ok(Tbs::parse(tbs)?.dates()?.1)
}

pub(super) struct CrossFields {
    pub(super) issuer: alloc::vec::Vec<u8>,
    pub(super) subject: alloc::vec::Vec<u8>,
    pub(super) key: PublicKey,
    pub(super) not_after: Wall,
}

/// A CA's certificate of which another CA is the issuer: who says so of whom, and until when.
pub(super) fn cross(tbs: &[u8]) -> Result<CrossFields, CertificateError> {
    let tbs = Tbs::parse(tbs)?;
    let (mut is_ca, mut signs) = (false, false);
    for extension in tbs.extensions() {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            BASIC_CONSTRAINTS => is_ca = extension.critical && value == IS_CA,
            KEY_USAGE => signs = extension.critical && value == SIGNS_CERTIFICATES,
            EXTENDED_KEY_USAGE | ALTERNATIVE_NAME => {
                return Err(Profile("the cross certificate has a member's extension"));
            }
            _ => known_or_harmless(extension)?,
        }
    }
    if !is_ca || !signs {
        return Err(Profile("the cross certificate is not marked as that of a CA that signs certificates"));
    }
    let (issuer, subject) = (encode(tbs.0.issuer())?, encode(tbs.0.subject())?);
    Ok(CrossFields { issuer, subject, key: tbs.key()?, not_after: tbs.dates()?.1 })
}

pub(super) struct MemberFields {
    /// Whether the former root issued it.
    pub(super) by_former: bool,
    pub(super) id: MemberId,
    pub(super) key: PublicKey,
    pub(super) not_before: Wall,
    pub(super) not_after: Wall,
}

pub(super) fn member(tbs: &[u8], root: &Root) -> Result<MemberFields, CertificateError> {
    let tbs = Tbs::parse(tbs)?;
    let issuer = encode(tbs.0.issuer())?;
    let by_former = root.former().is_some_and(|former| issuer == *former.root.subject);
    let mut id = None;
    for extension in tbs.extensions() {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            ALTERNATIVE_NAME => id = Some(member_id(value, root)?),
            BASIC_CONSTRAINTS if value == NO_CA => {}
            BASIC_CONSTRAINTS | KEY_USAGE => return Err(Profile("a member is no CA")),
            EXTENDED_KEY_USAGE if value != BOTH_ENDS => {
                return Err(Profile("the extended key usage is not server and client authentication"));
            }
            EXTENDED_KEY_USAGE => {}
            _ => known_or_harmless(extension)?,
        }
    }
    let (not_before, not_after) = tbs.dates()?;
    let id = id.ok_or(Profile("there is no URI that names the member"))?;
    if issuer != *root.subject && !by_former {
        return Err(OtherRoot);
    }
    let key = tbs.key()?;
    if let Some(validity) = &root.open {
        super::open::check(&tbs, &id, &key, validity)?;
    }
    Ok(MemberFields { by_former, id, key, not_before, not_after })
}

/// The id in a `SubjectAltName` of exactly one URI.
fn member_id(value: &[u8], root: &Root) -> Result<MemberId, CertificateError> {
    const WRONG: CertificateError = Profile("the alternative name is not one URI `ifrit://NETWORK/ID`");
    // Two headers with short lengths: a URI of the profile has 77 bytes.
    let (&[0x30, outer, 0x86, inner], uri) = value.split_first_chunk().ok_or(WRONG)? else {
        return Err(WRONG);
    };
    if usize::from(inner) != uri.len() || usize::from(outer) != uri.len() + 2 {
        return Err(WRONG);
    }
    let uri = core::str::from_utf8(uri).map_err(|_| WRONG)?;
    let (network, id) = uri.strip_prefix(SCHEME).and_then(|path| path.split_once('/')).ok_or(WRONG)?;
    let id = MemberId::from_base32(id).map_err(|_| WRONG)?;
    if uri == super::member_uri(&root.params.id, &id) {
        return Ok(id);
    }
    let is_network = network.len() == 16 && network.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    Err(if is_network && uri.ends_with(&id.base32()) { OtherNetwork } else { WRONG })
}

/// The parameters in the extension's OCTET STRING.
fn network_params(value: &[u8]) -> Result<NetworkParams, CertificateError> {
    let octets = <&OctetStringRef>::from_der(value).map_err(|_| Malformed)?;
    NetworkParams::decode(octets.as_bytes()).ok_or(Profile("the network parameters are not valid"))
}

fn is_params(oid: ObjectIdentifier) -> bool {
    oid.arcs().eq(PARAMS_OID)
}

/// What an extension that nobody here knows may be: not critical.
fn known_or_harmless(extension: &Extension) -> Result<(), CertificateError> {
    if extension.critical { Err(Profile("an unknown critical extension")) } else { Ok(()) }
}

fn encode(value: &impl Encode) -> Result<alloc::vec::Vec<u8>, CertificateError> {
    value.to_der().map_err(|_| Malformed)
}

/// What roots and members have in common.
pub(super) struct Tbs(TbsCertificate);

impl Tbs {
    fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let tbs = TbsCertificate::from_der(bytes).map_err(|_| Malformed)?;
        if encode(&tbs)? != bytes {
            return Err(Profile("a second spelling of the same fields"));
        }
        if tbs.version() != Version::V3 {
            return Err(Profile("not version 3"));
        }
        if encode(tbs.signature())? != ALGORITHM {
            return Err(Profile("the signature's algorithm is not ecdsa-with-SHA256"));
        }
        if tbs.issuer_unique_id().is_some() || tbs.subject_unique_id().is_some() {
            return Err(Profile("unique ids"));
        }
        let tbs = Self(tbs);
        let twice =
            |(i, a): (usize, &Extension)| tbs.extensions()[..i].iter().any(|b| a.extn_id == b.extn_id);
        if tbs.extensions().iter().enumerate().any(twice) {
            return Err(Profile("an extension occurs twice"));
        }
        Ok(tbs)
    }

    fn extensions(&self) -> &[Extension] {
        self.0.extensions().map_or(&[], |extensions| extensions)
    }

    fn key(&self) -> Result<PublicKey, CertificateError> {
        let info = encode(self.0.subject_public_key_info())?;
        let key = info.strip_prefix(KEY_PREFIX).and_then(|key| key.try_into().ok()).map(PublicKey);
        key.filter(|key| key.0[0] == 4).ok_or(Profile("the key is not an uncompressed P-256 point"))
    }

    /// 0 for one that is no `u64`.
    fn serial(&self) -> u64 {
        let bytes = self.0.serial_number().as_bytes();
        if bytes.len() > 8 { 0 } else { bytes.iter().fold(0, |serial, byte| serial << 8 | u64::from(*byte)) }
    }

    pub(super) fn validity(&self) -> Result<alloc::vec::Vec<u8>, CertificateError> {
        encode(self.0.validity())
    }

    /// Whether it has this serial number, no subject, and only a member's two extensions, as the CA writes them.
    pub(super) fn is_plain(&self, serial: u8) -> Result<bool, CertificateError> {
        let [name, usage] = self.extensions() else { return Ok(false) };
        let ids = (name.extn_id, name.critical, usage.extn_id, usage.critical);
        Ok(ids == (ALTERNATIVE_NAME, true, EXTENDED_KEY_USAGE, false)
            && self.0.serial_number().as_bytes() == [serial]
            && encode(self.0.subject())? == NO_NAME)
    }

    fn dates(&self) -> Result<(Wall, Wall), CertificateError> {
        let validity = self.0.validity();
        let wall = |time: x509_cert::time::Time| Wall::default() + time.to_unix_duration();
        let (from, until) = (wall(validity.not_before), wall(validity.not_after));
        if from > until { Err(Profile("it ends before it begins")) } else { Ok((from, until)) }
    }
}
