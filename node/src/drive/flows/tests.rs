//! Peers that begin messages and do not end them, against whole nodes in virtual time.

use super::*;
use crate::{drive::testing::AtOnce, link::tests::world::id, node::tests::World};
use ifrit_core::id::MemberId;
use std::sync::{Arc, Mutex};

/// What reads at member 1.
struct Reader {
    flows: Flows,
    work: Work<AtOnce>,
    asked: BTreeMap<StreamId, oneshot::Receiver<Batch>>,
    /// Who sent what, or why it ended.
    seen: Vec<(MemberId, Result<usize, StreamError>)>,
}

impl Reader {
    fn new() -> Self {
        // Kept for as long as the handler is.
        let taken = Arc::new(Mutex::new(Vec::new()));
        let handler = StreamHandler::new(move |stream| {
            taken.lock().expect("no test panics with it").push(stream);
            async {}
        });
        let (calls, _) = async_channel::bounded(1);
        let (flows, _) = Flows::new(Some(handler), calls.downgrade());
        let (work, _) = Work::new(AtOnce);
        Self { flows, work, asked: BTreeMap::new(), seen: Vec::new() }
    }

    /// Hears what its node says and asks every stream for more.
    fn go_on(&mut self, world: &mut World) {
        let now = world.at();
        for event in std::mem::take(world.told.entry(1).or_default()) {
            let node = world.nodes.get_mut(&1).expect("runs");
            self.flows.told(now, node, &self.work, event);
        }
        let idle =
            self.flows.all.iter().filter(|(id, flow)| flow.asked.is_none() && !self.asked.contains_key(id));
        for id in idle.map(|(id, _)| *id).collect::<Vec<_>>() {
            let (reply, asked) = oneshot::channel();
            self.asked.insert(id, asked);
            self.flows.receive(now, world.nodes.get_mut(&1).expect("runs"), id, reply);
        }
        for (id, asked) in &mut self.asked {
            if let Ok(Some(batch)) = asked.try_recv() {
                let from = self.flows.all[id].peer;
                self.seen.extend(batch.messages.iter().map(|message| (from, Ok(message.len()))));
                self.seen.extend(batch.end.and_then(Result::err).map(|error| (from, Err(error))));
            }
        }
        let over: Vec<_> = self.asked.extract_if(.., |_, asked| asked.try_recv().is_err()).collect();
        drop(over);
        world.drain(1);
        assert!(self.flows.room.total <= STREAM_BYTES_TOTAL);
        assert!(self.flows.room.of.values().all(|of| *of <= STREAM_BYTES_PER_PEER));
        let held: usize = self.flows.all.values().map(|flow| flow.arriving.message.len()).sum();
        assert!(held <= self.flows.room.total, "{held}");
    }

    fn until(&mut self, world: &mut World, mut done: impl FnMut(&Self) -> bool) {
        world.until(|world| {
            self.go_on(world);
            done(self)
        });
    }

    fn got(&self, from: MemberId) -> usize {
        self.seen.iter().filter(|(of, seen)| *of == from && seen.is_ok()).count()
    }
}

/// Begins so many messages of a length, and sends but the first bytes of each.
fn begin(world: &mut World, from: u8, count: usize, length: usize) -> Vec<StreamId> {
    let now = world.at();
    let node = world.nodes.get_mut(&from).expect("runs");
    let streams: Vec<_> = (0..count).map(|_| node.open_stream(now, id(1), Duration::from_secs(30))).collect();
    world.drain(from);
    world.run(Duration::from_secs(1));
    for stream in &streams {
        let now = world.at();
        let node = world.nodes.get_mut(&from).expect("runs");
        let begun = [&(length as u32).to_be_bytes()[..], &[7; 1000]].concat();
        assert_eq!(node.write_stream(now, *stream, &begun), Ok(begun.len()));
        world.drain(from);
    }
    streams
}

#[test]
fn messages_that_do_not_end_hold_up_their_senders_own_and_nobody_elses() {
    let mut world = World::joined(3);
    let mut reader = Reader::new();
    let held = STREAM_BYTES_PER_PEER / STREAM_MESSAGE_MAX;
    begin(&mut world, 2, held, STREAM_MESSAGE_MAX);
    reader.until(&mut world, |reader| reader.flows.room.total == STREAM_BYTES_PER_PEER);
    // What comes later waits, however short, until one of the others is over.
    begin(&mut world, 2, 2 * WAKE_PER_RELEASE, 1000);
    begin(&mut world, 3, 2, 1000);
    reader.until(&mut world, |reader| reader.got(id(3)) == 2);
    assert_eq!(reader.got(id(2)), 0);
    assert_eq!(reader.flows.room.waiting[&id(2)].len(), 2 * WAKE_PER_RELEASE);
    let first = reader.flows.all.iter().find(|(_, flow)| flow.arriving.room == Some(STREAM_MESSAGE_MAX));
    let id_of = first.map(|(id, _)| *id).expect("some hold room");
    let now = world.at();
    let let_go = LetGo { id: id_of, side: Side::Receiving, code: Some(0) };
    reader.flows.let_go(now, world.nodes.get_mut(&1).expect("runs"), let_go);
    reader.until(&mut world, |reader| reader.got(id(2)) == 2 * WAKE_PER_RELEASE);
    assert!(reader.flows.room.waiting.is_empty());
}

#[test]
fn when_all_room_is_taken_whoever_has_most_gives_way() {
    let mut world = World::joined(10);
    let mut reader = Reader::new();
    let each = STREAM_BYTES_PER_PEER / STREAM_MESSAGE_MAX;
    for n in 2..10 {
        begin(&mut world, n, each, STREAM_MESSAGE_MAX);
    }
    reader.until(&mut world, |reader| reader.flows.room.total == STREAM_BYTES_TOTAL);
    begin(&mut world, 10, 1, 1000);
    reader.until(&mut world, |reader| reader.got(id(10)) == 1);
    let ended: Vec<_> = reader.seen.iter().filter(|(_, seen)| seen.is_err()).collect();
    assert!(matches!(ended[..], [(_, Err(StreamError::Busy))]), "{ended:?}");
}
