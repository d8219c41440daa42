//! What systemd is told (sd_notify(3)) when it has started the command with `Type=notify`; elsewhere nothing is said.

use ifrit_tokio::Client;
use sd_notify::NotifyState;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Between two looks at the member, unless the watchdog wants them more often: so old may `systemctl status` be.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A member whose contacts do not answer counts as started after this long. It joins as soon as one answers; whoever waits
/// for its start, the operator's `systemctl restart` among them, would wait for ever while the others are down.
const JOIN_PATIENCE: Duration = Duration::from_secs(60);

/// Whether a socket of systemd is there, and it was told `READY=1`. Of the process, as the socket is.
static READY: AtomicBool = AtomicBool::new(false);

fn is_listening() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Started: what waits for it may go on.
pub(crate) fn ready(status: &str) {
    READY.store(true, Ordering::Relaxed);
    say(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The end was asked for and is under way.
pub(crate) fn stopping() {
    READY.store(false, Ordering::Relaxed);
    say(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Runs `reload`, which reads settings anew, and tells of its begin and end.
pub(crate) async fn reloading<T>(reload: impl Future<Output = T>) -> T {
    // Before READY there is nothing to go back to.
    let tell = READY.load(Ordering::Relaxed) && is_listening();
    if tell {
        let now = NotifyState::monotonic_usec_now().ok();
        let states: Vec<_> = [NotifyState::Reloading].into_iter().chain(now).collect();
        say(&states);
    }
    let done = reload.await;
    if tell {
        say(&[NotifyState::Ready]);
    }
    done
}

/// One datagram to a socket of this machine, which PID 1 reads before anything else.
fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("cannot tell systemd: {error}");
    }
}

/// Tells how the member does until it stops: ready once it has joined, its status, and that its loop turns.
pub(crate) async fn follow(client: Client) {
    if !is_listening() {
        return;
    }
    let every = sd_notify::watchdog_enabled().map_or(LOOK_EVERY, |limit| LOOK_EVERY.min(limit / 3));
    let (started, mut told) = (Instant::now(), String::new());
    // Asked inside the member's loop: one that hangs feeds no watchdog.
    while let Ok(look) = client.query(|node| Look::at(&node.view())).await {
        let status = look.status();
        if !READY.load(Ordering::Relaxed) && look.is_ready(started.elapsed()) {
            ready(&status);
        } else if status != told {
            say(&[NotifyState::Watchdog, NotifyState::Status(&status)]);
        } else {
            say(&[NotifyState::Watchdog]);
        }
        told = status;
        if look.joined {
            sleep(every).await;
        } else {
            tokio::select! {
                _ = client.joined() => {}
                () = sleep(every) => {}
            }
        }
    }
}

/// What matters of a member.
#[derive(Clone, Copy, Debug)]
struct Look {
    joined: bool,
    live: usize,
    known: usize,
}

impl Look {
    fn at(view: &ifrit_core::view::View<'_>) -> Self {
        Self { joined: view.joined(), live: view.live(), known: view.known() }
    }

    fn is_ready(&self, waited: Duration) -> bool {
        self.joined || waited >= JOIN_PATIENCE
    }

    fn status(&self) -> String {
        let Self { live, known, .. } = self;
        let counts = format!("{live} of {known} members live");
        if self.joined { counts } else { format!("joining: no contact has answered enough yet; {counts}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_who_has_joined_or_has_waited_long_enough_for_its_contacts() {
        let alone = Look { joined: false, live: 1, known: 1 };
        let joined = Look { joined: true, live: 4, known: 5 };
        assert!(joined.is_ready(Duration::ZERO));
        assert!(!alone.is_ready(JOIN_PATIENCE - Duration::from_millis(1)) && alone.is_ready(JOIN_PATIENCE));
        assert_eq!(joined.status(), "4 of 5 members live");
        assert!(alone.status().starts_with("joining"), "{}", alone.status());
    }
}
