//! Ifrit's gossip of an application: content to the neighbours, and their answers.

use crate::{cluster::Cluster, driver::Driver};
use async_channel::Receiver;
use ifrit_core::{event::Refused, id::MemberId};
use ifrit_node::{drive::ClientError, limits::GOSSIP_MAX};
use std::collections::BTreeSet;

type Told = Receiver<(MemberId, Vec<u8>)>;
/// Far more than a test waits for; what comes beyond it is dropped.
const TOLD_MAX: usize = 4096;

/// Adds a member that answers gossip with `got CONTENT`; what it is given, and what it is answered.
async fn gossiping<D: Driver>(cluster: &mut Cluster) -> (Told, Told) {
    let ((given, content), (answered, replies)) =
        (async_channel::bounded(TOLD_MAX), async_channel::bounded(TOLD_MAX));
    let on_gossip = move |from, content: Vec<u8>| {
        _ = given.try_send((from, content.clone()));
        async move { Ok([b"got ", &content[..]].concat()) }
    };
    let on_reply = move |from, body| {
        _ = answered.try_send((from, body));
        async {}
    };
    cluster.add::<D>(|builder| builder.on_gossip(on_gossip).on_gossip_reply(on_reply)).await;
    (content, replies)
}

async fn until<D: Driver>(what: &str, from: &Told, wanted: impl Fn(&(MemberId, Vec<u8>)) -> bool) {
    let next = async { while !wanted(&from.recv().await.expect("the member runs")) {} };
    D::within(what, next).await;
}

pub(crate) async fn gossip_goes_to_neighbours_and_their_answers_come_back<D: Driver>() {
    let mut cluster = Cluster::new();
    let mut told = Vec::new();
    // Of three members each is beside each on every ring.
    for _ in 0..3 {
        told.push(gossiping::<D>(&mut cluster).await);
    }
    cluster.complete::<D>().await;
    let author = &cluster.members[0];
    author.set_gossip(Some(b"one".to_vec())).await.expect("small");
    // Everybody's turn comes.
    let mut others: BTreeSet<_> = cluster.members[1..].iter().map(|member| member.id()).collect();
    let all = async {
        while !others.is_empty() {
            let (from, body) = told[0].1.recv().await.expect("it runs");
            assert_eq!(body, b"got one");
            others.remove(&from);
        }
    };
    D::within("answers of all", all).await;
    let of_author = |(from, content): &(MemberId, Vec<u8>)| *from == author.id() && content == b"one";
    until::<D>("the content", &told[1].0, of_author).await;

    author.set_gossip(Some(b"two".to_vec())).await.expect("small");
    until::<D>("the new content", &told[1].0, |(_, content)| content == b"two").await;
    let too_large = author.set_gossip(Some(vec![0; GOSSIP_MAX + 1])).await;
    assert_eq!(too_large, Err(ClientError::Refused(Refused::TooLarge { limit: GOSSIP_MAX })));
    author.set_gossip(Some(vec![0; GOSSIP_MAX])).await.expect("not too large");
    until::<D>("the largest", &told[2].0, |(_, content)| content.len() == GOSSIP_MAX).await;

    author.set_gossip(None).await.expect("cleared");
    // What was on its way arrives before what another one says now for the second time.
    let other = &cluster.members[1];
    for text in [b"three", b"four."] {
        other.set_gossip(Some(text.to_vec())).await.expect("small");
        until::<D>("another's content", &told[0].0, |(from, content)| *from == other.id() && content == text)
            .await;
    }
    while told[2].0.try_recv().is_ok() {}
    until::<D>("another's content", &told[0].0, |(from, _)| *from == other.id()).await;
    let since_then: Vec<_> = std::iter::from_fn(|| told[2].0.try_recv().ok()).collect();
    assert!(since_then.iter().all(|(from, _)| *from != author.id()), "cleared is cleared");
    cluster.stop::<D>().await;
}

/// The Go library's gossip stops for good when one neighbour does not answer.
pub(crate) async fn a_neighbour_that_never_answers_delays_no_gossip<D: Driver>() {
    let mut cluster = Cluster::new();
    let silent = |_, _| std::future::pending();
    cluster.add::<D>(|builder| builder.on_gossip(silent)).await;
    let (_, replies) = gossiping::<D>(&mut cluster).await;
    let (_content, _) = gossiping::<D>(&mut cluster).await;
    cluster.complete::<D>().await;
    let (silent, answers) = (cluster.members[0].id(), cluster.members[2].id());
    cluster.members[1].set_gossip(Some(b"hello".to_vec())).await.expect("small");
    for _ in 0..5 {
        until::<D>("an answer", &replies, |(from, _)| {
            assert_ne!(*from, silent);
            *from == answers
        })
        .await;
    }
    cluster.stop::<D>().await;
}
