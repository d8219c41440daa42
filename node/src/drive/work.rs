//! What runs beside the loop, and comes back to it: saves, name look-ups, answers to requests.

use super::{
    MessageStream, Runtime,
    client::Answer,
    handler::{CODE_BUSY, CODE_NO_HANDLER, CODE_TIMEOUT, Handler, Role, Roles, StreamHandler, failure},
    keeper::Brought,
    saver::Saved,
    stream::LetGo,
};
use crate::{
    app::RequestToken,
    limits::{Limits, fair_share},
};
use async_channel::{Receiver, Sender};
use futures_util::{FutureExt, pin_mut, select_biased};
use ifrit_core::id::MemberId;
use std::{
    collections::BTreeMap,
    net::{SocketAddr, ToSocketAddrs},
    time::Instant,
};

/// Names looked up at a time; a dead name server blocks a thread for each.
const LOOKUPS_MAX: usize = 4;

/// Something that ran beside the loop has ended.
pub(super) enum Done {
    /// `None` if the save panicked.
    Saved(Option<Saved>),
    /// Empty: the name has no address, or not now.
    Resolved { seed: u16, addrs: Vec<SocketAddr> },
    /// The CA has answered, or has not.
    Kept(Brought),
    /// A program has let half a stream go.
    LetGo(LetGo),
    /// A stream's handler has returned.
    Streamed { from: MemberId },
    /// The application's answer.
    /// `None` if it answers nobody.
    Answered { token: Option<RequestToken>, from: MemberId, answer: Answer },
}

/// Starts what runs beside the loop. Each kind has an own bound, so the channel needs none.
pub(super) struct Work<R> {
    pub(super) runtime: R,
    pub(super) done: Sender<Done>,
}

impl<R: Runtime> Work<R> {
    pub(super) fn new(runtime: R) -> (Self, Receiver<Done>) {
        let (done, ended) = async_channel::unbounded();
        (Self { runtime, done }, ended)
    }

    /// Runs `work` where it may block and sends what `finish` makes of it; `None` if it panicked.
    pub(super) fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        finish: impl FnOnce(Option<T>) -> Done + Send + 'static,
    ) {
        let (runtime, done) = (self.runtime.clone(), self.done.clone());
        self.runtime.spawn(async move {
            let result = runtime.spawn_blocking(work).await;
            // The loop has ended: nobody waits for it.
            drop(done.send(finish(result)).await);
        });
    }
}

impl<R: Runtime> Work<R> {
    /// Handles a stream until its handler returns or the loop has ended.
    pub(super) fn stream(&self, handler: StreamHandler, stream: MessageStream) {
        let (done, from) = (self.done.clone(), stream.peer());
        self.runtime.spawn(async move {
            let handling = handler.handle(stream).fuse();
            let ended = done.closed().fuse();
            pin_mut!(handling, ended);
            select_biased! {
                () = handling => drop(done.send(Done::Streamed { from }).await),
                () = ended => {}
            }
        });
    }
}

/// Looks up seeds' names.
#[derive(Default)]
pub(super) struct Lookups {
    waiting: BTreeMap<u16, String>,
    running: usize,
}

impl Lookups {
    /// Looks `name` up; a name that still waits for the same seed is replaced.
    pub(super) fn ask<R: Runtime>(&mut self, work: &Work<R>, seed: u16, name: String) {
        self.waiting.insert(seed, name);
        self.start(work);
    }

    /// One has ended.
    pub(super) fn ended<R: Runtime>(&mut self, work: &Work<R>) {
        self.running -= 1;
        self.start(work);
    }

    fn start<R: Runtime>(&mut self, work: &Work<R>) {
        while self.running < LOOKUPS_MAX {
            let Some((seed, name)) = self.waiting.pop_first() else { return };
            self.running += 1;
            work.blocking(
                move || name.to_socket_addrs().map(Iterator::collect).unwrap_or_default(),
                move |addrs| Done::Resolved { seed, addrs: addrs.unwrap_or_default() },
            );
        }
    }
}

/// Runs the application's handlers, within bounds in all and per member.
pub(super) struct Handlers {
    roles: Roles,
    limits: Limits,
    running: BTreeMap<MemberId, usize>,
    total: usize,
}

impl Handlers {
    pub(super) fn new(roles: Roles, limits: Limits) -> Self {
        Self { roles, limits, running: BTreeMap::new(), total: 0 }
    }

