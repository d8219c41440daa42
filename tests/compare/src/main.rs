//! What an application gets out of two members on one machine, beside bare quinn with the same windows, and beside tonic with
//! mutual TLS: the stack of the Go library. Rounds of the three take turns, so that a noisy machine hits all alike; figures are
//! medians. `cargo run --release --manifest-path tests/compare/Cargo.toml`

mod bare;
mod certs;
mod grpc;
mod ours;

use anyhow::Result;
use comfy_table::Table;
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Of each kind of work and contender.
const ROUNDS: usize = 7;
/// How long requests are counted for.
const SPAN: Duration = Duration::from_millis(1500);
/// Bytes of a request and of its reply.
const BODY: usize = 64;
/// Bytes over a stream in one round.
const BULK: usize = 64 * 1024 * 1024;
/// Bytes of one message of a stream.
const MESSAGE: usize = 64 * 1024;
/// Requests under way at once.
const AT_ONCE: [usize; 3] = [1, 16, 64];

/// What is compared: two ends over the loopback interface, each authenticated to the other.
trait Contender: Clone + Send + Sync + 'static {
    /// One request of [`BODY`] bytes; the reply is the same.
    fn ask(&self, body: &[u8]) -> impl Future<Output = Result<usize>> + Send;
    /// `total` bytes in messages of [`MESSAGE`], until the other end says that it has them all.
    fn send(&self, total: usize) -> impl Future<Output = Result<()>> + Send;
}

/// Round trips per second.
async fn requests(contender: &impl Contender, at_once: usize) -> Result<f64> {
    let (began, end) = (Instant::now(), Instant::now() + SPAN);
    let mut tasks = Vec::new();
    for _ in 0..at_once {
        let contender = contender.clone();
        tasks.push(tokio::spawn(async move {
            let (body, mut count) = ([7; BODY], 0_u32);
            while Instant::now() < end {
                anyhow::ensure!(contender.ask(&body).await? == BODY, "another reply");
                count += 1;
            }
            Ok(count)
        }));
    }
    let mut total = 0;
    for task in tasks {
        total += task.await??;
    }
    Ok(f64::from(total) / began.elapsed().as_secs_f64())
}

/// Megabytes per second.
async fn bulk(contender: &impl Contender) -> Result<f64> {
    let began = Instant::now();
    contender.send(BULK).await?;
    Ok(BULK as f64 / 1e6 / began.elapsed().as_secs_f64())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::main]
async fn main() -> Result<()> {
    let (ours, bare, grpc) = (ours::start().await?, bare::start()?, grpc::start().await?);
    let mut table = Table::new();
    table.set_header(["work", "ifrit", "quinn", "tonic", "ifrit / quinn", "ifrit / tonic"]);
    let mut row = |work: String, figures: [Vec<f64>; 3]| {
        let [ours, bare, grpc] = figures.map(median);
        let words = [ours, bare, grpc].map(|figure| format!("{figure:.0}"));
        let ratios = [ours / bare, ours / grpc].map(|ratio| format!("{ratio:.2}"));
        table.add_row([work].into_iter().chain(words).chain(ratios));
    };
    for at_once in AT_ONCE {
        let mut figures = [const { Vec::new() }; 3];
        for round in 0..=ROUNDS {
            let round_figures = [
                requests(&ours, at_once).await?,
                requests(&bare, at_once).await?,
                requests(&grpc, at_once).await?,
            ];
            // The first warms up.
            if round > 0 {
                figures.iter_mut().zip(round_figures).for_each(|(all, figure)| all.push(figure));
            }
        }
        row(format!("requests/s of {BODY} B, {at_once} at once"), figures);
    }
    let mut figures = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        let round_figures = [bulk(&ours).await?, bulk(&bare).await?, bulk(&grpc).await?];
        if round > 0 {
            figures.iter_mut().zip(round_figures).for_each(|(all, figure)| all.push(figure));
        }
    }
    row(format!("MB/s of a stream, {} kB messages", MESSAGE / 1024), figures);
    println!("{table}\nmedians of {ROUNDS} rounds each, taken in turns");
    Ok(())
}
