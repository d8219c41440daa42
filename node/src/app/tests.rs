//! Requests between a few members in virtual time.

use super::*;
use crate::{
    limits::*,
    link::tests::world::{World, addr, authority, id, identity},
};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

fn ask(world: &mut World, from: u8, to: u8, body: &[u8], timeout: Duration) -> RequestId {
    let now = world.at();
    let end = world.end(from);
    end.app.request(now, id(to), body, timeout, &mut end.links, &end.view)
}

fn answer(world: &mut World, n: u8, token: RequestToken, answer: Result<Vec<u8>, Failure>) {
    let end = world.end(n);
    end.app.respond(token, answer, &mut end.links);
}

/// The requests that member `n` was told.
fn asked(world: &mut World, n: u8) -> Vec<(RequestToken, MemberId, Vec<u8>)> {
    let request = |event: &NodeEvent| match event {
        NodeEvent::Request { token, from, body } => Some((*token, *from, body.clone())),
        _ => None,
    };
    world.end(n).told.iter().filter_map(request).collect()
}

/// The ends of a request; there may be only one.
fn ends(world: &mut World, n: u8, of: RequestId) -> Vec<Result<Vec<u8>, RequestError>> {
    let reply = |event: &NodeEvent| match event {
        NodeEvent::Reply { id, result, .. } if *id == of => Some(result.clone()),
        _ => None,
    };
    world.end(n).told.iter().filter_map(reply).collect()
}

fn until_asked(world: &mut World, n: u8) -> RequestToken {
    world.until(|world| !asked(world, n).is_empty());
    asked(world, n)[0].0
}

/// Waits for the end of a request, and a minute longer for a second one.
fn the_end(world: &mut World, n: u8, of: RequestId) -> Result<Vec<u8>, RequestError> {
    world.until(|world| !ends(world, n, of).is_empty());
    world.run(Duration::from_secs(60));
    let mut ends = ends(world, n, of);
    assert_eq!(ends.len(), 1, "exactly one end");
    ends.remove(0)
}

#[test]
fn a_request_dials_and_is_answered() {
    let mut world = World::new(2);
    let request = ask(&mut world, 1, 2, b"hello", LONG);
    let token = until_asked(&mut world, 2);
    assert_eq!(asked(&mut world, 2), [(token, id(1), b"hello".to_vec())]);
    answer(&mut world, 2, token, Ok(b"world".to_vec()));
    assert_eq!(the_end(&mut world, 1, request), Ok(b"world".to_vec()));
    assert!(world.ends.values().all(|end| end.app.streams.len() == 0));
}

#[test]
fn a_request_and_its_answer_are_two_packets() {
    const TURNS: usize = 100;
    let mut world = World::pair();
    let sent = |world: &World| world.ends.values().map(|end| end.links.counters.datagrams_out).sum::<u64>();
    let (mut before, mut turns) = (0, 0);
    while turns < 2 * TURNS {
        // From then on its credit is that of a link that is used.
        if turns == TURNS {
            before = sent(&world);
        }
        let request = ask(&mut world, 1, 2, b"?", LONG);
        world.until(|world| asked(world, 2).len() > turns);
        let token = asked(&mut world, 2)[turns].0;
        answer(&mut world, 2, token, Ok(b"!".to_vec()));
        world.until(|world| !ends(world, 1, request).is_empty());
        turns += 1;
    }
    let packets = sent(&world) - before;
    // New credit is told an eighth of it at a time, in a packet that is acknowledged.
    let credit = TURNS as u64 / (STREAMS_BUSY / 8);
    assert!(packets <= 2 * TURNS as u64 + 3 * credit, "{packets}");
}

#[test]
fn empty_and_largest_bodies_travel_both_ways() {
    for size in [0, 1, REQUEST_MAX] {
        let mut world = World::pair();
        let body = vec![7; size];
        let request = ask(&mut world, 2, 1, &body, LONG);
        let token = until_asked(&mut world, 1);
        assert_eq!(asked(&mut world, 1)[0].2, body);
        answer(&mut world, 1, token, Ok(body.clone()));
        assert_eq!(the_end(&mut world, 2, request), Ok(body));
    }
}