    /// Starts answering; `Some` if the answer is known at once, because there is no handler or no room.
    pub(super) fn start<R: Runtime>(
        &mut self,
        work: &Work<R>,
        role: Role,
        token: Option<RequestToken>,
        from: MemberId,
        body: Vec<u8>,
    ) -> Option<Answer> {
        let Some(handler) = self.roles.get(role).cloned() else {
            return Some(Err(failure(CODE_NO_HANDLER, "nothing of that kind is handled here")));
        };
        let of_member = self.running.get(&from).copied().unwrap_or(0);
        let left = self.limits.handlers.saturating_sub(self.total);
        if of_member >= fair_share(self.limits.handlers_per_member, left, 2) {
            return Some(Err(failure(CODE_BUSY, "too many requests are being answered: try again later")));
        }
        self.running.insert(from, of_member + 1);
        self.total += 1;
        let limit = work.runtime.now() + self.limits.handler_time;
        let done = work.done.clone();
        work.runtime.spawn(answer(work.runtime.clone(), done, handler, limit, token, from, body));
        None
    }

    /// How many run.
    pub(super) fn len(&self) -> usize {
        self.total
    }

    /// One has ended.
    pub(super) fn ended(&mut self, from: &MemberId) {
        self.total -= 1;
        if let Some(of_member) = self.running.get_mut(from) {
            *of_member -= 1;
            if *of_member == 0 {
                self.running.remove(from);
            }
        }
    }
}

/// Runs one handler until it answers, its time is over or the loop has ended.
async fn answer<R: Runtime>(
    runtime: R,
    done: Sender<Done>,
    handler: Handler,
    limit: Instant,
    token: Option<RequestToken>,
    from: MemberId,
    body: Vec<u8>,
) {
    let answering = handler.answer(from, body).fuse();
    let limit = runtime.sleep_until(limit).fuse();
    let ended = done.closed().fuse();
    pin_mut!(answering, limit, ended);
    let answer = select_biased! {
        answer = answering => answer,
        () = limit => Err(failure(CODE_TIMEOUT, "the handler took too long")),
        () = ended => return,
    };
    drop(done.send(Done::Answered { token, from, answer }).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::testing::AtOnce;
    use std::future::pending;

    #[test]
    fn one_member_cannot_take_all_handlers_and_one_that_ends_makes_room() {
        let (work, _done) = Work::new(AtOnce);
        let limits = Limits { handlers: 40, handlers_per_member: 10, ..Limits::default() };
        let roles = Roles { request: Some(Handler::new(|_, _| pending())), ..Roles::default() };
        let mut handlers = Handlers::new(roles, limits);
        let start = |handlers: &mut Handlers, from: u8| {
            let answer =
                handlers.start(&work, Role::Request, Some(RequestToken(0)), MemberId([from; 32]), Vec::new());
            answer.map(|answer| answer.expect_err("nobody answers").code)
        };
        for _ in 0..limits.handlers_per_member {
            assert_eq!(start(&mut handlers, 0), None);
        }
        assert_eq!(start(&mut handlers, 0), Some(CODE_BUSY));
        assert_eq!(start(&mut handlers, 1), None);
        handlers.ended(&MemberId([0; 32]));
        assert_eq!(start(&mut handlers, 0), None);
        assert_eq!(start(&mut handlers, 0), Some(CODE_BUSY));
    }

    #[test]
    fn members_whose_handlers_never_end_leave_some_for_others() {
        let (work, _done) = Work::new(AtOnce);
        let roles = Roles { request: Some(Handler::new(|_, _| pending())), ..Roles::default() };
        let mut handlers = Handlers::new(roles, Limits::default());
        for from in 0..20 {
            let mut start = || {
                handlers.start(&work, Role::Request, Some(RequestToken(0)), MemberId([from; 32]), Vec::new())
            };
            assert!(start().is_none(), "{from} has one");
            while start().is_none() {}
        }
    }

    #[test]
    fn lookups_are_bounded_and_the_newest_name_of_a_seed_wins() {
        let (work, done) = Work::new(AtOnce);
        let mut lookups = Lookups::default();
        for seed in 0..10 {
            lookups.ask(&work, seed, "127.0.0.1:1".to_owned());
            lookups.ask(&work, 9, "127.0.0.1:9".to_owned());
        }
        assert_eq!(done.len(), LOOKUPS_MAX);
        let mut seeds = Vec::new();
        while let Ok(Done::Resolved { seed, addrs }) = done.try_recv() {
            lookups.ended(&work);
            assert!(done.len() <= LOOKUPS_MAX);
            seeds.push((seed, addrs[0].port()));
        }
        assert!(seeds.contains(&(9, 9)) && seeds.contains(&(8, 1)) && lookups.running == 0);
    }
}
