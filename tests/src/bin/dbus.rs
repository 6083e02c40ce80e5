//! The benchmark's yardstick for the keychain: the least that can answer a request from the Secret Service, D-Bus written
//! by hand over one blocking socket.
//!
//! It reads a request for ids of the form `service/account`, looks each up by the attributes `service` and `username`, all
//! at once, opens a session, gets the values at once, and writes a response. It has no settings and no deadline, and ignores
//! entries that are locked, missing or ambiguous. The resolver's extra time is for these. With `compare` it also asks for
//! the attributes of what was found, at the same time as for the session, and compares them with what it searched for.
//!
//! `dbus SOCKET [compare]`

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::{Map, Value, json};

const PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";

fn main() {
    let socket = std::env::args().nth(1).expect("a socket");
    let is_compared = std::env::args().nth(2).is_some_and(|argument| argument == "compare");
    let request: Value = serde_json::from_reader(std::io::stdin()).expect("a request");
    let ids: Vec<&str> = request["ids"].as_array().expect("ids").iter().filter_map(Value::as_str).collect();
    // A busy gnome-keyring does not understand the first call of a new client.
    let response = (0..3).find_map(|_| answer(&socket, &ids, is_compared)).expect("an answer");
    std::io::stdout().write_all(response.as_bytes()).expect("stdout");
}

/// The response; `None` if a call was answered with an error.
fn answer(socket: &str, ids: &[&str], is_compared: bool) -> Option<String> {
    let mut bus = Bus::connect(socket);
    let mut calls = Body::default();
    call(
        &mut calls,
        1,
        ["org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello"],
        "",
        &Body::default(),
    );
    for (at, id) in ids.iter().enumerate() {
        let (service, account) = id.rsplit_once('/').expect("service/account");
        let serial = 3 + u32::try_from(at).expect("few ids");
        call(
            &mut calls,
            serial,
            [SERVICE_NAME, PATH, SERVICE, "SearchItems"],
            "a{ss}",
            &search(service, account),
        );
    }
    bus.stream.write_all(&calls.0).expect("calls");
    let mut items = vec![String::new(); ids.len()];
    for _ in 0..ids.len() {
        let (serial, body) = bus.reply()?;
        let mut body = Reader(&body, 0);
        body.u32();
        items[serial as usize - 3] = body.string();
    }

    // Never as the first call, which can crash gnome-keyring.
    let mut calls = Body::default();
    let mut plain = Body::default();
    plain.string("plain");
    plain.signature("s");
    plain.string("");
    call(&mut calls, 2, [SERVICE_NAME, PATH, SERVICE, "OpenSession"], "sv", &plain);
    for (at, item) in items.iter().enumerate().filter(|_| is_compared) {
        let serial = ATTRIBUTES + u32::try_from(at).expect("few ids");
        let mut body = Body::default();
        body.string("org.freedesktop.Secret.Item");
        body.string("Attributes");
        call(&mut calls, serial, [SERVICE_NAME, item, "org.freedesktop.DBus.Properties", "Get"], "ss", &body);
    }
    bus.stream.write_all(&calls.0).expect("a call");
    let (_, body) = bus.reply()?;
    let mut body = Reader(&body, 0);
    body.signature();
    body.string();
    let session = body.string();
    for _ in items.iter().filter(|_| is_compared) {
        let (serial, body) = bus.reply()?;
        let (service, account) =
            ids[(serial - ATTRIBUTES) as usize].rsplit_once('/').expect("service/account");
        let attributes = attributes(&body);
        let is = |name: &str, value: &str| attributes.iter().any(|(n, v)| n == name && v == value);
        assert!(is("service", service) && is("username", account), "another entry than the one searched for");
    }

    let mut body = Body::default();
    body.array(4, |body| items.iter().for_each(|item| body.string(item)));
    body.string(&session);
    let mut calls = Body::default();
    call(&mut calls, 9999, [SERVICE_NAME, PATH, SERVICE, "GetSecrets"], "aoo", &body);
    bus.stream.write_all(&calls.0).expect("a call");
    let (_, body) = bus.reply()?;
    let found = secrets(&body);
    let value = |(id, item): (&&str, &String)| {
        let (_, value) = found.iter().find(|(path, _)| path == item).expect("a value");
        ((*id).to_owned(), Value::from(value.as_str()))
    };
    let values: Map<String, Value> = ids.iter().zip(&items).map(value).collect();
    Some(json!({"protocolVersion": 1, "values": values, "errors": {}}).to_string())
}

const SERVICE_NAME: &str = "org.freedesktop.secrets";
/// The serial of the first call for attributes.
const ATTRIBUTES: u32 = 10_000;

struct Bus {
    stream: UnixStream,
    rest: BufReader<UnixStream>,
}

impl Bus {
    fn connect(socket: &str) -> Self {
        let mut stream = UnixStream::connect(socket).expect("a bus");
        let uid = rustix::process::geteuid().as_raw().to_string();
        let uid: Vec<_> = uid.bytes().map(|byte| format!("{byte:02x}")).collect();
        let uid = uid.concat();
        stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\nBEGIN\r\n").as_bytes()).expect("a greeting");
        let mut rest = BufReader::new(stream.try_clone().expect("a socket"));
        let mut line = String::new();
        rest.read_line(&mut line).expect("an answer");
        assert!(line.starts_with("OK"), "{line}");
        Self { stream, rest }
    }

