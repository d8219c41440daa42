//! Message streams between a few members in virtual time.

use super::*;
use crate::link::tests::world::{RTT, World, id};
use ifrit_core::event::Lane;

const LONG: Duration = Duration::from_secs(30);

fn open(world: &mut World, from: u8, to: u8) -> StreamId {
    let now = world.at();
    let end = world.end(from);
    end.app.open_stream(now, id(to), LONG, &mut end.links, &end.view)
}

/// Opens a stream and waits for both ends of it.
fn opened(world: &mut World, from: u8, to: u8) -> (StreamId, StreamId) {
    let before = theirs(world, to).len();
    let own = open(world, from, to);
    world.until(|world| theirs(world, to).len() > before);
    assert_eq!(outcome(world, from, own), Some(Ok(())));
    (own, theirs(world, to)[before].0)
}

/// Streams that others opened to `n`.
fn theirs(world: &mut World, n: u8) -> Vec<(StreamId, MemberId)> {
    let opened = |event: &NodeEvent| match event {
        NodeEvent::StreamOpened { id, from } => Some((*id, *from)),
        _ => None,
    };
    world.end(n).told.iter().filter_map(opened).collect()
}

fn outcome(world: &mut World, n: u8, of: StreamId) -> Option<Result<(), StreamError>> {
    let open = |event: &NodeEvent| match event {
        NodeEvent::StreamOpen { id, result } if *id == of => Some(*result),
        _ => None,
    };
    let mut outcomes = world.end(n).told.iter().filter_map(open);
    let first = outcomes.next();
    assert_eq!(outcomes.next(), None, "exactly one");
    first
}

fn write(world: &mut World, n: u8, stream: StreamId, bytes: &[u8]) -> Result<usize, StreamError> {
    let now = world.at();
    let end = world.end(n);
    end.app.write_stream(now, stream, bytes, &mut end.links)
}

fn read(world: &mut World, n: u8, stream: StreamId, into: &mut Vec<u8>) -> Result<StreamRead, StreamError> {
    let now = world.at();
    let end = world.end(n);
    end.app.read_stream(now, stream, usize::MAX, into, &mut end.links)
}

fn finish(world: &mut World, n: u8, stream: StreamId) -> Result<(), StreamError> {
    let now = world.at();
    let end = world.end(n);
    end.app.finish_stream(now, stream, &mut end.links)
}

fn reset(world: &mut World, n: u8, stream: StreamId, code: u32) {
    let now = world.at();
    let end = world.end(n);
    end.app.reset_stream(now, stream, code, &mut end.links);
}

fn stop(world: &mut World, n: u8, stream: StreamId, code: u32) {
    let now = world.at();
    let end = world.end(n);
    end.app.stop_stream(now, stream, code, &mut end.links);
}

fn told(world: &mut World, n: u8, event: &NodeEvent) -> bool {
    world.end(n).told.contains(event)
}

/// Sends `bytes` and reads them at the other end, woken by events alone.
fn carry(
    world: &mut World,
    (from, out): (u8, StreamId),
    (to, into): (u8, StreamId),
    bytes: &[u8],
) -> Vec<u8> {
    let (mut written, mut seen) = (0, Vec::new());
    world.end(from).told.push(NodeEvent::StreamWritable { id: out });
    world.end(to).told.push(NodeEvent::StreamReadable { id: into });
    world.until(|world| {
        let writable = |event: &NodeEvent| *event == NodeEvent::StreamWritable { id: out };
        let readable = |event: &NodeEvent| *event == NodeEvent::StreamReadable { id: into };
        if world.end(from).told.extract_if(.., |event| writable(event)).count() > 0 && written < bytes.len() {
            written += write(world, from, out, &bytes[written..]).expect("it goes on");
        }
        if world.end(to).told.extract_if(.., |event| readable(event)).count() > 0 {
            while matches!(read(world, to, into, &mut seen), Ok(StreamRead::Bytes(_))) {}
        }
        world.settle();
        seen.len() == bytes.len()
    });
    seen
}

/// Nothing is left of any stream.
fn nothing_left(world: &World) {
    for end in world.ends.values() {
        assert_eq!((end.app.messages.count(), end.app.streams.len()), ([0; 2], 0));
        assert!(end.app.messages.deadline().is_none() && !end.app.owes());
    }
}

