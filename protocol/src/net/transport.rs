//! Requests and responses of one origin: redirects, limits, and connections that break.

use std::error::Error as _;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderValue, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body as _;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::pool::{Body, Permit, Pool};
use super::{Replay, Request, Response, Role, Route, tunnel};
use crate::failure::{Failure, Retry};
use crate::run::Stage;
use crate::text::plural;

/// How often a request is sent again after a shared connection broke and no other request got a response meanwhile.
const RETRIES_AFTER_LOSS: usize = 3;

/// The most redirects that are followed, all within the origin.
const REDIRECTS_LIMIT: usize = 3;

/// One origin and its connections. Requests may be sent at the same time and share the connections.
pub struct Transport {
    pool: Pool,
    /// The number of responses so far.
    responses: AtomicUsize,
}

/// Why a request has no response.
enum Unanswered {
    /// The connection or stream ended first.
    Lost {
        /// Whether other requests could use the same connection.
        shared: bool,
    },
    Failed(Failure),
}

impl Transport {
    /// Creates a transport without connections. Reads the files with certificates and keys if TLS is needed.
    ///
    /// # Errors
    /// `MISCONFIGURED` if such a file cannot be read or used.
    pub fn new(route: Route) -> Result<Self, Failure> {
        Ok(Self { pool: Pool::new(route)?, responses: AtomicUsize::new(0) })
    }

    /// Returns how the origin is reached.
    #[must_use]
    pub fn route(&self) -> &Route {
        self.pool.route()
    }

    /// Announces requests, so that the right number of connections is opened from the start.
    pub fn expect(&self, requests: usize) {
        self.pool.expect(requests);
    }

    /// Starts the first connection before there is a request for it: what its caller does next takes place while the network
    /// is waited for. A run that is shown step by step connects when it reads.
    pub async fn connect_ahead(&self) {
        if !self.route().run.is_traced() && self.pool.open_ahead() {
            // One turn to connect, and one to send the first bytes.
            for _ in 0..2 {
                yield_now().await;
            }
        }
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// `UNAVAILABLE` if there is no response. A response with any status is a success here.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let route = self.route();
        route.run.sent();
        let sent = match route.time_limit.filter(|_| !request.waits) {
            None => self.follow(request).await,
            Some(limit) => timeout(limit, self.follow(request)).await.unwrap_or_else(|_| {
                let failure = too_slow(route, limit);
                route.run.abandon(&failure);
                Err(failure)
            }),
        };
        route.run.received();
        sent
    }

    async fn follow(&self, mut request: Request) -> Result<Response, Failure> {
        for _ in 0..=REDIRECTS_LIMIT {
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
                record_redirect(route, location);
                redirected(route)
            })?;
        }
        let what = format!("{} redirects in a loop", self.route());
        Err(Failure::unavailable(what, "check the proxy in front of it").with_retry(Retry::No))
    }

    /// Returns the failure for an error status that a proxy for plain HTTP may have sent instead of the server.
    #[must_use]
    pub fn refused_by_proxy(&self, status: StatusCode) -> Option<Failure> {
        let proxy =
            self.route().forwarder().filter(|_| status.is_client_error() || status.is_server_error())?;
        Some(tunnel::refused(proxy, &self.route().address, status.as_u16()))
    }

    /// Sends a request as soon as the pool has a permit. If the connection breaks, a request that may be repeated is sent
    /// again at once when others have got responses meanwhile, and a few times more when the connection was shared: servers
    /// close a connection after some number of requests. All other retries are left to the engine.
    async fn exchange(&self, request: &Request) -> Result<Response, Failure> {
        let mut retries = RETRIES_AFTER_LOSS;
        let may_repeat = request.replay == Replay::Safe;
        loop {
            let before = self.responses.load(Ordering::Relaxed);
            match self.exchange_once(request).await {
                Ok(response) => return Ok(response),
                Err(Unanswered::Failed(failure)) => return Err(failure),
                Err(Unanswered::Lost { .. }) if let Some(refusal) = self.pool.refusal() => {
                    return Err(refusal);
                }
                Err(Unanswered::Lost { .. })
                    if may_repeat && self.responses.load(Ordering::Relaxed) > before => {}
                Err(Unanswered::Lost { shared: true }) if may_repeat && retries > 0 => retries -= 1,
                Err(Unanswered::Lost { .. }) => {
                    let what =
                        format!("{} closed the connection before the response was complete", self.route());
                    let remedy = "check that this port speaks HTTP, and check the server's log";
                    let failure = Failure::unavailable(what, remedy);
                    // The server may have acted on it.
                    return Err(if may_repeat { failure } else { failure.with_retry(Retry::No) });
                }
            }
        }
    }

    async fn exchange_once(&self, request: &Request) -> Result<Response, Unanswered> {
        let mut permit = self.pool.permit().await.map_err(Unanswered::Failed)?;
        let message = self.message(request, permit.is_shared()).map_err(Unanswered::Failed)?;
        let (head, mut body) =
            permit.send(message).await.map_err(|error| lost(&permit, &error))?.into_parts();
        if body.size_hint().lower() > request.limit as u64 {
            return Err(Unanswered::Failed(self.too_long(request.limit)));
        }
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|error| lost(&permit, &error))?.into_data() {
                if bytes.len() + data.len() > request.limit {
                    return Err(Unanswered::Failed(self.too_long(request.limit)));
                }
                bytes.extend_from_slice(&data);
            }
        }
        permit.release().await;
        self.responses.fetch_add(1, Ordering::Relaxed);
        Ok(Response { status: head.status, headers: head.headers, body: bytes })
    }

    /// Returns the request as the HTTP library sends it. `shared` is whether it uses HTTP/2.
    fn message(&self, request: &Request, shared: bool) -> Result<http::Request<Body>, Failure> {
        let address = &self.route().address;
        let forwarder = self.route().forwarder();
        // The URI has scheme and authority with HTTP/2, and with HTTP/1.1 to a proxy (RFC 9112 §3.2.2). Otherwise HTTP/1.1
        // has a Host header, and only the path in the URI.
        let mut uri = Uri::builder().path_and_query(request.path.as_str());
        if shared || forwarder.is_some() {
            uri = uri.scheme(address.scheme()).authority(address.authority());
        }
        let uri = uri.build().map_err(|_| Failure::internal("an invalid path in a request"))?;
        let mut message = http::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        *message.uri_mut() = uri;
        let headers = message.headers_mut();
        if !shared {
            let host = HeaderValue::try_from(address.authority())
                .map_err(|_| Failure::internal("an invalid host in a request"))?;
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

    fn too_long(&self, limit: usize) -> Failure {
        let (role, mib) = (self.route().role.name(), limit >> 20);
        let limit = if mib == 0 { format!("{limit} byte{}", plural(limit)) } else { format!("{mib} MiB") };
        let what = format!("the response of the {role} is longer than {limit}");
        match self.route().role {
            Role::Store => Failure::invalid_value(what, "store large data elsewhere"),
            // No secret is too long: another server answers.
            Role::SignIn | Role::Metadata => {
                let address = &self.route().address;
                let own = format!("check the address in `{}`, and the proxy in front of it", address.key());
                Failure::unavailable(what, address.check(own)).with_retry(Retry::No)
            }
        }
    }
}

/// Shows the origin and its proxy, and nothing that was sent or received.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({})", self.route())
    }
}

