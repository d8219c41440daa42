//! tonic: gRPC over HTTP/2 over TLS 1.3, both ends with certificates.

use crate::{Contender, MESSAGE, certs};
use anyhow::Result;
use bytes::{Buf, BufMut, Bytes};
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig},
};

include!(concat!(env!("OUT_DIR"), "/compare.Peer.rs"));

/// Bytes as they are.
#[derive(Debug, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::default()
    }
}

struct Echo;

#[tonic::async_trait]
impl peer_server::Peer for Echo {
    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn send(&self, request: Request<Streaming<Bytes>>) -> Result<Response<Bytes>, Status> {
        let (mut messages, mut total) = (request.into_inner(), 0);
        while let Some(message) = messages.next().await {
            total += message?.len() as u64;
        }
        Ok(Response::new(Bytes::copy_from_slice(&total.to_be_bytes())))
    }
}

#[derive(Clone)]
pub struct Grpc(peer_client::PeerClient<Channel>);

pub async fn start() -> Result<Grpc> {
    let certs = certs::make()?;
    let (root, identity) =
        (Certificate::from_pem(certs.root), Identity::from_pem(certs.certificate, certs.key));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let addr = listener.local_addr()?;
    let server = ServerTlsConfig::new().identity(identity.clone()).client_ca_root(root.clone());
    let server = Server::builder().tls_config(server)?.add_service(peer_server::PeerServer::new(Echo));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    let client = ClientTlsConfig::new().identity(identity).ca_certificate(root).domain_name(certs::NAME);
    let channel = Endpoint::from_shared(format!("https://{addr}"))?.tls_config(client)?.connect().await?;
    Ok(Grpc(peer_client::PeerClient::new(channel)))
}

impl Contender for Grpc {
    async fn ask(&self, body: &[u8]) -> Result<usize> {
        let reply = self.0.clone().ask(Request::new(Bytes::copy_from_slice(body))).await?;
        Ok(reply.into_inner().len())
    }

    async fn send(&self, total: usize) -> Result<()> {
        let messages = (0..total / MESSAGE).map(|_| Bytes::from(vec![7; MESSAGE]));
        let got = self.0.clone().send(Request::new(tokio_stream::iter(messages))).await?.into_inner();
        anyhow::ensure!(got[..] == (total as u64).to_be_bytes(), "bytes are missing");
        Ok(())
    }
}
