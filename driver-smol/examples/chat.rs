// A chat: `chat DIR INVITE NAME`. What is typed is broadcast, the name is a tag that all members see, and nobody speaks for
// another.
use ifrit_smol::{Broadcast, Client, Event, MemberId, Notice, builder};
use smol::io::{AsyncBufReadExt, BufReader};
use smol::stream::StreamExt;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// What can happen.
enum Happening {
    Typed(Option<std::io::Result<String>>),
    Said(Option<Broadcast>),
    Seen(Option<Event>),
}

fn main() -> Result<(), Error> {
    smol::block_on(chat())
}

async fn chat() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [dir, invite, name] = &args[..] else { return Err("usage: chat DIR INVITE NAME".into()) };
    let me = builder().data_dir(dir).invite(invite).tags(name.as_bytes()).start().await?;
    let (mut said, mut seen) = (me.broadcasts(), me.events());
    me.joined().await?;
    println!("* {} of you", me.query(|node| node.view().live()).await?);
    let mut typed = BufReader::new(smol::Unblock::new(std::io::stdin())).lines();
    loop {
        let next = smol::future::or(
            async { Happening::Typed(typed.next().await) },
            smol::future::or(async { Happening::Said(said.next().await) }, async {
                Happening::Seen(seen.next().await)
            }),
        );
        match next.await {
            Happening::Typed(Some(line)) => _ = me.broadcast(line?).await?,
            Happening::Typed(None) => return Ok(me.leave().await?),
            Happening::Said(Some(Broadcast::Message { author, body, .. })) => {
                println!("{}: {}", name_of(&me, author).await?, String::from_utf8_lossy(&body));
            }
            Happening::Said(Some(Broadcast::Missed { author, from, to, .. })) => {
                println!("* {} lines of {} are lost", to - from, name_of(&me, author).await?);
            }
            Happening::Seen(Some(Event::Notice(notice))) => tell(&me, notice).await?,
            Happening::Said(None) | Happening::Seen(None) => return Err("the member has stopped".into()),
            Happening::Said(Some(_)) | Happening::Seen(Some(Event::Lagged { .. })) => {}
        }
    }
}

async fn tell(me: &Client, notice: Notice) -> Result<(), Error> {
    match notice {
        Notice::Up { member, .. } => println!("* {} is here", name_of(me, member).await?),
        Notice::Left { member } => println!("* {} has left", name_of(me, member).await?),
        Notice::Down { accusation: it } => println!("* {} is gone", name_of(me, it.accused).await?),
        _ => {}
    }
    Ok(())
}

/// Its tag, and enough of its id to tell two of one name apart.
async fn name_of(me: &Client, member: MemberId) -> Result<String, Error> {
    let tags = me.member(member).await?.map(|member| member.tags).unwrap_or_default();
    Ok(format!("{} ({member:?})", String::from_utf8_lossy(&tags).escape_debug()))
}