    /// The next reply to one of the calls from 2 on: its serial and body. `None` if it is an error.
    fn reply(&mut self) -> Option<(u32, Vec<u8>)> {
        loop {
            let mut head = [0; 16];
            self.rest.read_exact(&mut head).expect("a message");
            let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
            let (body, fields) = (number(4) as usize, number(12) as usize);
            let mut text = vec![0; fields.next_multiple_of(8) + body];
            self.rest.read_exact(&mut text).expect("a message");
            let serial = reply_serial(&text[..fields]);
            match head[1] {
                2 if serial > 1 => return Some((serial, text.split_off(fields.next_multiple_of(8)))),
                3 => return None,
                _ => {}
            }
        }
    }
}

/// The field 5 of a header.
fn reply_serial(fields: &[u8]) -> u32 {
    let mut reader = Reader(fields, 0);
    while reader.1 < fields.len() {
        reader.align(8);
        let code = reader.byte();
        match (code, reader.signature().as_str()) {
            (5, _) => return reader.u32(),
            (_, "u") => drop(reader.u32()),
            (_, "g") => drop(reader.signature()),
            _ => drop(reader.string()),
        }
    }
    0
}

fn search(service: &str, account: &str) -> Body {
    let mut body = Body::default();
    body.array(8, |body| {
        for (key, value) in [("service", service), ("username", account)] {
            body.align(8);
            body.string(key);
            body.string(value);
        }
    });
    body
}

fn call(
    into: &mut Body,
    serial: u32,
    [destination, path, interface, member]: [&str; 4],
    signature: &str,
    body: &Body,
) {
    let mut head = Body::default();
    head.0.extend([b'l', 1, 0, 1]);
    head.u32(u32::try_from(body.0.len()).expect("small"));
    head.u32(serial);
    head.array(8, |head| {
        for (code, kind, value) in
            [(1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", destination)]
        {
            head.align(8);
            head.0.push(code);
            head.signature(kind);
            head.string(value);
        }
        if !signature.is_empty() {
            head.align(8);
            head.0.push(8);
            head.signature("g");
            head.signature(signature);
        }
    });
    head.align(8);
    into.0.extend(head.0);
    into.0.extend(&body.0);
}

/// `a{o(oayays)}`.
fn secrets(body: &[u8]) -> Vec<(String, String)> {
    Reader(body, 0).array(|reader| {
        let path = reader.string();
        reader.align(8);
        reader.string();
        reader.bytes();
        let value = reader.bytes();
        reader.string();
        (path, String::from_utf8(value).expect("text"))
    })
}

/// `v` with `a{ss}` in it.
fn attributes(body: &[u8]) -> Vec<(String, String)> {
    let mut reader = Reader(body, 0);
    reader.signature();
    reader.array(|reader| (reader.string(), reader.string()))
}

/// A message that is being written: numbers little-endian, each at a multiple of its size.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn u32(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_le_bytes());
    }

    fn string(&mut self, text: &str) {
        self.u32(u32::try_from(text.len()).expect("short"));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn signature(&mut self, text: &str) {
        self.0.push(u8::try_from(text.len()).expect("short"));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn array(&mut self, alignment: usize, fill: impl FnOnce(&mut Self)) {
        self.u32(0);
        let at = self.0.len() - 4;
        self.align(alignment);
        let start = self.0.len();
        fill(self);
        let length = u32::try_from(self.0.len() - start).expect("small");
        self.0[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// A message that is being read.
struct Reader<'b>(&'b [u8], usize);

impl Reader<'_> {
    /// The entries of an array, each at a multiple of 8.
    fn array<T>(&mut self, entry: impl Fn(&mut Self) -> T) -> Vec<T> {
        let length = self.u32() as usize;
        self.align(8);
        let end = self.1 + length;
        let mut found = Vec::new();
        while self.1 < end {
            self.align(8);
            found.push(entry(self));
        }
        found
    }

    fn align(&mut self, to: usize) {
        self.1 = self.1.next_multiple_of(to);
    }

    fn byte(&mut self) -> u8 {
        self.1 += 1;
        self.0[self.1 - 1]
    }

    fn u32(&mut self) -> u32 {
        self.align(4);
        self.1 += 4;
        u32::from_le_bytes(self.0[self.1 - 4..self.1].try_into().expect("four bytes"))
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.u32() as usize;
        self.1 += length;
        self.0[self.1 - length..self.1].to_vec()
    }

    fn string(&mut self) -> String {
        let bytes = self.bytes();
        self.1 += 1;
        String::from_utf8(bytes).expect("text")
    }

    fn signature(&mut self) -> String {
        let length = usize::from(self.byte());
        self.1 += length + 1;
        String::from_utf8(self.0[self.1 - length - 1..self.1 - 1].to_vec()).expect("text")
    }
}
