//! Message streams.

use crate::{
    cluster::{Cluster, state_of},
    driver::Driver,
};
use futures_util::{
    FutureExt,
    future::{join, join_all},
};
use ifrit_core::{id::MemberId, view::State};
use ifrit_node::{
    app::{Failure, StreamError},
    drive::{
        CODE_BUSY, CODE_DROPPED, CODE_NO_HANDLER, CODE_PANIC, CODE_TOO_LARGE, Client, MessageStream, Service,
    },
    limits::{STREAM_MESSAGE_MAX, STREAMS_FROM_PEER, STREAMS_PER_PEER},
};
use std::{
    future::{Future, pending},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A member that opens streams, and one that handles them.
async fn pair<D: Driver, F, Fut>(handler: F) -> (Cluster, Client, MemberId)
where
    F: Fn(MessageStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let mut cluster = Cluster::new();
    let opener = cluster.add::<D>(|builder| builder).await;
    let handling = cluster.add::<D>(|builder| builder.on_stream(handler)).await.id();
    cluster.complete::<D>().await;
    (cluster, opener, handling)
}

/// Sends everything back, and finishes when the other side has.
async fn echo(mut stream: MessageStream) {
    while let Ok(Some(message)) = stream.recv().await {
        if stream.send(message).await.is_err() {
            return;
        }
    }
    stream.finish().await.ok();
}

/// Does nothing with it, for ever.
async fn keep(stream: MessageStream) {
    let _kept = stream;
    pending().await
}

async fn open<D: Driver>(client: &Client, to: MemberId) -> MessageStream {
    D::within("a stream", client.open_stream(to)).await.expect("it is there")
}

async fn send<D: Driver>(stream: &mut MessageStream, message: &[u8]) {
    D::within("a send", stream.send(message)).await.expect("it is taken");
}

async fn recv<D: Driver>(stream: &mut MessageStream) -> Result<Option<Vec<u8>>, StreamError> {
    D::within("a message", stream.recv()).await
}

/// A member still works.
async fn works<D: Driver>(client: &Client, to: MemberId) {
    let mut stream = open::<D>(client, to).await;
    send::<D>(&mut stream, b"still there?").await;
    assert_eq!(recv::<D>(&mut stream).await, Ok(Some(b"still there?".to_vec())));
}

pub(crate) async fn messages_travel_whole_and_in_order_both_ways<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(echo).await;
    let stream = open::<D>(&opener, to).await;
    assert_eq!(stream.peer(), to);
    let sizes = [0, 1, 3, 65_536, 7, STREAM_MESSAGE_MAX, 0, 100_000];
    let messages: Vec<_> = sizes.iter().enumerate().map(|(n, size)| vec![n as u8; *size]).collect();
    let (mut sender, mut receiver) = stream.split();
    let sends = async {
        for message in &messages {
            sender.send(message.clone()).await.expect("it is taken");
        }
        sender.finish().await.expect("it has them");
        assert_eq!(sender.finish().await, Ok(()), "again is nothing new");
        assert_eq!(sender.send("more").await, Err(StreamError::Closed));
    };
    let receives = async {
        for message in &messages {
            assert_eq!(receiver.recv().await.as_ref(), Ok(&Some(message.clone())));
        }
        assert_eq!(receiver.recv().await, Ok(None));
        assert_eq!(receiver.recv().await, Ok(None));
    };
    D::within("both ways", join(sends, receives)).await;
    cluster.stop::<D>().await;
}

