//! Requests and answers: redirects, bounds, and what to make of a connection that breaks.

use std::error::Error as _;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body as _;
use tokio::time::timeout;

use super::pool::{Body, Permit, Pool};
use super::{Replay, Request, Response, Route, tunnel};
use crate::failure::{Failure, Retry};
use crate::run::Stage;
use crate::text::plural;

/// How often a request that is lost with a shared connection is sent again though nothing else was answered.
const CHANCES: usize = 3;

/// The most redirects that are followed, all within the origin.
const REDIRECTS: usize = 3;

/// One origin and the connections to it. Requests may be sent at the same time; they share what is open.
pub struct Transport {
    pool: Pool,
    /// How many answers have come.
    answers: AtomicUsize,
}

/// Why a request has no answer.
enum Miss {
    /// Its connection or stream ended first.
    Lost {
        /// Whether other requests were on the same connection.
        shared: bool,
    },
    Failed(Failure),
}

impl Transport {
    /// A transport that has not connected yet. Reads the files of certificates and keys if the address is https.
    pub fn new(route: Route) -> Result<Self, Failure> {
        Ok(Self { pool: Pool::new(route)?, answers: AtomicUsize::new(0) })
    }

    /// The way to the origin.
    #[must_use]
    pub fn route(&self) -> &Route {
        self.pool.route()
    }

    /// Announces requests to come, so that the right number of connections is opened from the start.
    pub fn expect(&self, requests: usize) {
        self.pool.expect(requests);
    }

