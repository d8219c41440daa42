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
    /// Those that have given something are not asked for more.
    is_content: bool,
    content: Vec<StreamId>,
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
        let (work, _) = Work::new(AtOnce);
        let flows = Flows::new(Some(handler), calls.downgrade(), work.done.clone());
        let (asked, seen, content) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { flows, work, asked, seen, is_content: false, content }
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
        let idle: Vec<_> = idle.map(|(id, _)| *id).collect();
        for id in idle.into_iter().filter(|id| !self.is_content || !self.content.contains(id)) {
            let (reply, asked) = oneshot::channel();
            self.asked.insert(id, asked);
            self.flows.receive(now, world.nodes.get_mut(&1).expect("runs"), id, reply);
        }
        for (id, asked) in &mut self.asked {
            if let Ok(Some(batch)) = asked.try_recv() {
                let from = self.flows.all[id].peer;
                self.content.push(*id);
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
    begin(&mut world, 2, 16, 1000);
    begin(&mut world, 3, 2, 1000);
    reader.until(&mut world, |reader| reader.got(id(3)) == 2);
    assert_eq!(reader.got(id(2)), 0);
    assert_eq!(reader.flows.room.waiting[&id(2)].len(), 16);
    let first = reader.flows.all.iter().find(|(_, flow)| flow.arriving.room == Some(STREAM_MESSAGE_MAX));
    let id_of = first.map(|(id, _)| *id).expect("some hold room");
    let now = world.at();
    let let_go = LetGo { id: id_of, side: Side::Receiving, code: Some(0) };
    reader.flows.let_go(now, world.nodes.get_mut(&1).expect("runs"), let_go);
    reader.until(&mut world, |reader| reader.got(id(2)) == 16);
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

fn let_go(reader: &mut Reader, world: &mut World, id: StreamId, side: Side) {
    let now = world.at();
    let node = world.nodes.get_mut(&1).expect("runs");
    reader.flows.let_go(now, node, LetGo { id, side, code: Some(0) });
}

/// The streams of member 2 that hold room, and those that wait for it.
fn holding(reader: &Reader) -> (Vec<StreamId>, Vec<StreamId>) {
    let all = reader.flows.all.iter().filter(|(_, flow)| flow.peer == id(2));
    let (holding, waiting): (Vec<_>, Vec<_>) = all.partition(|(_, flow)| flow.arriving.room.is_some());
    let ids = |flows: Vec<(&StreamId, &Flow)>| flows.into_iter().map(|(id, _)| *id).collect();
    (ids(holding), ids(waiting))
}

#[test]
fn room_goes_to_those_that_still_want_it() {
    let mut world = World::joined(2);
    let mut reader = Reader::new();
    begin(&mut world, 2, STREAM_BYTES_PER_PEER / STREAM_MESSAGE_MAX, STREAM_MESSAGE_MAX);
    reader.until(&mut world, |reader| reader.flows.room.total == STREAM_BYTES_PER_PEER);
    // Twenty wait, and their programs lose patience.
    begin(&mut world, 2, 20, 1000);
    reader
        .until(&mut world, |reader| reader.flows.room.waiting.get(&id(2)).is_some_and(|all| all.len() == 20));
    let (holders, impatient) = holding(&reader);
    for stream in impatient {
        let_go(&mut reader, &mut world, stream, Side::Receiving);
        let_go(&mut reader, &mut world, stream, Side::Sending);
        reader.asked.remove(&stream);
    }
    begin(&mut world, 2, 20, 1000);
    reader.until(&mut world, |reader| reader.flows.room.waiting[&id(2)].len() == 40);
    let_go(&mut reader, &mut world, holders[0], Side::Receiving);
    reader.until(&mut world, |reader| reader.got(id(2)) == 20);
}

#[test]
fn a_message_that_gave_way_while_nobody_asked_is_told_as_such() {
    let mut world = World::joined(10);
    let mut reader = Reader::new();
    reader.is_content = true;
    let each = STREAM_BYTES_PER_PEER / STREAM_MESSAGE_MAX;
    for n in 2..10 {
        // A small message, and the beginning of the largest behind it.
        for stream in begin(&mut world, n, each, 1000) {
            let now = world.at();
            let begun = [&(STREAM_MESSAGE_MAX as u32).to_be_bytes()[..], &[7; 1000]].concat();
            let node = world.nodes.get_mut(&n).expect("runs");
            assert_eq!(node.write_stream(now, stream, &begun), Ok(begun.len()));
            world.drain(n);
        }
    }
    world.run(Duration::from_secs(1));
    reader.until(&mut world, |reader| reader.flows.room.total == STREAM_BYTES_TOTAL);
    begin(&mut world, 10, 1, 1000);
    reader.until(&mut world, |reader| reader.got(id(10)) == 1);
    reader.is_content = false;
    reader.until(&mut world, |reader| reader.seen.iter().any(|(_, seen)| seen.is_err()));
    let ended: Vec<_> = reader.seen.iter().filter(|(_, seen)| seen.is_err()).collect();
    assert!(matches!(ended[..], [(_, Err(StreamError::Busy))]), "{ended:?}");
}