#[test]
fn requests_survive_loss() {
    let mut world = World::new(2);
    world.loss = 20;
    let requests: Vec<_> = (0..20).map(|n| ask(&mut world, 1, 2, &[n; 5000], LONG * 10)).collect();
    world.until(|world| asked(world, 2).len() == 20);
    for (token, _, body) in asked(&mut world, 2) {
        answer(&mut world, 2, token, Ok(body));
    }
    for (n, request) in requests.into_iter().enumerate() {
        world.until(|world| !ends(world, 1, request).is_empty());
        assert_eq!(ends(&mut world, 1, request), [Ok(vec![n as u8; 5000])]);
    }
}

#[test]
fn a_failure_travels_as_code_and_text() {
    let mut world = World::pair();
    let request = ask(&mut world, 1, 2, b"?", LONG);
    let token = until_asked(&mut world, 2);
    let text = "é".repeat(FAILURE_TEXT_MAX);
    answer(&mut world, 2, token, Err(Failure { code: 418, text }));
    let Err(RequestError::Remote(failure)) = the_end(&mut world, 1, request) else { panic!("a failure") };
    assert_eq!((failure.code, failure.text), (418, "é".repeat(FAILURE_TEXT_MAX / 2)));
}

#[test]
fn a_deadline_ends_a_request_and_the_late_answer_is_ignored() {
    let mut world = World::pair();
    let before = world.now;
    let request = ask(&mut world, 1, 2, b"?", Duration::from_secs(2));
    let token = until_asked(&mut world, 2);
    world.until(|world| !ends(world, 1, request).is_empty());
    assert_eq!(world.now.since(before), Duration::from_secs(2));
    world.run(Duration::from_secs(1));
    assert!(world.end(2).app.streams.len() == 0, "the answerer has heard of it");
    answer(&mut world, 2, token, Ok(b"late".to_vec()));
    assert_eq!(the_end(&mut world, 1, request), Err(RequestError::Timeout));
}

#[test]
fn a_long_wait_keeps_the_link_alive() {
    let mut world = World::pair();
    let request = ask(&mut world, 1, 2, b"?", Duration::from_secs(1000));
    let token = until_asked(&mut world, 2);
    world.run(IDLE_TIMEOUT * 5);
    answer(&mut world, 2, token, Ok(b"at last".to_vec()));
    world.until(|world| !ends(world, 1, request).is_empty());
    assert_eq!(ends(&mut world, 1, request), [Ok(b"at last".to_vec())]);
    world.until(|world| !world.linked(1, 2));
}

#[test]
fn a_cancelled_request_ends_at_both_ends() {
    let mut world = World::pair();
    let request = ask(&mut world, 1, 2, b"?", LONG);
    until_asked(&mut world, 2);
    let now = world.at();
    let end = world.end(1);
    end.app.cancel(now, request, &mut end.links);
    assert_eq!(the_end(&mut world, 1, request), Err(RequestError::Cancelled));
    assert!(world.end(2).app.streams.len() == 0);
    assert_eq!(world.end(2).app.incoming.shares().count(), 0);
}

#[test]
fn what_is_too_large_is_never_sent() {
    let mut world = World::pair();
    let request = ask(&mut world, 1, 2, &vec![0; REQUEST_MAX + 1], LONG);
    assert_eq!(the_end(&mut world, 1, request), Err(RequestError::too_large()));
    assert!(asked(&mut world, 2).is_empty());
    let request = ask(&mut world, 1, 2, b"?", LONG);
    let token = until_asked(&mut world, 2);
    answer(&mut world, 2, token, Ok(vec![0; REQUEST_MAX + 1]));
    assert_eq!(the_end(&mut world, 1, request), Err(RequestError::too_large()));
}

#[test]
fn an_unknown_member_is_told_at_once() {
    let mut world = World::new(1);
    let request = ask(&mut world, 1, 99, b"?", LONG);
    world.settle();
    assert_eq!(ends(&mut world, 1, request), [Err(RequestError::UnknownMember)]);
}

