//! What happens to a connection before HTTP begins and after it ends.
//!
//! ```text
//! accept ──▶ allowlist ──▶ place ──▶ PROXY header ──▶ TLS handshake ──▶ requests ──▶ good-bye
//!            before a byte  in all and   from trusted     bounded           head, idle and write
//!            is read        per address  proxies only     in time           clocks of the Guest
//! ```

mod framing;
mod guest;
mod places;
mod proxy_protocol;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error};

use self::guest::{Guest, LINGER, Patience, Phase};
use self::places::{Place, Places};
use self::proxy_protocol::Source;
use crate::certificate::certificate_user;
use crate::client_certificates::CertificateUser;
use crate::config::Config;
use crate::gate::{Gate, Visitor};
use crate::metrics::Metrics;
use crate::origin::TrustedProxies;
use crate::reason::Reason;
use crate::refusal::{HEAD_LIMIT_BYTES, Refusal};
use crate::roster::Roster;

/// Where a TLS connection begins: the type of a handshake record.
const HANDSHAKE: u8 = 0x16;
/// What a stranger is told: the TLS alert `access_denied`, fatal, which his client shows. It costs us no cryptography.
const ACCESS_DENIED: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x31];
/// The answer to somebody who typed `http://`.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 43\r\nConnection: close\r\n\r\nthis port speaks TLS; use https:// instead\n";
/// So many at once are told why they are not let in; more are closed without a word.
const TURNED_AWAY: usize = 64;
/// More headers than anybody sends, and few enough to be read at once.
const HEADERS: usize = 256;
/// After a stop, a connection on which nothing has been asked yet has so long to ask.
const FIRST_REQUEST: Duration = Duration::from_secs(1);
/// After an accept that failed for want of file descriptors there is nothing to do but wait for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Lets in so many connections and no more, turns TCP into TLS, and TLS into requests.
pub struct Door {
    gate: Arc<Gate>,
    tls: Arc<RwLock<Arc<ServerConfig>>>,
    roster: Arc<Roster>,
    proxies: TrustedProxies,
    proxy_protocol: bool,
    certificate_user: CertificateUser,
    places: Places,
    turned_away: Semaphore,
    patience: Patience,
    grace: Duration,
    metrics: Metrics,
    http: http1::Builder,
}

impl Door {
    /// Makes a door before `gate`. What `tls` holds is shown to the next visitor.
    #[must_use]
    pub fn new(config: &Config, gate: Arc<Gate>, tls: Arc<RwLock<Arc<ServerConfig>>>, roster: Arc<Roster>) -> Self {
        let mut http = http1::Builder::new();
        // No timer: the clocks are the Guest's, which tell an idle connection from a slow head.
        http.max_header_size(HEAD_LIMIT_BYTES).max_buf_size(2 * HEAD_LIMIT_BYTES).max_headers(HEADERS);
        let metrics = gate.metrics.clone();
        let places = Places::new(config.max_connections, config.connections_per_address);
        let counted = places.clone();
        metrics.counts_connections(move || counted.taken());
        Self {
            gate,
            tls,
            roster,
            proxies: config.trusted_proxies.clone(),
            proxy_protocol: config.proxy_protocol,
            certificate_user: config.client_certificates.as_ref().map_or(CertificateUser::None, |client| client.user),
            places,
            turned_away: Semaphore::new(TURNED_AWAY),
            patience: Patience {
                head: config.header_timeout,
                idle: config.idle_timeout,
                write: config.request_timeout,
            },
            grace: config.grace,
            metrics,
            http,
        }
    }

