//! Calls to the keychain provider: sent together, and answered in any order.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::StreamExt as _;
use secretref_protocol::Failure;
use tokio::time::timeout;
use zbus::message::{Builder, Type};
use zbus::names::{InterfaceName, MemberName, WellKnownName};
use zbus::{DynamicType, Message, MessageStream, ObjectPath};

use super::Service;
use super::classify::{classify, gone, silent};

/// The most calls without an answer. The default limit of a bus is 128.
const AT_ONCE: usize = 112;

/// How many calls are sent in one write: few enough that the provider answers the first while the next are built.
const TOGETHER: usize = 16;

/// The longest time without any answer to several calls. If a search hangs, the rest of the run has the time left.
const IDLE: Duration = Duration::from_millis(1500);

/// The calls to send, each with its number.
type Calls<'a> = &'a mut dyn Iterator<Item = (usize, Result<Message, Failure>)>;

/// Receives the result of a call, with its number.
type Give<'a> = &'a mut dyn FnMut(usize, Result<Message, Failure>);

/// The name of the keychain provider on the bus.
pub(super) const NAME: &str = "org.freedesktop.secrets";
const BUS: &str = "org.freedesktop.DBus";

/// Builds a call to the provider.
pub(super) fn call<B: serde::Serialize + DynamicType>(
    path: &ObjectPath<'_>,
    interface: &'static str,
    method: &'static str,
    body: &B,
) -> Result<Message, Failure> {
    built(to(NAME, path, interface, method).build(body))
}

/// Builds a call to the bus itself.
pub(super) fn call_bus(method: &'static str, word: &str) -> Result<Message, Failure> {
    static PATH: ObjectPath<'static> = ObjectPath::from_static_str_unchecked("/org/freedesktop/DBus");
    built(to(BUS, &PATH, BUS, method).build(&word))
}

/// Starts a call. The names are constants and are not checked again.
fn to<'p>(
    whom: &'static str,
    path: &ObjectPath<'p>,
    interface: &'static str,
    method: &'static str,
) -> Builder<'p> {
    Message::method_call(path.clone(), MemberName::from_static_str_unchecked(method))
        .destination(WellKnownName::from_static_str_unchecked(whom))
        .interface(InterfaceName::from_static_str_unchecked(interface))
}

fn built(call: zbus::Result<Message>) -> Result<Message, Failure> {
    call.map_err(|error| classify(&error))
}

impl Service {
    /// Calls the provider, and returns its answer.
    pub(super) fn ask<B: serde::Serialize + DynamicType>(
        &self,
        path: &ObjectPath<'_>,
        interface: &'static str,
        method: &'static str,
        body: &B,
    ) -> impl Future<Output = Result<Message, Failure>> {
        self.answer(call(path, interface, method, body))
    }

    /// Sends a call, and returns its answer. It is compiled once for all types of body.
    pub(super) async fn answer(&self, call: Result<Message, Failure>) -> Result<Message, Failure> {
        let mut given = Err(gone());
        // A call that changes something has no limit of its own.
        self.exchange(&mut std::iter::once((0, call)), &mut |_, answer| given = answer, None).await;
        given
    }

    /// Sends calls, and reads each answer as it arrives. Fails those that are open when no answer arrives for too long.
    pub(super) async fn ask_all<T>(
        &self,
        calls: impl Iterator<Item = Result<Message, Failure>>,
        read: impl Fn(&Message) -> Result<T, Failure>,
    ) -> Vec<Result<T, Failure>> {
        let mut answers = Vec::new();
        let mut give = |place, answer: Result<Message, Failure>| {
            if answers.len() <= place {
                answers.resize_with(place + 1, || None);
            }
            answers[place] = Some(answer.and_then(|answer| read(&answer)));
        };
        self.exchange(&mut calls.enumerate(), &mut give, Some(IDLE)).await;
        answers.into_iter().flatten().collect()
    }

    /// Sends calls, and gives the result of each to `give`.
    async fn exchange(&self, calls: Calls<'_>, give: Give<'_>, idle: Option<Duration>) {
        let mut open = Vec::with_capacity(AT_ONCE);
        if let Err(end) = self.talk(calls, give, &mut open, idle).await {
            let unmade = calls.map(|(place, _)| place);
            open.into_iter()
                .map(|(_, place)| place)
                .chain(unmade)
                .for_each(|place| give(place, Err(end.clone())));
        }
    }

    /// Sends calls until one ends the exchange. `open` holds the calls without an answer, by serial number.
    async fn talk(
        &self,
        calls: Calls<'_>,
        give: Give<'_>,
        open: &mut Vec<(NonZeroU32, usize)>,
        idle: Option<Duration>,
    ) -> Result<(), Failure> {
        let mut messages = MessageStream::from(&self.bus);
        loop {
            while open.len() + TOGETHER <= AT_ONCE {
                let group: Vec<_> = (&mut *calls).take(TOGETHER).collect();
                if group.is_empty() {
                    break;
                }
                self.send(group, give, open).await?;
            }
            if open.is_empty() {
                return Ok(());
            }
            let next = match idle {
                Some(idle) => timeout(idle, messages.next()).await.map_err(|_| silent(true))?,
                None => messages.next().await,
            };
            let message = next.ok_or_else(gone)?.map_err(|error| classify(&error))?;
            let serial = message.header().reply_serial();
            let Some(at) = open.iter().position(|(call, _)| Some(*call) == serial) else { continue };
            let (_, place) = open.swap_remove(at);
            let is_error = message.message_type() == Type::Error;
            give(place, if is_error { Err(classify(&message.into())) } else { Ok(message) });
        }
    }

    /// Sends a few calls in one write.
    async fn send(
        &self,
        calls: Vec<(usize, Result<Message, Failure>)>,
        give: Give<'_>,
        open: &mut Vec<(NonZeroU32, usize)>,
    ) -> Result<(), Failure> {
        let mut made = Vec::with_capacity(calls.len());
        for (place, call) in calls {
            match call {
                Ok(call) => {
                    open.push((call.primary_header().serial_num(), place));
                    made.push(call);
                }
                Err(failure) => give(place, Err(failure)),
            }
        }
        self.bus.send_all(&made).await.map_err(|error| classify(&error))
    }
}
