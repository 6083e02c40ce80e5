//! What provides a keychain and hangs at one question: no real provider does that when it is asked to.

use std::collections::HashMap;
use std::path::PathBuf;

use futures_util::StreamExt as _;
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, OwnedObjectPath, Variant};

use crate::keyring::Session;

/// Provides the keychain of a session without one: each account has an entry with the value `value-ACCOUNT`, and for that
/// of `silent` no search is answered. It ends with the session.
pub fn provide(session: &Session, silent: &'static str) {
    let (bus, (ready, is_ready)) = (session.bus(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(serve(bus, silent, || ready.send(()).expect("a test")));
    });
    is_ready.recv().expect("it is on the bus");
}

async fn serve(bus: PathBuf, silent: &str, ready: impl Fn()) {
    let address = format!("unix:path={}", bus.display());
    let builder = Builder::address(address.as_str()).name("org.freedesktop.secrets");
    let connection = builder.build().await.expect("a connection");
    let mut calls = MessageStream::from(&connection);
    ready();
    while let Some(Ok(call)) = calls.next().await {
        if call.message_type() == Type::MethodCall {
            answer(&connection, &call, silent).await;
        }
    }
}

async fn answer(connection: &Connection, call: &Message, silent: &str) {
    let header = call.header();
    let member = header.member().map(|member| member.as_str().to_owned()).unwrap_or_default();
    let sent = match member.as_str() {
        "ReadAlias" => connection.reply(&header, &path("session")).await,
        "OpenSession" => connection.reply(&header, &(Variant::from(""), path("session"))).await,
        "SearchItems" => {
            let attributes: HashMap<String, String> = call.body().deserialize().expect("attributes");
            if attributes.values().any(|value| value == silent) {
                return;
            }
            let found: Vec<_> = attributes.get("username").map(|account| path(account)).into_iter().collect();
            connection.reply(&header, &(found, Vec::<OwnedObjectPath>::new())).await
        }
        "GetSecrets" => {
            let (paths, session): (Vec<OwnedObjectPath>, OwnedObjectPath) =
                call.body().deserialize().expect("paths");
            let value = |path: &OwnedObjectPath| {
                format!("value-{}", path.rsplit('/').next().unwrap_or_default()).into_bytes()
            };
            let secret = |path: OwnedObjectPath| {
                let value = (session.clone(), Vec::<u8>::new(), value(&path), "text/plain");
                (path, value)
            };
            connection.reply(&header, &paths.into_iter().map(secret).collect::<HashMap<_, _>>()).await
        }
        other => panic!("nothing asks for {other}"),
    };
    sent.expect("the bus takes it");
}

fn path(name: &str) -> OwnedObjectPath {
    format!("/org/freedesktop/secrets/collection/{name}").try_into().expect("a path")
}