pub(crate) async fn the_opener_is_named_and_halves_end_by_themselves<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(|mut stream: MessageStream| async move {
        while let Ok(Some(_)) = stream.recv().await {}
        // All was read; the other half is still open.
        stream.send(stream.peer().to_string()).await.expect("it listens");
        stream.finish().await.expect("it listens");
    })
    .await;
    let mut stream = open::<D>(&opener, to).await;
    send::<D>(&mut stream, b"hello").await;
    D::within("a finish", stream.finish()).await.expect("it has all");
    assert_eq!(recv::<D>(&mut stream).await, Ok(Some(opener.id().to_string().into_bytes())));
    assert_eq!(recv::<D>(&mut stream).await, Ok(None));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_reset_tells_its_code_both_ways<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(|mut stream: MessageStream| async move {
        stream.send("ready").await.expect("it listens");
        match stream.recv().await {
            // What it was given up with goes back.
            Err(StreamError::Reset { code }) => stream.reset(code + 1),
            Ok(Some(_)) => stream.reset(9),
            other => panic!("{other:?}"),
        }
    })
    .await;
    let reset = |code| Err(StreamError::Reset { code });
    let mut stream = open::<D>(&opener, to).await;
    assert_eq!(recv::<D>(&mut stream).await, Ok(Some(b"ready".to_vec())));
    send::<D>(&mut stream, b"reset, please").await;
    assert_eq!(recv::<D>(&mut stream).await, reset(9));
    let stopped = async { while stream.send("?").await.is_ok() {} };
    D::within("a stop", stopped).await;
    assert_eq!(stream.send("?").await, Err(StreamError::Closed));

    let mut stream = open::<D>(&opener, to).await;
    assert_eq!(recv::<D>(&mut stream).await, Ok(Some(b"ready".to_vec())));
    let (sender, mut receiver) = stream.split();
    sender.reset(41);
    assert_eq!(D::within("an end", receiver.recv()).await, reset(42));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_dropped_end_is_told_with_a_code_of_its_own<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(|mut stream: MessageStream| async move {
        // Its own end is dropped when this returns.
        assert_eq!(stream.recv().await, Ok(Some(b"one".to_vec())));
    })
    .await;
    let mut stream = open::<D>(&opener, to).await;
    send::<D>(&mut stream, b"one").await;
    assert_eq!(recv::<D>(&mut stream).await, Err(StreamError::Reset { code: CODE_DROPPED }));
    let result = D::within("a stop", async {
        loop {
            if let Err(error) = stream.send("more").await {
                return error;
            }
        }
    });
    assert_eq!(result.await, StreamError::Reset { code: CODE_DROPPED });
    cluster.stop::<D>().await;
}

pub(crate) async fn a_handler_that_panics_is_told_and_harms_nobody<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(|mut stream: MessageStream| async move {
        let message = stream.recv().await.expect("a message").expect("a message");
        assert!(message != b"panic", "as asked");
        stream.send(message).await.expect("it listens");
        stream.finish().await.ok();
    })
    .await;
    let mut stream = open::<D>(&opener, to).await;
    send::<D>(&mut stream, b"panic").await;
    assert_eq!(recv::<D>(&mut stream).await, Err(StreamError::Reset { code: CODE_PANIC }));
    works::<D>(&opener, to).await;
    cluster.stop::<D>().await;
}

pub(crate) async fn a_member_that_handles_no_streams_says_so<D: Driver>() {
    let cluster = Cluster::joined::<D>(2).await;
    let mut stream = open::<D>(&cluster.members[0], cluster.members[1].id()).await;
    assert_eq!(recv::<D>(&mut stream).await, Err(StreamError::Reset { code: CODE_NO_HANDLER }));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_reader_that_stops_stalls_its_own_stream_alone<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(|mut stream: MessageStream| async move {
        match stream.recv().await {
            Ok(Some(message)) if message == b"stop reading" => keep(stream).await,
            _ => echo(stream).await,
        }
    })
    .await;
    // Far more than windows would hold if they were shared.
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let mut stream = open::<D>(&opener, to).await;
        send::<D>(&mut stream, b"stop reading").await;
        let mut taken = 0;
        // Until the windows are full: then a send waits, and nothing else does.
        let blocked = async {
            loop {
                let mut wait = Box::pin(opener.members());
                let mut send = Box::pin(stream.send(vec![7; 100_000]));
                // Two turns of the loop are time enough for what can be taken at once.
                if (&mut send).now_or_never().is_none() {
                    for _ in 0..20 {
                        (&mut wait).await.expect("it runs");
                        wait = Box::pin(opener.members());
                    }
                    if (&mut send).now_or_never().is_none() {
                        return;
                    }
                }
                taken += 1;
            }
        };
        D::within("a full window", blocked).await;
        assert!(taken < 40, "{taken} messages without a reader");
        stalled.push(stream);
    }
    let mut stream = open::<D>(&opener, to).await;
    send::<D>(&mut stream, b"go on").await;
    for _ in 0..20 {
        send::<D>(&mut stream, &[1; 100_000]).await;
        assert_eq!(recv::<D>(&mut stream).await, Ok(Some(vec![1; 100_000])));
    }
    cluster.complete::<D>().await;
    cluster.stop::<D>().await;
}

