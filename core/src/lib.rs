//! The Fireflies membership protocol as a pure, deterministic, sans-IO state machine.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::wildcard_enum_match_arm)]

extern crate alloc;

pub mod accusation;
pub mod action;
pub mod certificate;
pub mod config;

pub mod counters;
pub mod crypto;
pub mod event;
pub mod id;
pub mod limits;
pub mod mask;
pub mod member;
pub mod note;
pub mod params;
pub mod recorder;
pub mod ring;

pub mod seed;
pub mod tags;
pub mod time;
pub mod trie;
pub mod view;

mod command;
mod contact;
mod gossip;
mod greet;
mod links;
mod monitor;
mod outbox;
mod own;
mod probe;
mod read;
mod records;
mod state;
mod walk;
mod wire;
