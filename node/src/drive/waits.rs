//! Who waits for what.

use super::client::{Condition, ReplyTo, SaidTo, Ticket};
use crate::{
    app::{BroadcastError, RequestError, RequestId},
    node::Node,
};
use futures_channel::oneshot;
use ifrit_core::{
    id::MemberId,
    time::{Mono, Now},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Between looks at the conditions of [`Client::wait_for`](super::Client::wait_for) when nothing is told.
const CONDITION_PERIOD: Duration = Duration::from_millis(100);

/// Callers that wait for answers from other members. Each is a caller's future, or about to be cancelled; node bounds
/// what is in flight.
#[derive(Default)]
pub(super) struct Requests {
    callers: BTreeMap<RequestId, (Ticket, ReplyTo)>,
    ids: BTreeMap<Ticket, RequestId>,
}

impl Requests {
    pub(super) fn add(&mut self, id: RequestId, ticket: Ticket, reply: ReplyTo) {
        self.ids.insert(ticket, id);
        self.callers.insert(id, (ticket, reply));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.callers.len()
    }

    /// The answer has come; the caller may be gone.
    pub(super) fn answer(
        &mut self,
        id: RequestId,
        from: Option<MemberId>,
        result: Result<Vec<u8>, RequestError>,
    ) {
        if let Some((ticket, reply)) = self.callers.remove(&id) {
            self.ids.remove(&ticket);
            // Whoever answers is known.
            let from = from.ok_or(RequestError::Unreachable);
            drop(reply.send(result.and_then(|body| Ok((from?, body)))));
        }
    }

    /// Those whose callers have gone.
    pub(super) fn gone(&self) -> Vec<Ticket> {
        let gone = self.callers.values().filter(|(_, reply)| reply.is_canceled());
        gone.map(|(ticket, _)| *ticket).collect()
    }

    /// The caller has gone: the request to cancel, if it is not answered yet.
    pub(super) fn cancel(&mut self, ticket: Ticket) -> Option<RequestId> {
        let id = self.ids.remove(&ticket)?;
        self.callers.remove(&id);
        Some(id)
    }
}

/// Callers that wait until a view is as they want it.
#[derive(Default)]
pub(super) struct Conditions {
    waiting: Vec<(Condition, oneshot::Sender<()>)>,
    /// When to look again.
    due: Mono,
}

impl Conditions {
    pub(super) fn add(&mut self, condition: Condition, met: oneshot::Sender<()>) {
        self.waiting.push((condition, met));
        self.look_again();
    }

    /// The view may have changed.
    pub(super) fn look_again(&mut self) {
        self.due = Mono(0);
    }

    /// When to call [`Conditions::check`].
    pub(super) fn deadline(&self) -> Option<Mono> {
        (!self.waiting.is_empty()).then_some(self.due)
    }

    /// Lets those go whose condition holds, and forgets those whose caller has gone.
    pub(super) fn check(&mut self, now: Mono, node: &Node) {
        if self.waiting.is_empty() || now < self.due {
            return;
        }
        self.due = now + CONDITION_PERIOD;
        self.waiting.retain_mut(|(_, met)| !met.is_canceled());
        for (_, met) in self.waiting.extract_if(.., |(condition, _)| condition(now, node.view())) {
            _ = met.send(());
        }
    }
}

/// Broadcasts that wait until the others take more of this member. Each is a caller's future; beyond
/// [`SAYINGS_MAX`] callers are told that there is no room.
#[derive(Default)]
pub(super) struct Sayings {
    waiting: VecDeque<(Vec<u8>, SaidTo)>,
    /// When to try again.
    due: Option<Mono>,
}

/// Broadcasts that wait at a time: 16 MiB.
const SAYINGS_MAX: usize = 256;

impl Sayings {
    pub(super) fn add(&mut self, body: Vec<u8>, done: SaidTo) {
        if self.waiting.len() < SAYINGS_MAX {
            self.waiting.push_back((body, done));
        } else {
            _ = done.send(Err(BroadcastError::Busy { wait: Duration::from_secs(1) }));
        }
    }

    /// When to call [`Sayings::say`].
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.due
    }

    /// Says what there is room for, in the order in which it was asked for, but for those whose caller has gone.
    pub(super) fn say(&mut self, now: Now, node: &mut Node) {
        if self.due.is_some_and(|due| due > now.mono) {
            return;
        }
        self.due = None;
        self.waiting.retain(|(_, done)| !done.is_canceled());
        while let Some((body, _)) = self.waiting.front() {
            let said = node.broadcast(now, body);
            if let Err(BroadcastError::Busy { wait }) = said {
                self.due = Some(now.mono + wait);
                return;
            }
            if let Some((_, done)) = self.waiting.pop_front() {
                _ = done.send(said);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_once_by_its_answer_or_by_its_caller() {
        let mut requests = Requests::default();
        let (reply, mut answer) = oneshot::channel();
        requests.add(RequestId(1), 10, reply);
        let from = MemberId([1; 32]);
        requests.answer(RequestId(1), Some(from), Ok(vec![7]));
        assert_eq!(answer.try_recv(), Ok(Some(Ok((from, vec![7])))));
        assert_eq!(requests.cancel(10), None, "the caller's guard comes too late");

        let (reply, answer) = oneshot::channel();
        requests.add(RequestId(2), 11, reply);
        drop(answer);
        assert_eq!(requests.cancel(11), Some(RequestId(2)));
        requests.answer(RequestId(2), None, Err(RequestError::Cancelled));
        assert!(requests.callers.is_empty() && requests.ids.is_empty());
    }
}