#[test]
fn bytes_travel_both_ways_and_each_half_ends_by_itself() {
    let mut world = World::new(2);
    let (own, other) = opened(&mut world, 1, 2);
    assert_eq!(theirs(&mut world, 2), [(other, id(1))]);
    assert_eq!(carry(&mut world, (1, own), (2, other), b"there"), b"there");
    finish(&mut world, 1, own).expect("it is open");
    assert_eq!(write(&mut world, 1, own, b"more"), Err(StreamError::Closed));
    world.until(|world| told(world, 1, &NodeEvent::StreamDelivered { id: own, result: Ok(()) }));
    let mut rest = Vec::new();
    assert_eq!(read(&mut world, 2, other, &mut rest), Ok(StreamRead::Finished));
    assert_eq!(read(&mut world, 2, other, &mut rest), Err(StreamError::Closed));
    // The other half goes on.
    assert_eq!(carry(&mut world, (2, other), (1, own), b"and back"), b"and back");
    finish(&mut world, 2, other).expect("it is open");
    world.until(|world| read(world, 1, own, &mut rest) == Ok(StreamRead::Finished));
    world.until(|world| told(world, 2, &NodeEvent::StreamDelivered { id: other, result: Ok(()) }));
    assert!(rest.is_empty());
    nothing_left(&world);
}

#[test]
fn bytes_arrive_whole_and_in_order_under_loss() {
    let mut world = World::new(2);
    world.loss = 20;
    let (own, other) = opened(&mut world, 1, 2);
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(carry(&mut world, (1, own), (2, other), &bytes), bytes);
    assert_eq!(carry(&mut world, (2, other), (1, own), &bytes), bytes);
}

#[test]
fn a_reader_that_stops_stalls_its_own_stream_alone() {
    let mut world = World::pair();
    // Many more than the link has room for by itself; nobody reads them.
    for _ in 0..40 {
        let (own, _) = opened(&mut world, 1, 2);
        while write(&mut world, 1, own, &[7; 10_000]).expect("it is open") > 0 {
            world.run(RTT);
        }
        assert!(!told(&mut world, 1, &NodeEvent::StreamWritable { id: own }));
    }
    let (own, other) = opened(&mut world, 1, 2);
    let before = world.now;
    let bytes = vec![1; 2_000_000];
    assert_eq!(carry(&mut world, (1, own), (2, other), &bytes), bytes);
    let took = world.now.since(before);
    assert!(took < RTT * 2 * (2_000_000 / STREAM_FIRST as u32), "{took:?}");
    let before = world.now;
    for lane in Lane::ALL {
        world.frame(1, 2, lane, &[9; 30_000]);
    }
    world.until(|world| world.end(2).frames.len() == 3);
    assert!(world.now.since(before) <= RTT * 4, "{:?}", world.now.since(before));
}

#[test]
fn urgent_frames_and_pings_pass_bulk() {
    let mut world = World::pair();
    let streams: Vec<_> = (0..20).map(|_| opened(&mut world, 1, 2)).collect();
    for (own, _) in &streams {
        write(&mut world, 1, *own, &[7; STREAM_FIRST as usize]).expect("it is open");
    }
    let before = world.now;
    assert!(world.ping(1, 2, b"ping"));
    world.frame(1, 2, Lane::Urgent, b"you are accused");
    world.until(|world| world.end(2).frames.len() == 1);
    assert!(world.now.since(before) <= RTT * 2, "{:?}", world.now.since(before));
    assert!(streams.iter().any(|(own, _)| write(&mut world, 1, *own, &[7]) == Ok(0)), "the bulk waits");
}

#[test]
fn a_reset_and_a_stop_tell_their_code() {
    let mut world = World::pair();
    let (own, other) = opened(&mut world, 1, 2);
    write(&mut world, 1, own, b"lost with it").expect("it is open");
    reset(&mut world, 1, own, 7);
    let mut seen = Vec::new();
    world.until(|world| read(world, 2, other, &mut seen) == Err(StreamError::Reset { code: 7 }));
    // The other half goes on, until its reader wants no more.
    assert_eq!(carry(&mut world, (2, other), (1, own), b"why"), b"why");
    stop(&mut world, 1, own, u32::MAX);
    world.until(|world| write(world, 2, other, b"?") == Err(StreamError::Reset { code: u32::MAX }));
    nothing_left(&world);
}

#[test]
fn a_blocked_writer_and_one_that_has_finished_hear_of_a_stop() {
    let mut world = World::pair();
    let (blocked, unread) = opened(&mut world, 1, 2);
    while write(&mut world, 1, blocked, &[7; 10_000]).expect("it is open") > 0 {
        world.run(RTT);
    }
    stop(&mut world, 2, unread, 3);
    world.until(|world| told(world, 1, &NodeEvent::StreamWritable { id: blocked }));
    assert_eq!(write(&mut world, 1, blocked, b"?"), Err(StreamError::Reset { code: 3 }));
    let (own, other) = opened(&mut world, 1, 2);
    world.black.insert(2);
    finish(&mut world, 1, own).expect("it is open");
    stop(&mut world, 2, other, 4);
    world.settle();
    world.black.clear();
    let result = Err(StreamError::Reset { code: 4 });
    world.until(|world| {
        told(world, 1, &NodeEvent::StreamDelivered { id: own, result })
            || told(world, 1, &NodeEvent::StreamDelivered { id: own, result: Ok(()) })
    });
    // Told before it finishes, it is told at once.
    let (own, other) = opened(&mut world, 1, 2);
    stop(&mut world, 2, other, 5);
    world.run(RTT * 4);
    assert_eq!(finish(&mut world, 1, own), Err(StreamError::Reset { code: 5 }));
}