pub(crate) async fn thousands_of_streams_at_once<D: Driver>() {
    let mut cluster = Cluster::new();
    let opener = cluster.add::<D>(|builder| builder).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        others.push(cluster.add::<D>(|builder| builder.on_stream(echo)).await.id());
    }
    cluster.complete::<D>().await;
    let opens = others.iter().flat_map(|to| (0..STREAMS_PER_PEER).map(|_| opener.open_stream(*to)));
    let streams = D::within("streams", join_all(opens)).await;
    let mut streams: Vec<_> = streams.into_iter().map(|stream| stream.expect("within the quota")).collect();
    let over = D::within("a refusal", opener.open_stream(others[0])).await;
    assert_eq!(over.err(), Some(StreamError::Busy));
    let talks = streams.iter_mut().enumerate().map(|(n, stream)| async move {
        stream.send(n.to_be_bytes()).await.expect("it is taken");
        assert_eq!(stream.recv().await, Ok(Some(n.to_be_bytes().to_vec())));
    });
    D::within("talks", join_all(talks)).await;
    drop(streams);
    let again = async { while opener.open_stream(others[0]).await.is_err() {} };
    D::within("room for another", again).await;
    cluster.complete::<D>().await;
    cluster.stop::<D>().await;
}

pub(crate) async fn a_dropped_send_is_sent_whole_or_not_at_all<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(|mut stream: MessageStream| async move {
        // Slow to begin, so that sends wait.
        assert_eq!(stream.recv().await, Ok(Some(b"begin".to_vec())));
        echo(stream).await;
    })
    .await;
    let mut stream = open::<D>(&opener, to).await;
    send::<D>(&mut stream, b"begin").await;
    let (mut sender, mut receiver) = stream.split();
    let (sent, seen) = D::within(
        "all",
        join(
            async {
                let mut dropped = Vec::new();
                for n in 0..200_u8 {
                    let message = vec![n; 50_000];
                    if n % 3 == 0 {
                        // Dropped at once, or after the loop has it.
                        if n % 2 == 0 {
                            opener.members().await.expect("it runs");
                        }
                        if sender.send(message).now_or_never().is_none() {
                            dropped.push(n);
                        }
                    } else {
                        sender.send(message).await.expect("it is taken");
                    }
                }
                sender.finish().await.expect("it has all");
                dropped
            },
            async {
                let mut seen = Vec::new();
                while let Some(message) = receiver.recv().await.expect("whole messages") {
                    assert_eq!(message, vec![message[0]; 50_000]);
                    seen.push(message[0]);
                }
                seen
            },
        ),
    )
    .await;
    assert!(seen.is_sorted(), "{seen:?}");
    let missing: Vec<_> = (0..200).filter(|n| !seen.contains(n)).collect();
    assert!(missing.iter().all(|n| sent.contains(n)), "{missing:?} of {sent:?}");
    cluster.stop::<D>().await;
}

pub(crate) async fn a_dropped_finish_still_happens<D: Driver>() {
    let (tell, told) = async_channel::bounded(1);
    let (cluster, opener, to) = pair::<D, _, _>(move |mut stream: MessageStream| {
        let tell = tell.clone();
        async move {
            while let Ok(Some(_)) = stream.recv().await {}
            tell.send(stream.recv().await).await.expect("the test listens");
        }
    })
    .await;
    let mut pending = 0;
    for _ in 0..20 {
        let mut stream = open::<D>(&opener, to).await;
        send::<D>(&mut stream, b"all there is").await;
        // It takes a round trip, which other threads may make while this one is not run.
        pending += usize::from(stream.finish().now_or_never().is_none());
        drop(stream);
        assert_eq!(D::within("an end", told.recv()).await, Ok(Ok(None)));
    }
    assert!(pending > 0, "no finish was dropped before its end");
    cluster.stop::<D>().await;
}

