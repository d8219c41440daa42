//! The Fireflies membership protocol as a pure, deterministic, sans-IO state machine: it tells who is alive, even when
//! some members lie.
//!
//! ```text
//!   ifrit-node (QUIC links, requests, disk), the simulator, or a loop of your own
//!        │ Event: packets, frames, links, commands, Wake       ▲ Action: packets, frames, dials, notices, Wait
//! ┌──────▼─────────────────────────────────────────────────────┴──────────────────┐
//! │ member     handle(now, event)                            poll_action()        │  you are here
//! │                                                                               │
//! │ in         wire ──► records, waiting what others say, cheap checks first      │
//! │ held       state, state::verdict     members, accusations, timers, who is out │
//! │            ring, trie                who precedes whom; one digest of it all  │
//! │ watch      monitor, probe, gray      whom to ping, whose silence is a charge  │
//! │ say        own, gossip, walk, greet  own note, pushes, pulls, anti-entropy    │
//! │ go         revoked                   who is a member no more, says the CA     │
//! │ come in    contact                   seeds, join, heal                        │
//! │ words      note, accusation, application, broadcast, certificate, params …    │
//! └───────────────────────────────────────────────────────────────────────────────┘
//!   below it: nothing. No socket, no clock, no thread, no randomness but the seed's; no_std + alloc
//! ```
//!
//! Start at [`Member`](member::Member): the call contract stands there. What goes in is [`event`], what comes out is
//! [`action`], what can be asked is [`view`]. [`recorder`] keeps a run and replays it, bit for bit. Every bound on what a
//! peer can cost is in [`limits`], every period and quota follows from [`params`].
//!
//! The words: a **note** is what a member says of itself, signed, with an epoch that only grows. A **ring** orders all
//! members by a hash; there are k = 2t+1 of them, and t liars among a member's k predecessors can do it no harm. An
//! **accusation** is one predecessor's signed word that a member is silent. A **rebuttal** is the accused's next note. A
//! member whose accusation stays valid for 2Δ is **Down**; Δ is the time within which a message reaches every correct
//! member. Papers: Johansen, Allavena, van Renesse, EuroSys 2006; Johansen, van Renesse, Vigfusson, Johansen, ACM TOCS
//! 33(2), 2015. "DESIGN" in these pages is the project's design document, whose rules are listed below.
//!
//! # One datagram
//! A ping comes in as [`Event::Datagram`](event::Event::Datagram). [`Member::handle`](member::Member::handle) first asks
//! whether there is room for what follows (else [`Refused`](event::Refused), and nothing has changed), notes the time,
//! and gives the bytes to [`gossip`], where [`wire`] decodes them strictly; what does not parse is misbehaviour, never a
//! panic. A ping is answered at once with a pong that carries the digest of the own [`trie`]. A pong goes to [`monitor`],
//! which counts it, and, if its digest is another than the own, a [`walk`] down the trie begins. The pong waits in
//! [`outbox`] until [`Member::poll_action`](member::Member::poll_action) hands it out; the last answer is always
//! [`Wait`](action::Action::Wait).
//!
//! # One crash
//! [`monitor`] knows which members this one is the closest predecessor of that is not out. A ping of one of them stays
//! unanswered: a miss, then fast probes; enough of them in a row, by the loss that is usual here, and [`probe`] signs an
//! [`accusation`] per ring, sends it to the accused itself, and has [`state`] take it in. [`gossip`] pushes it with all that
//! it rests on. At the others it goes through [`records`]: parsed, held against what is known, and its signature checked
//! last. [`state::verdict`](state) says whether it is valid, for how long, and keeps the least set of members that are
//! Down. When 2Δ have passed, whatever was received about the accused is handled first; only then comes
//! [`Notice::Down`](action::Notice::Down), with the evidence in it.
//!
//! # One rebuttal
//! An accusation of this member itself takes another way through [`records`]: [`own`] keeps it, answerable or not, and is
//! asked at every change whether a note is due. A note with epoch+1 is signed, a ring on which a liar is valid is
//! disabled (at most t of them, [`mask`]), and [`gossip`] pushes the note whole. At the others a newer note makes all
//! accusations of older epochs worthless: [`Notice::Rebutted`](action::Notice::Rebutted).
//!
//! # The rules, where they live, and which test holds them
//! Tests are in this crate's module `state` ("state"), in `sim/tests/rules` ("sim"), in `tests/tests` ("tests"), or
//! where said.
//!
//! | rule | says | lives in | held by |
//! |---|---|---|---|
//! | R1 | which accusation is valid: all members between are out | [`state`] (verdict) | state: `r1_an_accusation_is_valid_iff_all_between_are_out`; sim: `r1_chain_accuser_removes_nobody` |
//! | R2 | the closest accusation per ring; no circular support | [`state`] (verdict, oracle) | state: `r2_same_records_in_any_order_same_state`; sim: `r2_mutual_accusers_remove_nobody` |
//! | R3 | what is rebutted, and which rings are disabled | [`own`], [`mask`] | sim: `r3_a_false_accusation_is_answered`, `r3_more_liars_than_t_annoy_but_do_not_remove` |
//! | R4 | Down after 2Δ; stretches that set ages back | [`state`] (verdict), [`member`] | state: `r4_a_member_goes_down_after_two_delta_and_not_before`; sim: `r4_half_of_the_network_pauses_and_removes_nobody` |
//! | R5 | who watches whom; how many misses accuse | [`monitor`], [`probe`], [`params`] | sim: `r5_a_crashed_member_goes_down_everywhere`, `r5_loss_removes_nobody` |
//! | R6 | duty to accuse a Down member; hold | [`probe`], [`monitor`], [`state`] (verdict) | state: `r6_a_down_member_without_support_is_held_and_then_returns`; sim: `r6_a_crashed_member_stays_down_when_the_network_grows` |
//! | R7 | what is pushed, what is announced | [`gossip`] | tests: the golden transcript `r7_order` |
//! | R8 | gray members: a member with bad links says so itself | [`gray`], [`monitor`], [`own`] | sim: `r8_a_member_with_bad_links_goes_out_once_and_comes_back_once`, `r8_neither_a_restart_nor_a_heal_grays_anybody` |
//! | R9 | leases, renewal, clocks | [`state`], [`own`], [`clock`] | state: `r9_whatever_is_out_of_lease_is_forgotten_with_its_accusations`; sim: `r9_leases_are_renewed`, `r9_a_clock_that_jumps_expires_nothing_and_is_checked_first` |
//! | R10 | duplicate, refusal, misbehaviour | [`records`], [`links`] | sim: `r10_garbage_ahead_of_the_genuine_rebuttal_removes_nobody` |
//! | R11 | fairness between links | [`records`], [`links`] | sim: `r11_a_silent_member_does_not_slow_its_neighbours` |
//! | R12 | how often notes are forwarded, how often members are dialled | [`waiting`], [`own`], [`links`] | sim: `r12_of_two_notes_with_one_epoch_all_keep_the_lower_hash` |
//! | R13 | anti-entropy: the trie and its walks | [`trie`], [`walk`], [`links`] | trie: `trie_difference_of_d_records_costs_d_log_n_bytes`; sim: `heal_after_halves_at_several_sizes` |
//! | R14 | renewed certificates, revocation | [`certificate`], [`records`], [`revocation`], [`revoked`] | certificate: `r14_the_later_not_before_counts_then_the_lower_hash`; sim: `r14_an_older_certificate_shown_again_changes_nothing`, `r14_revoked_is_out_everywhere_at_once_and_nobody_else_is`, `r14_another_root_is_believed_everywhere_at_once_and_nobody_is_interrupted` |
//! | R15 | epochs never repeat | [`own`] | sim: `r15_a_restart_with_an_old_disk_comes_back_with_a_higher_epoch`, `r15_a_foreign_note_is_jumped_above` |
//! | R16 | when a member is joined | [`contact`] | sim: `r16_a_hundred_join_through_one`, `r16_joining_works_under_loss` |
//! | R17 | the promise and its limits | [`params`] (the number of rings) | params: `rings_follow_the_design_s_examples`; sim: `r5_five_that_crash_at_once_go_down_everywhere` |
//!
//! The names of private modules are links in the pages that `cargo doc --document-private-items` makes.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the tour names private modules; in private docs it links them"
)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::wildcard_enum_match_arm)]

extern crate alloc;

#[cfg(not(ifrit_bug))]
#[macro_use]
mod planted;
#[cfg(ifrit_bug)]
#[macro_use]
pub mod planted;

pub mod accusation;
pub mod action;
pub mod application;
pub mod broadcast;
pub mod certificate;
pub mod config;

pub mod counters;
pub mod crypto;
pub mod event;
pub mod id;
pub mod limits;
pub mod load;
pub mod mask;
pub mod member;
pub mod note;
pub mod params;
pub mod recorder;
pub mod revocation;
mod revoked;
pub mod ring;

pub mod seed;
pub mod shared;
pub mod tags;
pub mod time;
pub mod trie;
pub mod view;

mod clock;
mod command;
mod contact;
mod gossip;
mod gray;
mod greet;
mod growth;
mod inbox;
mod introduce;
mod links;
mod monitor;
mod outbox;
mod own;
mod pack;
mod probe;
mod pull;
mod read;
mod records;
mod state;
mod waiting;
mod walk;
mod wire;