#[test]
fn a_member_that_nobody_reaches_ends_its_requests() {
    let mut world = World::new(1);
    let requests = [ask(&mut world, 1, 9, b"1", LONG), ask(&mut world, 1, 9, b"2", LONG)];
    for request in requests {
        world.until(|world| !ends(world, 1, request).is_empty());
        assert_eq!(ends(&mut world, 1, request), [Err(RequestError::Unreachable)]);
    }
    // Right after that a third one does not dial again.
    let dials = world.end(1).links.counters.dials;
    let request = ask(&mut world, 1, 9, b"3", LONG);
    world.settle();
    assert_eq!(ends(&mut world, 1, request), [Err(RequestError::Unreachable)]);
    assert_eq!(world.end(1).links.counters.dials, dials);
}

#[test]
fn the_next_address_is_tried() {
    let mut world = World::new(2);
    world.end(1).view.stale = vec![addr(77)];
    let request = ask(&mut world, 1, 2, b"?", LONG);
    let token = until_asked(&mut world, 2);
    answer(&mut world, 2, token, Ok(vec![]));
    assert_eq!(the_end(&mut world, 1, request), Ok(vec![]));
}

#[test]
fn a_member_that_is_not_admitted_is_refused() {
    let mut world = World::pair();
    world.end(2).view.admits = false;
    let request = ask(&mut world, 1, 2, b"?", LONG);
    assert_eq!(the_end(&mut world, 1, request), Err(RequestError::Refused));
    assert!(asked(&mut world, 2).is_empty());
    assert_eq!(world.end(2).links.counters.requests_refused, 1);
}

#[test]
fn a_lost_link_ends_its_requests() {
    let mut world = World::pair();
    let request = ask(&mut world, 1, 2, b"?", Duration::from_secs(300));
    until_asked(&mut world, 2);
    world.black.insert(2);
    assert_eq!(the_end(&mut world, 1, request), Err(RequestError::Unreachable));
}

#[test]
fn more_requests_than_the_peers_credit_wait_their_turn() {
    let mut world = World::new(2);
    let total = REQUESTS_PER_PEER * 2;
    let requests: Vec<_> = (0..total).map(|_| ask(&mut world, 1, 2, b"?", LONG * 10)).collect();
    let mut answered = 0;
    while answered < total {
        world.until(|world| asked(world, 2).len() > answered);
        assert!(asked(&mut world, 2).len() - answered <= REQUESTS_PER_PEER, "no more than its credit");
        for (token, ..) in asked(&mut world, 2).split_off(answered) {
            answer(&mut world, 2, token, Ok(vec![1]));
            answered += 1;
        }
    }
    for request in requests {
        world.until(|world| !ends(world, 1, request).is_empty());
        assert_eq!(ends(&mut world, 1, request), [Ok(vec![1])]);
    }
}

#[test]
fn one_peer_cannot_fill_the_memory() {
    let mut world = World::pair();
    let requests: Vec<_> =
        (0..8).map(|_| ask(&mut world, 1, 2, &vec![0; REQUEST_MAX - 1], LONG * 10)).collect();
    for request in &requests[4..] {
        world.until(|world| !ends(world, 1, *request).is_empty());
    }
    let taken = asked(&mut world, 2).len();
    let refused =
        requests.iter().filter(|r| ends(&mut world, 1, **r) == [Err(RequestError::Refused)]).count();
    assert!(taken <= REQUEST_BYTES_PER_PEER / REQUEST_MAX && taken + refused == 8, "{taken} {refused}");
}

#[test]
fn streams_of_an_unknown_type_are_turned_away() {
    let mut world = World::pair();
    let stream = world.end(1).links.open(id(2)).expect("credit");
    assert_eq!(world.end(1).links.write(stream, &[200, 1, 2, 3]), Ok(4));
    world.until(|world| world.end(2).links.counters.streams_refused == 1);
    world.until(|world| world.end(1).links.write(stream, b"more").is_err());
    assert!(world.end(2).app.streams.len() == 0);
    let request = ask(&mut world, 1, 2, b"still", LONG);
    let token = until_asked(&mut world, 2);
    answer(&mut world, 2, token, Ok(vec![]));
    assert_eq!(the_end(&mut world, 1, request), Ok(vec![]));
}

