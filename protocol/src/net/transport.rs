//! Requests and answers: redirects, bounds, and what to make of a connection that breaks.

use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Body as _;

use super::lanes::{Body, Lane, Lanes};
use super::{Ask, Reply, Route, tunnel};
use crate::failure::{Failure, Retry};

/// The most bytes of an answer. A secret that is longer would not pass the gateway's own limit.
const BODY_LIMIT: usize = 2 << 20;

/// How often a request that is lost with a shared connection is sent again though nothing else was answered.
const CHANCES: usize = 3;

/// The most redirects that are followed, all within the origin.
const REDIRECTS: usize = 3;

/// One origin and the connections to it. Requests may be sent at the same time; they share what is open.
pub struct Transport {
    lanes: Lanes,
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
        Ok(Self { lanes: Lanes::new(route)?, answers: AtomicUsize::new(0) })
    }

    /// The way to the origin.
    #[must_use]
    pub fn route(&self) -> &Route {
        self.lanes.route()
    }

    /// Announces requests to come, so that the right number of connections is opened from the start.
    pub fn expect(&self, requests: usize) {
        self.lanes.expect(requests);
    }

    /// Sends a request and reads the whole answer, following redirects within the origin.
    ///
    /// Fails with `UNAVAILABLE` where there is no answer; an answer of any status is a success here.
    pub async fn send(&self, ask: Ask) -> Result<Reply, Failure> {
        let mut path = ask.path.clone();
        for _ in 0..=REDIRECTS {
            let reply = self.exchange(&ask, &path).await?;
            if reply.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
                && let Some(failure) = self.refused_by_proxy(reply.status)
            {
                return Err(failure);
            }
            if !reply.status.is_redirection() || ask.method != Method::GET {
                return Ok(reply);
            }
            let location = reply.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location else { return Ok(reply) };
            let route = self.route();
            path = route.address.path_within(location).ok_or_else(|| {
                Failure::unavailable(
                    format!("{route} redirects to another place, which is not followed with a credential"),
                    format!("set `{}` to where it leads", route.address.key()),
                )
                .retry(Retry::No)
            })?;
        }
        Err(Failure::unavailable(
            format!("{} redirects in circles", self.route()),
            "check what stands before the store",
        )
        .retry(Retry::No))
    }

    /// What it means where an answer is not the store's: that of a proxy of plain HTTP, which answers in its place.
    #[must_use]
    pub fn refused_by_proxy(&self, status: StatusCode) -> Option<Failure> {
        let proxy =
            self.route().forwarder().filter(|_| status.is_client_error() || status.is_server_error())?;
        Some(tunnel::refused(proxy, &self.route().address, status.as_u16()))
    }

    /// Sends a request over the first free lane. One that is lost with its connection is sent again at once, as long as
    /// others have got answers meanwhile, and a few times more where it shared the connection: a server may close one
    /// after so many requests. Whatever else fails is the engine's to ask again.
    async fn exchange(&self, ask: &Ask, path: &str) -> Result<Reply, Failure> {
        let mut chances = CHANCES;
        loop {
            let before = self.answers.load(Ordering::Relaxed);
            match self.exchange_once(ask, path).await {
                Ok(reply) => return Ok(reply),
                Err(Miss::Failed(failure)) => return Err(failure),
                Err(Miss::Lost { .. }) if let Some(refusal) = self.lanes.refusal() => return Err(refusal),
                Err(Miss::Lost { .. })
                    if ask.method == Method::GET && self.answers.load(Ordering::Relaxed) > before => {}
                Err(Miss::Lost { shared: true }) if ask.method == Method::GET && chances > 0 => chances -= 1,
                Err(Miss::Lost { .. }) => {
                    let what = format!("{} ended the connection without a whole answer", self.route());
                    let remedy = "see whether this port speaks HTTP, and look into the server's log";
                    let failure = Failure::unavailable(what, remedy);
                    // What is not a read may have been done, and done twice is another thing: a credential may be used up.
                    let is_read = ask.method == Method::GET;
                    return Err(if is_read { failure } else { failure.retry(Retry::No) });
                }
            }
        }
    }

    async fn exchange_once(&self, ask: &Ask, path: &str) -> Result<Reply, Miss> {
        let mut lane = self.lanes.lane().await.map_err(Miss::Failed)?;
        let request = self.request(ask, path, lane.is_shared()).map_err(Miss::Failed)?;
        let (head, mut body) = lane.send(request).await.map_err(|error| lost(&lane, &error))?.into_parts();
        if body.size_hint().lower() > BODY_LIMIT as u64 {
            return Err(Miss::Failed(too_long()));
        }
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|error| lost(&lane, &error))?.into_data() {
                if bytes.len() + data.len() > BODY_LIMIT {
                    return Err(Miss::Failed(too_long()));
                }
                bytes.extend_from_slice(&data);
            }
        }
        lane.release().await;
        self.answers.fetch_add(1, Ordering::Relaxed);
        Ok(Reply { status: head.status, headers: head.headers, body: bytes })
    }

    fn request(&self, ask: &Ask, path: &str, shared: bool) -> Result<Request<Body>, Failure> {
        let address = &self.route().address;
        let forwarder = self.route().forwarder();
        // HTTP/2 has scheme and authority in the URI, as has HTTP/1.1 to a proxy (RFC 9112 §3.2.2); else the latter has a
        // header for the host and the path alone.
        let mut uri = Uri::builder().path_and_query(path);
        if shared || forwarder.is_some() {
            uri = uri.scheme(address.scheme()).authority(address.authority());
        }
        let uri = uri.build().map_err(|_| Failure::internal("a path that is no path"))?;
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri;
        if !shared {
            let host = HeaderValue::try_from(address.authority())
                .map_err(|_| Failure::internal("a host that is no host"))?;
            request.headers_mut().insert(header::HOST, host);
        }
        if let Some(authorization) = forwarder.and_then(|proxy| proxy.authorization.clone()) {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
        }
        request
            .headers_mut()
            .extend(ask.headers.iter().map(|(name, value)| (Some(name.clone()), value.clone())));
        Ok(request)
    }
}

fn too_long() -> Failure {
    let what = format!("the store's answer is longer than {} MiB", BODY_LIMIT >> 20);
    Failure::invalid_value(what, "keep large data elsewhere")
}

/// Gives the connection up, unless the server ended this one stream of it alone (RFC 9113 §5.4.2).
fn lost(lane: &Lane, error: &hyper::Error) -> Miss {
    let of_stream =
        error.source().and_then(|source| source.downcast_ref::<h2::Error>()).is_some_and(h2::Error::is_reset);
    if !of_stream {
        lane.retire();
    }
    Miss::Lost { shared: lane.is_shared() }
}
