//! What an agent has to do with revocation lists (R14).

use crate::{error::bad_input, rows::RevocationsRow};
use anyhow::Context;
use ifrit_core::{action::Notice, event::Refused, id::MemberId};
use ifrit_node::ca::list_from_pem;
use ifrit_tokio::{Client, ClientError, Event, Events};
use std::future::pending;

/// Ends when this member itself is revoked.
pub(super) async fn itself(mut events: Events, me: MemberId) {
    while let Some(event) = events.next().await {
        if matches!(event, Event::Notice(Notice::Revoked { member }) if member == me) {
            return;
        }
    }
    pending().await
}

/// Takes a list in, if one is given; what is held then.
pub(crate) async fn list(client: &Client, import: Option<&str>) -> anyhow::Result<RevocationsRow> {
    if let Some(text) = import {
        let list = list_from_pem(text).context("not a revocation list")?;
        client.set_revocations(list).await.map_err(|error| match error {
            ClientError::Refused(Refused::WrongRevocations) => {
                bad_input("this network's CA did not sign that list: is it another network's?")
            }
            error => error.into(),
        })?;
    }
    let held = client.query(|node| node.view().revocations().cloned()).await?;
    Ok(held.as_ref().map(RevocationsRow::new).unwrap_or_default())
}
