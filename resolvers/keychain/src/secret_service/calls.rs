//! Calls to what provides the keychain: made together, and answered in any order.

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

/// How many calls are open at a time: a bus that was told nothing else lets 128 be.
const AT_ONCE: usize = 112;

/// How many calls go out in one write: few enough that the first is being answered while the next are made.
const TOGETHER: usize = 16;

/// How long none of several questions may be answered: of a search that hangs, the others are to have the rest of the time.
const IDLE: Duration = Duration::from_millis(1500);

/// Calls to be made, each with its number.
type Calls<'a> = &'a mut dyn Iterator<Item = (usize, Result<Message, Failure>)>;

/// Takes what becomes of a call, with its number.
type Give<'a> = &'a mut dyn FnMut(usize, Result<Message, Failure>);

/// The name that who provides the keychain has on the bus.
pub(super) const NAME: &str = "org.freedesktop.secrets";
const BUS: &str = "org.freedesktop.DBus";

/// A call to the provider, to be made.
pub(super) fn call<B: serde::Serialize + DynamicType>(
    path: &ObjectPath<'_>,
    interface: &'static str,
    method: &'static str,
    body: &B,
) -> Result<Message, Failure> {
    built(to(NAME, path, interface, method).build(body))
}

/// A call to the bus itself.
pub(super) fn call_bus(method: &'static str, word: &str) -> Result<Message, Failure> {
    static PATH: ObjectPath<'static> = ObjectPath::from_static_str_unchecked("/org/freedesktop/DBus");
    built(to(BUS, &PATH, BUS, method).build(&word))
}

/// The names are known, and not checked again.
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
    /// The answer to a call.
    pub(super) fn ask<B: serde::Serialize + DynamicType>(
        &self,
        path: &ObjectPath<'_>,
        interface: &'static str,
        method: &'static str,
        body: &B,
    ) -> impl Future<Output = Result<Message, Failure>> {
        self.answer(call(path, interface, method, body))
    }

    /// The same, compiled once, whatever the body.
    pub(super) async fn answer(&self, call: Result<Message, Failure>) -> Result<Message, Failure> {
        let mut given = Err(gone());
        // What changes something may take its time.
        self.exchange(&mut std::iter::once((0, call)), &mut |_, answer| given = answer, None).await;
        given
    }

    /// What each call is answered with, read as it comes. Those that are not answered while nothing else is are given up.
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

    /// Makes calls, and gives what becomes of each to `give`.
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

    /// The same until something ends it. `open` has the calls that are not answered, by their serial numbers.
    async fn talk(
        &self,
        calls: Calls<'_>,
        give: Give<'_>,
        open: &mut Vec<(NonZeroU32, usize)>,
        idle: Option<Duration>,
    ) -> Result<(), Failure> {
        let mut heard = MessageStream::from(&self.bus);
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
                Some(idle) => timeout(idle, heard.next()).await.map_err(|_| silent(true))?,
                None => heard.next().await,
            };
            let message = next.ok_or_else(gone)?.map_err(|error| classify(&error))?;
            let serial = message.header().reply_serial();
            let Some(at) = open.iter().position(|(call, _)| Some(*call) == serial) else { continue };
            let (_, place) = open.swap_remove(at);
            let is_error = message.message_type() == Type::Error;
            give(place, if is_error { Err(classify(&message.into())) } else { Ok(message) });
        }
    }

    /// Sends a few calls, in one write.
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