#[test]
fn requests_that_stall_leave_the_lanes_open() {
    let mut world = World::pair();
    // The peer opens all streams that it may and sends half a request on each.
    let mut open = 0;
    while let Some(stream) = world.end(1).links.open(id(2)) {
        assert!(world.end(1).links.write(stream, &[tags::REQUEST; 40_000]).is_ok());
        open += 1;
    }
    assert_eq!(open, STREAMS_IDLE);
    world.run(Duration::from_secs(2));
    world.frame(1, 2, ifrit_core::event::Lane::Urgent, b"urgent");
    let before = world.now;
    world.until(|world| world.end(2).frames.len() == 1);
    assert!(world.now.since(before) < Duration::from_millis(20), "{:?}", world.now.since(before));
    let now = world.at();
    world.end(1).links.close(now, id(2), ifrit_core::action::HangUp::Idle);
    world.until(|world| world.end(2).app.streams.len() == 0);
    assert_eq!(world.end(2).app.incoming.shares().count(), 0, "nothing is kept of a lost link");
}

#[test]
fn requests_that_were_not_sent_outlive_their_link() {
    let mut world = World::pair();
    let total = REQUESTS_PER_PEER + 8;
    let requests: Vec<_> = (0..total).map(|_| ask(&mut world, 1, 2, b"?", LONG)).collect();
    world.until(|world| asked(world, 2).len() >= 8);
    let sent = world.end(1).links.counters.requests_out as usize;
    assert!(sent < total, "some wait for credit");
    let now = world.at();
    world.end(2).links.close(now, id(1), ifrit_core::action::HangUp::Idle);
    world.until(|world| asked(world, 2).len() >= total - 8);
    let lost = requests.iter().filter(|request| !ends(&mut world, 1, **request).is_empty()).count();
    assert!(lost > 0 && lost < total, "{lost} of {total} were on their way");
}

#[test]
fn urgent_frames_pass_requests() {
    let mut world = World::pair();
    for _ in 0..8 {
        ask(&mut world, 1, 2, &vec![0; REQUEST_MAX / 4], LONG);
    }
    world.run(Duration::from_millis(20));
    let before = world.now;
    world.frame(1, 2, ifrit_core::event::Lane::Urgent, b"you are accused");
    world.until(|world| world.end(2).frames.len() == 1);
    assert!(world.now.since(before) <= crate::link::tests::world::RTT * 2, "{:?}", world.now.since(before));
    assert!(asked(&mut world, 2).len() < 8, "the bulk is still on its way");
}

/// Members from `first` on ask for as much as they may, then vanish without a word.
fn takers(world: &mut World, first: u8, last: u8) {
    for n in first..=last {
        for _ in 0..20 {
            ask(world, n, 2, b"much", LONG);
        }
    }
    let wanted = usize::from(last - first + 1) * 20;
    world.until(|world| asked(world, 2).len() == wanted);
    (first..=last).for_each(|n| _ = world.black.insert(n));
    for (token, _, _) in asked(world, 2) {
        answer(world, 2, token, Ok(vec![7; REQUEST_MAX]));
    }
}

#[test]
fn answers_that_nobody_takes_are_bounded_per_peer() {
    let mut world = World::new(3);
    takers(&mut world, 3, 3);
    let (_, answers) = world.end(2).app.held();
    assert!(answers <= ANSWER_BYTES_PER_PEER && answers > ANSWER_BYTES_PER_PEER / 2, "{answers}");
}

