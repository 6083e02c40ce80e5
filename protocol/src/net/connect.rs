//! Opens one connection: name look-up, TCP or Unix socket, proxy, TLS. A failure says which step failed.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;
use std::{io, thread};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;

use super::stream::{Io, Stream};
use super::tls::Tls;
use super::{Address, Proxy, Route, Versions, tunnel};
use crate::failure::{Failure, Retry};
use crate::run::{Run, Stage};
use crate::system_error::words;

/// The delay before the next IP address is tried in parallel (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// The delay before the only retry after a refused connection: the server may be starting.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// The stack, in bytes, of the thread that looks up a name: the system's own modules run in it. `RUST_MIN_STACK` does not
/// change it.
const LOOK_UP_STACK: usize = 2 << 20;

/// Connects to the route's address, and offers these versions of HTTP. `tls` is needed if the server or the proxy is https.
pub(super) async fn connect(route: &Route, tls: Option<&Tls>, http: Versions) -> Result<Stream, Failure> {
    let address = &route.address;
    let io = match (&route.proxy, address.socket()) {
        (None, None) => tcp(&route.run, address, route.role.name()).await?,
        (None, Some(path)) => route.run.end(route.run.begin(Stage::Connection), unix(address, path).await)?,
        (Some(proxy), _) => by_proxy(route, proxy, tls).await?,
    };
    route.run.fact(Stage::Connection, address);
    match tls.filter(|_| address.is_secure()) {
        None => Ok(Stream { io, is_h2: false }),
        Some(tls) => route.run.end(route.run.begin(Stage::Tls), tls.secure(route, io, http).await),
    }
}

async fn by_proxy(route: &Route, proxy: &Proxy, tls: Option<&Tls>) -> Result<Box<dyn Io>, Failure> {
    let io = tcp(&route.run, &proxy.address, "proxy").await?;
    let io = route.run.end(route.run.begin(Stage::Proxy), through(route, proxy, tls, io).await)?;
    route.run.fact(Stage::Proxy, &proxy.address);
    Ok(io)
}

async fn through(
    route: &Route,
    proxy: &Proxy,
    tls: Option<&Tls>,
    io: Box<dyn Io>,
) -> Result<Box<dyn Io>, Failure> {
    let io = match tls.filter(|_| proxy.address.is_secure()) {
        None => io,
        Some(tls) => tls.secure_proxy(route, proxy, io).await?,
    };
    if route.address.is_secure() { tunnel::through(proxy, &route.address, io).await } else { Ok(io) }
}

async fn unix(address: &Address, path: &Path) -> Result<Box<dyn Io>, Failure> {
    let key = address.key();
    let unavailable =
        |what: &str, remedy: String| Failure::unavailable(format!("{what} {}", path.display()), remedy);
    let socket = UnixStream::connect(path).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let remedy = format!("check that the agent or server is running, and check the path in `{key}`");
            unavailable("there is no socket at", remedy).with_retry(Retry::Once(REFUSED_PAUSE))
        }
        io::ErrorKind::ConnectionRefused => {
            let remedy = format!("check that the agent or server is running, and that `{key}` names its socket");
            unavailable("nothing is listening on", remedy).with_retry(Retry::Once(REFUSED_PAUSE))
        }
        io::ErrorKind::PermissionDenied => {
            let remedy = "allow this user to write to the socket and to enter its folder: set the listener's socket_mode, \
                          socket_user and socket_group";
            unavailable("permission denied at", remedy.into()).with_retry(Retry::No)
        }
        io::ErrorKind::NotADirectory => {
            unavailable("not every parent is a folder:", format!("check the path in `{key}`: a socket has no base path"))
                .with_retry(Retry::No)
        }
        _ => unavailable(&format!("no connection ({}) to", words(&error)), format!("check the path in `{key}`")),
    })?;
    Ok(Box::new(socket))
}