fn too_slow(route: &Route, limit: Duration) -> Failure {
    let (role, limit) = (route.role.name(), limit.as_millis());
    let what = format!("no response from the {role} {route} within {limit} ms");
    Failure::unavailable(what, "check that this machine has such a service").with_retry(Retry::No)
}

fn redirected(route: &Route) -> Failure {
    let set = format!("set `{}` to that address (`doctor --names` shows it)", route.address.key());
    Failure::unavailable(
        format!("{route} redirects to another address, and credentials are not sent there"),
        route.address.check(set),
    )
    .with_retry(Retry::No)
}

/// Records the target of a redirect for `doctor` alone, because the server chose its text.
fn record_redirect(route: &Route, location: &str) {
    if let Some((host, whole)) = route.address.led_to(location).filter(|_| route.run.is_traced()) {
        route.run.redact("host", host);
        route.run.redact("address", whole.as_str());
        route.run.fact(Stage::Connection, format!("the server redirects to {whole}"));
    }
}

/// Retires the connection, unless the server ended only this one stream (RFC 9113 §5.4.2).
fn lost(permit: &Permit, error: &hyper::Error) -> Unanswered {
    let of_stream =
        error.source().and_then(|source| source.downcast_ref::<h2::Error>()).is_some_and(h2::Error::is_reset);
    if !of_stream {
        permit.retire();
    }
    Unanswered::Lost { shared: permit.is_shared() }
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
        assert_eq!(failure.what(), "the response of the store is longer than 1 byte");
        assert_eq!(send(&transport, Request::get("/").limit(2)).unwrap().body, b"hi");
        server.join().unwrap();
    }

    #[test]
    fn only_the_answer_of_a_store_can_be_a_value_that_is_too_long() {
        for (role, kind) in [
            (Role::Store, Kind::InvalidValue),
            (Role::SignIn, Kind::Unavailable),
            (Role::Metadata, Kind::Unavailable),
        ] {
            let (transport, server) = server(&[OK]);
            let address = transport.route().address.clone();
            let route = Route { role, ..Route::to(address, &Run::new(Instant::now())) };
            let failure = send(&Transport::new(route).unwrap(), Request::get("/").limit(1)).err().unwrap();
            assert_eq!((failure.kind(), failure.retry()), (kind, Retry::No), "{failure}");
            server.join().unwrap();
        }
    }

    #[test]
    fn a_step_that_the_limit_of_an_origin_cuts_off_has_failed() {
        let run = Run::new(Instant::now());
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let address = Address::parse("address", &url, false).unwrap();
        let route = Route { time_limit: Some(Duration::from_millis(50)), ..Route::to(address, &run) };
        let _ = (route.run.begin(Stage::Connection), run.at("other").begin(Stage::Connection));
        let failure = send(&Transport::new(route).unwrap(), Request::get("/")).err().unwrap();
        assert!(failure.what().ends_with("within 50 ms"), "{failure}");
        let steps = run.steps();
        assert_eq!(steps[0].failure.as_ref(), Some(&failure));
        assert!(steps[0].took.is_some() && steps[1].took.is_none());
    }

    #[test]
    fn a_redirect_from_a_derived_host_blames_the_setting_it_is_derived_from() {
        let url = "https://sts.test";
        let address = crate::net::address::derived("region", Address::parse("region", url, false)).unwrap();
        let route = Route::to(address, &Run::new(Instant::now()));
        assert_eq!(redirected(&route).remedy(), "check `region`, which this host is derived from");
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
