//! A small HTTP server for people and scrapers: only reading, one exchange per connection, everything bounded.

use anyhow::Context;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{
        ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS,
    },
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};

/// Connections at a time: a few scrapers and a few browsers, some 20 kB each. More are closed at once.
const CONNECTIONS_MAX: usize = 32;
/// Time for the whole of one exchange.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD_MAX: usize = 16 * 1024;
/// Wait after an accept that failed (no file descriptors left, say).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What was asked for: no body is ever read.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: String,
    /// These headers, if they are text.
    pub(crate) host: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) cookie: Option<String>,
}

/// What is said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
    /// Further headers.
    pub(crate) headers: Vec<(hyper::header::HeaderName, HeaderValue)>,
}

impl Said {
    pub(crate) fn new(status: StatusCode, content_type: &'static str, body: impl Into<String>) -> Self {
        Self { status, content_type, body: body.into(), headers: Vec::new() }
    }

    pub(crate) fn text(status: StatusCode, body: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body.into() + "\n")
    }
}

/// Listens at `addr`, which `option` gave.
pub(crate) async fn bind(addr: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| {
        format!(
            "cannot listen on {addr} for {option}: is another program using it? Give {option} another address"
        )
    })
}

/// Serves until dropped.
pub(crate) async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Asked) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Said> + Send,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            sleep(ACCEPT_RETRY).await;
            continue;
        };
        let Ok(place) = places.clone().try_acquire_owned() else { continue };
        let answer = answer.clone();
        tokio::spawn(async move {
            let _place = place;
            match timeout(CONNECTION_LIMIT, converse(stream, answer)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%from, %error, "HTTP"),
                Err(_) => tracing::debug!(%from, "HTTP: took too long"),
            }
        });
    }
}

async fn converse<F, A>(stream: TcpStream, answer: F) -> Result<(), hyper::Error>
where
    F: Fn(Asked) -> A,
    A: Future<Output = Said>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let asked = asked(&request);
        let answer = asked.map(&answer);
        async move {
            let said = match answer {
                Some(answer) => answer.await,
                None => {
                    let mut said =
                        Said::text(StatusCode::METHOD_NOT_ALLOWED, "GET only: nothing can be changed here");
                    said.headers.push((ALLOW, HeaderValue::from_static("GET, HEAD")));
                    said
                }
            };
            Ok::<_, Infallible>(response(said))
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn asked(request: &Request<Incoming>) -> Option<Asked> {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let header = |name| request.headers().get(name)?.to_str().ok().map(str::to_owned);
    is_read.then(|| Asked {
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        host: header(HOST),
        authorization: header(AUTHORIZATION),
        cookie: header(COOKIE),
    })
}

fn response(said: Said) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(said.body));
    *response.status_mut() = said.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(said.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.extend(said.headers.into_iter().map(|(name, value)| (Some(name), value)));
    response
}