    /// Sends a request and reads the whole response.
    ///
    /// Fails with `UNAVAILABLE` where there is no answer; an answer of any status is a success here.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let route = self.route();
        route.run.sent();
        let sent = match route.patience {
            None => self.follow(request).await,
            Some(limit) => timeout(limit, self.follow(request)).await.unwrap_or_else(|_| {
                let what = format!(
                    "no answer from the {} {route} within {} ms",
                    route.role.name(),
                    limit.as_millis()
                );
                Err(Failure::unavailable(what, "see whether this machine has such a service")
                    .with_retry(Retry::No))
            }),
        };
        route.run.received();
        sent
    }

    async fn follow(&self, mut request: Request) -> Result<Response, Failure> {
        for _ in 0..=REDIRECTS {
            let response = self.exchange(&request).await?;
            if response.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
                && let Some(failure) = self.refused_by_proxy(response.status)
            {
                return Err(failure);
            }
            if !response.status.is_redirection() || !request.follows_redirects {
                return Ok(response);
            }
            let location = response.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location else { return Ok(response) };
            let route = self.route();
            request.path = route.address.path_within(location).ok_or_else(|| {
                note_way(route, location);
                Failure::unavailable(
                    format!("{route} redirects to another place, which is not followed with a credential"),
                    format!("set `{}` to where it leads (`doctor --names` shows it)", route.address.key()),
                )
                .with_retry(Retry::No)
            })?;
        }
        Err(Failure::unavailable(
            format!("{} redirects in circles", self.route()),
            "check what stands before the store",
        )
        .with_retry(Retry::No))
    }

    /// What it means where an answer is not the store's: that of a proxy of plain HTTP, which answers in its place.
    #[must_use]
    pub fn refused_by_proxy(&self, status: StatusCode) -> Option<Failure> {
        let proxy =
            self.route().forwarder().filter(|_| status.is_client_error() || status.is_server_error())?;
        Some(tunnel::refused(proxy, &self.route().address, status.as_u16()))
    }

    /// Sends a request as soon as the pool permits. One that is lost with its connection is sent again at once, as long as
    /// others have got answers meanwhile, and a few times more where it shared the connection: a server may close one
    /// after so many requests. Whatever else fails is the engine's to ask again.
    async fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let mut chances = CHANCES;
        let may_repeat = request.replay == Replay::Safe;
        loop {
            let before = self.answers.load(Ordering::Relaxed);
            match self.exchange_once(request).await {
                Ok(response) => return Ok(response),
                Err(Miss::Failed(failure)) => return Err(failure),
                Err(Miss::Lost { .. }) if let Some(refusal) = self.pool.refusal() => return Err(refusal),
                Err(Miss::Lost { .. }) if may_repeat && self.answers.load(Ordering::Relaxed) > before => {}
                Err(Miss::Lost { shared: true }) if may_repeat && chances > 0 => chances -= 1,
                Err(Miss::Lost { .. }) => {
                    let what = format!("{} ended the connection without a whole answer", self.route());
                    let remedy = "see whether this port speaks HTTP, and look into the server's log";
                    let failure = Failure::unavailable(what, remedy);
                    // The server may have acted on it.
                    return Err(if may_repeat { failure } else { failure.with_retry(Retry::No) });
                }
            }
        }
    }

    async fn exchange_once(&self, request: &Request) -> Result<Response, Miss> {
        let mut permit = self.pool.permit().await.map_err(Miss::Failed)?;
        let message = self.message(request, permit.is_shared()).map_err(Miss::Failed)?;
        let (head, mut body) =
            permit.send(message).await.map_err(|error| lost(&permit, &error))?.into_parts();
        if body.size_hint().lower() > request.limit as u64 {
            return Err(Miss::Failed(too_long(request.limit)));
        }
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|error| lost(&permit, &error))?.into_data() {
                if bytes.len() + data.len() > request.limit {
                    return Err(Miss::Failed(too_long(request.limit)));
                }
                bytes.extend_from_slice(&data);
            }
        }
        permit.release().await;
        self.answers.fetch_add(1, Ordering::Relaxed);
        Ok(Response { status: head.status, headers: head.headers, body: bytes })
    }

    /// The request as HTTP has it; `shared` is whether it goes over HTTP/2.
    fn message(&self, request: &Request, shared: bool) -> Result<http::Request<Body>, Failure> {
        let address = &self.route().address;
        let forwarder = self.route().forwarder();
        // HTTP/2 has scheme and authority in the URI, as has HTTP/1.1 to a proxy (RFC 9112 §3.2.2); else the latter has a
        // header for the host and the path alone.
        let mut uri = Uri::builder().path_and_query(request.path.as_str());
        if shared || forwarder.is_some() {
            uri = uri.scheme(address.scheme()).authority(address.authority());
        }
        let uri = uri.build().map_err(|_| Failure::internal("a path that is no path"))?;
        let mut message = http::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = uri;
        let headers = message.headers_mut();
        if !shared {
            let host = HeaderValue::try_from(address.authority())
                .map_err(|_| Failure::internal("a host that is no host"))?;
            headers.insert(header::HOST, host);
        }
        if let Some(authorization) = forwarder.and_then(|proxy| proxy.authorization.clone()) {
            headers.insert(header::PROXY_AUTHORIZATION, authorization);
        }
        for (name, value) in request.headers.iter().filter(|(name, _)| *name != header::HOST) {
            headers.append(name, value.clone());
        }
        Ok(message)
    }
}

/// The origin and its proxy; what is sent and received may be a secret.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({})", self.route())
    }
}

/// Tells a person who watches where a redirect leads; nobody else, since those are the server's words.
fn note_way(route: &Route, location: &str) {
    if let Some((host, whole)) = route.address.led_to(location).filter(|_| route.run.is_traced()) {
        route.run.redact("host", host);
        route.run.redact("address", whole.as_str());
        route.run.fact(Stage::Connection, format!("the server redirects to {whole}"));
    }
}

fn too_long(limit: usize) -> Failure {
    let limit = if limit < 1 << 20 {
        format!("{limit} byte{}", plural(limit))
    } else {
        format!("{} MiB", limit >> 20)
    };
    let what = format!("the store's answer is longer than {limit}");
    Failure::invalid_value(what, "keep large data elsewhere")
}

