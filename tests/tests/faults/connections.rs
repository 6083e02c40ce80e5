//! Faults of connections: TCP, TLS and the protocol.

use std::sync::Arc;

use secretref_tests::certificate::{Authority, Flaw};
use secretref_tests::fault::{self, Greeting, Line, Setup};

use super::case::{Case, EVERY, TLS, Wire};
use super::judge::as_whom;

/// The answer of a server that knows nothing newer than TLS 1.1 to a client that knows nothing older than 1.2: a
/// `ServerHello` of version 3.2 (RFC 4346 §7.4.1.3).
const TLS_1_1: &[u8] = &[
    0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 0, 0xc0, 0x13, 0,
];

pub fn cases() -> Vec<Case> {
    [tcp(), certificates(), languages()].into_iter().flatten().collect()
}

fn tcp() -> Vec<Case> {
    vec![
        Case::all("a server that accepts and says nothing", "TIMEOUT", |setup, _| {
            greet(setup, |_| Greeting::Silence)
        })
        .within(600)
        .over(EVERY),
        Case::all("connections that are reset at once", "UNAVAILABLE", |setup, _| {
            greet(setup, |_| Greeting::Reset)
        }),
        Case::all("connections that are closed at once", "UNAVAILABLE", |setup, _| {
            greet(setup, |_| Greeting::Close)
        }),
        Case::all("a first connection that is reset", "value", |setup, _| {
            greet(setup, |number| if number == 1 { Greeting::Reset } else { Greeting::Serve })
        }),
        Case::all("a banner of SSH to everybody", "UNAVAILABLE", |setup, _| {
            greet(setup, |_| Greeting::Bytes(b"SSH-2.0-canary\r\n".to_vec()))
        }),
        Case::all("a port without a listener", "UNAVAILABLE", |setup, _| setup)
            .at(|server| server.url().replace(&server.address().port().to_string(), "1"))
            .says("check that the store is running"),
    ]
}

fn certificates() -> Vec<Case> {
    let refused = |sentence, words, setup| Case::all(sentence, "UNAVAILABLE", setup).says(words).over(TLS);
    vec![
        refused("an authority that is not trusted", "is not signed by any CA in ", |setup, wire| {
            let (chain, key) = Authority::new("canary stranger").server(Flaw::None).der();
            Setup { tls: Some(fault::tls(chain, key, alpn(wire))), ..setup }
        }),
        refused("another authority of the same name", "is not signed by any CA in ", |setup, wire| {
            let (chain, key) = Authority::new("canary authority").server(Flaw::None).der();
            Setup { tls: Some(fault::tls(chain, key, alpn(wire))), ..setup }
        }),
        refused("a certificate that has expired", "has expired", |setup, wire| {
            shows(setup, wire, Flaw::Expired)
        }),
        refused("a certificate that is not valid yet", "is not valid yet", |setup, wire| {
            shows(setup, wire, Flaw::NotYetValid)
        }),
        refused("a certificate for another name", "is for another name", |setup, wire| {
            shows(setup, wire, Flaw::OtherName("canary.example.com"))
        }),
    ]
}

fn languages() -> Vec<Case> {
    let no_tls = |sentence, setup| Case::all(sentence, "UNAVAILABLE", setup).over(&[Wire::H1]);
    vec![
        Case::all("a server that ignores the question for HTTP/2", "value", |setup, _| Setup {
            tls: Some(as_whom(Flaw::None, &[])),
            ..setup
        })
        .over(TLS),
        Case::all("a server that speaks HTTP/2 though it agreed on nothing", "UNAVAILABLE", |setup, _| {
            Setup { tls: Some(as_whom(Flaw::None, &[])), speaks: Some(Line::H2), ..setup }
        })
        .over(TLS),
        Case::all("a server that agreed on HTTP/2 and speaks HTTP/1.1", "UNAVAILABLE", |setup, _| Setup {
            speaks: Some(Line::H1),
            ..setup
        })
        .over(&[Wire::H2]),
        Case::all("a server that agreed on HTTP/1.1 and speaks HTTP/2", "UNAVAILABLE", |setup, _| Setup {
            speaks: Some(Line::H2),
            ..setup
        })
        .over(&[Wire::H1]),
        Case::all("a server that knows another protocol than HTTP", "UNAVAILABLE", |setup, _| Setup {
            tls: Some(as_whom(Flaw::None, &["canary"])),
            ..setup
        })
        .over(TLS),
        no_tls("TLS to a port of clear text", |setup, _| Setup { tls: None, ..setup })
            .at(|server| server.url().replace("http:", "https:"))
            .says("check that this port speaks TLS"),
        no_tls("clear text to a port of TLS", |setup, _| setup)
            .at(|server| server.url().replace("https:", "http:"))
            .in_clear(),
        no_tls("a server of TLS 1.1 alone", |setup, _| greet(setup, |_| Greeting::Bytes(TLS_1_1.to_vec())))
            .says("speaks TLS 1.2 or 1.3"),
        no_tls("a server of TLS 1.1 that says so", |setup, _| {
            greet(setup, |_| Greeting::Bytes(vec![0x15, 3, 2, 0, 2, 2, 70]))
        })
        .says("speaks TLS 1.2 or 1.3"),
    ]
}

fn greet(setup: Setup, greeting: fn(usize) -> Greeting) -> Setup {
    Setup { greeting: Arc::new(greeting), ..setup }
}

fn alpn(wire: Wire) -> &'static [&'static str] {
    if wire == Wire::H2 { &["h2", "http/1.1"] } else { &["http/1.1"] }
}

fn shows(setup: Setup, wire: Wire, flaw: Flaw) -> Setup {
    Setup { tls: Some(as_whom(flaw, alpn(wire))), ..setup }
}
