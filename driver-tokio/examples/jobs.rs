// A work queue that a crash does not stop. `jobs DIR INVITE` works; `jobs DIR INVITE FILE...` has the members that work hash
// these files, one each at a time, and gives a job to another member when its own goes down.
use ifrit_tokio::{Client, Event, MemberId, Notice, RequestError, builder};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What members that work say of themselves.
const WORKER: &[u8] = b"worker";
/// How long a member that gave no answer is left alone.
const PAUSE: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, invite, files @ ..] = &args[..] else { return Err("usage: jobs DIR INVITE [FILE...]".into()) };
    let work = |from, body: Vec<u8>| async move {
        println!("{} bytes for {from}", body.len());
        Ok(Sha256::digest(&body).to_vec())
    };
    let tags = if files.is_empty() { WORKER } else { b"" };
    let me = builder().data_dir(dir).invite(invite).tags(tags).on_request(work).start().await?;
    me.joined().await?;
    if files.is_empty() {
        println!("{} works", me.id());
        return Ok(tokio::signal::ctrl_c().await?);
    }
    let mut queue =
        Queue { me: me.clone(), jobs: VecDeque::new(), busy: BTreeMap::new(), running: JoinSet::new() };
    queue.jobs.extend(files.iter().map(PathBuf::from));
    queue.run().await?;
    Ok(me.leave().await?)
}

type Outcome = (MemberId, PathBuf, Result<Vec<u8>, RequestError>);

struct Queue {
    me: Client,
    jobs: VecDeque<PathBuf>,
    /// Who works on what, and how to take it back.
    busy: BTreeMap<MemberId, (PathBuf, AbortHandle)>,
    running: JoinSet<Outcome>,
}

impl Queue {
    async fn run(&mut self) -> Result<(), Error> {
        let mut events = self.me.events(); // before the first look: nothing falls between the two
        while !(self.jobs.is_empty() && self.busy.is_empty()) {
            self.hand_out().await?;
            tokio::select! {
                event = events.next() => match event.ok_or("the member has stopped")? {
                    Event::Notice(Notice::Down { accusation: it }) => self.take_back(it.accused),
                    Event::Notice(Notice::Left { member } | Notice::Gray { member }) => self.take_back(member),
                    // Somebody came, or changed: a look at all members follows.
                    Event::Notice(_) | Event::Lagged { .. } => {}
                },
                // One that was taken back ends as cancelled.
                Some(ended) = self.running.join_next() => if let Ok(outcome) = ended {
                    self.ended(outcome);
                },
            }
        }
        Ok(())
    }

    async fn hand_out(&mut self) -> Result<(), Error> {
        for member in self.me.members().await? {
            let free = member.state.is_live() && member.tags == WORKER && !self.busy.contains_key(&member.id);
            let Some(job) = free.then(|| self.jobs.pop_front()).flatten() else { continue };
            let (me, path, body) = (self.me.clone(), job.clone(), tokio::fs::read(&job).await?);
            let task = async move {
                let result = me.request(member.id, body).await;
                if result.is_err() {
                    sleep(PAUSE).await; // before it gets the next job
                }
                (member.id, path, result)
            };
            let handle = self.running.spawn(task);
            self.busy.insert(member.id, (job, handle));
        }
        Ok(())
    }

    fn ended(&mut self, (by, job, result): Outcome) {
        if self.busy.get(&by).is_none_or(|(busy, _)| *busy != job) {
            return; // it answered while its job was taken back
        }
        self.busy.remove(&by);
        match result {
            Ok(digest) => println!("{}  {} by {by}", hex(&digest), job.display()),
            Err(error @ (RequestError::TooLarge { .. } | RequestError::Remote(_))) => {
                println!("{} is given up: {error}", job.display()); // it would be the same elsewhere
            }
            Err(error) => {
                println!("{} again: {by} gave no answer: {error}", job.display());
                self.jobs.push_back(job);
            }
        }
    }

    /// Whoever is out will not answer: its job need not wait for the request's time limit.
    fn take_back(&mut self, member: MemberId) {
        if let Some((job, task)) = self.busy.remove(&member) {
            task.abort(); // cancels the request
            println!("{} again: {member} is out", job.display());
            self.jobs.push_front(job);
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