pub(crate) async fn a_dropped_recv_loses_nothing<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(echo).await;
    let (mut sender, mut receiver) = open::<D>(&opener, to).await.split();
    let sends = async {
        for n in 0..500_u16 {
            sender.send(n.to_be_bytes()).await.expect("it is taken");
        }
        sender.finish().await.expect("it has all");
    };
    let receives = async {
        let mut seen = Vec::new();
        loop {
            // Dropped at once, most of the time.
            let next = match receiver.recv().now_or_never() {
                Some(next) => next,
                None => receiver.recv().await,
            };
            match next.expect("it goes on") {
                Some(message) => seen.push(message),
                None => return seen,
            }
        }
    };
    let ((), seen) = D::within("all", join(sends, receives)).await;
    assert!(seen.into_iter().eq((0..500_u16).map(|n| n.to_be_bytes().to_vec())));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_message_over_the_limit_is_not_sent<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(echo).await;
    let mut stream = open::<D>(&opener, to).await;
    let error = stream.send(vec![0; STREAM_MESSAGE_MAX + 1]).await;
    assert_eq!(error, Err(StreamError::TooLarge { limit: STREAM_MESSAGE_MAX }));
    // The stream goes on.
    send::<D>(&mut stream, b"small").await;
    assert_eq!(recv::<D>(&mut stream).await, Ok(Some(b"small".to_vec())));
    cluster.stop::<D>().await;
}

/// Tells what it makes of the first message.
async fn tell(mut stream: MessageStream) {
    let told = format!("{:?}", stream.recv().await);
    stream.send(told).await.ok();
    stream.finish().await.ok();
}

pub(crate) async fn a_peer_that_closes_within_a_message_is_cut_off<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(tell).await;
    for broken in [&[0, 0][..], &[0, 0, 0, 9, 1, 2, 3]] {
        let (mut sender, mut receiver) = open::<D>(&opener, to).await.split();
        D::within("a send", sender.send_as_is(broken.to_vec())).await.expect("it is taken");
        D::within("a finish", sender.finish()).await.expect("it has it");
        let told = D::within("a message", receiver.recv()).await;
        assert_eq!(told, Ok(Some(b"Err(Cut)".to_vec())));
    }
    cluster.stop::<D>().await;
}

pub(crate) async fn a_length_over_the_limit_ends_the_stream_before_a_byte_of_it<D: Driver>() {
    let (cluster, opener, to) = pair::<D, _, _>(tell).await;
    for length in [STREAM_MESSAGE_MAX as u32 + 1, u32::MAX] {
        let (mut sender, mut receiver) = open::<D>(&opener, to).await.split();
        D::within("a send", sender.send_as_is(length.to_be_bytes().to_vec())).await.expect("it is taken");
        let told = D::within("a message", receiver.recv()).await;
        let error = StreamError::TooLarge { limit: STREAM_MESSAGE_MAX };
        assert_eq!(told, Ok(Some(format!("Err({error:?})").into_bytes())));
        let stopped = async {
            loop {
                if let Err(error) = sender.send("?").await {
                    return error;
                }
            }
        };
        assert_eq!(D::within("a stop", stopped).await, StreamError::Reset { code: CODE_TOO_LARGE });
    }
    cluster.stop::<D>().await;
}

pub(crate) async fn handlers_that_never_return_are_bounded<D: Driver>() {
    // One that keeps its stream, and one that does not even need it.
    for kept in [true, false] {
        let (cluster, opener, to) = pair::<D, _, _>(move |mut stream: MessageStream| async move {
            stream.send("here").await.ok();
            stream.finish().await.ok();
            let _kept = kept.then_some(stream);
            pending().await
        })
        .await;
        for n in 0..STREAMS_FROM_PEER {
            let mut stream = open::<D>(&opener, to).await;
            assert_eq!(recv::<D>(&mut stream).await, Ok(Some(b"here".to_vec())), "{n}");
            // Given up, it goes; its handler does not.
        }
        let mut stream = open::<D>(&opener, to).await;
        let refused = if kept { StreamError::Refused } else { StreamError::Reset { code: CODE_BUSY } };
        assert_eq!(recv::<D>(&mut stream).await, Err(refused));
        cluster.complete::<D>().await;
        cluster.stop::<D>().await;
    }
}

