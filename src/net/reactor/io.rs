//! The turn's environment: mio's sockets, the clocks, the workers, and the mailbox.

use std::io::{self, IoSlice};
use std::path::PathBuf;

use mio::{Interest, Poll};

use crate::driver::{Accepted, Input, Io, Role, Written};
use crate::id::ConnId;
use crate::net::bus::BusSocket;
use crate::net::calls::CallSockets;
use crate::net::certificate::CertificateWatch;
use crate::net::clock::Clock;
use crate::net::handle::{Event, Health, Inbox, Reload};
use crate::net::keys::KeyWatch;
use crate::net::listener::Listeners;
use crate::net::tls::Layer;
use crate::net::transport::{self, Stream, token};
use crate::net::worker::Pools;
use crate::node::{Command, Completion, KeyRequest, Node};
use crate::time::Now;

/// The resources of the reactor's turns.
#[derive(Debug)]
pub(crate) struct NetIo {
    pub(crate) clock: Clock,
    pub(crate) poll: Poll,
    pub(crate) listeners: Listeners,
    pub(crate) tls: Layer,
    pub(crate) workers: Pools,
    pub(crate) inbox: Inbox,
    /// Fetches new keys, also when a token names an unknown one.
    pub(crate) key_watches: Vec<KeyWatch>,
    /// Finds new certificates in the files of the one that is shown.
    pub(crate) certificate_watch: Option<CertificateWatch>,
    /// Where fetched keys are kept for the next start.
    pub(crate) keep_keys_in: Option<PathBuf>,
    /// `None`: the server is alone.
    pub(crate) bus: Option<BusSocket>,
    /// `None`: other nodes do not call this one.
    pub(crate) calls: Option<CallSockets>,
}

impl NetIo {
    /// Tells the node what the cluster's engine has said.
    pub(crate) fn read_bus(&mut self, node: &mut Node) {
        if let Some(bus) = &mut self.bus {
            bus.read(node, self.clock.now());
        }
    }

    /// Tells the cluster's engine what the node has to say.
    pub(crate) fn write_bus(&mut self, node: &mut Node) {
        if let Some(bus) = &mut self.bus {
            bus.write(self.poll.registry(), node, self.clock.now());
        }
    }

    /// Serves the calls of other nodes.
    pub(crate) fn serve_calls(&mut self) {
        if let Some(calls) = &mut self.calls {
            calls.step(self.poll.registry(), self.clock.now());
        }
    }

    /// Applies a new configuration.
    fn take_up(&mut self, node: &mut Node, now: Now, mut reload: Reload) {
        self.tls.replace(reload.acceptor.as_ref());
        self.tls.apply(&reload.config);
        self.certificate_watch = reload.certificate_watch.take();
        self.key_watches = reload.carry_out(node, now);
        if let Some(directory) = &self.keep_keys_in {
            self.key_watches.iter().for_each(|watch| watch.keep_in(directory));
        }
    }

    /// Has fetched keys kept in `directory`.
    #[cfg(feature = "jwks-url")]
    pub(crate) fn keep_keys_in(&mut self, directory: PathBuf) {
        self.key_watches.iter().for_each(|watch| watch.keep_in(&directory));
        self.keep_keys_in = Some(directory);
    }
}

impl Io for NetIo {
    type Socket = Stream;

    fn now(&self) -> Now {
        self.clock.now()
    }

    fn accept(&mut self, node: &Node, listener: usize) -> Accepted<Stream> {
        if self.listeners.is_public(listener) && node.is_draining() && self.listeners.outlive_us() {
            return Accepted::Empty;
        }
        self.listeners.accept(listener)
    }

    fn open(&mut self, id: ConnId, socket: &mut Stream, role: Role) -> io::Result<()> {
        self.poll.registry().register(socket, token(id), Interest::READABLE)?;
        match role {
            Role::Client => self.tls.open(id),
            Role::Operator | Role::Collector => Ok(()),
        }
    }

    fn read<'a>(
        &'a mut self,
        node: &Node,
        id: ConnId,
        socket: &mut Stream,
        buffer: &'a mut [u8],
        most: usize,
    ) -> Input<'a> {
        self.tls.read(node, id, socket, buffer, most)
    }

    fn write(
        &mut self,
        _: &Node,
        id: ConnId,
        socket: &mut Stream,
        output: &[IoSlice<'_>],
    ) -> io::Result<Written> {
        self.tls.write(id, socket, output)
    }

    fn has_unsent(&self, id: ConnId) -> bool {
        self.tls.has_unsent(id)
    }

    fn has_backlog(&self) -> bool {
        self.tls.has_backlog()
    }

    /// The poller reports a socket that is writable at this call, so nothing is lost between the
    /// short write and the call.
    fn watch_writable(&mut self, id: ConnId, socket: &mut Stream, wanted: bool) -> io::Result<()> {
        let readable = Interest::READABLE;
        let interests = if wanted { readable | Interest::WRITABLE } else { readable };
        self.poll.registry().reregister(socket, token(id), interests)
    }

    fn shutdown(&mut self, id: ConnId, socket: &mut Stream) {
        self.tls.finish(id, socket);
        transport::finish(socket);
    }

    /// mio's `Source` requires a deregistration before the drop, to prevent leaks. It is left out,
    /// to save a system call for each connection: epoll and kqueue forget a descriptor when it is
    /// closed (it has no duplicate), and mio keeps no state about it. An event that was already
    /// reported carries the old generation, and is ignored.
    fn close(&mut self, id: ConnId, socket: &mut Stream) {
        self.tls.close(id, socket);
    }

    fn fetch_keys(&mut self, request: KeyRequest) {
        self.key_watches.iter().for_each(|watch| watch.ask(request));
    }

    fn submit(&mut self, command: Command) -> Result<(), Completion> {
        self.workers.submit(command)
    }

    fn deliver(&mut self, node: &mut Node, now: Now) -> bool {
        match self.inbox.take() {
            Some(Event::Done(done)) => node.handle_completion(now, done),
            Some(Event::Call(done)) => {
                let event = self.calls.as_mut().and_then(|calls| calls.complete(now, done));
                if let Some(event) = event {
                    node.handle_completion(now, event);
                }
            }
            Some(Event::Keys(keys)) => node.replace_keys(now.unix, keys),
            Some(Event::Watched(id, news)) => {
                if self.key_watches.iter().any(|watch| watch.is(id)) {
                    node.handle_keys(now, news);
                }
            }
            Some(Event::Certificate(acceptor)) => self.tls.replace(Some(&acceptor)),
            Some(Event::Reload(reload)) => self.take_up(node, now, *reload),
            Some(Event::Order(order)) => order.carry_out(node, now),
            Some(Event::BusResolved(resolved)) => {
                if let Some(bus) = &mut self.bus {
                    bus.resolved(self.poll.registry(), node, now, resolved);
                }
            }
            // The caller may have gone.
            Some(Event::Health(asked)) => drop(asked.try_send(Health::of(node))),
            None => return false,
        }
        true
    }
}
