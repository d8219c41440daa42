//! What an agent serves over HTTP: figures, and its page.

use crate::{
    observe::{http, serve},
    settings::agent::AgentSettings,
    web::{Web, token},
};
use ifrit_tokio::Client;
use std::path::PathBuf;
use tokio::{sync::watch, task::JoinSet};

/// Sockets and tasks; all ends when it is dropped, and the page's token with it.
pub(super) struct Shown {
    tasks: JoinSet<()>,
    started: watch::Sender<Option<Client>>,
    web: Option<Web>,
    /// Where a token lies.
    token_in: Option<PathBuf>,
}

impl Shown {
    /// Before the member starts: a wrong address must not cost an invite. Figures are served from here on.
    pub(super) async fn bind(settings: &AgentSettings) -> anyhow::Result<Self> {
        let (started, member) = watch::channel(None);
        let mut tasks = JoinSet::new();
        if let Some(addr) = settings.metrics {
            let listener = http::bind(addr.0, "--metrics").await?;
            tracing::info!("figures are at http://{}/metrics", listener.local_addr()?);
            tasks.spawn(serve::figures(listener, member));
        }
        let web = match settings.web {
            Some(addr) => Some(Web::bind(addr.0).await?),
            None => None,
        };
        Ok(Self { tasks, started, web, token_in: None })
    }

    /// The member runs, and its directory is locked.
    pub(super) fn started(&mut self, client: &Client, settings: &AgentSettings) -> anyhow::Result<()> {
        let _ = self.started.send(Some(client.clone()));
        // That of a run that was killed opens nothing any more.
        token::forget(&settings.dir);
        if let Some(web) = self.web.take() {
            self.tasks.spawn(web.open(&settings.dir, client.clone())?);
            self.token_in = Some(settings.dir.clone());
            tracing::info!(
                "the page is served; `ifrit web --dir {}` prints its address",
                settings.dir.display()
            );
        }
        Ok(())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.token_in.iter().for_each(|dir| token::forget(dir));
    }
}
