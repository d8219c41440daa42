//! Sign and verify.

use crate::{cluster::Cluster, driver::Driver};
use futures_util::future::join;
use ifrit_core::{
    crypto::{Signature, Signed},
    note::Note,
};
use ifrit_node::{app::Verdict, crypto::RingVerifier};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn a_signature_holds_at_every_member_for_its_bytes_alone<D: Driver>() {
    let cluster = Cluster::joined::<D>(3).await;
    let signer = &cluster.members[0];
    let signature = signer.sign(b"agreed");
    for member in &cluster.members {
        let verdict = |bytes: &'static [u8], signature| async move {
            member.verify(signer.id(), bytes, &signature).await.expect("it runs")
        };
        assert_eq!(verdict(b"agreed", signature).await, Verdict::Valid);
        assert_eq!(verdict(b"agree", signature).await, Verdict::Invalid);
        assert_eq!(verdict(b"agreed", Signature([7; 64])).await, Verdict::Invalid);
        let other = cluster.members[1].sign(b"agreed");
        assert_eq!(verdict(b"agreed", other).await, Verdict::Invalid, "another member's");
    }
    cluster.stop::<D>().await;
}

pub(crate) async fn an_unknown_signer_is_not_an_invalid_signature<D: Driver>() {
    let mut cluster = Cluster::joined::<D>(1).await;
    let index = cluster.enrol();
    let builder = cluster.builder::<D>(index);
    let member = cluster.members[0].clone();
    // A network of its own, until it is told whom to ask.
    let alone = D::builder().data_dir(cluster.dirs[index].path()).start().await.expect("started");
    let (id, signature) = (alone.id(), alone.sign(b"early"));
    assert_eq!(member.verify(id, b"early", &signature).await, Ok(Verdict::Unknown));
    let short = member.verify_within(id, b"early", &signature, Duration::from_millis(1));
    assert_eq!(D::within("a verdict", short).await, Ok(Verdict::Unknown));
    D::within("stop", alone.stop()).await.expect("it ran");

    let (verdict, started) =
        join(member.verify_within(id, b"early", &signature, LONG), builder.start()).await;
    cluster.members.push(started.expect("started"));
    assert_eq!(verdict, Ok(Verdict::Valid), "as soon as it is known");
    cluster.stop::<D>().await;
}

/// The oracle of the Go library: it signs whatever it is sent, a note of its victim's choice among it.
pub(crate) async fn a_signature_over_the_bytes_of_a_note_is_no_notes<D: Driver>() {
    let cluster = Cluster::joined::<D>(2).await;
    let (member, victim) = (&cluster.members[0], &cluster.members[1]);
    let (id, network) = (victim.id(), *victim.network());
    let seen = member.query(move |node| {
        let view = node.view();
        (view.note(&id).expect("known").to_vec(), view.key(&id).expect("known"))
    });
    let (note, key) = seen.await.expect("it runs");
    let body = &note[..note.len() - Signed::SIGNATURE];
    let holds = |signature: Signature| {
        let bytes = [body, &signature.0[..]].concat();
        Note::parse(&bytes, &network).expect("the form is right").signed().verify(&RingVerifier, &key)
    };
    let genuine = Signed::from_bytes(&note).expect("signed").signature();
    assert!(holds(genuine));
    assert!(!holds(victim.sign(body)), "the application's word is no note");
    let verdict = member.verify(id, body, &genuine).await;
    assert_eq!(verdict, Ok(Verdict::Invalid), "a note is not the application's word");
    cluster.stop::<D>().await;
}
