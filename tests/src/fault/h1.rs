//! Acts over HTTP/1.1 (RFC 9112), by hand: a library would not send wrong bytes.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};

use super::door::hang;
use super::{Act, Asked, CANARY, Length, State, Then, Until};

/// Answers one request after the other.
pub(super) async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    state: &Arc<State>,
) -> io::Result<Then> {
    let mut stream = BufReader::new(stream);
    for turn in 1.. {
        let Some(mut asked) = read(&mut stream).await? else { break };
        (asked.connection, asked.turn) = (connection, turn);
        let act = state.act(asked);
        let sent = send(stream.get_mut(), &act).await;
        match act.then {
            Then::Keep => sent?,
            Then::Hang => hang(&mut stream).await,
            Then::Close | Then::GoAway(_) => {
                stream.shutdown().await?;
                break;
            }
            Then::Cut | Then::Reset(_) | Then::ResetConnection => return Ok(act.then),
        }
    }
    Ok(Then::Close)
}

/// The next request; `None` at the end of the connection.
async fn read(stream: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace();
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let method = words.next().unwrap_or_default().parse().map_err(|_| wrong())?;
    // A proxy sends the whole URL.
    let uri: Uri = words.next().unwrap_or_default().parse().map_err(|_| wrong())?;
    let path = uri.path_and_query().map_or_else(String::new, ToString::to_string);
    let mut headers = HeaderMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        headers.append(name, HeaderValue::try_from(value.trim()).map_err(|_| wrong())?);
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    Ok(Some(Asked { method, path, headers, body: body.into(), connection: 0, turn: 0, time: 0 }))
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), act: &Act) -> io::Result<()> {
    tokio::time::sleep(act.pause).await;
    for status in &act.informational {
        stream
            .write_all(format!("HTTP/1.1 {status} {CANARY}\r\nx-{CANARY}: {CANARY}\r\n\r\n").as_bytes())
            .await?;
    }
    let head = head(act);
    match &act.until {
        Until::Nothing => {}
        Until::HalfHead => write(stream, &head.as_bytes()[..head.len() / 2], act).await?,
        Until::EndlessHead => loop {
            write(stream, &head.as_bytes()[..head.len() - 2], act).await?;
        },
        Until::Bytes(bytes) => write(stream, bytes, act).await?,
        Until::Whole if act.length != Length::Chunked && act.pace.is_none() => {
            // In one piece, as servers do it.
            stream.write_all(&[head.as_bytes(), &act.answer.body].concat()).await?;
        }
        _ => {
            stream.write_all(head.as_bytes()).await?;
            match act.body() {
                Some(body) => send_body(stream, body, act).await?,
                None => loop {
                    send_body(stream, &act.answer.body, act).await?;
                },
            }
            if act.length == Length::Chunked && act.until == Until::Whole {
                stream.write_all(b"0\r\n\r\n").await?;
            }
        }
    }
    stream.flush().await
}

async fn send_body(stream: &mut (impl AsyncWrite + Unpin), body: &[u8], act: &Act) -> io::Result<()> {
    if act.length != Length::Chunked || body.is_empty() {
        return write(stream, body, act).await;
    }
    stream.write_all(format!("{:x}\r\n", body.len()).as_bytes()).await?;
    write(stream, body, act).await?;
    stream.write_all(b"\r\n").await
}

/// Writes at the pace of the act.
async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], act: &Act) -> io::Result<()> {
    let Some(pace) = act.pace else { return stream.write_all(bytes).await };
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        tokio::time::sleep(pace).await;
    }
    Ok(())
}

fn head(act: &Act) -> String {
    let mut head = format!("HTTP/1.1 {} {CANARY}\r\nx-{CANARY}: {CANARY}\r\n", act.answer.status);
    for (name, value) in &act.answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    match (act.length, act.promised()) {
        (_, Some(promised)) if act.answer.status != 204 => {
            let _ = write!(head, "content-length: {promised}\r\n");
        }
        (Length::Chunked, _) => head.push_str("transfer-encoding: chunked\r\n"),
        _ => {}
    }
    head.push_str("\r\n");
    head
}
