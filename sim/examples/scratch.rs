use ifrit_sim::{Setup, World};
use std::time::Duration;
fn main() {
    let n: usize = std::env::args().nth(1).map_or(8, |s| s.parse().unwrap());
    let mut w = World::bootstrap(Setup::new(n, 1));
    for _ in 0..40 {
        w.run_for(Duration::from_millis(500));
        let joined = (0..n).filter(|i| w.member(*i).view().joined()).count();
        let lens: Vec<usize> = (0..n).map(|i| w.member(i).view().live()).collect();
        println!(
            "{:?} joined {} live min {} max {} events {}",
            w.now(),
            joined,
            lens.iter().min().unwrap(),
            lens.iter().max().unwrap(),
            w.handled()
        );
        if w.settled() {
            println!("settled");
            break;
        }
    }
    let c = w.member(0).counters();
    println!("{c:?}");
    println!("sent {:?}", (0..n.min(10)).map(|i| w.sent(i)).collect::<Vec<_>>());
    let s0: Vec<u64> = (0..n).map(|i| w.sent(i)).collect();
    w.run_for(Duration::from_secs(30));
    println!("idle B/s {:?}", (0..n.min(10)).map(|i| (w.sent(i) - s0[i]) / 30).collect::<Vec<_>>());
    let t = w.now();
    w.crash(n - 1);
    for _ in 0..60 {
        w.run_for(Duration::from_millis(250));
        if (0..n - 1).all(|i| !w.sees_live(i, n - 1)) {
            println!("all know after {:?}", w.now().since(t));
            break;
        }
    }
    let d = w.settles_within(Duration::from_secs(30));
    println!("settled after crash {d:?}");
    let half: Vec<usize> = (0..n - 1).step_by(2).collect();
    let other: Vec<usize> = (1..n - 1).step_by(2).collect();
    w.partition(&[half.clone(), other.clone()], false);
    w.run_for(Duration::from_secs(60));
    println!("during partition: live {} {}", w.member(0).view().live(), w.member(1).view().live());
    w.heal();
    let t = w.now();
    for _ in 0..160 {
        w.run_for(Duration::from_millis(250));
        if w.settled() {
            println!("healed after {:?}", w.now().since(t));
            break;
        }
    }
    println!("{}", w.explain());
    println!("{:?}", w.member(0).counters());
}