/// Looks up the host and connects to it. `role` is what messages call the other side, such as `store` or `proxy`.
async fn tcp(run: &Run, address: &Address, role: &str) -> Result<Box<dyn Io>, Failure> {
    run.redact("host", address.host());
    let found = run.end(run.begin(Stage::LookUp), look_up(address).await)?;
    if run.is_traced() {
        record_found(run, address, &found);
    }
    let step = run.begin(Stage::Connection);
    let tcp = first(&found).await.map_err(|error| unreachable(address, role, &error));
    let tcp = run.end(step, tcp)?;
    // Without this, the system may hold a request back until an acknowledgement arrives.
    let _ = tcp.set_nodelay(true);
    Ok(Box::new(tcp))
}

fn record_found(run: &Run, address: &Address, found: &[SocketAddr]) {
    if address.host().parse::<IpAddr>().is_ok() {
        return;
    }
    let ips: Vec<_> = found.iter().map(|found| found.ip().to_string()).collect();
    for ip in &ips {
        run.redact("ip", ip);
    }
    run.fact(Stage::LookUp, format!("{} is {}", address.host(), ips.join(", ")));
}

async fn look_up(address: &Address) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(ip) = address.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, address.port())]);
    }
    // RFC 6761 §6.3: this name is always this machine.
    if address.host().eq_ignore_ascii_case("localhost") {
        let here: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(here.map(|ip| SocketAddr::new(ip, address.port())).to_vec());
    }
    let found = ask_system(address).await?;
    if found.is_empty() {
        if let Some(failure) = File::open("/").err().and_then(|error| Failure::too_many_files(&error)) {
            return Err(failure);
        }
        return Err(Failure::unavailable(
            format!("the name {} cannot be looked up", address.host()),
            format!(
                "{} and this machine's name servers",
                address.check(format!("check the spelling of `{}`", address.key()))
            ),
        ));
    }
    Ok(found)
}

/// Asks the C library, which gives no reason if it finds nothing. It blocks on name servers, so it runs in its own thread.
async fn ask_system(address: &Address) -> Result<Vec<SocketAddr>, Failure> {
    let wanted = (address.host().to_owned(), address.port());
    let (sender, receiver) = oneshot::channel();
    let thread = thread::Builder::new().stack_size(LOOK_UP_STACK).spawn(move || {
        let _ = sender.send(wanted.to_socket_addrs().map_or_else(|_| Vec::new(), Iterator::collect));
    });
    if thread.is_err() {
        let failure = Failure::no_thread(format!("to look up the name {}", address.host()));
        return Err(failure.hint(address.check(format!("or use the IP address in `{}`", address.key()))));
    }
    Ok(receiver.await.unwrap_or_default())
}

/// Returns the first connection that opens. Each attempt starts a moment after the one before it, or when that has failed.
async fn first(found: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut waiting = found.iter();
    let mut trying = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        if let Some(next) = waiting.next() {
            trying.push(TcpStream::connect(*next));
        } else if trying.is_empty() {
            return Err(last);
        }
        let stagger = async {
            if waiting.len() == 0 { std::future::pending().await } else { tokio::time::sleep(STAGGER).await }
        };
        tokio::select! {
            biased;
            Some(tried) = trying.next() => match tried {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            },
            () = stagger => {}
        }
    }
}

fn unreachable(address: &Address, role: &str, error: &io::Error) -> Failure {
    if let Some(failure) = Failure::too_many_files(error) {
        return failure;
    }
    let (key, words) = (address.key(), words(error));
    let what = match role {
        "store" => format!("no connection to {address} ({words})"),
        _ => format!("no connection to the {role} {address} ({words})"),
    };
    if error.kind() == io::ErrorKind::ConnectionRefused {
        let port = address.check(format!("that `{key}` has its port"));
        let remedy = format!("check that the {role} is running, and {port}");
        return Failure::unavailable(what, remedy).with_retry(Retry::Once(REFUSED_PAUSE));
    }
    let check = address.check(format!("check `{key}`"));
    Failure::unavailable(what, format!("{check}, the network and its firewalls"))
}
