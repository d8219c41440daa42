// A first program: enrols, joins, greets everybody, answers greetings, and tells who comes and goes.
use ifrit_tokio::{Event, Notice, builder};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, dir, invite] = &args[..] else { return Err("usage: first DIR INVITE".into()) };
    let answer = |from, body: Vec<u8>| async move {
        println!("{from} says {}", String::from_utf8_lossy(&body)); // its certificate proved who it is
        Ok(b"hello to you".to_vec())
    };
    let me = builder().data_dir(dir).invite(invite).on_request(answer).start().await?;
    let mut events = me.events();
    me.joined().await?;
    for other in me.members().await?.iter().filter(|other| other.state.is_live() && other.id != me.id()) {
        match me.request(other.id, "hello").await {
            Ok(reply) => println!("{} answers {}", other.id, String::from_utf8_lossy(&reply)),
            Err(error) => println!("{} gives no answer: {error}", other.id),
        }
    }
    while let Some(event) = events.next().await {
        match event {
            Event::Notice(Notice::Up { member, .. }) => println!("{member} is up"),
            Event::Notice(Notice::Down { accusation: it }) => println!("{} is down", it.accused),
            Event::Notice(other) => println!("{other:?}"),
            Event::Lagged { missed } => println!("{missed} events missed: ask members() again"),
        }
    }
    Ok(())
}
