//! One request over TLS 1.3 to a server known by the fingerprint of its root.

use super::{DEADLINE, EnrolError};
use crate::ca::SERVICE_NAME;
use ifrit_core::{
    crypto::{Hash, hash},
    time::Wall,
};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

/// One address is given up after this time.
const CONNECT: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const ADDRS_TRIED: usize = 4;
/// Bytes of an answer, header included: a full revocation list has 55 kB as base64, all else about 3 kB.
const ANSWER_MAX: usize = 64 * 1024;

/// Status and body of the answer.
pub(super) fn post(
    ca: &str,
    fingerprint: &Hash,
    path: &str,
    body: &[u8],
    now: Wall,
) -> Result<(u16, Vec<u8>), EnrolError> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {SERVICE_NAME}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    exchange(ca, fingerprint, &[head.as_bytes(), body].concat(), now)
}

/// The same, of what is there for all.
pub(super) fn get(ca: &str, fingerprint: &Hash, path: &str, now: Wall) -> Result<(u16, Vec<u8>), EnrolError> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {SERVICE_NAME}\r\nConnection: close\r\n\r\n");
    exchange(ca, fingerprint, head.as_bytes(), now)
}

fn exchange(ca: &str, fingerprint: &Hash, request: &[u8], now: Wall) -> Result<(u16, Vec<u8>), EnrolError> {
    let failed = |error: io::Error| explain(ca, error);
    let mut stream = connect(ca).map_err(failed)?;
    let mut tls = client(fingerprint, now).map_err(|error| failed(io::Error::other(error)))?;
    let mut stream = rustls::Stream::new(&mut tls, &mut stream);
    stream.write_all(request).and_then(|()| stream.flush()).map_err(failed)?;
    read_answer(&mut stream).map_err(failed)
}

/// A stream of which no call waits beyond the deadline, however slowly the other end drips.
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(bytes)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn connect(ca: &str) -> io::Result<Timed> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for addr in ca.to_socket_addrs()?.take(ADDRS_TRIED) {
        match TcpStream::connect_timeout(&addr, CONNECT) {
            Ok(stream) => return Ok(Timed { stream, until: Instant::now() + DEADLINE }),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn client(fingerprint: &Hash, now: Wall) -> Result<ClientConnection, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now.0));
    let verifier = Arc::new(Pinned { fingerprint: *fingerprint, now, provider: provider.clone() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let name = ServerName::try_from(SERVICE_NAME).expect("a DNS name");
    ClientConnection::new(Arc::new(config), name)
}

/// Trusts the one root that has the fingerprint, which the server shows, and what webpki accepts under it.
#[derive(Debug)]
struct Pinned {
    fingerprint: Hash,
    now: UnixTime,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let root = intermediates.iter().find(|shown| hash(b"", &[shown]) == self.fingerprint);
        let root = root.ok_or(CertificateError::UnknownIssuer)?;
        let mut roots = RootCertStore::empty();
        roots.add(root.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        // From a root that has a successor the way to the service's certificate leads over the cross certificate.
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, self.now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("only TLS 1.3".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Reads until the body is whole: head and `Content-Length`, nothing else of HTTP.
fn read_answer(stream: &mut impl Read) -> io::Result<(u16, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(answer) = parse_answer(&bytes)? {
            return Ok(answer);
        }
        if bytes.len() > ANSWER_MAX {
            return Err(invalid("the answer is too long"));
        }
        match stream.read(&mut chunk)? {
            0 => return Err(invalid("the answer ends early")),
            len => bytes.extend_from_slice(&chunk[..len]),
        }
    }
}

/// `None` while something is missing.
fn parse_answer(bytes: &[u8]) -> io::Result<Option<(u16, Vec<u8>)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| invalid("not HTTP"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| invalid("not HTTP"))?;
    let len = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, len)| len.trim().parse::<usize>().ok())
        .filter(|len| *len <= ANSWER_MAX)
        .ok_or_else(|| invalid("no Content-Length"))?;
    let body = &bytes[end + 4..];
    Ok(body.get(..len).map(|body| (status, body.to_vec())))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What an error of socket or TLS means to a newcomer.
fn explain(ca: &str, error: io::Error) -> EnrolError {
    let ca = ca.to_owned();
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            EnrolError::WrongFingerprint { ca }
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => {
            EnrolError::Clock("the CA's certificate is not valid yet: this machine's clock is behind".into())
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => EnrolError::Clock(
            "the CA's certificate has expired: the network is too old, or this machine's clock is ahead"
                .into(),
        ),
        Some(error) => EnrolError::Malformed { ca, what: error.to_string() },
        None if error.kind() == io::ErrorKind::InvalidData => {
            EnrolError::Malformed { ca, what: error.to_string() }
        }
        None if error.kind() == io::ErrorKind::WouldBlock => {
            EnrolError::Unreachable { ca, source: io::ErrorKind::TimedOut.into() }
        }
        None => EnrolError::Unreachable { ca, source: error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole_and_bounded() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}rest";
        assert_eq!(read_answer(&mut &whole[..]).expect("an answer"), (200, b"{}".to_vec()));
        for (bytes, what) in [
            (&b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}"[..], "the answer ends early"),
            (b"", "the answer ends early"),
            (b"HTTP/1.1 200 OK\r\n\r\n", "no Content-Length"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", "no Content-Length"),
            (b"SSH-2.0\r\n\r\n", "not HTTP"),
            (b"HTTP/1.\xc3\xa4\xc3\xa4\xc3\xa4\r\n\r\n", "not HTTP"),
        ] {
            assert_eq!(read_answer(&mut &bytes[..]).expect_err(what).to_string(), what);
        }
        let endless = io::repeat(b'x');
        assert_eq!(read_answer(&mut { endless }).expect_err("endless").to_string(), "the answer is too long");
    }
}
