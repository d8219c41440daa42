//! The CA's HTTPS service: hyper around [`Service`], which decides everything.

use crate::{
    ca_admin,
    control::server::{self, ControlSocket},
    error::bad_input,
};
use anyhow::Context;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use ifrit_core::{
    certificate::Root,
    time::{Mono, Now, Wall},
};
use ifrit_node::{
    ca::{Answer, BODY_MAX, Ca, Service, server_config},
    host::host_of,
    invite::Invite,
};
use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener},
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// Connections in all: 256 newcomers at a time, some 100 kB each.
const CONNECTIONS_MAX: usize = 256;
/// Connections of one host, and no more than are left: the demo starts 64 members at once; a flood leaves room for others,
/// and so do two.
const PER_SOURCE_MAX: usize = 128;
/// A connection has one exchange, and this long for all of it: handshake, request, answer.
const CONNECTION_LIMIT: Duration = Duration::from_secs(20);
/// Time for open connections to end when the service stops.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Wait after an accept that failed (no file descriptors left, say).
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A CA that answers. Dropping it without [`CaService::stop`] stops it too, at once.
#[derive(Debug)]
pub(crate) struct CaService {
    shared: Arc<Shared>,
    local_addr: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    _socket: ControlSocket,
}

/// What connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    service: Service,
    /// Where newcomers reach it.
    address: String,
    origin: Instant,
    /// What connections are shown, and the root of which it is.
    tls: Mutex<(Root, Arc<ServerConfig>)>,
    places: Arc<Semaphore>,
    sources: Mutex<HashMap<IpAddr, usize>>,
}

impl CaService {
    /// Opens the CA in `dir`, listens, and remembers the address for invites: `advertise`, or where it listens.
    /// Newcomers are told of so many `contacts`.
    pub(crate) async fn start(
        dir: &Path,
        listen: SocketAddr,
        advertise: Option<String>,
        contacts: usize,
    ) -> anyhow::Result<Self> {
        if listen.ip().is_unspecified() && advertise.is_none() {
            return Err(bad_input(format!(
                "{listen} is every interface: say with --advertise HOST:PORT where newcomers reach the CA"
            )));
        }
        let listener = TcpListener::bind(listen).await.with_context(|| match listen.port() {
            0 => format!("cannot listen on {listen}"),
            port => format!(
                "cannot listen on {listen}: is another program using port {port}? Try --listen with another"
            ),
        })?;
        let local_addr = listener.local_addr()?;
        let address = advertise.unwrap_or_else(|| local_addr.to_string());
        let ca = open(dir, &address).await?;
        let root = ca.root();
        let tls = Arc::new(server_config(&ca.authority())?);
        let (admin, socket) = server::bind_in(dir, ca_admin::socket_path(dir))?;
        let shared = Arc::new(Shared {
            service: Service::new(Arc::new(ca)).telling(contacts),
            address,
            origin: Instant::now(),
            tls: Mutex::new((root, tls)),
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            sources: Mutex::default(),
        });
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(accept(listener, shared.clone(), stopped.clone())),
            tokio::spawn(accept_admin(admin, shared.clone(), stopped)),
        ];
        Ok(Self { shared, local_addr, stop, tasks, _socket: socket })
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where newcomers reach it.
    pub(crate) fn address(&self) -> &str {
        &self.shared.address
    }

    /// The CA.
    pub(crate) fn ca(&self) -> &Arc<Ca> {
        self.shared.service.ca()
    }

    /// A new invite.
    pub(crate) async fn invite(&self, uses: u32, expires: Duration) -> anyhow::Result<Invite> {
        let shared = self.shared.clone();
        let made = tokio::task::spawn_blocking(move || shared.invite(uses, expires));
        Ok(made.await??)
    }

    /// Takes no more connections, lets those that are open end, and frees address and database.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.send(true);
        for task in std::mem::take(&mut self.tasks) {
            let _ = task.await;
        }
        let all = self.shared.places.acquire_many(CONNECTIONS_MAX as u32);
        let _ = timeout(STOP_LIMIT, all).await;
    }
}

impl Drop for CaService {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    /// Blocks for the disk.
    pub(crate) fn invite(&self, uses: u32, expires: Duration) -> Result<Invite, ifrit_node::ca::CaError> {
        self.service.ca().invite(&self.address, uses, expires, wall())
    }