#[test]
fn peers_that_take_no_answers_leave_room_for_others() {
    let mut world = World::new(8);
    takers(&mut world, 3, 8);
    let (_, answers) = world.end(2).app.held();
    assert!(answers <= REQUEST_BYTES_TOTAL && answers > REQUEST_BYTES_TOTAL - 2 * REQUEST_MAX, "{answers}");
    world.end(2).told.clear();
    let request = ask(&mut world, 1, 2, b"one", LONG);
    let token = until_asked(&mut world, 2);
    answer(&mut world, 2, token, Ok(vec![1; REQUEST_MAX]));
    assert_eq!(the_end(&mut world, 1, request).map(|body| body.len()), Ok(REQUEST_MAX));
    assert_eq!(world.end(2).app.held(), (0, 0), "dead links hold nothing");
}

#[test]
fn peers_that_end_no_request_leave_room_for_others() {
    let mut world = World::new(23);
    // What one peer has asked is worked on for long, as much as it may ask.
    for _ in 0..4 {
        ask(&mut world, 23, 2, &vec![7; REQUEST_MAX], Duration::from_secs(600));
    }
    world.until(|world| asked(world, 2).len() == 4);
    world.end(2).told.clear();
    // Each other sends four requests of which the last byte is missing, and stays linked.
    for n in 3..=22 {
        for _ in 0..4 {
            let request = ask(&mut world, n, 2, &vec![7; REQUEST_MAX], Duration::from_secs(600));
            world.end(n).app.hold_back(request);
        }
    }
    world.until(|world| world.end(2).app.held().0 > REQUEST_BYTES_TOTAL - REQUEST_MAX);
    let request = ask(&mut world, 1, 2, &vec![1; REQUEST_MAX], LONG);
    let token = until_asked(&mut world, 2);
    answer(&mut world, 2, token, Ok(vec![1]));
    assert_eq!(the_end(&mut world, 1, request), Ok(vec![1]));
    assert!(world.end(2).app.held().0 <= REQUEST_BYTES_TOTAL);
}

#[test]
fn answers_that_do_not_end_are_bounded() {
    let mut world = World::new(3);
    let count = ANSWERS_FROM_PEER / REQUEST_MAX + 4;
    let requests: Vec<_> = (0..count).map(|_| ask(&mut world, 1, 2, b"?", LONG * 10)).collect();
    world.until(|world| asked(world, 2).len() == count);
    let streams = world.end(2).app.incoming.streams();
    let mut left: Vec<_> = streams.into_iter().map(|stream| (stream, REQUEST_MAX)).collect();
    while left.iter().any(|(_, left)| *left > 0) {
        for (stream, left) in &mut left {
            let bytes = vec![REPLY_BODY; (*left).min(LINK_WINDOW as usize)];
            // An error: it is not wanted any more.
            *left -= world.end(2).links.write(*stream, &bytes).unwrap_or(*left);
        }
        world.settle();
        world.run(Duration::from_millis(1));
        assert!(world.end(1).app.answers_held() <= ANSWERS_FROM_PEER);
    }
    world.run(Duration::from_secs(1));
    let ended = requests.iter().filter(|request| ends(&mut world, 1, **request) == [Err(RequestError::Busy)]);
    assert!(ended.count() >= 3);
    let request = ask(&mut world, 1, 3, b"one", LONG);
    let token = until_asked(&mut world, 3);
    answer(&mut world, 3, token, Ok(vec![1; REQUEST_MAX]));
    assert_eq!(the_end(&mut world, 1, request).map(|body| body.len()), Ok(REQUEST_MAX));
}

#[test]
fn an_answer_to_half_a_request_leaves_no_stream_open() {
    let mut world = World::new(2);
    let request = ask(&mut world, 1, 2, &[7; 1000], LONG);
    world.end(1).app.hold_back(request);
    world.until(|world| world.end(2).app.held().0 == 999);
    let stream = world.end(2).app.incoming.streams()[0];
    assert_eq!(world.end(2).links.write(stream, &[REPLY_BODY]), Ok(1));
    world.end(2).links.finish(stream);
    world.until(|world| ends(world, 1, request) == [Ok(vec![])]);
    world.run(Duration::from_secs(1));
    assert_eq!(world.end(2).links.streams_of(&id(1)), 0, "it is reset");
}

