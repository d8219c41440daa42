//! SIGHUP: settings that can change while the agent runs.

use super::advertise;
use crate::{
    logging::Logging,
    settings::{Reload, agent::AgentSettings},
    signals::Hangups,
    systemd,
};
use ifrit_core::limits::SEEDS_MAX;
use ifrit_tokio::Client;
use tokio::sync::watch;

/// What a running agent can be told anew.
pub(super) struct Live {
    pub(super) client: Client,
    pub(super) logging: Logging,
    /// For whoever looks at a setting only when it needs it.
    pub(super) settings: watch::Sender<AgentSettings>,
}

/// Carries out at every SIGHUP what has changed, for as long as the agent runs.
pub(super) async fn at_hangups(mut hangups: Hangups, mut reload: Reload<AgentSettings>, live: Live) {
    while hangups.next().await {
        systemd::reloading(live.take_anew(&mut reload)).await;
    }
}

impl Live {
    async fn take_anew(&self, reload: &mut Reload<AgentSettings>) {
        let Some((settings, changed)) = reload.read() else { return };
        for key in changed {
            if let Err(error) = self.carry_out(key, &settings).await {
                tracing::error!("setting {key} could not be changed: {error:#}");
            }
        }
        self.settings.send_replace(settings);
    }

    /// Every `live` key of [`AgentSettings`] that somebody must be told of; the others are looked at in
    /// [`Live::settings`].
    async fn carry_out(&self, key: &str, settings: &AgentSettings) -> anyhow::Result<()> {
        match key {
            "log" => self.logging.set(&settings.log)?,
            "seed_addr" => self.client.set_seeds(seeds(settings, &self.client)).await?,
            "advertise" => {
                let mut addrs = advertise::choose(settings).await;
                if addrs.is_empty() {
                    addrs.push(self.client.local_addr());
                }
                self.client.set_addrs(addrs).await?;
            }
            "name" | "tags" => self.client.set_tags(super::own_tags(settings)?).await?,
            _ => {}
        }
        Ok(())
    }
}

/// As at the start: what the settings say first, then what the CA told at enrolment.
fn seeds(settings: &AgentSettings, client: &Client) -> Vec<String> {
    let mut seeds: Vec<_> = settings.seed_addr.iter().map(|seed| seed.0.clone()).collect();
    seeds.extend(client.contacts().iter().map(ToString::to_string));
    seeds.truncate(SEEDS_MAX);
    seeds
}
