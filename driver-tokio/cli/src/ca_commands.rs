//! `ifrit ca …`.

use crate::{
    args::{CaCommand, CaInitArgs, CaInviteArgs, CaIssueArgs, CaServeArgs},
    ca_admin::{self, Ask, Told},
    ca_lists, ca_revoke, ca_rotate,
    ca_service::{CaService, wall},
    error::bad_input,
    logging::Logging,
    output::{BOLD, DIM, Out, paint, span},
    settings::{self, Loaded, Reload},
    signals::{Hangups, Signals},
    systemd,
};
use anyhow::{Context, bail};
use ifrit_core::{
    certificate::Root,
    crypto::Signer,
    params::{Params, Wish},
};
use ifrit_node::{
    ca::Ca,
    identity::{Identity, ROOT_FILE, generate_key},
    open,
    store::{Store, StoreError},
};
use serde_json::json;
use std::{path::Path, time::Duration};

/// Runs one of them to its end.
pub(crate) fn run(command: CaCommand, out: Out) -> anyhow::Result<()> {
    match command {
        CaCommand::Init(args) => init(&args, out),
        CaCommand::Serve(args) => serve(&args, out),
        CaCommand::Invite(args) => invite(&args, out),
        CaCommand::Issue(args) => issue(&args, out),
        CaCommand::Invites(args) => ca_lists::invites(&args, out),
        CaCommand::Uninvite(args) => ca_lists::uninvite(&args, out),
        CaCommand::List(args) => ca_lists::list(&args, out),
        CaCommand::Log(args) => ca_lists::log(&args, out),
        CaCommand::Revoke(args) => ca_revoke::revoke(&args, out),
        CaCommand::Revocations(args) => ca_revoke::revocations(&args, out),
        CaCommand::Rotate(args) => ca_rotate::rotate(&args, out),
    }
}

fn init(args: &CaInitArgs, out: Out) -> anyhow::Result<()> {
    let wish = Wish {
        members: args.members,
        byzantine_ppm: args.byzantine.0,
        epsilon_ppm: args.epsilon.0,
        rings: args.rings,
        preset: args.preset.into(),
        delta: args.delta,
        lease: args.lease,
    };
    let root = if args.open { make_open(&args.dir, &wish)? } else { make_ca(args, &wish)? };
    let (next, warning) = if args.open { after_open(&args.dir) } else { after_ca(&args.dir) };
    let params = Params::derive(&root.params);
    out.print(
        &json!({
            "network": root.params.id.to_string(),
            "fingerprint": hex(&root.fingerprint),
            "dir": args.dir,
            "open": args.open,
            "rings": root.params.rings,
            "tolerance": root.params.tolerance(),
            "members": root.params.members,
            "byzantine": f64::from(root.params.byzantine_ppm) / 1e6,
            "epsilon": f64::from(root.params.epsilon_ppm) / 1e6,
            "preset": format!("{:?}", root.params.preset).to_lowercase(),
            "delta_ms": root.params.delta_ms,
            "lease_s": root.params.lease_s,
            "detection_ms": params.detection.as_millis() as u64,
        }),
        format!(
            "{}\n\n{}\n\n{}\n{next}\n\n{}",
            paint(BOLD, format!("Network {} is made.", root.params.id)),
            describe(&root, &params),
            paint(BOLD, "Next"),
            paint(DIM, warning)
        ),
    )
}

fn make_ca(args: &CaInitArgs, wish: &Wish) -> anyhow::Result<Root> {
    check_lifetime(args.cert_lifetime)?;
    let ca = Ca::init(&args.dir, wish, wall()).map_err(ca_admin::explain)?;
    args.cert_lifetime.map_or(Ok(()), |lifetime| ca.set_lifetime(lifetime))?;
    Ok(ca.root())
}

/// Only a root: there is nothing that an open network's CA could do.
fn make_open(dir: &Path, wish: &Wish) -> anyhow::Result<Root> {
    let file = dir.join(ROOT_FILE);
    if file.exists() {
        return Err(bad_input(format!("{} is there already: choose another directory", file.display())));
    }
    let (root, pem) = open::create(wish, wall()).map_err(|error| bad_input(error.to_string()))?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    std::fs::write(&file, pem).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(root)
}

fn after_ca(dir: &Path) -> (String, String) {
    let dir = dir.display();
    let next = format!(
        "  ifrit ca serve --dir {dir}      let newcomers in\n  ifrit ca invite --dir {dir}     an invite for one"
    );
    (next, format!("{dir} holds the CA's key: keep it private, and back it up."))
}

fn after_open(dir: &Path) -> (String, String) {
    let file = dir.join(ROOT_FILE);
    let next = format!("  ifrit agent --dir node1 --open {}      run the first member", file.display());
    let warning = "Open: whoever has this file can make any number of members, so nothing is promised. It is no secret \
                   that could be kept.";
    (next, warning.to_owned())
}

