//! What a member does for others, as one type.

use super::{
    Broadcast, CODE_NO_HANDLER, MessageStream,
    handler::{BroadcastHandler, Handler, Roles, StreamHandler, failure},
};
use crate::app::Failure;
use ifrit_core::id::MemberId;
use std::{future::Future, sync::Arc};

/// All that others may ask of this member: for [`Builder::service`](super::Builder::service), where single async functions
/// ([`Builder::on_request`](super::Builder::on_request) and others) would share much. What is not overridden refuses.
///
/// Each call runs in a task of its own, several at a time. A panic in one is told to the caller and harms nobody else.
pub trait Service: Send + Sync + 'static {
    /// Answers a request: see [`Builder::on_request`](super::Builder::on_request).
    fn request(
        &self,
        from: MemberId,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, Failure>> + Send {
        let _ = (from, body);
        async { Err(failure(CODE_NO_HANDLER, "no requests are handled here")) }
    }

    /// Answers a neighbour's gossip: see [`Builder::on_gossip`](super::Builder::on_gossip).
    fn gossip(
        &self,
        from: MemberId,
        content: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<u8>, Failure>> + Send {
        let _ = (from, content);
        async { Err(failure(CODE_NO_HANDLER, "no gossip is handled here")) }
    }

    /// Takes what a neighbour says to this member's gossip: see
    /// [`Builder::on_gossip_reply`](super::Builder::on_gossip_reply).
    fn gossip_reply(&self, from: MemberId, body: Vec<u8>) -> impl Future<Output = ()> + Send {
        let _ = (from, body);
        async {}
    }

    /// Takes the next of what members say to all: see [`Builder::on_broadcast`](super::Builder::on_broadcast).
    fn broadcast(&self, broadcast: Broadcast) -> impl Future<Output = ()> + Send {
        let _ = broadcast;
        async {}
    }

    /// Handles a stream that another member opened: see [`Builder::on_stream`](super::Builder::on_stream).
    fn stream(&self, stream: MessageStream) -> impl Future<Output = ()> + Send {
        stream.reset(CODE_NO_HANDLER);
        async {}
    }
}

/// A service as the functions that the loop knows.
pub(super) fn handlers<S: Service>(service: S) -> (Roles, BroadcastHandler, StreamHandler) {
    let service = Arc::new(service);
    let of = || Arc::clone(&service);
    let (request, gossip, replies, broadcasts, streams) = (of(), of(), of(), of(), of());
    let roles = Roles {
        request: Some(Handler::new(move |from, body| {
            let service = request.clone();
            async move { service.request(from, body).await }
        })),
        gossip: Some(Handler::new(move |from, content| {
            let service = gossip.clone();
            async move { service.gossip(from, content).await }
        })),
        gossip_reply: Some(Handler::silent(move |from, body| {
            let service = replies.clone();
            async move { service.gossip_reply(from, body).await }
        })),
    };
    let broadcasts = BroadcastHandler::new(move |broadcast| {
        let service = broadcasts.clone();
        async move { service.broadcast(broadcast).await }
    });
    let streams = StreamHandler::new(move |stream| {
        let service = streams.clone();
        async move { service.stream(stream).await }
    });
    (roles, broadcasts, streams)
}
