//! The values of quinn-proto's knobs: measured, each with its reason.

use super::{
    hole::WithHole,
    tls::{Tls, WallClock},
};
use crate::{identity::Identity, limits::*};
use ifrit_core::seed::{Rng, Seed};
use p256::{SecretKey, pkcs8::EncodePrivateKey};
use quinn_proto::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, NoneTokenStore, ServerConfig,
    TimeSource, TransportConfig, VarInt,
};
use ring::{hkdf, hmac};
use rustls::crypto::CryptoProvider;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

/// Bytes of a connection id. Never 0: two members that dial each other at once would hang for ever.
const CID_LEN: usize = 4;
/// Bytes of the first destination id, which the RFC wants to be at least 8.
const INITIAL_CID_LEN: usize = 8;

/// What is needed to make an endpoint, and to renew its certificate.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) tls: Tls,
    pub(super) clock: Arc<WallClock>,
    transport: Arc<TransportConfig>,
    keys: Keys,
    seed: Seed,
}

impl Setup {
    pub(super) fn new(
        identity: &Identity,
        seed: Seed,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, rustls::Error> {
        let clock = Arc::new(WallClock::default());
        let scalar = identity.signer.scalar();
        let (root, me) = (identity.root.clone(), identity.certificate.id);
        let tls = Tls::new(root, me, private_key(&scalar), clock.clone(), provider)?;
        let transport = Arc::new(transport());
        Ok(Self { tls, clock, transport, keys: Keys::derive(&scalar), seed })
    }

    pub(super) fn endpoint(&self) -> EndpointConfig {
        let mut config = EndpointConfig::new(Arc::new(self.keys.reset()));
        let cids = self.seed.child("quic cid");
        config
            .rng_seed(Some(self.seed.child("quic").0))
            .cid_generator(move || Box::new(Cids(cids.rng())))
            .grease_quic_bit(true)
            .min_reset_interval(RESET_INTERVAL);
        config
    }

    pub(super) fn client(&self, certificate: &[u8]) -> Result<ClientConfig, rustls::Error> {
        let mut config = ClientConfig::new(Arc::new(self.tls.client(certificate)?));
        let cids = Mutex::new(self.seed.child("quic initial cid").rng());
        let draw = move || {
            let mut cids = cids.lock().unwrap_or_else(PoisonError::into_inner);
            ConnectionId::new(&cids.next_u64().to_le_bytes()[..INITIAL_CID_LEN])
        };
        config
            .transport_config(self.transport.clone())
            .token_store(Arc::new(NoneTokenStore))
            .initial_dst_cid_provider(Arc::new(draw));
        Ok(config)
    }

    pub(super) fn server(&self, certificate: &[u8]) -> Result<ServerConfig, rustls::Error> {
        let mut config =
            ServerConfig::new(Arc::new(self.tls.server(certificate)?), Arc::new(self.keys.token()));
        config
            .transport_config(self.transport.clone())
            .migration(true)
            .max_incoming(HALF_OPEN_MAX)
            .incoming_buffer_size(8 * 1024)
            .incoming_buffer_size_total(256 * 1024)
            .time_source(self.clock.clone());
        Ok(config)
    }
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle = IDLE_TIMEOUT.try_into().expect("a minute fits");
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_IDLE))
        .max_concurrent_uni_streams(VarInt::from_u32(LANE_STREAMS_MAX))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(LINK_WINDOW))
        .send_window(SEND_WINDOW)
        // Never none: the probe time-out of a link to a dead peer would double without end.
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(None)
        .datagram_receive_buffer_size(Some(4096))
        .datagram_send_buffer_size(4096)
        // The RFC's own: with 100 ms a burst of handshakes causes spurious probes and 5 s stragglers.
        .initial_rtt(Duration::from_millis(333))
        .initial_mtu(1200)
        // 11.8 kB per link otherwise.
        .mtu_discovery_config(None)
        .congestion_controller_factory(Arc::new(WithHole::default()))
        .ack_frequency_config(None)
        .allow_spin(false)
        .crypto_buffer_size(16 * 1024)
        .persistent_congestion_threshold(3);
    transport
}

fn private_key(scalar: &[u8; 32]) -> PrivateKeyDer<'static> {
    let key = SecretKey::from_slice(scalar).expect("a signer's scalar is in range");
    let der = key.to_pkcs8_der().expect("a P-256 key has a PKCS#8 form");
    PrivatePkcs8KeyDer::from(der.as_bytes().to_vec()).into()
}

/// Keys that outlive the process, derived from the member's: so that a restarted member can tell its old peers, in
/// one round trip, that their links are gone.
struct Keys(hkdf::Prk);

impl Keys {
    fn derive(scalar: &[u8; 32]) -> Self {
        Self(hkdf::Salt::new(hkdf::HKDF_SHA256, b"ifrit link 1").extract(scalar))
    }

    fn reset(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.expand(b"reset"))
    }

    fn token(&self) -> hkdf::Prk {
        hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &self.expand(b"token"))
    }

    fn expand(&self, label: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        let info = [label];
        let okm = self.0.expand(&info, hkdf::HKDF_SHA256).expect("one hash long");
        okm.fill(&mut key).expect("one hash long");
        key
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

struct Cids(Rng);

impl ConnectionIdGenerator for Cids {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(&self.0.next_u64().to_le_bytes()[..CID_LEN])
    }

    fn cid_len(&self) -> usize {
        CID_LEN
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

impl TimeSource for WallClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.get().0)
    }
}