fn describe(root: &Root, params: &Params) -> String {
    let network = &root.params;
    let percent = f64::from(network.byzantine_ppm) / 1e4;
    format!(
        "  rings        {} (a member bears {} liars among its {} predecessors)\n  \
           made for     {} members, {percent} % of them liars, failure probability {}\n  \
           timing       messages within {}; a crash is known everywhere within about {}\n  \
           lease        {}",
        network.rings,
        network.tolerance(),
        network.rings,
        network.members,
        f64::from(network.epsilon_ppm) / 1e6,
        span(params.delta),
        span(params.detection),
        span(params.lease),
    )
}

/// Shorter ones end before their first renewal is over.
const LIFETIME_MIN: Duration = Duration::from_secs(2);

fn check_lifetime(lifetime: Option<Duration>) -> anyhow::Result<()> {
    match lifetime {
        Some(lifetime) if lifetime < LIFETIME_MIN => {
            Err(bad_input(format!("--cert-lifetime must be at least {}", span(LIFETIME_MIN))))
        }
        _ => Ok(()),
    }
}

fn serve(args: &CaServeArgs, out: Out) -> anyhow::Result<()> {
    let loaded = Loaded::load(&args.settings)?;
    if args.write_config {
        return out.text(settings::write(&loaded).trim_end());
    }
    let settings = loaded.started("ifrit ca serve")?;
    check_lifetime(settings.cert_lifetime)?;
    let logging = Logging::start(&settings.log, settings.log_format);
    let mut reload = Reload::new(args.settings.clone(), &settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("cannot start threads")?.block_on(async {
        let (mut signals, mut hangups) = (Signals::new()?, Hangups::new()?);
        let advertise = settings.advertise.map(|address| address.0);
        let service =
            CaService::start(&settings.dir, settings.listen, advertise, settings.contacts.0).await?;
        settings.cert_lifetime.map_or(Ok(()), |lifetime| service.ca().set_lifetime(lifetime))?;
        let network = service.ca().root().params.id.to_string();
        out.print(
            &json!({ "serving": service.local_addr(), "address": service.address(), "network": network }),
            format!(
                "CA of network {} answers on {} (invites say {}).\n{}",
                paint(BOLD, &network),
                paint(BOLD, service.local_addr()),
                service.address(),
                paint(
                    DIM,
                    format!("Invite: ifrit ca invite --dir {}    Stop: Ctrl-C", settings.dir.display())
                )
            ),
        )?;
        systemd::ready(&format!("answers on {}", service.local_addr()));
        loop {
            tokio::select! {
                () = signals.next() => break,
                true = hangups.next() => {}
            }
            // `log` is all that is live there.
            let taken = async { reload.read().map_or(Ok(()), |(settings, _)| logging.set(&settings.log)) };
            systemd::reloading(taken).await?;
        }
        systemd::stopping();
        service.stop().await;
        Ok(())
    })
}

fn invite(args: &CaInviteArgs, out: Out) -> anyhow::Result<()> {
    if args.expires < Duration::from_secs(1) {
        return Err(bad_input("--expires must be at least 1s"));
    }
    let expires_ms = u64::try_from(args.expires.as_millis()).unwrap_or(u64::MAX);
    let told = ca_admin::ask(&args.dir, &Ask::Invite { uses: args.uses, expires_ms })?;
    let Told::Invite { invite, ca, id } = told else { bail!("the CA answers another question") };
    // On stdout nothing but the line, so that a script can take it.
    out.print(
        &json!({ "invite": invite, "id": id, "ca": ca, "uses": args.uses, "expires_s": args.expires.as_secs() }),
        &invite,
    )
}

fn issue(args: &CaIssueArgs, out: Out) -> anyhow::Result<()> {
    let mut store = Store::open(&args.out).map_err(|error| match error {
        StoreError::Locked { .. } => bad_input(error.to_string()),
        error => error.into(),
    })?;
    if !matches!(store.identity(), Ok(None)) {
        return Err(bad_input(format!(
            "{} holds an identity already: choose another directory for the new member",
            args.out.display()
        )));
    }
    let key = generate_key();
    let told = ca_admin::ask(&args.dir, &Ask::Issue { key: key.public_key().0.to_vec() })?;
    let Told::Issued { certificate, root, contacts, ca } = told else {
        bail!("the CA answers another question")
    };
    let identity = Identity::new(&root, &certificate, key)?;
    store.save_contacts(&contacts)?;
    if let Some(ca) = ca {
        store.save_ca(&ca)?;
    }
    identity.save(&args.out)?;
    let (id, dir) = (identity.id(), args.out.display());
    out.print(
        &json!({ "id": id.to_string(), "dir": args.out, "not_after_ms": identity.certificate.not_after.0 }),
        format!(
            "Member {} is in {dir}.\n{}",
            paint(BOLD, id),
            paint(DIM, format!("Run it: ifrit agent --dir {dir} --seed-addr HOST:PORT"))
        ),
    )
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