pub(crate) async fn who_is_not_there_is_told_at_once<D: Driver>() {
    let mut cluster = Cluster::joined::<D>(3).await;
    let unknown = D::within("an error", cluster.members[0].open_stream(MemberId([1; 32]))).await;
    assert_eq!(unknown.err(), Some(StreamError::UnknownMember));
    let crashed = cluster.members.pop().expect("three");
    let id = crashed.id();
    crashed.abort().await.expect("it ran");
    cluster.everywhere::<D>("down", move |view| state_of(&view, &id) == Some(State::Down)).await;
    let down = D::within("an error", cluster.members[0].open_stream(id)).await;
    assert_eq!(down.err(), Some(StreamError::Unreachable));
    cluster.stop::<D>().await;
}

pub(crate) async fn a_crash_and_a_stop_end_streams<D: Driver>() {
    let (mut cluster, opener, to) = pair::<D, _, _>(keep).await;
    let mut stream = open::<D>(&opener, to).await;
    send::<D>(&mut stream, b"hello").await;
    let handling = cluster.members.pop().expect("two");
    // A stop closes its links: that is known at once.
    D::within("stop", handling.stop()).await.expect("it ran");
    assert_eq!(recv::<D>(&mut stream).await, Err(StreamError::Lost));
    let mut again = cluster.builder::<D>(1).on_stream(echo).start().await.expect("its directory is free");
    cluster.members.push(again.clone());
    cluster.complete::<D>().await;
    works::<D>(&opener, to).await;
    let mut stream = open::<D>(&opener, to).await;
    send::<D>(&mut stream, b"hello").await;
    std::mem::swap(&mut again, &mut cluster.members[1]);
    D::within("stop", opener.stop()).await.expect("it ran");
    let end = async {
        loop {
            match stream.recv().await {
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    };
    assert_eq!(D::within("an end", end).await, StreamError::Stopped);
    assert_eq!(stream.send("?").await, Err(StreamError::Stopped));
    assert_eq!(opener.open_stream(to).await.err(), Some(StreamError::Stopped));
    cluster.members.remove(0);
    cluster.stop::<D>().await;
}

pub(crate) async fn a_stream_does_not_keep_its_member_running<D: Driver>() {
    let (mut cluster, opener, to) = pair::<D, _, _>(echo).await;
    let mut stream = open::<D>(&opener, to).await;
    send::<D>(&mut stream, b"hello").await;
    drop(opener);
    cluster.members.remove(0);
    let end = async {
        loop {
            match stream.recv().await {
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    };
    assert_eq!(D::within("an end", end).await, StreamError::Stopped);
    cluster.stop::<D>().await;
}

/// Counts what it is asked, and does not answer streams.
struct Counting(Arc<AtomicUsize>);

impl Service for Counting {
    async fn request(&self, from: MemberId, _body: Vec<u8>) -> Result<Vec<u8>, Failure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(from.to_string().into_bytes())
    }
}

/// Handles streams alone.
struct Echoing;

impl Service for Echoing {
    async fn stream(&self, stream: MessageStream) {
        echo(stream).await;
    }
}

pub(crate) async fn a_service_is_its_methods_and_refuses_the_rest<D: Driver>() {
    let mut cluster = Cluster::new();
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Counting(count.clone());
    let client = cluster.add::<D>(|builder| builder.service(Echoing)).await;
    let to = cluster.add::<D>(|builder| builder.service(counting)).await;
    cluster.complete::<D>().await;
    let answer = D::within("an answer", client.request(to.id(), "who am I")).await;
    assert_eq!(answer, Ok(client.id().to_string().into_bytes()));
    assert_eq!(count.load(Ordering::Relaxed), 1);
    let mut stream = open::<D>(&client, to.id()).await;
    assert_eq!(recv::<D>(&mut stream).await, Err(StreamError::Reset { code: CODE_NO_HANDLER }));
    works::<D>(&to, client.id()).await;
    cluster.stop::<D>().await;
}
