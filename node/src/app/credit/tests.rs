//! Windows of message streams, over links with a round trip of a wide area, in virtual time.

use super::*;
use crate::{
    app::{App, StreamRead},
    link::tests::world::{World, id},
};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

/// Opens a stream from 1 to 2 and waits for both ends of it.
fn opened(world: &mut World) -> (StreamId, StreamId) {
    let theirs = |world: &mut World| -> Vec<StreamId> {
        let opened = |event: &NodeEvent| match event {
            NodeEvent::StreamOpened { id, .. } => Some(*id),
            _ => None,
        };
        world.end(2).told.iter().filter_map(opened).collect()
    };
    let (now, before) = (world.at(), theirs(world).len());
    let end = world.end(1);
    let own = end.app.open_stream(now, id(2), LONG, &mut end.links, &end.view);
    world.until(|world| theirs(world).len() > before);
    (own, theirs(world)[before])
}

fn write(world: &mut World, stream: StreamId, bytes: &[u8]) -> usize {
    let now = world.at();
    let end = world.end(1);
    end.app.write_stream(now, stream, bytes, &mut end.links).expect("it is open")
}

/// Reads all that has come; how much.
fn read(world: &mut World, stream: StreamId) -> usize {
    let (now, mut seen) = (world.at(), Vec::new());
    let end = world.end(2);
    while let Ok(StreamRead::Bytes(_)) =
        end.app.read_stream(now, stream, usize::MAX, &mut seen, &mut end.links)
    {}
    seen.len()
}

/// Carries so many bytes; how many a second.
fn carry(world: &mut World, (own, other): (StreamId, StreamId), bytes: usize) -> f64 {
    let piece = vec![7; 1024 * 1024];
    let (before, mut written, mut seen) = (world.now, 0, 0);
    world.until(|world| {
        while written < bytes {
            let more = write(world, own, &piece[..piece.len().min(bytes - written)]);
            written += more;
            if more == 0 {
                break;
            }
        }
        seen += read(world, other);
        world.settle();
        seen == bytes
    });
    bytes as f64 / world.now.since(before).as_secs_f64()
}

/// What is granted, told twice: by each stream and in sum.
fn wide(app: &mut App) -> u64 {
    let ids: Vec<_> = (0..10_000).map(StreamId).collect();
    let windows =
        ids.iter().filter_map(|id| app.messages.get_mut(*id).map(|stream| stream.window().share().0));
    let wide = windows.sum();
    assert_eq!(wide, app.credit.wide);
    assert_eq!(wide, app.credit.shares.values().map(|share| share.wide).sum::<u64>());
    wide
}

#[test]
fn one_stream_fills_a_wide_area_link() {
    let mut world = World::pair();
    world.rtt = Duration::from_millis(100);
    let stream = opened(&mut world);
    // QUIC itself begins slowly.
    carry(&mut world, stream, 16_000_000);
    let rate = carry(&mut world, stream, 50_000_000);
    println!("{:.1} MB/s at a round trip of {:?}", rate / 1e6, world.rtt);
    assert!(rate > 5e6, "{rate}");
    assert_eq!(wide(&mut world.end(2).app), STREAM_WIDE - STREAM_FIRST);
}

#[test]
fn a_stream_that_nobody_reads_holds_no_more_than_it_began_with() {
    let mut world = World::pair();
    let stream = opened(&mut world);
    let mut written = 0;
    for _ in 0..20 {
        written += write(&mut world, stream.0, &[7; 100_000]);
        world.run(LONG / 100);
    }
    assert_eq!(written as u64, STREAM_FIRST);
    assert_eq!(wide(&mut world.end(2).app), 0);
    // Its reader comes back: all goes on.
    assert_eq!(read(&mut world, stream.1) as u64, STREAM_FIRST);
    carry(&mut world, stream, 1_000_000);
}

#[test]
fn what_one_peer_is_granted_is_bounded_and_comes_back() {
    let mut world = World::pair();
    let streams: Vec<_> = (0..40).map(|_| opened(&mut world)).collect();
    for stream in &streams {
        carry(&mut world, *stream, 3_000_000);
        assert!(wide(&mut world.end(2).app) <= STREAM_WIDE_PER_PEER);
    }
    assert_eq!(wide(&mut world.end(2).app), STREAM_WIDE_PER_PEER);
    for (own, other) in streams {
        let now = world.at();
        for (n, stream) in [(1, own), (2, other)] {
            let end = world.end(n);
            end.app.reset_stream(now, stream, 0, &mut end.links);
            end.app.stop_stream(now, stream, 0, &mut end.links);
        }
    }
    world.settle();
    assert_eq!(wide(&mut world.end(2).app), 0);
    let share = world.end(1).app.credit.shares.values().map(|share| share.granted).sum::<u64>();
    assert_eq!(share, 0, "nor does the sender think of more");
}

#[test]
fn a_peer_that_writes_more_than_it_was_granted_stalls_nobody_but_itself() {
    let mut world = World::pair();
    let liar = opened(&mut world);
    let end = world.end(1);
    end.app.messages.get_mut(liar.0).expect("it is open").window().limit = u64::MAX;
    for _ in 0..20 {
        write(&mut world, liar.0, &[7; 1_000_000]);
        world.run(LONG / 100);
    }
    // All that its link takes, and what it cost to carry it.
    let most = (u64::from(LINK_WINDOW) + STREAM_FIRST * 5 / 4) * 11 / 10;
    let came = world.end(2).links.counters.bytes_in;
    assert!((u64::from(LINK_WINDOW)..most).contains(&came), "{came}");
    // The reader reads it all the same, once it likes to.
    world.until(|world| read(world, liar.1) == 0);
    carry(&mut world, liar, 1_000_000);
}

#[test]
fn of_a_link_that_is_gone_nothing_is_kept() {
    let mut world = World::pair();
    let stream = opened(&mut world);
    carry(&mut world, stream, 1_000_000);
    let end = world.end(1);
    let theirs = end.app.credit.shares.values().find_map(|share| share.theirs).expect("it was granted more");
    let (now, peer) = (world.at(), id(2));
    world.end(1).links.close(now, peer, ifrit_core::action::HangUp::Idle);
    world.until(|world| world.end(1).app.credit.shares.is_empty());
    let end = world.end(1);
    assert_eq!(end.app.read_credit(theirs, 100, &mut end.links), 0);
    assert!(end.app.credit.shares.is_empty() && end.app.credit.wide == 0);
}

#[test]
fn grants_of_streams_that_are_not_there_and_half_ones_change_nothing() {
    let mut world = World::pair();
    let stream = opened(&mut world);
    let key = world.end(2).links.open(id(1)).expect("credit");
    let grants =
        [[tags::CREDIT].as_slice(), &u64::MAX.to_be_bytes(), &[255; 8], &7_u64.to_be_bytes(), &[1; 3]];
    let grants = grants.concat();
    assert_eq!(world.end(2).links.write(key, &grants), Ok(grants.len()));
    world.run(LONG / 100);
    // A second stream of grants is turned away.
    let second = world.end(2).links.open(id(1)).expect("credit");
    assert_eq!(world.end(2).links.write(second, &[tags::CREDIT]), Ok(1));
    world.until(|world| world.end(1).links.counters.streams_refused == 1);
    carry(&mut world, stream, 10_000);
    world.end(2).links.reset(key, Reset::Dropped);
    world.run(LONG / 100);
    carry(&mut world, stream, 10_000);
}
