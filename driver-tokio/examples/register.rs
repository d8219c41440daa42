// A replicated register: `register DIR INVITE`, then KEY=VALUE sets and KEY reads, at any member. Writes are broadcast, the later
// one wins everywhere, whatever the order in which they come; what broadcasts cannot bring any more is asked for.
use ifrit_tokio::{Broadcast, Client, Failure, MemberId, builder};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Other members decide what comes: so much is kept, and no more.
const KEYS_MAX: usize = 10_000;

/// When and by whom a value was written: the order of all writes, by Lamport's clock.
type Stamp = (u64, MemberId);

#[derive(Clone, Default)]
struct Register(Arc<Mutex<BTreeMap<String, (Stamp, String)>>>);

impl Register {
    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<String, (Stamp, String)>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a line `TIME AUTHOR KEY=VALUE` if it is later than what is held. The same line again changes nothing.
    fn take(&self, line: &str) -> Option<()> {
        let (time, rest) = line.split_once(' ')?;
        let (author, rest) = rest.split_once(' ')?;
        let (key, value) = rest.split_once('=')?;
        let stamp = (time.parse().ok()?, author.parse().ok()?);
        self.with(|held| {
            let later = held.get(key).map_or(held.len() < KEYS_MAX, |(held, _)| *held < stamp);
            if later {
                held.insert(key.to_owned(), (stamp, value.to_owned()));
            }
        });
        Some(())
    }

    /// A write of one's own, as it is told to others.
    fn write(&self, me: MemberId, words: &str) -> String {
        let time = self.with(|held| held.values().map(|((time, _), _)| *time).max().unwrap_or(0)) + 1;
        let line = format!("{time} {me} {words}");
        self.take(&line);
        line
    }

    /// All of it, a line each.
    fn lines(&self) -> String {
        let line = |(key, ((time, author), value)): (&String, &(Stamp, String))| {
            format!("{time} {author} {key}={value}\n")
        };
        self.with(|held| held.iter().map(line).collect())
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, invite] = &args[..] else { return Err("usage: register DIR INVITE".into()) };
    let register = Register::default();
    let all = register.clone();
    let tell_all = move |_, _| {
        let lines = all.lines();
        async move { Ok::<_, Failure>(lines.into_bytes()) }
    };
    let me = builder().data_dir(dir).invite(invite).on_request(tell_all).start().await?;
    let mut writes = me.broadcasts(); // before the first question: nothing falls between the two
    me.joined().await?;
    catch_up(&me, &register).await?;
    println!("{} is ready", me.id());
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            write = writes.next() => match write.ok_or("the member has stopped")? {
                // The author signed it: the name in the line must be its own.
                Broadcast::Message { author, body, .. } => {
                    let line = String::from_utf8_lossy(&body);
                    if line.split(' ').nth(1) == Some(&author.to_string()) {
                        register.take(&line);
                    }
                }
                Broadcast::Missed { .. } | Broadcast::Lagged { .. } => catch_up(&me, &register).await?,
                other => println!("{other:?}"),
            },
            line = lines.next_line() => match line? {
                Some(words) if words.contains('=') => {
                    me.broadcast(register.write(me.id(), &words)).await?;
                }
                Some(key) => match register.with(|held| held.get(&key).cloned()) {
                    Some(((_, author), value)) => println!("{key}={value}, written by {author}"),
                    None => println!("{key} was never written"),
                },
                None => return Ok(me.leave().await?),
            },
        }
    }
}

/// Asks the others for all they have, until one of them answers.
async fn catch_up(me: &Client, register: &Register) -> Result<(), Error> {
    for other in me.members().await?.iter().filter(|other| other.state.is_live() && other.id != me.id()) {
        if let Ok(lines) = me.request(other.id, "all").await {
            String::from_utf8_lossy(&lines).lines().for_each(|line| _ = register.take(line));
            return Ok(());
        }
    }
    Ok(())
}
