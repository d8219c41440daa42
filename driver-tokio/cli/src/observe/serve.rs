//! `/metrics`, `/healthz` and `/readyz`.

use super::{
    encode,
    http::{self, Asked, Said},
    sample::Sample,
};
use hyper::StatusCode;
use ifrit_tokio::Client;
use std::time::Duration;
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// A loop that answers no question in this time hangs: what restarts an agent should restart it.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// The member, once it has started.
pub(crate) type Started = watch::Receiver<Option<Client>>;

/// Serves figures until dropped; before the member has started it is alive, and not ready.
pub(crate) async fn figures(listener: TcpListener, started: Started) {
    http::serve(listener, move |asked| answer(asked, started.clone())).await;
}

async fn answer(asked: Asked, started: Started) -> Said {
    let client = started.borrow().clone();
    match (asked.path.as_str(), client) {
        ("/metrics" | "/healthz" | "/readyz", None) => match asked.path.as_str() {
            "/healthz" => Said::text(StatusCode::OK, "starting"),
            _ => Said::text(StatusCode::SERVICE_UNAVAILABLE, "starting: the member is not there yet"),
        },
        ("/metrics", Some(client)) => metrics(&client).await,
        ("/healthz", Some(client)) => health(&client).await,
        ("/readyz", Some(client)) => ready(&client).await,
        _ => Said::text(StatusCode::NOT_FOUND, "here are /metrics, /healthz and /readyz"),
    }
}

async fn metrics(client: &Client) -> Said {
    match timeout(ANSWER_LIMIT, Sample::take(client)).await {
        Ok(Ok(sample)) => match encode::text(sample) {
            Ok(text) => Said::new(StatusCode::OK, encode::CONTENT_TYPE, text),
            Err(error) => Said::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        _ => silent(),
    }
}

async fn health(client: &Client) -> Said {
    match timeout(ANSWER_LIMIT, client.query(|_| ())).await {
        Ok(Ok(())) => Said::text(StatusCode::OK, "ok"),
        _ => silent(),
    }
}

async fn ready(client: &Client) -> Said {
    match timeout(ANSWER_LIMIT, client.query(|node| node.view().joined())).await {
        Ok(Ok(true)) => Said::text(StatusCode::OK, "joined"),
        Ok(Ok(false)) => Said::text(StatusCode::SERVICE_UNAVAILABLE, "not joined yet"),
        _ => silent(),
    }
}

fn silent() -> Said {
    Said::text(StatusCode::SERVICE_UNAVAILABLE, "the member has stopped, or does not answer")
}
