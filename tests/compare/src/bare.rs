//! quinn alone: a bidirectional stream per request, the windows and the lack of MTU discovery of Ifrit's links.

use crate::{Contender, MESSAGE, certs};
use anyhow::Result;
use ifrit_tokio::ifrit_node::limits::{LINK_WINDOW, SEND_WINDOW, STREAM_WIDE, STREAM_WINDOW};
use quinn::{
    ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig, TransportConfig,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::sync::OnceCell;

/// Far above what a request has here.
const REQUEST_LIMIT: usize = 1024 * 1024;
/// What begins a stream of bulk; a request begins with anything else.
const BULK: u8 = 1;

#[derive(Clone)]
pub struct Bare {
    endpoint: Endpoint,
    server: SocketAddr,
    link: Arc<OnceCell<Connection>>,
}

fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        .stream_receive_window(STREAM_WINDOW.into())
        // What a link has of which one stream is read.
        .receive_window((LINK_WINDOW + STREAM_WINDOW).into())
        .send_window(SEND_WINDOW + STREAM_WIDE)
        .mtu_discovery_config(None);
    Arc::new(config)
}

pub fn start() -> Result<Bare> {
    let certs = certs::make()?;
    let root = CertificateDer::from_pem_slice(certs.root.as_bytes())?;
    let chain = vec![CertificateDer::from_pem_slice(certs.certificate.as_bytes())?];
    let key = PrivateKeyDer::from_pem_slice(certs.key.as_bytes())?;
    let mut roots = RootCertStore::empty();
    roots.add(root)?;
    let roots = Arc::new(roots);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = &[&rustls::version::TLS13];
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build()?;
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key.clone_key())?;
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server)?));
    server.transport_config(transport());
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client)?));
    client.transport_config(transport());
    let acceptor = Endpoint::server(server, (Ipv4Addr::LOCALHOST, 0).into())?;
    let mut endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
    endpoint.set_default_client_config(client);
    let server = acceptor.local_addr()?;
    tokio::spawn(async move {
        while let Some(incoming) = acceptor.accept().await {
            if let Ok(link) = incoming.await {
                tokio::spawn(serve(link));
            }
        }
    });
    Ok(Bare { endpoint, server, link: Arc::default() })
}

async fn serve(link: Connection) {
    while let Ok((out, into)) = link.accept_bi().await {
        tokio::spawn(answer(out, into));
    }
}

async fn answer(mut out: SendStream, mut into: RecvStream) -> Result<()> {
    let mut kind = [0];
    into.read_exact(&mut kind).await?;
    if kind[0] == BULK {
        let (mut total, mut buffer) = (0_u64, vec![0; MESSAGE]);
        while let Some(read) = into.read(&mut buffer).await? {
            total += read as u64;
        }
        out.write_all(&total.to_be_bytes()).await?;
    } else {
        let body = into.read_to_end(REQUEST_LIMIT).await?;
        out.write_all(&body).await?;
    }
    Ok(out.finish()?)
}

impl Bare {
    async fn link(&self) -> Result<&Connection> {
        self.link
            .get_or_try_init(|| async { Ok(self.endpoint.connect(self.server, certs::NAME)?.await?) })
            .await
    }
}

impl Contender for Bare {
    async fn ask(&self, body: &[u8]) -> Result<usize> {
        let (mut out, mut into) = self.link().await?.open_bi().await?;
        out.write_all(&[0]).await?;
        out.write_all(body).await?;
        out.finish()?;
        Ok(into.read_to_end(REQUEST_LIMIT).await?.len())
    }

    async fn send(&self, total: usize) -> Result<()> {
        let (mut out, mut into) = self.link().await?.open_bi().await?;
        out.write_all(&[BULK]).await?;
        let message = vec![7; MESSAGE];
        for _ in 0..total / MESSAGE {
            out.write_all(&message).await?;
        }
        out.finish()?;
        let got = into.read_to_end(8).await?;
        anyhow::ensure!(got == (total as u64).to_be_bytes(), "bytes are missing");
        Ok(())
    }
}
