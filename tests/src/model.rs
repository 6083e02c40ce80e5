//! A model, which sees what credential a gateway sends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};

use serde_json::{Value, json};

use crate::port;

/// A model behind the API of `OpenAI`. Its thread ends with the process.
#[derive(Debug)]
pub struct Model {
    /// The base URL of its API.
    pub address: String,
    /// The authorization of each request.
    pub authorizations: Receiver<String>,
}

impl Model {
    /// Starts one, which says hello.
    #[must_use]
    pub fn start() -> Self {
        let listener = port::listen();
        let address = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let (seen, authorizations) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Ok(authorization) = say_hello(stream) {
                    let _ = seen.send(authorization);
                }
            }
        });
        Self { address, authorizations }
    }
}

/// Answers one request, and returns its authorization.
fn say_hello(stream: TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                value.clone_into(&mut authorization);
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap_or(0);
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
    let chunk = |delta: Value, end: Value| {
        json!({
            "id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m1",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}],
        })
    };
    let first = chunk(json!({"role": "assistant", "content": "hello"}), Value::Null);
    let last = chunk(json!({}), json!("stop"));
    write!(
        reader.get_mut(),
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n\
         data: {first}\n\ndata: {last}\n\ndata: [DONE]\n\n"
    )?;
    Ok(authorization)
}