#[test]
fn thousands_at_once_within_their_quota_and_beside_requests() {
    let mut world = World::new(4);
    let mut streams = Vec::new();
    for n in 2..=4 {
        for _ in 0..STREAMS_PER_PEER {
            streams.push((n, open(&mut world, 1, n)));
        }
        let over = open(&mut world, 1, n);
        world.settle();
        assert_eq!(outcome(&mut world, 1, over), Some(Err(StreamError::Busy)));
    }
    world.until(|world| (2..=4).all(|n| theirs(world, n).len() == STREAMS_PER_PEER));
    for (_, stream) in &streams {
        assert_eq!(outcome(&mut world, 1, *stream), Some(Ok(())));
        assert_eq!(write(&mut world, 1, *stream, &[7; 100]), Ok(100));
    }
    world.run(RTT * 20);
    for n in 2..=4 {
        for (stream, _) in theirs(&mut world, n) {
            let mut seen = Vec::new();
            assert_eq!(read(&mut world, n, stream, &mut seen), Ok(StreamRead::Bytes(100)));
        }
    }
    let now = world.at();
    let end = world.end(1);
    end.app.request(now, id(2), b"still", LONG, &mut end.links, &end.view);
    world.until(|world| world.end(2).told.iter().any(|event| matches!(event, NodeEvent::Request { .. })));
    for (_, stream) in streams {
        reset(&mut world, 1, stream, 0);
        stop(&mut world, 1, stream, 0);
    }
    // One that ends makes room for another.
    opened(&mut world, 1, 2);
}

#[test]
fn who_cannot_be_had_is_told_once() {
    let mut world = World::new(3);
    let unknown = open(&mut world, 1, 99);
    let nowhere = open(&mut world, 1, 9);
    world.black.insert(3);
    let now = world.at();
    let end = world.end(1);
    let short = Duration::from_secs(2);
    let silent = end.app.open_stream(now, id(3), short, &mut end.links, &end.view);
    world.until(|world| outcome(world, 1, nowhere).is_some() && outcome(world, 1, silent).is_some());
    assert_eq!(outcome(&mut world, 1, unknown), Some(Err(StreamError::UnknownMember)));
    assert_eq!(outcome(&mut world, 1, nowhere), Some(Err(StreamError::Unreachable)));
    assert_eq!(outcome(&mut world, 1, silent), Some(Err(StreamError::Timeout)));
    nothing_left(&world);
}

#[test]
fn a_member_that_is_not_admitted_is_refused() {
    let mut world = World::pair();
    world.end(2).view.admits = false;
    let own = open(&mut world, 1, 2);
    let mut seen = Vec::new();
    world.until(|world| read(world, 1, own, &mut seen) == Err(StreamError::Refused));
    assert_eq!(write(&mut world, 1, own, b"?"), Err(StreamError::Refused));
    assert!(theirs(&mut world, 2).is_empty());
    nothing_left(&world);
}

#[test]
fn an_idle_stream_lives_for_hours_and_its_link_no_longer_than_it() {
    let mut world = World::pair();
    let (own, other) = opened(&mut world, 1, 2);
    world.run(Duration::from_secs(3 * 3600));
    assert_eq!(carry(&mut world, (2, other), (1, own), b"still there"), b"still there");
    reset(&mut world, 2, other, 0);
    stop(&mut world, 2, other, 0);
    let mut seen = Vec::new();
    world.until(|world| read(world, 1, own, &mut seen).is_err());
    assert!(write(&mut world, 1, own, b"?").is_err());
    nothing_left(&world);
    world.run(IDLE_TIMEOUT * 2);
    assert!(!world.linked(1, 2));
}

#[test]
fn a_lost_link_ends_its_streams() {
    let mut world = World::pair();
    let (own, other) = opened(&mut world, 1, 2);
    world.black.insert(2);
    for (n, id) in [(1, own), (2, other)] {
        world.until(|world| told(world, n, &NodeEvent::StreamEnded { id, why: StreamError::Lost }));
        assert_eq!(write(&mut world, n, id, b"?"), Err(StreamError::Closed));
    }
    nothing_left(&world);
}

#[test]
fn peers_that_open_all_they_may_leave_room_for_others() {
    let mut world = World::new(7);
    for n in 2..=6 {
        for _ in 0..STREAMS_PER_PEER {
            open(&mut world, n, 1);
        }
    }
    world.run(Duration::from_secs(5));
    open(&mut world, 7, 1);
    world.until(|world| theirs(world, 1).iter().any(|(_, from)| *from == id(7)));
    let [_, opened] = world.end(1).app.messages.count();
    assert!(opened <= STREAMS_TOTAL);
}
