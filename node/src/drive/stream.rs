//! A message stream as a program holds it.

use super::{client::Call, work::Done};
use crate::{
    app::{StreamError, StreamId},
    limits::STREAM_MESSAGE_MAX,
};
use async_channel::{Sender, WeakSender};
use futures_channel::oneshot;
use ifrit_core::id::MemberId;
use std::{collections::VecDeque, fmt, time::Duration};

/// Time that [`Client::open_stream`](super::Client::open_stream) waits for a link.
pub const STREAM_OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// [`StreamError::Reset`] when the other end was dropped without a finish.
pub const CODE_DROPPED: u32 = 0xffff_ff04;
/// [`StreamError::Reset`] when a message was over [`STREAM_MESSAGE_MAX`].
pub const CODE_TOO_LARGE: u32 = 0xffff_ff05;

/// Messages to and from one member, in order, each whole: two halves that end by themselves.
///
/// What one side sends and the other does not read waits at the sender: [`StreamSender::send`] then takes its time, and
/// nothing else does. A stream that is idle lives for as long as its link can be kept, hours if need be; it does not keep
/// the member running. Dropped before its end, the other side gets [`StreamError::Reset`] with [`CODE_DROPPED`].
#[derive(Debug)]
pub struct MessageStream {
    sender: StreamSender,
    receiver: StreamReceiver,
}

/// The sending half of a [`MessageStream`].
pub struct StreamSender {
    line: Line,
    open: bool,
    /// What the peer is told if it is let go before its end.
    parting: Option<u32>,
    /// The word on what the loop was given last.
    given: Option<oneshot::Receiver<Result<(), StreamError>>>,
}

/// The receiving half of a [`MessageStream`].
pub struct StreamReceiver {
    line: Line,
    /// What the loop was asked for.
    asked: Option<oneshot::Receiver<Batch>>,
    ready: VecDeque<Vec<u8>>,
    end: Option<Result<(), StreamError>>,
    /// What the peer is told if it is let go before its end.
    parting: Option<u32>,
}

/// Whole messages that had come, and how it ends if nothing follows.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: VecDeque<Vec<u8>>,
    pub(super) end: Option<Result<(), StreamError>>,
}

/// Which half of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Sending,
    Receiving,
}

/// A half that its program has let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LetGo {
    pub(super) id: StreamId,
    pub(super) side: Side,
    /// Why, unless it had ended before.
    pub(super) code: Option<u32>,
}

/// How a half reaches the loop.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) id: StreamId,
    pub(super) peer: MemberId,
    /// Weak: a stream does not keep the member running.
    pub(super) calls: WeakSender<Call>,
    /// Has room for every half there is.
    pub(super) done: Sender<Done>,
}

impl Line {
    async fn call(&self, call: Call) -> Result<(), StreamError> {
        let calls = self.calls.upgrade().ok_or(StreamError::Stopped)?;
        calls.send(call).await.map_err(|_| StreamError::Stopped)
    }

    fn let_go(&self, side: Side, code: Option<u32>) {
        // A loop that has ended has forgotten it.
        let _ = self.done.try_send(Done::LetGo(LetGo { id: self.id, side, code }));
    }
}

/// What the peer is told of a half that goes out of scope.
fn dropped() -> u32 {
    if std::thread::panicking() { super::CODE_PANIC } else { CODE_DROPPED }
}

impl MessageStream {
    pub(super) fn new(line: Line) -> Self {
        let sender = StreamSender { line: line.clone(), open: true, parting: None, given: None };
        let receiver = StreamReceiver { line, asked: None, ready: VecDeque::new(), end: None, parting: None };
        Self { sender, receiver }
    }

    /// The member at the other end: the identity that its link proved.
    pub fn peer(&self) -> MemberId {
        self.sender.line.peer
    }

    /// Its two halves, for two tasks.
    pub fn split(self) -> (StreamSender, StreamReceiver) {
        (self.sender, self.receiver)
    }

    /// As [`StreamSender::send`].
    pub async fn send(&mut self, message: impl Into<Vec<u8>>) -> Result<(), StreamError> {
        self.sender.send(message).await
    }

    /// As [`StreamSender::finish`].
    pub async fn finish(&mut self) -> Result<(), StreamError> {
        self.sender.finish().await
    }

    /// As [`StreamReceiver::recv`].
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
        self.receiver.recv().await
    }

    /// Gives both halves up: the other end gets [`StreamError::Reset`] with this code. Those from 0xffff_ff00 on are used
    /// by this library itself.
    pub fn reset(self, code: u32) {
        self.sender.reset(code);
        self.receiver.stop(code);
    }
}

impl StreamSender {
    /// The member at the other end.
    pub fn peer(&self) -> MemberId {
        self.line.peer
    }

