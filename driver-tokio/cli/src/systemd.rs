//! What systemd is told (sd_notify(3)) when it has started the command with `Type=notify`; elsewhere nothing is said.

use ifrit_tokio::Client;
use sd_notify::NotifyState;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Between two looks at the member, unless the watchdog wants them more often: so old may `systemctl status` be.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A member whose contacts do not answer counts as started after this long. It joins as soon as one answers; whoever waits
/// for its start, the operator's `systemctl restart` among them, would wait for ever while the others are down.
const JOIN_PATIENCE: Duration = Duration::from_secs(60);

/// How far systemd takes the process to be. Of the process, as the socket is; held while it is told, so that what it hears
/// last is so.
static STAGE: Mutex<Stage> = Mutex::new(Stage::Starting);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Starting,
    Ready,
    /// Whatever is found out of the member now, it is on its way out.
    Stopping,
}

fn stage() -> MutexGuard<'static, Stage> {
    STAGE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_listening() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Started: what waits for it may go on.
pub(crate) fn ready(status: &str) {
    let mut stage = stage();
    *stage = Stage::Ready;
    say(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The end was asked for and is under way.
pub(crate) fn stopping() {
    let mut stage = stage();
    *stage = Stage::Stopping;
    say(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Runs `reload`, which reads settings anew, and tells of its begin and end.
pub(crate) async fn reloading<T>(reload: impl Future<Output = T>) -> T {
    // Before READY there is nothing to go back to.
    let tell = *stage() == Stage::Ready && is_listening();
    if tell {
        let now = NotifyState::monotonic_usec_now().ok();
        let states: Vec<_> = [NotifyState::Reloading].into_iter().chain(now).collect();
        say(&states);
    }
    let done = reload.await;
    let stage = stage();
    if tell && *stage == Stage::Ready {
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
        let is_ready = look.is_ready(started.elapsed());
        {
            let mut stage = stage();
            say(&words(&mut stage, is_ready, &status, status != told));
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

/// What is to be told of a member that was looked at.
fn words<'a>(stage: &mut Stage, is_ready: bool, status: &'a str, is_new: bool) -> Vec<NotifyState<'a>> {
    match stage {
        Stage::Starting if is_ready => {
            *stage = Stage::Ready;
            vec![NotifyState::Ready, NotifyState::Status(status)]
        }
        Stage::Starting | Stage::Ready if is_new => vec![NotifyState::Watchdog, NotifyState::Status(status)],
        Stage::Starting | Stage::Ready | Stage::Stopping => vec![NotifyState::Watchdog],
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
    fn ready_is_told_once_and_never_of_one_that_stops() {
        let mut stage = Stage::Starting;
        let told = |stage: &mut Stage, is_ready, is_new| {
            let words = words(stage, is_ready, "a status", is_new);
            words.iter().map(ToString::to_string).collect::<Vec<_>>().concat()
        };
        assert_eq!(told(&mut stage, false, true), "WATCHDOG=1STATUS=a status");
        assert_eq!(told(&mut stage, true, false), "READY=1STATUS=a status");
        assert_eq!((stage, told(&mut stage, true, false).as_str()), (Stage::Ready, "WATCHDOG=1"));
        stage = Stage::Stopping;
        assert_eq!((told(&mut stage, true, true).as_str(), stage), ("WATCHDOG=1", Stage::Stopping));
    }

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
