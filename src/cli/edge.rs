//! The seam to the server: everything `serve` needs of it. Replaced by `vestibule::net`.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, Sender, channel};

use vestibule::config::Config;

use super::serve::AppName;

/// Opens the listeners.
pub(super) fn bind(config: &Config, app: AppName) -> Result<Server, String> {
    ::log::debug!("application {app:?}");
    let mut listeners = Vec::new();
    for address in &config.listen {
        let opened = TcpListener::bind(address);
        listeners.push(opened.map_err(|error| format!("cannot listen on {address}: {error}"))?);
    }
    let (shutdown, stopped) = channel();
    Ok(Server { listeners, shutdown, stopped })
}

/// Stands for `vestibule::net::Server`.
pub(super) struct Server {
    listeners: Vec<TcpListener>,
    shutdown: Sender<()>,
    stopped: Receiver<()>,
}

impl Server {
    pub(super) fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    pub(super) fn handle(&self) -> Handle {
        Handle(self.shutdown.clone())
    }

    pub(super) fn run(self) -> io::Result<()> {
        self.stopped.recv().map_err(io::Error::other)
    }
}

/// Stands for `vestibule::net::Handle`.
#[derive(Clone)]
pub(super) struct Handle(Sender<()>);

impl Handle {
    pub(super) fn shutdown(&self) {
        // A server that has ended needs no end.
        let _ = self.0.send(());
    }
}
