//! Acts over HTTP/2 (RFC 9113).

use std::future::poll_fn;
use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{RecvStream, SendStream};
use http::{HeaderValue, Request, Response, header};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use super::{Act, Asked, CANARY, State, Then, Until};

/// How long a connection may still write before it is reset.
const FLUSH: Duration = Duration::from_millis(20);

/// Answers all requests at once.
pub(super) async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    number: usize,
    state: &Arc<State>,
) -> io::Result<Then> {
    let streams = state.setup.streams;
    let mut builder = Builder::new();
    builder.max_concurrent_streams(streams.most);
    if let Some(window) = streams.window {
        builder.initial_window_size(window);
    }
    match streams.first {
        None => converse(builder.handshake(stream).await.map_err(io::Error::other)?, number, state).await,
        Some((most, pause)) => {
            let stream = restrain(stream, most, pause).await?;
            converse(builder.handshake(stream).await.map_err(io::Error::other)?, number, state).await
        }
    }
}

/// Allows `most` streams for `pause`: sends these settings itself, and hides the client's acknowledgement.
async fn restrain(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    most: u32,
    pause: Duration,
) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    const ACK: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
    let (mut reader, mut writer) = tokio::io::split(stream);
    let settings = [&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3][..], &most.to_be_bytes()].concat();
    writer.write_all(&settings).await?;
    writer.flush().await?;
    let mut said = Vec::new();
    while !said.ends_with(&ACK) {
        said.push(reader.read_u8().await?);
    }
    said.truncate(said.len() - ACK.len());
    tokio::time::sleep(pause).await;
    Ok(tokio::io::join(Cursor::new(said).chain(reader), writer))
}

async fn converse(
    mut connection: Connection<impl AsyncRead + AsyncWrite + Unpin, Bytes>,
    number: usize,
    state: &Arc<State>,
) -> io::Result<Then> {
    let (ends, mut ended) = mpsc::unbounded_channel();
    let mut turn = 0;
    loop {
        tokio::select! {
            // Also writes the responses that are ready, since the end comes after them.
            biased;
            accepted = connection.accept() => {
                let Some(accepted) = accepted else { return Ok(Then::Close) };
                let (request, respond) = accepted.map_err(io::Error::other)?;
                turn += 1;
                let (state, ends) = (Arc::clone(state), ends.clone());
                tokio::spawn(async move {
                    let Ok(asked) = read(request, number, turn).await else { return };
                    let act = state.act(asked);
                    let _ = send(respond, &act).await;
                    if matches!(act.then, Then::GoAway(_) | Then::ResetConnection | Then::Cut) {
                        let _ = ends.send(act.then);
                    }
                });
            }
            Some(then) = ended.recv() => match then {
                Then::GoAway(None) => connection.graceful_shutdown(),
                Then::GoAway(Some(reason)) => connection.abrupt_shutdown(reason),
                then => {
                    let _ = tokio::time::timeout(FLUSH, connection.accept()).await;
                    return Ok(then);
                }
            },
        }
    }
}

async fn read(request: Request<RecvStream>, connection: usize, turn: usize) -> Result<Asked, h2::Error> {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let (method, mut headers, body) = (head.method, head.headers, body.into());
    // As over HTTP/1.1, so that a handler finds the host in one place.
    if let Some(authority) = head.uri.authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok()) {
        headers.insert(header::HOST, authority);
    }
    Ok(Asked { method, path, headers, body, connection, turn, time: 0 })
}

async fn send(mut respond: SendResponse<Bytes>, act: &Act) -> Result<(), h2::Error> {
    tokio::time::sleep(act.pause).await;
    for status in &act.informational {
        respond.send_informational(head(*status, &[], None))?;
    }
    if matches!(act.until, Until::Nothing | Until::HalfHead | Until::EndlessHead | Until::Bytes(_)) {
        match act.then {
            Then::Reset(reason) => respond.send_reset(reason),
            Then::Hang => drop(poll_fn(|context| respond.poll_reset(context)).await),
            // Until the connection has ended, which comes at once.
            _ => tokio::time::sleep(2 * FLUSH).await,
        }
        return Ok(());
    }
    let response = head(act.answer.status, &act.answer.headers, act.promised());
    let bare = act.until == Until::Whole && act.answer.body.is_empty() && act.then != Then::Hang;
    let mut stream = respond.send_response(response, bare)?;
    match act.body() {
        Some(body) => send_body(&mut stream, body, act).await?,
        None => loop {
            send_body(&mut stream, &act.answer.body, act).await?;
        },
    }
    match act.then {
        Then::Reset(reason) if act.until != Until::Whole => stream.send_reset(reason),
        Then::Hang => drop(poll_fn(|context| stream.poll_reset(context)).await),
        Then::Cut | Then::ResetConnection if act.until != Until::Whole => tokio::time::sleep(2 * FLUSH).await,
        _ if !bare => stream.send_data(Bytes::new(), true)?,
        _ => {}
    }
    Ok(())
}

async fn send_body(stream: &mut SendStream<Bytes>, body: &[u8], act: &Act) -> Result<(), h2::Error> {
    let mut left = Bytes::copy_from_slice(body);
    while !left.is_empty() {
        let wanted = if act.pace.is_some() { 1 } else { left.len() };
        stream.reserve_capacity(wanted);
        let Some(granted) = poll_fn(|context| stream.poll_capacity(context)).await.transpose()? else {
            break;
        };
        stream.send_data(left.split_to(granted.min(wanted)), false)?;
        if let Some(pace) = act.pace {
            tokio::time::sleep(pace).await;
        }
    }
    Ok(())
}

fn head(status: u16, headers: &[(String, String)], length: Option<usize>) -> Response<()> {
    let mut response = Response::builder().status(status).header(format!("x-{CANARY}"), CANARY);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    if let Some(length) = length.filter(|_| status != 204) {
        response = response.header(http::header::CONTENT_LENGTH, length);
    }
    response.body(()).expect("a head")
}
