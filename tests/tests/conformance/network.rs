//! Several members: join, message, crash, restart, leave.

use crate::{
    cluster::{Cluster, state_of},
    driver::Driver,
};
use futures_util::future::{join_all, select};
use ifrit_core::{
    action::Notice,
    id::MemberId,
    limits::TAGS_MAX,
    view::{State, View},
};
use ifrit_node::{
    app::RequestError,
    drive::{CODE_BUSY, CODE_NO_HANDLER, CODE_PANIC, Client, Event, Events},
    limits::{Limits, REQUESTS_PER_PEER},
    node::Node,
};
use std::{future::pending, net::SocketAddr, pin::pin, time::Duration};

/// Enough for everybody to have several neighbours on five rings.
const MEMBERS: usize = 5;

/// The first notice that `wanted` takes.
async fn told<D: Driver>(events: &mut Events, what: &str, wanted: impl Fn(&Notice) -> bool) -> Notice {
    let next = async {
        loop {
            match events.next().await.expect("the member runs") {
                Event::Notice(notice) if wanted(&notice) => return notice,
                Event::Notice(_) | Event::Lagged { .. } => {}
            }
        }
    };
    D::within(what, next).await
}

/// A member that answers `FROM BODY`.
async fn echoing<D: Driver>(cluster: &mut Cluster) -> Client {
    cluster
        .add::<D>(|builder| {
            builder.on_request(|from, body| async move {
                Ok([from.to_string().as_bytes(), b" ", &body[..]].concat())
            })
        })
        .await
}

pub(crate) async fn all_join_and_agree<D: Driver>() {
    let cluster = Cluster::joined::<D>(MEMBERS).await;
    let digest = cluster.members[0].digest().await.expect("it runs");
    cluster.everywhere::<D>("digests are equal", move |view| view.digest() == digest).await;
    let explained = cluster.members[0].explain(cluster.members[1].id()).await.expect("it runs");
    let explained = explained.expect("a member").now.expect("in lease");
    assert_eq!(explained.member.addrs, [cluster.members[1].local_addr()]);
    assert!(!explained.watchers.is_empty() && explained.accusations.is_empty());
    // The pings of ring neighbours show their views; of five members a pair may be neighbours on none of five rings.
    for member in &cluster.members {
        let agree = |view: View<'_>| view.neighbours().all(|id| view.agrees_with(id) == Some(true));
        D::within("neighbours agree", member.wait_for(agree)).await.expect("it runs");
        for other in cluster.members.iter().map(Client::id) {
            let beside = member.query(move |node| node.view().neighbours().any(|id| *id == other)).await;
            let known = member.agrees_with(other).await.expect("it runs").is_some();
            assert_eq!(beside, Ok(known), "of neighbours it is known, of nobody else");
        }
    }
    cluster.stop::<D>().await;
}

