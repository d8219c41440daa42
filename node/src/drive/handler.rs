//! The application's answers to requests.

use super::{Broadcast, Broadcasts, MessageStream, client::Answer};
use crate::app::Failure;
use futures_util::{FutureExt, future::BoxFuture};
use ifrit_core::id::MemberId;
use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

/// [`Failure::code`] when nobody handles requests here; [`Reset`](crate::app::StreamError::Reset) when nobody handles
/// streams.
pub const CODE_NO_HANDLER: u32 = 0xffff_ff00;
/// [`Failure::code`] when too many requests are being answered; [`Reset`](crate::app::StreamError::Reset) when too many
/// streams are being handled.
pub const CODE_BUSY: u32 = 0xffff_ff01;
/// [`Failure::code`] and [`Reset`](crate::app::StreamError::Reset) when the handler panicked.
pub const CODE_PANIC: u32 = 0xffff_ff02;
/// [`Failure::code`] when the handler took longer than [`HANDLER_LIMIT`](crate::limits::HANDLER_LIMIT).
pub const CODE_TIMEOUT: u32 = 0xffff_ff03;

/// An async function from (sender, body) to an answer.
#[derive(Clone)]
pub(super) struct Handler(Arc<dyn Fn(MemberId, Vec<u8>) -> BoxFuture<'static, Answer> + Send + Sync>);

impl Handler {
    pub(super) fn new<F, Fut>(handler: F) -> Self
    where
        F: Fn(MemberId, Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        Self(Arc::new(move |from, body| handler(from, body).boxed()))
    }

    /// One that answers nothing.
    pub(super) fn silent<F, Fut>(handler: F) -> Self
    where
        F: Fn(MemberId, Vec<u8>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::new(move |from, body| handler(from, body).map(|()| Ok(Vec::new())))
    }

    /// Answers. A panic, in the function or in its future, is an answer too; what it said stays here, for the
    /// caller is another machine's.
    pub(super) async fn answer(self, from: MemberId, body: Vec<u8>) -> Answer {
        let answer = async move { (self.0)(from, body).await };
        AssertUnwindSafe(answer)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(failure(CODE_PANIC, "the handler panicked")))
    }
}

/// What a [`Handler`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Request,
    Gossip,
    GossipReply,
}

/// The application's handlers of what comes in one piece.
#[derive(Clone, Default)]
pub(super) struct Roles {
    pub(super) request: Option<Handler>,
    pub(super) gossip: Option<Handler>,
    pub(super) gossip_reply: Option<Handler>,
}

impl Roles {
    pub(super) fn get(&self, role: Role) -> Option<&Handler> {
        match role {
            Role::Request => self.request.as_ref(),
            Role::Gossip => self.gossip.as_ref(),
            Role::GossipReply => self.gossip_reply.as_ref(),
        }
    }
}

/// An async function of what members say to all.
#[derive(Clone)]
pub(super) struct BroadcastHandler(Arc<dyn Fn(Broadcast) -> BoxFuture<'static, ()> + Send + Sync>);

impl BroadcastHandler {
    pub(super) fn new<F, Fut>(handler: F) -> Self
    where
        F: Fn(Broadcast) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |broadcast| handler(broadcast).boxed()))
    }

    /// Handles one after the other, until the member has stopped. After a panic it goes on with the next.
    pub(super) async fn run(self, mut broadcasts: Broadcasts) {
        while let Some(broadcast) = broadcasts.next().await {
            let handling = async { (self.0)(broadcast).await };
            let _ = AssertUnwindSafe(handling).catch_unwind().await;
        }
    }
}

/// An async function of a stream that another member opened.
#[derive(Clone)]
pub(super) struct StreamHandler(Arc<dyn Fn(MessageStream) -> BoxFuture<'static, ()> + Send + Sync>);

impl StreamHandler {
    pub(super) fn new<F, Fut>(handler: F) -> Self
    where
        F: Fn(MessageStream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |stream| handler(stream).boxed()))
    }

    /// Runs to its end, or to its panic: the stream, dropped with it, tells the peer.
    pub(super) async fn handle(self, stream: MessageStream) {
        let handling = async move { (self.0)(stream).await };
        let _ = AssertUnwindSafe(handling).catch_unwind().await;
    }
}

pub(super) fn failure(code: u32, text: &str) -> Failure {
    Failure { code, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(handler: &Handler) -> Answer {
        futures_util::future::FutureExt::now_or_never(
            handler.clone().answer(MemberId([1; 32]), b"hi".to_vec()),
        )
        .expect("these handlers wait for nothing")
    }

    #[test]
    fn a_panic_is_reported_and_not_passed_on() {
        let inside = Handler::new(|_, _| async { panic!("in the future") });
        let before = Handler::new(|_, _| -> std::future::Ready<Answer> { panic!("at once") });
        for handler in [inside, before] {
            assert_eq!(answer(&handler).expect_err("it panicked").code, CODE_PANIC);
        }
    }

    #[test]
    fn a_handler_gets_sender_and_body() {
        let echo = Handler::new(|from: MemberId, body| async move {
            assert_eq!(from, MemberId([1; 32]));
            Ok(body)
        });
        assert_eq!(answer(&echo), Ok(b"hi".to_vec()));
    }
}
