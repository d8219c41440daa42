//! The agent's page for people: what it sees, read-only, on loopback, behind a token.
//!
//! ```text
//!  browser ──GET /?token=…──► 303, cookie          token   a new one per run, in a file of mode 0600
//!          ──GET / + cookie─► the page             page    one document: no script, nothing from elsewhere
//! ```
//! The page is drawn anew at every request, from the running member; it reloads itself. The agent's log never names the token:
//! `ifrit web` reads it from the directory and prints the address to open.

mod page;
mod timeline;
pub(crate) mod token;
mod traffic;

use crate::{
    agent::questions,
    control::looks,
    error::bad_input,
    observe::{
        http::{self, Asked, Said},
        sample::Sample,
    },
    rows::PastRow,
};
use hyper::{
    StatusCode,
    header::{
        CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE,
        WWW_AUTHENTICATE, X_FRAME_OPTIONS,
    },
};
use ifrit_tokio::Client;
use page::Seen;
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use token::Token;
use tokio::{net::TcpListener, time::timeout};
use traffic::Log;

/// A member that does not answer in this time hangs.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Rings drawn: a picture takes some milliseconds. `ifrit rings --svg` draws all.
const RINGS_DRAWN: u8 = 12;
/// Members on a ring, above which it is not drawn.
const SPOTS_DRAWN: usize = 400;

/// The socket of a page that is to be served.
#[derive(Debug)]
pub(crate) struct Web {
    listener: TcpListener,
    addr: SocketAddr,
}

impl Web {
    /// Binds `addr`, which must be of loopback: nothing here is encrypted.
    pub(crate) async fn bind(addr: SocketAddr) -> anyhow::Result<Self> {
        if !addr.ip().is_loopback() {
            return Err(bad_input(format!(
                "--web {addr}: the page is not encrypted and stays on loopback; give a port, and reach it from elsewhere with \
                 `ssh -L`"
            )));
        }
        let listener = http::bind(addr, "--web").await?;
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr })
    }

    /// Writes a fresh token into `dir`, whose lock the member holds; what is given serves until dropped.
    pub(crate) fn open(self, dir: &Path, client: Client) -> anyhow::Result<impl Future<Output = ()> + use<>> {
        let token = Token::make(dir, self.addr)?;
        let log = Arc::new(Mutex::new(Log::default()));
        let site = Site { token, port: self.addr.port(), log: log.clone(), client: client.clone() };
        let site = Arc::new(site);
        let answering = http::serve(self.listener, move |asked| {
            let site = site.clone();
            async move { hardened(site.answer(&asked).await) }
        });
        Ok(async move {
            tokio::select! {
                () = answering => {}
                () = traffic::keep(&log, client) => {}
            }
        })
    }
}

struct Site {
    token: Token,
    port: u16,
    log: Arc<Mutex<Log>>,
    client: Client,
}

impl Site {
    async fn answer(&self, asked: &Asked) -> Said {
        if !asked.host.as_deref().is_some_and(is_local) {
            // A name of somebody else's that leads here: a page of theirs may be asking.
            return Said::text(StatusCode::MISDIRECTED_REQUEST, "ask for localhost");
        }
        if asked.path != "/" {
            return Said::text(StatusCode::NOT_FOUND, "there is one page: /");
        }
        if let Some(told) = asked.query.split('&').find_map(|pair| pair.strip_prefix("token=")) {
            return if self.token.is(told) { self.let_in() } else { refused() };
        }
        if !self.is_known(asked) {
            return refused();
        }
        match timeout(ANSWER_LIMIT, self.look(&self.client)).await {
            Ok(Ok(seen)) => Said::new(StatusCode::OK, "text/html; charset=utf-8", page::page(&seen)),
            Ok(Err(error)) => Said::text(StatusCode::SERVICE_UNAVAILABLE, format!("{error:#}")),
            Err(_) => Said::text(StatusCode::SERVICE_UNAVAILABLE, "the member does not answer"),
        }
    }

    /// The token goes from the address into a cookie: it stays in no history and in no bookmark.
    fn let_in(&self) -> Said {
        let mut said = Said::text(StatusCode::SEE_OTHER, "come in");
        said.headers.push((LOCATION, HeaderValue::from_static("/")));
        let cookie = format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie(), self.token.text());
        said.headers.extend(HeaderValue::from_str(&cookie).ok().map(|cookie| (SET_COOKIE, cookie)));
        said
    }

    /// Browsers tell cookies of one host apart by name only: each agent of a machine has its own.
    fn cookie(&self) -> String {
        format!("ifrit-{}", self.port)
    }

    fn is_known(&self, asked: &Asked) -> bool {
        let bearer = asked.authorization.as_deref().and_then(|text| text.strip_prefix("Bearer "));
        let cookies = asked.cookie.as_deref().unwrap_or_default().split("; ");
        let name = self.cookie() + "=";
        let mut told = cookies.filter_map(|cookie| cookie.strip_prefix(&name)).chain(bearer);
        told.any(|told| self.token.is(told))
    }

    async fn look(&self, client: &Client) -> anyhow::Result<Seen> {
        let sample = Sample::take(client).await?;
        let count: usize = sample.states.iter().sum();
        let mut rings = Vec::new();
        if count <= SPOTS_DRAWN {
            let me = client.id();
            for ring in 0..client.network().rings.min(RINGS_DRAWN) {
                rings.push(client.query(move |node| looks::ring_row(&node.view(), ring, me)).await?);
            }
        }
        let now = client.now();
        let past = move |node: &ifrit_node::node::Node| {
            node.history().iter().map(|t| PastRow::new(t, now.mono)).collect()
        };
        Ok(Seen {
            members: questions::members(client).await?,
            past: client.query(past).await?,
            rings,
            all_rings: client.network().rings,
            network: client.network().id.to_string(),
            traffic: self.log.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            sample,
        })
    }
}

/// Whether a `Host` is this machine as itself.
fn is_local(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn refused() -> Said {
    let mut said =
        Said::text(StatusCode::UNAUTHORIZED, "`ifrit web --dir DIR` prints the address with its token");
    said.headers.push((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    said
}

/// No script, no frame, no form, nothing from elsewhere, nothing kept: also if something of a peer's ever got through.
fn hardened(mut said: Said) -> Said {
    let policy = format!(
        "default-src 'none'; style-src '{}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        page::style_hash()
    );
    said.headers.extend(HeaderValue::from_str(&policy).ok().map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    let fixed: [(HeaderName, &'static str); 4] = [
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    said.headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_as_itself_is_local() {
        assert!(
            ["localhost", "localhost:1", "127.0.0.1:8391", "127.0.0.2", "[::1]:8391", "[::1]"]
                .into_iter()
                .all(is_local)
        );
        assert!(
            !["evil.example", "evil.example:8391", "localhost.evil.example", "", "10.0.0.1:1"]
                .into_iter()
                .any(is_local)
        );
    }
}