    pub(crate) fn ca(&self) -> &Ca {
        self.service.ca()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Shows those who come from now on the root that the CA has now.
    pub(crate) fn show_root(&self) {
        let mut shown = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        let authority = self.ca().authority();
        if shown.0 != *authority.root() {
            match server_config(&authority) {
                Ok(config) => *shown = (authority.root().clone(), Arc::new(config)),
                Err(error) => tracing::error!(%error, "TLS refuses the new root"),
            }
        }
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner).1.clone().into()
    }

    fn now(&self) -> Now {
        Now { mono: Mono::default() + self.origin.elapsed(), wall: wall() }
    }

    /// A place among the connections, if there is one; it is given back by dropping it.
    fn admit(self: &Arc<Self>, source: IpAddr) -> Option<Place> {
        let source = host_of(source);
        let permit = self.places.clone().try_acquire_owned().ok()?;
        let left = self.places.available_permits() + 1;
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let open = sources.get(&source).copied().unwrap_or(0);
        if open >= PER_SOURCE_MAX.min(left) {
            return None;
        }
        sources.insert(source, open + 1);
        Some(Place { shared: self.clone(), source, _permit: permit })
    }
}

/// Opens the CA, and remembers the address for invites made while it does not serve.
async fn open(dir: &Path, address: &str) -> anyhow::Result<Ca> {
    let (dir, address) = (dir.to_owned(), address.to_owned());
    let opened = tokio::task::spawn_blocking(move || {
        let ca = ca_admin::open_retrying(&dir)?;
        ca.set_address(&address)?;
        anyhow::Ok(ca)
    });
    opened.await?
}

/// This machine's clock.
pub(crate) fn wall() -> Wall {
    Wall::default() + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

struct Place {
    shared: Arc<Shared>,
    source: IpAddr,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sources = self.shared.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = sources.get_mut(&self.source) {
            *open -= 1;
            if *open == 0 {
                sources.remove(&self.source);
            }
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        match accepted {
            // No place: closed at once. The newcomer sees a CA that does not answer, and may come again.
            Ok((stream, from)) => {
                if let Some(place) = shared.admit(from.ip()) {
                    tokio::spawn(connection(stream, shared.acceptor(), place));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, place: Place) {
    let exchange = async {
        let stream = acceptor.accept(stream).await?;
        let service = service_fn(|request| answer(request, place.shared.clone(), place.source));
        http1::Builder::new()
            .timer(TokioTimer::new())
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service)
            .await
            .map_err(std::io::Error::other)
    };
    match timeout(CONNECTION_LIMIT, exchange).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(from = %place.source, %error, "connection"),
        Err(_) => tracing::debug!(from = %place.source, "connection took too long"),
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    source: IpAddr,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let is_look = head.method == Method::GET;
    let answer = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            let work = tokio::task::spawn_blocking(move || {
                shared.service.handle(shared.now(), source, head.method.as_str(), head.uri.path(), &body)
            });
            // A panic in there is a fault of ours, and costs this request only.
            work.await.unwrap_or_else(|_| Answer { status: 500, body: b"{}".to_vec() })
        }
        Err(error) if error.is::<LengthLimitError>() => Service::too_large(),
        Err(_) => Answer { status: 400, body: b"{}".to_vec() },
    };
    // Members ask for the revocation list all the time, and nothing comes of it; all else is somebody's doing.
    if is_look && answer.status == 200 {
        tracing::debug!(from = %source, status = answer.status, "request");
    } else {
        tracing::info!(from = %source, status = answer.status, "request");
    }
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Serves `ifrit ca invite` and `ifrit ca issue` while this process holds the database.
async fn accept_admin(listener: UnixListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    // One after the other: people and scripts of this machine's owner, each with a limit of time.
    let serve = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => match ca_admin::serve(stream, shared.clone()).await {
                    Ok(()) => {}
                    Err(error) => tracing::debug!(%error, "administration"),
                },
                Err(_) => sleep(ACCEPT_RETRY).await,
            }
        }
    };
    tokio::select! {
        () = serve => {}
        _ = stopped.changed() => {}
    }
}

#[cfg(test)]
mod tests;
