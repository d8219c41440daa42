//! What a member says to all.

use crate::{cluster::Cluster, driver::Driver};
use futures_util::future::join_all;
use ifrit_core::{id::MemberId, limits::BROADCAST_MAX};
use ifrit_node::{
    app::BroadcastError,
    drive::{Broadcast, Broadcasts, Client},
    limits::BROADCAST_BURST,
};

const MEMBERS: usize = 5;

/// What the next broadcasts of an author are, until there are `count` bodies: its runs and what they said.
async fn heard<D: Driver>(from: &mut Broadcasts, of: MemberId, count: usize) -> Vec<(u64, u64, Vec<u8>)> {
    let mut heard = Vec::new();
    let all = async {
        while heard.len() < count {
            match from.next().await.expect("the member runs") {
                Broadcast::Message { author, run, sequence, body } if author == of => {
                    heard.push((run, sequence, body));
                }
                Broadcast::Message { .. } => {}
                other => panic!("nothing was lost: {other:?}"),
            }
        }
    };
    D::within("broadcasts", all).await;
    heard
}

fn texts(heard: &[(u64, u64, Vec<u8>)]) -> Vec<&[u8]> {
    heard.iter().map(|(_, _, body)| &body[..]).collect()
}

pub(crate) async fn a_broadcast_reaches_all_once_and_in_its_authors_order<D: Driver>() {
    let cluster = Cluster::joined::<D>(MEMBERS).await;
    let mut listeners: Vec<_> = cluster.members.iter().map(Client::broadcasts).collect();
    for n in 0..20u8 {
        let said = cluster.members.iter().map(|member| member.broadcast([n]));
        for number in D::within("said", join_all(said)).await {
            assert_eq!(number, Ok(n.into()));
        }
    }
    for (listener, member) in listeners.iter_mut().zip(&cluster.members) {
        let others = cluster.members.iter().map(Client::id).filter(|id| *id != member.id());
        let mut got: Vec<_> = others.map(|author| (author, Vec::new())).collect();
        let all = async {
            while got.iter().any(|(_, numbers)| numbers.len() < 20) {
                let next = listener.next().await.expect("it runs");
                let Broadcast::Message { author, sequence, body, .. } = next else { panic!("{next:?}") };
                assert_eq!(body, [sequence as u8]);
                let of = got.iter_mut().find(|(id, _)| *id == author).expect("another member");
                of.1.push(sequence);
            }
        };
        D::within("all broadcasts", all).await;
        for (author, numbers) in got {
            assert!(numbers.iter().copied().eq(0..20), "{author}: {numbers:?}");
        }
        assert_eq!(listener.try_next(), None, "each once, and nobody hears itself");
    }
    cluster.stop::<D>().await;
}

pub(crate) async fn who_comes_later_hears_what_was_said_before<D: Driver>() {
    let mut cluster = Cluster::joined::<D>(3).await;
    let author = cluster.members[0].clone();
    for n in 0..10u8 {
        author.broadcast([n]).await.expect("said");
    }
    let late = cluster.add::<D>(|builder| builder).await;
    let mut listener = late.broadcasts();
    cluster.complete::<D>().await;
    let heard = heard::<D>(&mut listener, author.id(), 10).await;
    assert!(heard.iter().map(|(_, sequence, _)| *sequence).eq(0..10));
    cluster.stop::<D>().await;
}

pub(crate) async fn an_author_that_restarts_says_on_in_a_new_run<D: Driver>() {
    let mut cluster = Cluster::joined::<D>(3).await;
    let author = cluster.members[0].clone();
    let mut listener = cluster.members[1].broadcasts();
    author.broadcast("before").await.expect("said");
    let before = heard::<D>(&mut listener, author.id(), 1).await;
    D::within("stop", author.stop()).await.expect("it ran");
    assert_eq!(author.broadcast("late").await, Err(BroadcastError::Stopped));

    let again = cluster.builder::<D>(0).start().await.expect("started");
    cluster.members[0] = again.clone();
    let mut own = again.broadcasts();
    cluster.complete::<D>().await;
    again.broadcast("after").await.expect("said");
    let after = heard::<D>(&mut listener, author.id(), 1).await;
    assert_eq!(texts(&[&before[..], &after[..]].concat()), [b"before".as_slice(), b"after"]);
    assert!(after[0].0 > before[0].0, "runs grow: {before:?} {after:?}");
    assert_eq!((before[0].1, after[0].1), (0, 0));
    // It hears from the others what it said before.
    assert_eq!(texts(&heard::<D>(&mut own, author.id(), 1).await), [b"before"]);
    cluster.stop::<D>().await;
}

pub(crate) async fn who_says_too_much_waits_and_loses_nothing<D: Driver>() {
    let cluster = Cluster::joined::<D>(3).await;
    let author = &cluster.members[0];
    let mut listener = cluster.members[1].broadcasts();
    assert_eq!(
        author.broadcast(vec![7; BROADCAST_MAX + 1]).await,
        Err(BroadcastError::TooLarge { limit: BROADCAST_MAX })
    );
    let count = BROADCAST_BURST as usize / BROADCAST_MAX + 20;
    let said = (0..count).map(|_| author.broadcast(vec![7; BROADCAST_MAX]));
    for (n, number) in D::within("said", join_all(said)).await.into_iter().enumerate() {
        assert_eq!(number, Ok(n as u64));
    }
    assert_eq!(heard::<D>(&mut listener, author.id(), count).await.len(), count);
    cluster.stop::<D>().await;
    assert_eq!(listener.next().await, None, "it ends with the member");
}

pub(crate) async fn a_broadcast_handler_is_called_one_after_the_other_whatever_it_does<D: Driver>() {
    let mut cluster = Cluster::new();
    let (told, heard) = async_channel::bounded(64); // more than are said here
    let handler = move |broadcast| {
        let Broadcast::Message { sequence, .. } = broadcast else { panic!("nothing is lost") };
        let told = told.clone();
        async move {
            _ = told.send(sequence).await;
            assert!(sequence % 2 == 0, "as asked");
        }
    };
    let author = cluster.add::<D>(|builder| builder).await;
    cluster.add::<D>(|builder| builder.on_broadcast(handler)).await;
    cluster.complete::<D>().await;
    for n in 0..6u64 {
        assert_eq!(author.broadcast("hello").await, Ok(n));
    }
    for n in 0..6u64 {
        assert_eq!(D::within("the next", heard.recv()).await, Ok(n));
    }
    cluster.stop::<D>().await;
    assert!(heard.recv().await.is_err(), "the handler ends with the member");
}