pub(crate) async fn a_request_reaches_its_member_and_names_its_sender<D: Driver>() {
    let mut cluster = Cluster::new();
    for _ in 0..3 {
        echoing::<D>(&mut cluster).await;
    }
    cluster.complete::<D>().await;
    let (sender, receivers) = cluster.members.split_first().expect("three");
    let asks = receivers.iter().map(|to| sender.request(to.id(), "hello"));
    for answer in D::within("answers", join_all(asks)).await {
        assert_eq!(answer, Ok(format!("{} hello", sender.id()).into_bytes()));
    }
    // A large body takes several flights, in both directions.
    let large = vec![7; 200_000];
    let answer = D::within("a large answer", sender.request(receivers[0].id(), large.clone())).await;
    assert!(answer.expect("an answer").ends_with(&large));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_request_to_nobody_known_fails_at_once<D: Driver>() {
    let cluster = Cluster::joined::<D>(2).await;
    let answer = D::within("an answer", cluster.members[0].request(MemberId([1; 32]), "hello")).await;
    assert_eq!(answer, Err(RequestError::UnknownMember));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_panicking_handler_is_a_failure_and_harms_nobody<D: Driver>() {
    let mut cluster = Cluster::new();
    let careless = |_, body: Vec<u8>| async move {
        assert!(body != b"panic", "as asked");
        Ok(body)
    };
    let careless = cluster.add::<D>(|builder| builder.on_request(careless)).await;
    let asker = cluster.add::<D>(|builder| builder).await;
    cluster.complete::<D>().await;
    let answer = D::within("an answer", asker.request(careless.id(), "panic")).await;
    assert!(
        matches!(&answer, Err(RequestError::Remote(failure)) if failure.code == CODE_PANIC),
        "{answer:?}"
    );
    let answer = D::within("an answer", asker.request(careless.id(), "calm")).await;
    assert_eq!(answer, Ok(b"calm".to_vec()));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_busy_member_refuses_and_goes_on<D: Driver>() {
    let mut cluster = Cluster::new();
    let stuck = |_, _| async { pending().await };
    let (mut three, mut four) = (Limits::default(), Limits::default());
    three.handlers_per_member = 3;
    four.requests = 4;
    let busy = cluster.add::<D>(|builder| builder.on_request(stuck).limits(three)).await;
    let asker = cluster.add::<D>(|builder| builder.limits(four)).await;
    cluster.complete::<D>().await;
    // More than it asks at a time: refused here. As many as the other answers at a time: all are given up, but their handlers
    // are not done.
    let timeout = Duration::from_secs(5);
    let asks = |count: usize| join_all((0..count).map(|_| asker.request_with(busy.id(), "hello", timeout)));
    let answers = D::within("answers", asks(5)).await;
    let refused = |answer: &Result<_, RequestError>| matches!(answer, Err(RequestError::Remote(f)) if f.code == CODE_BUSY);
    let here = answers.iter().filter(|answer| **answer == Err(RequestError::Busy)).count();
    let given_up = answers.iter().filter(|answer| **answer == Err(RequestError::Timeout)).count();
    let there = answers.iter().filter(|answer| refused(answer)).count();
    assert_eq!((here, given_up, there), (1, 3, 1), "{answers:?}");
    let answer = D::within("an answer", asker.request(busy.id(), "one more")).await;
    assert!(refused(&answer), "{answer:?}");
    cluster.complete::<D>().await;
    cluster.stop::<D>().await;
}

pub(crate) async fn a_request_by_address_learns_who_is_there<D: Driver>() {
    let mut cluster = Cluster::new();
    for _ in 0..3 {
        echoing::<D>(&mut cluster).await;
    }
    cluster.complete::<D>().await;
    let (sender, receivers) = cluster.members.split_first().expect("three");
    for to in receivers {
        let answer = D::within("an answer", sender.request_addr(to.local_addr(), "hello")).await;
        assert_eq!(answer, Ok((to.id(), format!("{} hello", sender.id()).into_bytes())));
    }
    // Nobody listens there, and the port is no other test's.
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let timeout = Duration::from_secs(1);
    let answer = D::within("an end", sender.request_addr_with(nobody, "hello", timeout)).await;
    assert!(matches!(answer, Err(RequestError::Unreachable | RequestError::Timeout)), "{answer:?}");
    cluster.complete::<D>().await;
    cluster.stop::<D>().await;
}

pub(crate) async fn ten_thousand_requests_may_be_in_flight<D: Driver>() {
    let mut cluster = Cluster::new();
    let echo = |_, body| async move { Ok(body) };
    for _ in 0..3 {
        cluster.add::<D>(|builder| builder.on_request(echo)).await;
    }
    cluster.complete::<D>().await;
    let (asker, others) = cluster.members.split_first().expect("three");
    let asks = (0..10_000_usize).map(|n| {
        let to = others[n % others.len()].id();
        asker.request_with(to, n.to_be_bytes(), Duration::from_secs(60))
    });
    let answers = D::within("answers", join_all(asks)).await;
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer, Ok(n.to_be_bytes().to_vec()));
    }
    cluster.complete::<D>().await;
    cluster.stop::<D>().await;
}

pub(crate) async fn requests_that_are_dropped_by_the_thousand_are_all_taken_back<D: Driver>() {
    let mut cluster = Cluster::new();
    let stuck = |_, body: Vec<u8>| async move {
        match &body[..] {
            b"hello" => pending().await,
            _ => Ok(body),
        }
    };
    // Only its requesters' own bound counts here.
    let mut limits = Limits::default();
    (limits.handlers, limits.handlers_per_member) = (usize::MAX, usize::MAX);
    let stuck = cluster.add::<D>(|builder| builder.on_request(stuck).limits(limits)).await;
    let asker = cluster.add::<D>(|builder| builder).await;
    cluster.complete::<D>().await;
    // More than may be on their way at a time, and nobody's patience ends soon.
    let hour = Duration::from_secs(3600);
    let asks = join_all((0..3 * REQUESTS_PER_PEER).map(|_| asker.request_with(stuck.id(), "hello", hour)));
    let all_asked = async {
        let sent = |node: &Node| node.counters().requests_out as usize;
        while asker.query(sent).await.expect("it runs") < REQUESTS_PER_PEER {}
    };
    D::within("all are on their way", select(Box::pin(asks), pin!(all_asked))).await;
    // Nothing is left that the next one would have to wait for.
    let answer = D::within("an answer", asker.request(stuck.id(), "one more")).await;
    assert_eq!(answer, Ok(b"one more".to_vec()));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_member_without_handler_says_so<D: Driver>() {
    let cluster = Cluster::joined::<D>(2).await;
    let ask = cluster.members[0].request(cluster.members[1].id(), "hello");
    let answer = D::within("an answer", ask).await;
    let said = matches!(&answer, Err(RequestError::Remote(failure)) if failure.code == CODE_NO_HANDLER);
    assert!(said, "{answer:?}");
    cluster.stop::<D>().await;
}

pub(crate) async fn a_crashed_member_goes_down_everywhere<D: Driver>() {
    let mut cluster = Cluster::joined::<D>(MEMBERS).await;
    let crashed = cluster.members.pop().expect("several");
    let id = crashed.id();
    let mut events: Vec<_> = cluster.members.iter().map(Client::events).collect();
    crashed.abort().await.expect("it ran");
    cluster.everywhere::<D>("down everywhere", move |view| state_of(&view, &id) == Some(State::Down)).await;
    for events in &mut events {
        let down =
            |notice: &Notice| matches!(notice, Notice::Down { accusation } if accusation.accused == id);
        let Notice::Down { accusation } = told::<D>(events, "Down is told", down).await else {
            unreachable!()
        };
        assert!(cluster.members.iter().any(|member| member.id() == accusation.accuser), "by one of us");
    }
    let explained = cluster.members[0].explain(id).await.expect("it runs").expect("known");
    assert!(explained.history.iter().any(|t| matches!(t.notice, Notice::Down { .. })));
    cluster.complete::<D>().await;
    cluster.stop::<D>().await;
}

pub(crate) async fn a_restart_returns_with_a_higher_epoch<D: Driver>() {
    let mut cluster = Cluster::joined::<D>(MEMBERS).await;
    let crashed = cluster.members.pop().expect("several");
    let id = crashed.id();
    let epoch = crashed.member(id).await.expect("it runs").expect("it knows itself").epoch;
    crashed.abort().await.expect("it ran");
    cluster.everywhere::<D>("down everywhere", move |view| state_of(&view, &id) == Some(State::Down)).await;
    let again = cluster.builder::<D>(MEMBERS - 1).start().await.expect("its directory is free");
    assert_eq!(again.id(), id);
    cluster.members.push(again);
    cluster.complete::<D>().await;
    let newer = move |view: View<'_>| view.member(&id).is_some_and(|member| member.epoch > epoch);
    cluster.everywhere::<D>("a higher epoch everywhere", newer).await;
    cluster.stop::<D>().await;
}

pub(crate) async fn who_leaves_is_out_at_once<D: Driver>() {
    let mut cluster = Cluster::joined::<D>(MEMBERS).await;
    let leaver = cluster.members.pop().expect("several");
    let id = leaver.id();
    let mut events = cluster.members[0].events();
    assert_eq!(D::within("leave", leaver.leave()).await, Ok(()));
    cluster.everywhere::<D>("left everywhere", move |view| state_of(&view, &id) == Some(State::Left)).await;
    let about = |notice: &Notice| notice.subject() == Some(id);
    let first = told::<D>(&mut events, "Left is told", about).await;
    assert_eq!(first, Notice::Left { member: id }, "nobody accused it first");
    cluster.complete::<D>().await;
    cluster.stop::<D>().await;
}

pub(crate) async fn tags_reach_everybody<D: Driver>() {
    let cluster = Cluster::joined::<D>(3).await;
    let id = cluster.members[0].id();
    cluster.members[0].set_tags("role=db").await.expect("short enough");
    let seen = move |view: View<'_>| view.member(&id).is_some_and(|member| member.tags == b"role=db");
    cluster.everywhere::<D>("tags everywhere", seen).await;
    assert!(cluster.members[0].set_tags(vec![0; TAGS_MAX + 1]).await.is_err());
    cluster.stop::<D>().await;
}
