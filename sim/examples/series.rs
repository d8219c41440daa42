use ifrit_sim::{Setup, World, adversary::strategy};
use std::time::Duration;
fn main() {
    let arg = |n: usize, default: &str| std::env::args().nth(n).unwrap_or(default.into());
    let st = strategy(&arg(1, "chain-accuser")).unwrap();
    let members: usize = arg(2, "30").parse().unwrap();
    let liars: usize = arg(3, "1").parse().unwrap();
    let secs: u64 = arg(4, "20").parse().unwrap();
    let params: toml::Table = toml::from_str(&arg(5, "")).unwrap();
    let mut world = World::converged(Setup::new(members, 1));
    world.run_for(Duration::from_secs(5));
    println!("k {} delta {:?}", world.network().params().rings, world.params().delta);
    world.conspire(st, &(0..liars).map(|n| 3 + n * 7 % (members - 5)).collect::<Vec<_>>(), &params).unwrap();
    let correct = world.correct();
    let mut last = (0, 0, 0, 0, 0);
    for t in 0..=secs {
        let c = |f: fn(&ifrit_core::counters::Counters) -> u64| {
            correct.iter().map(|n| f(&world.member(*n).counters())).sum::<u64>()
        };
        let now = (
            correct.iter().map(|n| world.sent(*n)).sum::<u64>(),
            c(|c| c.rebuttals),
            c(|c| c.verified),
            c(|c| c.news),
            c(|c| c.refusals),
        );
        if t > 0 {
            println!(
                "{t:3} s: {:8} B/s/member, rebuttals {}, verified {}, news {}, refusals {}",
                (now.0 - last.0) / correct.len() as u64,
                now.1 - last.1,
                now.2 - last.2,
                now.3 - last.3,
                now.4 - last.4
            );
        }
        last = now;
        world.run_for(Duration::from_secs(1));
    }
}
