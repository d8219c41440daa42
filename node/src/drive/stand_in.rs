//! Minimal forms of `node::store` and `node::enrol` until those are here.
#![allow(missing_docs, unused_variables, clippy::needless_pass_by_ref_mut)]

use crate::{identity::Identity, node::Save};
use ifrit_core::config::Stored;
use std::{net::SocketAddr, path::Path};

#[derive(Clone, Debug, thiserror::Error)]
#[error("store")]
pub struct StoreError;

#[derive(Clone, Debug, thiserror::Error)]
#[error("enrol")]
pub struct EnrolError;

#[derive(Debug)]
pub struct Store;

impl Store {
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self)
    }
    pub fn load(&self) -> Result<Stored, StoreError> {
        Ok(Stored::default())
    }
    pub fn save(&mut self, what: &Save) -> Result<(), StoreError> {
        Ok(())
    }
}

pub(super) fn enrol(invite: &str, dir: &Path, addrs: &[SocketAddr]) -> Result<Identity, EnrolError> {
    Err(EnrolError)
}
