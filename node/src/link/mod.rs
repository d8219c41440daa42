//! Links: QUIC with mutual TLS, one per member.
