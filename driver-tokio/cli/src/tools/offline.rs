//! What needs no agent: keys, completions, man pages.

use crate::{
    args::{Cli, CompletionsArgs, KeygenArgs, ManArgs},
    error::bad_input,
    output::{BOLD, Out, paint},
};
use anyhow::Context;
use clap::CommandFactory;
use ifrit_core::crypto::Signer;
use ifrit_node::identity::{self, KEY_FILE};
use serde_json::json;
use std::{fmt::Write, io};

pub(crate) fn keygen(args: &KeygenArgs, out: Out) -> anyhow::Result<()> {
    let (dir, at) = (&args.dir, args.dir.display());
    // Read, not looked for: one that is there and damaged is not to be replaced either.
    match identity::load_key_of(dir) {
        Ok(None) => {}
        _ => return Err(bad_input(format!("{at} holds a key already: give a directory without {KEY_FILE}"))),
    }
    let key = identity::generate_key();
    identity::save_key(&key, dir).with_context(|| format!("cannot write a key into {at}"))?;
    let public = key.public_key().0.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let file = dir.join(KEY_FILE).display().to_string();
    let text = format!(
        "{} holds a new private key; keep it where it is\npublic key (P-256) {public}\nenrol with `ifrit agent --dir {at} --join INVITE`",
        paint(BOLD, &file)
    );
    out.print(&json!({ "key": file, "public": public }), text)
}

pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ifrit", &mut script);
    Ok(io::Write::write_all(&mut io::stdout().lock(), &script)?)
}

pub(crate) fn man(args: &ManArgs, out: Out) -> anyhow::Result<()> {
    let dir = &args.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut files = Vec::new();
    pages(&command, "", &mut |name, page| {
        let file = dir.join(format!("{name}.1"));
        std::fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))?;
        files.push(file.display().to_string());
        Ok(())
    })?;
    out.print(&json!({ "files": files }), format!("{} pages are in {}", files.len(), dir.display()))
}

/// A page for the command and for each below it.
fn pages(
    command: &clap::Command,
    above: &str,
    write: &mut dyn FnMut(&str, Vec<u8>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name = if above.is_empty() {
        command.get_name().to_owned()
    } else {
        format!("{above}-{}", command.get_name())
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone().name(name.clone())).render(&mut page)?;
    write(&name, page)?;
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| pages(below, &name, write))
}