    /// Sends a message, at most [`STREAM_MESSAGE_MAX`] bytes. Ends when the transport has taken all of it, which waits
    /// for a reader that is slow; that the other side has it is known after [`StreamSender::finish`].
    ///
    /// Dropped before it ends, the message is sent whole or not at all, and the stream goes on.
    ///
    /// # Errors
    /// [`StreamError::TooLarge`]: nothing was sent, and the stream goes on. After any other error it is over.
    pub async fn send(&mut self, message: impl Into<Vec<u8>>) -> Result<(), StreamError> {
        let message = message.into();
        if message.len() > STREAM_MESSAGE_MAX {
            return Err(StreamError::TooLarge { limit: STREAM_MESSAGE_MAX });
        }
        self.settle().await?;
        self.give(|id, done| Call::Send { id, message, as_is: false, done }).await?;
        self.settle().await
    }

    /// Sends bytes that need not be a message. For tests of what the other side makes of them: it can do no more than a
    /// peer that breaks the rules does anyway.
    #[doc(hidden)]
    pub async fn send_as_is(&mut self, message: Vec<u8>) -> Result<(), StreamError> {
        self.settle().await?;
        self.give(|id, done| Call::Send { id, message, as_is: true, done }).await?;
        self.settle().await
    }

    /// Says that no message follows. Ends when the other side's transport has all of them; its program may not have read
    /// them yet. Dropped before it ends it still happens, unless it had not begun; may be called again.
    ///
    /// # Errors
    /// The other side did not want them all, or the link broke before it had them.
    pub async fn finish(&mut self) -> Result<(), StreamError> {
        self.settle().await?;
        if self.open {
            self.give(|id, done| Call::Finish { id, done }).await?;
            self.open = false;
        }
        self.settle().await
    }

    /// Gives it up; the other end gets [`StreamError::Reset`] with this code, and may not get what was sent before.
    pub fn reset(mut self, code: u32) {
        self.parting = Some(code);
    }

    async fn give(
        &mut self,
        call: impl FnOnce(StreamId, oneshot::Sender<Result<(), StreamError>>) -> Call,
    ) -> Result<(), StreamError> {
        if !self.open {
            return Err(StreamError::Closed);
        }
        let (done, given) = oneshot::channel();
        self.line.call(call(self.line.id, done)).await?;
        // Nothing waits between these two: what the loop has, it answers for.
        self.given = Some(given);
        Ok(())
    }

    /// Waits for the word on what was given last.
    async fn settle(&mut self) -> Result<(), StreamError> {
        let Some(given) = &mut self.given else { return Ok(()) };
        let result = given.await.unwrap_or(Err(StreamError::Stopped));
        self.given = None;
        self.open &= result.is_ok();
        result
    }
}

impl Drop for StreamSender {
    fn drop(&mut self) {
        let code = self.parting.unwrap_or_else(dropped);
        self.line.let_go(Side::Sending, self.open.then_some(code));
    }
}

impl StreamReceiver {
    /// The member at the other end.
    pub fn peer(&self) -> MemberId {
        self.line.peer
    }

    /// The next message; `None` once the other side has finished and all was read. May be dropped and called again:
    /// nothing is lost.
    ///
    /// # Errors
    /// The other side gave it up, within a message perhaps ([`StreamError::Cut`]), or sent one that is too large; or the
    /// link broke. What came whole before that is given first, unless it was given up or lost.
    pub async fn recv(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            if let Some(end) = self.end {
                return end.map(|()| None);
            }
            let asked = match &mut self.asked {
                Some(asked) => asked,
                none => {
                    let (reply, asked) = oneshot::channel();
                    self.line.call(Call::Receive { id: self.line.id, reply }).await?;
                    none.insert(asked)
                }
            };
            let stopped = Batch { end: Some(Err(StreamError::Stopped)), ..Batch::default() };
            let batch = asked.await.unwrap_or(stopped);
            self.asked = None;
            (self.ready, self.end) = (batch.messages, batch.end);
        }
    }

    /// Wants no more: the other end's next [`StreamSender::send`] fails with [`StreamError::Reset`] and this code.
    pub fn stop(mut self, code: u32) {
        self.parting = Some(code);
    }
}

impl Drop for StreamReceiver {
    fn drop(&mut self) {
        let code = self.parting.unwrap_or_else(dropped);
        self.line.let_go(Side::Receiving, self.end.is_none().then_some(code));
    }
}

impl fmt::Debug for StreamSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").field("id", &self.line.id).field("peer", &self.line.peer).finish()
    }
}

impl fmt::Debug for StreamReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReceiver").field("id", &self.line.id).field("peer", &self.line.peer).finish()
    }
}