    /// Lets people in until `stop`, then waits until the last has been answered, at most for the grace.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let guests = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((tcp, peer)) => self.open(&guests, tcp, peer, &stop),
                Err(error) => {
                    error!("cannot accept a connection: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        // Who knocked before the stop is let in: the system has said yes to them already.
        while let Poll::Ready(Ok((tcp, peer))) = listener.poll_accept(&mut Context::from_waker(Waker::noop())) {
            self.open(&guests, tcp, peer, &stop);
        }
        drop(listener);
        guests.close();
        guests.wait().await;
    }

    fn open(self: &Arc<Self>, guests: &TaskTracker, tcp: TcpStream, peer: SocketAddr, stop: &CancellationToken) {
        let (door, stop) = (Arc::clone(self), stop.clone());
        guests.spawn(async move {
            let peer = peer.ip().to_canonical();
            let late = async {
                stop.cancelled().await;
                sleep(door.grace).await;
            };
            let ended = tokio::select! {
                ended = door.attend(tcp, peer, &stop) => ended,
                () = late => Err(io::ErrorKind::TimedOut.into()),
            };
            if let Err(error) = ended {
                debug!(client = %peer, "a connection from {peer} ended: {error}");
            }
        });
    }

    async fn attend(&self, mut tcp: TcpStream, peer: IpAddr, stop: &CancellationToken) -> io::Result<()> {
        let speaks_for_others = self.proxies.trusts(peer);
        if !speaks_for_others && !self.roster.allows(peer) {
            return self.turn_away(tcp, peer).await;
        }
        tcp.set_nodelay(true)?;
        let mut place = self.take((!speaks_for_others).then_some(peer), stop)?;
        let mut client = peer;
        if speaks_for_others && self.proxy_protocol {
            let source = timeout(self.patience.head, proxy_protocol::read(&mut tcp)).await;
            match source.map_err(io::Error::from).flatten() {
                Ok(Source::Client(address)) => client = address,
                Ok(Source::Balancer) => {}
                Err(error) => {
                    self.metrics.refused(Reason::ProxyProtocol);
                    return Err(error);
                }
            }
            if !self.roster.allows(client) {
                return self.turn_away(tcp, client).await;
            }
            place = self.take(Some(client), stop)?;
        }
        let accepted = match timeout(self.patience.head, self.shake_hands(tcp)).await {
            Ok(accepted) => accepted,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let tls = accepted.inspect_err(|_| self.metrics.refused(Reason::Handshake))?;
        let certificate_user = certificate_user(tls.get_ref().1, self.certificate_user);
        let visitor = Visitor {
            client,
            // With PROXY protocol the address is known by now; a header could only say something else.
            forwards: speaks_for_others && !self.proxy_protocol,
            certificate_user,
        };
        self.converse(tls, visitor, place, stop).await
    }

    fn take(&self, client: Option<IpAddr>, stop: &CancellationToken) -> io::Result<Place> {
        self.places.take(client, stop).ok_or_else(|| {
            self.metrics.refused(Reason::TooManyConnections);
            io::Error::other("there is no place for one more connection")
        })
    }

    async fn shake_hands(&self, mut tcp: TcpStream) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
        speaks_tls(&mut tcp).await?;
        let tls = Arc::clone(&self.tls.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(tls).accept(tcp).await
    }

    /// Answers one request after the other, until the client leaves, is asked to make room, or keeps us waiting.
    async fn converse(
        &self,
        tls: tokio_rustls::server::TlsStream<TcpStream>,
        visitor: Visitor,
        place: Place,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        let (phase, has_asked) = (Phase::default(), AtomicBool::new(false));
        let mut guest = Guest::new(tls, self.patience, phase.clone());
        let (visitor, place, phase, has_asked) = (&visitor, &place, &phase, &has_asked);
        let answer = service_fn(move |request| async move {
            place.is_busy();
            has_asked.store(true, Ordering::Relaxed);
            let response = if phase.is_busy() {
                self.gate.refuse(visitor, request, Refusal::Head("the length of the body is told more than once"))
            } else {
                self.gate.answer(visitor, request).await
            };
            phase.is_idle();
            place.is_idle();
            Ok::<_, Infallible>(response)
        });
        // The hands were shaken, so a push is on its way.
        let is_due = || stop.is_cancelled() && !has_asked.load(Ordering::Relaxed);
        loop {
            // Until something is asked, a connection has none of the library's buffers: most connections say nothing most
            // of the time.
            let is_asked = tokio::select! {
                is_asked = guest.is_asked() => is_asked,
                () = place.leave().cancelled() => match is_due() {
                    true => timeout(FIRST_REQUEST, guest.is_asked()).await.unwrap_or(Ok(false)),
                    false => Ok(false),
                },
            };
            if !is_asked? {
                return guest.leave().await;
            }
            let mut connection = self.http.serve_connection(TokioIo::new(guest), &answer);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = place.leave().cancelled() => {
                    let asked = if is_due() { timeout(FIRST_REQUEST, &mut connection).await.ok() } else { None };
                    match asked {
                        Some(ended) => ended,
                        None => {
                            Pin::new(&mut connection).graceful_shutdown();
                            (&mut connection).await
                        }
                    }
                }
            };
            ended.map_err(io::Error::other)?;
            if !phase.rests() {
                return Ok(());
            }
            guest = connection.into_parts().io.into_inner();
        }
    }

    /// Closes a connection from an address that is not on the list, with a word that its client can show.
    async fn turn_away(&self, mut tcp: TcpStream, client: IpAddr) -> io::Result<()> {
        self.metrics.refused(Reason::Address);
        debug!(%client, "turned away {client}, which is not on the allowlist");
        let Ok(_room) = self.turned_away.try_acquire() else { return Ok(()) };
        tcp.write_all(&ACCESS_DENIED).await?;
        linger(&mut tcp).await
    }
}

/// Looks at the first byte without taking it, and tells somebody who speaks plain HTTP what to do.
async fn speaks_tls(tcp: &mut TcpStream) -> io::Result<()> {
    let mut first = [0];
    match tcp.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if first[0].is_ascii_uppercase() => {
            tcp.write_all(PLAIN_HTTP).await?;
            linger(tcp).await?;
            Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP on the TLS port"))
        }
        _ if first[0] != HANDSHAKE => {
            linger(tcp).await?;
            Err(io::Error::new(io::ErrorKind::InvalidData, "this is not TLS"))
        }
        _ => Ok(()),
    }
}

/// Closes our side, then waits a moment for the other: the reset that follows unread bytes could overtake our last word.
async fn linger(tcp: &mut TcpStream) -> io::Result<()> {
    tcp.shutdown().await?;
    let mut unread = [0; 4096];
    let drained = async { while tcp.read(&mut unread).await.is_ok_and(|bytes| bytes > 0) {} };
    let _ = timeout(LINGER, drained).await;
    Ok(())
}
