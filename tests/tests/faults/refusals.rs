//! Faults in the content of one response: the others keep their values.

use secretref_tests::fault::{Act, Answer, Asked, CANARY, Then, Until};

use super::case::{Case, TEXT, Wire};
use super::judge::TRAP;

pub fn cases() -> Vec<Case> {
    [foreign(), refused(), redirected()].into_iter().flatten().collect()
}

/// Responses of another program, or in another format.
fn foreign() -> Vec<Case> {
    let stranger = |sentence, fault| Case::one(sentence, "UNAVAILABLE", fault).tried(1);
    vec![
        stranger("a page of a captive portal", |act, _| act.answer(page(200))),
        stranger("a 404 of a proxy", |act, _| act.answer(page(404))),
        stranger("a 403 of a proxy", |act, _| act.answer(page(403))),
        stranger("a 204 without a body", |act, _| act.answer(Answer::new(204, ""))),
        stranger("a 200 without a body", |act, _| act.answer(Answer::new(200, ""))),
        stranger("a compressed body that was not asked for", |act, _| {
            let body = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], CANARY.as_bytes()].concat();
            act.answer(Answer::new(200, body).header("content-encoding", "gzip"))
        }),
        stranger("a body that is no UTF-8", |act, _| {
            act.answer(Answer::new(200, [b"{\"data\":\"canary\xff\"}".as_slice(), &[0xfe]].concat()))
        }),
        stranger("JSON that is no answer", |act, _| act.answer(Answer::new(200, r#"["canary"]"#))),
        stranger("JSON of great depth", |act, _| act.answer(Answer::new(200, "[".repeat(1 << 16)))),
        Case::one("a banner of SSH", "UNAVAILABLE", |act, _| {
            act.until(Until::Bytes(b"SSH-2.0-canary\r\n".to_vec())).then(Then::Close)
        })
        .over(TEXT),
        Case::one("bytes that are no HTTP", "UNAVAILABLE", |act, _| {
            act.until(Until::Bytes([b"\0\xff\r\n\r\ncanary".as_slice(), &[7; 4000]].concat()))
                .then(Then::Close)
        })
        .over(TEXT),
        Case::one("a status that is no number", "UNAVAILABLE", |act, _| {
            act.until(Until::Bytes(b"HTTP/1.1 canary OK\r\n\r\n".to_vec())).then(Then::Close)
        })
        .over(TEXT),
        Case::one("two lengths that differ", "UNAVAILABLE", |act, _| act.header("content-length", "3"))
            .over(TEXT),
    ]
}

fn page(status: u16) -> Answer {
    Answer::new(status, format!("<html><title>{CANARY}</title></html>")).header("content-type", "text/html")
}

/// Temporary and permanent refusals.
fn refused() -> Vec<Case> {
    let passes = |sentence, fault| Case::one(sentence, "value", fault).tried(2);
    let stays = |sentence, fault| Case::one(sentence, "UNAVAILABLE", fault).tried(3);
    vec![
        passes("a 500 that passes", |act, asked| once(500, act, asked)),
        passes("a 502 that passes", |act, asked| once(502, act, asked)),
        passes("a 503 that passes", |act, asked| once(503, act, asked)),
        passes("a 400 of a mount that is not ready yet", |act, asked| match asked.time {
            1 => act.answer(Answer::new(400, format!(r#"{{"errors":["{CANARY}"]}}"#))),
            _ => act,
        }),
        stays("a 500 that stays", |act, _| act.answer(page(500))),
        stays("a 502 that stays", |act, _| act.answer(page(502))),
        stays("a 503 that stays", |act, _| act.answer(page(503))),
        Case::one("a 503 for longer than there is time", "UNAVAILABLE", |act, _| {
            act.answer(page(503).header("retry-after", "3600"))
        })
        .tried(1),
        passes("a 429 with a short pause", |act, asked| match asked.time {
            1 => act.answer(page(429).header("retry-after", "1")),
            _ => act,
        })
        .within(3000),
        Case::one("a 429 for longer than there is time", "RATE_LIMITED", |act, _| {
            act.answer(page(429).header("retry-after", "3600"))
        })
        .tried(1),
        Case::one("a 429 until a date", "RATE_LIMITED", |act, _| {
            act.answer(page(429).header("retry-after", "Sun, 06 Nov 2094 08:49:37 GMT"))
        })
        .within(900),
        Case::one("a 429 with a pause that is no number", "RATE_LIMITED", |act, _| {
            act.answer(page(429).header("retry-after", CANARY))
        })
        .within(900),
        Case::one("a 429 for longer than there are numbers", "RATE_LIMITED", |act, _| {
            act.answer(page(429).header("retry-after", u64::MAX.to_string()))
        }),
    ]
}

fn once(status: u16, act: Act, asked: &Asked) -> Act {
    if asked.time == 1 { act.answer(page(status)) } else { act }
}

/// Redirects.
fn redirected() -> Vec<Case> {
    let away = |sentence, fault| {
        Case::one(sentence, "UNAVAILABLE", fault).says("redirects to another address").tried(1)
    };
    vec![
        Case::one("a redirect within the origin", "value", |act, asked| match asked.time {
            1 => redirect(act, &asked.path),
            _ => act,
        })
        .tried(2),
        Case::one("a redirect in circles", "UNAVAILABLE", |act, asked| redirect(act, &asked.path))
            .says("redirects in a loop"),
        Case::one("a redirect that leads nowhere", "UNAVAILABLE", |act, _| act.answer(page(302))).tried(1),
        away("a redirect to another port", |act, _| {
            redirect(act, &format!("http://{}/{CANARY}", TRAP.address()))
        }),
        away("a redirect to another host", |act, _| {
            redirect(act, &format!("http://localhost:{}/{CANARY}", TRAP.address().port()))
        }),
        away("a redirect to another scheme", |act, _| {
            redirect(act, &format!("https://{}/{CANARY}", TRAP.address()))
        }),
        away("a redirect without a scheme", |act, _| {
            redirect(act, &format!("//{}/{CANARY}", TRAP.address()))
        }),
        away("a redirect with a credential", |act, asked| {
            let host = asked.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
            redirect(act, &format!("http://{CANARY}:{CANARY}@{host}/{CANARY}"))
        }),
        away("a redirect from HTTPS to clear text", |act, asked| {
            let host = asked.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
            redirect(act, &format!("http://{host}/{CANARY}"))
        })
        .over(&[Wire::H1]),
    ]
}

fn redirect(act: Act, to: &str) -> Act {
    act.answer(page(307).header("location", to))
}
