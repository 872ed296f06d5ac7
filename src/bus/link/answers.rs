//! What comes from the engine: replies, in the order of the commands, and pushes in between.

use super::flight::{Flight, FlightKind, PendingCommand};
use super::greeting::refuse_engine;
use super::{BusCommand, BusEvent, BusFault, BusLink, BusReply, LinkState, LogEntry, PAUSE};
use crate::bus::codec::{RespDecoder, RespReader, RespToken};
use crate::bus::keys::Channel;
use crate::bus::replies::{known_place, parse_reply};
use crate::bus::request::RequestContext;
use crate::time::Instant;

/// Why a connection cannot go on.
type Broken = String;

impl BusLink {
    /// Takes bytes from the transport.
    pub(crate) fn received(&mut self, now: Instant, bytes: &[u8]) {
        if !matches!(self.state, LinkState::Greeting { .. } | LinkState::Up) {
            return;
        }
        // Out of the link while its frames are borrowed.
        let mut decoder = std::mem::replace(&mut self.decoder, RespDecoder::new(0));
        decoder.push(bytes);
        let result = loop {
            match decoder.next_frame() {
                Ok(Some(mut reader)) => {
                    if let Err(why) = self.on_frame(now, &mut reader) {
                        break Err(why);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.to_string()),
            }
        };
        self.decoder = decoder;
        if let Err(why) = result {
            self.give_up(now, &why);
        }
    }

    fn on_frame(&mut self, now: Instant, reader: &mut RespReader<'_>) -> Result<(), Broken> {
        if let Some(RespToken::Push(_)) = reader.clone().token() {
            reader.token();
            return self.on_push(now, reader);
        }
        let Some(Flight { kind, sent_at }) = self.flights.pop_front() else {
            return Err("the engine answered what nobody asked".to_owned());
        };
        let error = match reader.clone().token() {
            Some(RespToken::Error(error)) => Some(error),
            _ => None,
        };
        match kind {
            FlightKind::Hello => refuse_engine(reader).map_or(Ok(()), Err),
            FlightKind::Load(script) => {
                if let Some(is_reloading) = self.reloading.get_mut(script as usize) {
                    *is_reloading = false;
                }
                match reader.text() {
                    Some(name) if self.context.scripts.set(script, name) => Ok(()),
                    _ => Err(refusal("takes no script", error)),
                }
            }
            FlightKind::OwnChannels(_) => Err(refusal("subscribes to no channel", error)),
            FlightKind::Probe => self.on_probe_reply(now, error),
            FlightKind::Subscribe(logs, _) => {
                let Some(error) = error else {
                    return Err("the engine answered a subscription with a reply".to_owned());
                };
                let fault = BusFault::from_error(error);
                self.subscriptions.end_batch();
                for log in logs {
                    self.subscriptions.refused(&log);
                    let fault = fault.clone();
                    self.events.push_back(BusEvent::NotSubscribed { log, fault });
                }
                self.pump_subscriptions(now);
                Ok(())
            }
            FlightKind::Unsubscribe(_) => Err(refusal("does not unsubscribe", error)),
            FlightKind::Command(pending) => {
                self.counts.round_trip = Some(now.since(sent_at));
                self.on_reply(now, *pending, reader, error)
            }
        }
    }

    fn on_reply(
        &mut self,
        now: Instant,
        pending: PendingCommand,
        reader: &mut RespReader<'_>,
        error: Option<&[u8]>,
    ) -> Result<(), Broken> {
        if pending.is_abandoned {
            self.finish(&pending, Err(BusFault::Timeout));
            return Ok(());
        }
        if error.is_some_and(|error| error.starts_with(b"NOSCRIPT")) {
            if let Some(script) = RequestContext::script(&pending.command) {
                self.load_again(now, script);
            }
            self.transmit(now, pending);
            return Ok(());
        }
        let known = known_place(reader);
        match parse_reply(&pending.command, reader) {
            Ok(reply) => {
                let reply = self.as_first(&pending, reply, known);
                self.finish(&pending, Ok(reply));
            }
            Err(fault @ (BusFault::Loading | BusFault::Busy)) if now + PAUSE < pending.deadline => {
                self.delayed.push_back((now + PAUSE, PendingCommand { fault, ..pending }));
            }
            Err(BusFault::ReadOnly) if pending.command.is_retriable() => {
                // It goes before those that were sent after it.
                self.flights.push_front(Flight {
                    kind: FlightKind::Command(Box::new(pending)),
                    sent_at: now,
                });
                return Err("the engine is a replica by now".to_owned());
            }
            Err(fault) => {
                let is_broken = fault == BusFault::Protocol;
                self.finish(&pending, Err(fault));
                if is_broken {
                    return Err("the engine answered something else than the reply".to_owned());
                }
            }
        }
        Ok(())
    }

    /// Of a command that was sent twice and done at the first time the reply is as it was then.
    fn as_first(
        &self,
        pending: &PendingCommand,
        reply: BusReply,
        known: Option<(crate::protocol::Position, crate::protocol::Position)>,
    ) -> BusReply {
        let is_own = |tag| pending.attempts > 1 && pending.tags.contains(&tag);
        let subscribers = 0;
        match (&pending.command, &reply, known) {
            (
                BusCommand::Publish { asks, .. },
                BusReply::Asked { .. } | BusReply::Unasked { .. },
                Some((position, previous)),
            ) if is_own(position.tag()) => {
                let is_mine = match &reply {
                    BusReply::Asked { by, .. } => *by == self.context.name,
                    _ => !asks,
                };
                if is_mine {
                    return BusReply::Published { position, previous, subscribers };
                }
                reply
            }
            (BusCommand::Break { seen_head, .. }, BusReply::Moved { head }, _)
                if is_own(head.tag()) =>
            {
                BusReply::Published { position: *head, previous: *seen_head, subscribers }
            }
            _ => reply,
        }
    }

    fn on_push(&mut self, now: Instant, reader: &mut RespReader<'_>) -> Result<(), Broken> {
        match reader.text() {
            Some(b"message") => {
                let channel = reader.text().and_then(|name| self.context.keys.parse_channel(name));
                self.on_message(now, channel, reader.text().unwrap_or_default());
                Ok(())
            }
            Some(b"subscribe") => {
                let channel = reader.text().and_then(|name| self.context.keys.parse_channel(name));
                self.on_subscribed(now, channel)
            }
            Some(b"unsubscribe") => match self.flights.front_mut().map(|flight| &mut flight.kind) {
                Some(FlightKind::Unsubscribe(left)) => {
                    *left = left.saturating_sub(1);
                    if *left == 0 {
                        self.flights.pop_front();
                    }
                    Ok(())
                }
                _ => Err("the engine unsubscribed what nobody asked".to_owned()),
            },
            // Of other features, which nobody asked for.
            _ => Ok(()),
        }
    }

    fn on_message(&mut self, now: Instant, channel: Option<Channel>, payload: &[u8]) {
        match channel {
            Some(Channel::Log(log)) => match LogEntry::decode(payload) {
                Some(entry) => {
                    self.counts.pushes += 1;
                    self.events.push_back(BusEvent::Entry { log, entry });
                }
                None => self.counts.unreadable += 1,
            },
            Some(Channel::Nodes) => {
                self.counts.pushes += 1;
                self.events.push_back(BusEvent::Told { payload: payload.into() });
            }
            Some(Channel::Probe) => {
                if let Some(length) = self.probe.returned(now, payload) {
                    self.counts.probe = Some(length);
                    // Only now the engine is known to work.
                    self.failures = 0;
                }
            }
            None => self.counts.unreadable += 1,
        }
    }

    fn on_subscribed(&mut self, now: Instant, channel: Option<Channel>) -> Result<(), Broken> {
        let left = match self.flights.front_mut().map(|flight| &mut flight.kind) {
            Some(FlightKind::OwnChannels(left) | FlightKind::Subscribe(_, left)) => {
                *left = left.saturating_sub(1);
                *left
            }
            _ => return Err("the engine subscribed to what nobody asked".to_owned()),
        };
        if let Some(Channel::Log(log)) = channel
            && self.subscriptions.confirm(&log)
        {
            self.events.push_back(BusEvent::Subscribed(log));
        }
        if left == 0 {
            match self.flights.pop_front().map(|flight| flight.kind) {
                Some(FlightKind::OwnChannels(_)) => self.go_up(now),
                _ => {
                    self.subscriptions.end_batch();
                    self.pump_subscriptions(now);
                }
            }
        }
        Ok(())
    }
}

/// What the engine does not do, in its words.
fn refusal(what: &str, error: Option<&[u8]>) -> String {
    let words = error.map(|error| error.get(..200).unwrap_or(error));
    format!("the engine {what}: {}", String::from_utf8_lossy(words.unwrap_or(b"no words")))
}