/// Gives the connection up, unless the server ended this one stream of it alone (RFC 9113 §5.4.2).
fn lost(permit: &Permit, error: &hyper::Error) -> Miss {
    let of_stream =
        error.source().and_then(|source| source.downcast_ref::<h2::Error>()).is_some_and(h2::Error::is_reset);
    if !of_stream {
        permit.retire();
    }
    Miss::Lost { shared: permit.is_shared() }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};
    use std::time::Instant;

    use http::{HeaderName, Method};

    use super::*;
    use crate::failure::Kind;
    use crate::net::Address;
    use crate::run::Run;

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

    /// A server that takes a connection for each of the answers, and ends it after that. Returns the requests it read.
    fn server(answers: &'static [&'static str]) -> (Transport, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let address = Address::parse("address", &url, false).unwrap();
        let serve = move |answer: &&str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request[..length].to_vec()).unwrap()
        };
        let transport = Transport::new(Route::to(address, &Run::new(Instant::now()))).unwrap();
        (transport, thread::spawn(move || answers.iter().map(serve).collect()))
    }

    fn send(transport: &Transport, request: Request) -> Result<Response, Failure> {
        crate::runtime::run(transport.send(request)).unwrap()
    }

    fn header(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    }

    #[test]
    fn headers_are_sent_as_often_as_they_are_given_and_the_host_is_our_own() {
        let (transport, server) = server(&[OK]);
        let given = [header("x-twice", "one"), header("host", "elsewhere"), header("x-twice", "two")];
        send(&transport, Request::get("/").headers(given)).unwrap();
        let sent = server.join().unwrap().remove(0);
        assert!(sent.contains("x-twice: one\r\nx-twice: two\r\n") && !sent.contains("elsewhere"), "{sent}");
    }

    #[test]
    fn what_may_be_sent_twice_is_for_the_engine_to_send_again() {
        for (replay, retry) in [(Replay::Safe, Retry::Soon), (Replay::Never, Retry::No)] {
            let (transport, server) = server(&[""]);
            let request = Request::new(Method::POST, "/").body("read this").replay(replay);
            let failure = send(&transport, request).err().unwrap();
            assert_eq!((failure.kind(), failure.retry()), (Kind::Unavailable, retry));
            server.join().unwrap();
        }
    }

    #[test]
    fn a_redirect_is_given_back_where_it_is_asked_for() {
        const AWAY: &str =
            "HTTP/1.1 302 Found\r\nlocation: /x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let (transport, server) = server(&[AWAY, AWAY, OK]);
        let seen = send(&transport, Request::get("/").without_redirects()).unwrap();
        let followed = send(&transport, Request::get("/")).unwrap();
        assert_eq!((seen.status.as_u16(), followed.status.as_u16()), (302, 200));
        server.join().unwrap();
    }

    #[test]
    fn the_limit_of_a_body_belongs_to_the_request() {
        let (transport, server) = server(&[OK, OK]);
        let failure = send(&transport, Request::get("/").limit(1)).err().unwrap();
        assert_eq!(failure.what(), "the store's answer is longer than 1 byte");
        assert_eq!(send(&transport, Request::get("/").limit(2)).unwrap().body, b"hi");
        server.join().unwrap();
    }

    #[test]
    fn an_sdk_can_hold_it_and_print_it() {
        fn is_shared<T: Send + Sync + fmt::Debug + 'static>(_: &T) {}
        fn is_sent<T: Send>(_: T) {}
        let address = Address::parse("address", "http://localhost:1/base", false).unwrap();
        let transport = Transport::new(Route::to(address, &Run::new(Instant::now()))).unwrap();
        is_shared(&transport);
        is_sent(transport.send(Request::get("/")));
        assert_eq!(format!("{transport:?}"), "Transport(http://localhost:1)");
    }
}