fn ask_addr(world: &mut World, from: u8, addr: SocketAddr) -> RequestId {
    let now = world.at();
    let end = world.end(from);
    end.app.request_addr(now, addr, b"whoever", LONG, &mut end.links)
}

/// Who answered a request, as its end says.
fn answered_by(world: &mut World, n: u8, of: RequestId) -> Option<MemberId> {
    let reply = |event: &NodeEvent| match event {
        NodeEvent::Reply { id, from, .. } if *id == of => Some(*from),
        _ => None,
    };
    world.end(n).told.iter().find_map(reply).flatten()
}

#[test]
fn a_request_by_address_learns_whose_that_is() {
    let mut world = World::new(2);
    // Two at once share a dial.
    let requests = [ask_addr(&mut world, 1, addr(2)), ask_addr(&mut world, 1, addr(2))];
    world.until(|world| asked(world, 2).len() == 2);
    assert_eq!(world.end(1).links.counters.dials, 1);
    for (token, from, body) in asked(&mut world, 2) {
        assert_eq!((from, &body[..]), (id(1), &b"whoever"[..]));
        answer(&mut world, 2, token, Ok(b"me".to_vec()));
    }
    for request in requests {
        world.until(|world| !ends(world, 1, request).is_empty());
        assert_eq!(ends(&mut world, 1, request), [Ok(b"me".to_vec())]);
        assert_eq!(answered_by(&mut world, 1, request), Some(id(2)));
    }
    // The link that is there is used, whoever dialed it.
    for (asker, of) in [(1, 2), (2, 1)] {
        world.end(of).told.clear();
        ask_addr(&mut world, asker, addr(of));
        until_asked(&mut world, of);
    }
    assert_eq!((world.end(1).links.counters.dials, world.end(2).links.counters.dials), (1, 0));
}

#[test]
fn a_request_by_address_ends_once_whoever_is_not_there() {
    let mut world = World::new(1);
    let nobody = ask_addr(&mut world, 1, addr(9));
    assert_eq!(the_end(&mut world, 1, nobody), Err(RequestError::Unreachable));
    assert_eq!(answered_by(&mut world, 1, nobody), None);
    let myself = ask_addr(&mut world, 1, addr(1));
    assert_eq!(the_end(&mut world, 1, myself), Err(RequestError::Unreachable));
    let cancelled = ask_addr(&mut world, 1, addr(9));
    let now = world.at();
    let end = world.end(1);
    end.app.cancel(now, cancelled, &mut end.links);
    assert_eq!(the_end(&mut world, 1, cancelled), Err(RequestError::Cancelled));
    let (now, short) = (world.at(), Duration::from_secs(1));
    let end = world.end(1);
    let late = end.app.request_addr(now, addr(9), b"?", short, &mut end.links);
    assert_eq!(the_end(&mut world, 1, late), Err(RequestError::Timeout));
    // A member of another network is nobody.
    let stranger = identity(&authority(1), 7);
    world.start_as(7, &stranger);
    let foreign = ask_addr(&mut world, 1, addr(7));
    assert_eq!(the_end(&mut world, 1, foreign), Err(RequestError::Unreachable));
}

#[test]
fn an_echo_is_answered_by_the_node_and_its_application_hears_nothing() {
    let mut world = World::new(2);
    let now = world.at();
    let end = world.end(1);
    let ping = end.app.ping(now, id(2), LONG, &mut end.links, &end.view);
    assert_eq!(the_end(&mut world, 1, ping), Ok(vec![]));
    assert!(world.end(2).told.is_empty(), "{:?}", world.end(2).told);
    assert_eq!(world.end(2).links.counters.requests_in, 0);
    assert!(world.ends.values().all(|end| end.app.streams.len() == 0));
    world.end(2).view.admits = false;
    let now = world.at();
    let end = world.end(1);
    let ping = end.app.ping(now, id(2), LONG, &mut end.links, &end.view);
    assert_eq!(
        the_end(&mut world, 1, ping),
        Err(RequestError::Refused),
        "only members that are live are answered"
    );
}
