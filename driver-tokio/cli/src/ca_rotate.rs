//! `ifrit ca rotate`: another root for the same network.

use crate::{
    ca_admin::{self, Ask, Told},
    ca_args::CaRotateArgs,
    ca_commands::hex,
    ca_lists::when,
    ca_revoke::{import, unexpected, write},
    error::bad_input,
    output::{BOLD, DIM, Out, paint},
};
use anyhow::Context;
use ifrit_node::{ca::DATABASE_FILE, identity::ROOT_FILE};
use serde_json::json;

pub(crate) fn rotate(args: &CaRotateArgs, out: Out) -> anyhow::Result<()> {
    if !args.dir.join(DATABASE_FILE).exists() && args.dir.join(ROOT_FILE).exists() {
        return Err(bad_input(format!(
            "{} holds an open network's root: its key is no secret, so there is nothing to replace",
            args.dir.display()
        )));
    }
    let overlap_ms = u64::try_from(args.overlap.as_millis()).unwrap_or(u64::MAX);
    let Told::Rotated { fingerprint, until_ms, list } =
        ca_admin::ask(&args.dir, &Ask::Rotate { overlap_ms })?
    else {
        return unexpected();
    };
    if let Some(file) = &args.out {
        write(file, &list)?;
    }
    let told = args.tell.as_ref().map(|dir| import(dir, list)).transpose();
    let told = told.context("the network has a new root, but the agent was not told of it")?;
    let dir = args.dir.display();
    let next = match (&args.tell, &args.out) {
        (Some(_), _) => "The agent was told, and tells the others.".to_owned(),
        (None, Some(file)) => {
            format!(
                "Give the word to any agent: ifrit revocations --dir NODE_DIR --import {}",
                file.display()
            )
        }
        (None, None) => "Agents that reach `ifrit ca serve` hear of it within a minute.".to_owned(),
    };
    out.print(
        &json!({ "fingerprint": hex(&fingerprint), "until_ms": until_ms, "told": told.is_some() }),
        format!(
            "The network has a new root, {}.\nCertificates of the former one hold until {}; all members renew before.\n{}",
            paint(BOLD, hex(&fingerprint)),
            paint(BOLD, when(until_ms)),
            paint(DIM, format!("{next}\nWho has not renewed yet: ifrit ca list --dir {dir} --former"))
        ),
    )
}
