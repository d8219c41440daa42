//! `ifrit ca …`.

use crate::{
    args::{CaCommand, CaInitArgs, CaInviteArgs, CaIssueArgs, CaServeArgs},
    ca_admin::{self, Ask, Told},
    ca_lists,
    ca_service::{CaService, wall},
    error::bad_input,
    logging::Logging,
    output::{BOLD, DIM, Out, paint, span},
    settings::{self, Loaded, Reload},
    signals::{Hangups, Signals},
};
use anyhow::{Context, bail};
use ifrit_core::{
    certificate::Root,
    crypto::Signer,
    params::{Params, Wish},
};
use ifrit_node::{
    ca::Ca,
    identity::{Identity, generate_key},
    store::{Store, StoreError},
};
use serde_json::json;
use std::time::Duration;

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
    check_lifetime(args.cert_lifetime)?;
    let ca = Ca::init(&args.dir, &wish, wall()).map_err(ca_admin::explain)?;
    args.cert_lifetime.map_or(Ok(()), |lifetime| ca.set_lifetime(lifetime))?;
    let (root, params) = (ca.root(), Params::derive(&ca.root().params));
    let dir = args.dir.display();
    out.print(
        &json!({
            "network": root.params.id.to_string(),
            "fingerprint": hex(&root.fingerprint),
            "dir": args.dir,
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
            "{}\n\n{}\n\n{}\n  ifrit ca serve --dir {dir}      let newcomers in\n  ifrit ca invite --dir {dir}     \
             an invite for one\n\n{}",
            paint(BOLD, format!("Network {} is made.", root.params.id)),
            describe(root, &params),
            paint(BOLD, "Next"),
            paint(DIM, format!("{dir} holds the CA's key: keep it private, and back it up."))
        ),
    )
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
        let service = CaService::start(&settings.dir, settings.listen, advertise).await?;
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
        loop {
            tokio::select! {
                () = signals.next() => break,
                true = hangups.next() => {}
            }
            // `log` is all that is live there.
            if let Some((settings, _)) = reload.read() {
                logging.set(&settings.log)?;
            }
        }
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
    let Told::Issued { certificate, root, contacts } = told else { bail!("the CA answers another question") };
    let identity = Identity::new(&root, &certificate, key)?;
    store.save_contacts(&contacts)?;
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
