//! Replaces `secure` in a build without TLS: there is no `wss://`.

use std::io;

use mio::net::TcpStream;

use super::args::Common;
use crate::cli::server_address::ServerAddress;

/// The TLS of all clients, which cannot exist.
#[derive(Debug)]
pub(super) enum LoadTls {}

impl LoadTls {
    pub(super) fn new(_: &ServerAddress, _: &Common) -> Result<Self, String> {
        Err("wss://: this program was built without the feature `tls`".to_owned())
    }

    pub(super) fn keep_tickets(&mut self, _: u32) {
        match *self {}
    }

    pub(super) fn session(&mut self, _: u32, _: bool) -> io::Result<PeerTls> {
        match *self {}
    }
}

/// The TLS of one connection, which cannot exist.
#[derive(Debug)]
pub(super) enum PeerTls {}

impl PeerTls {
    pub(super) fn has_resumed(&self) -> bool {
        match *self {}
    }

    pub(super) fn begin(&mut self, _: &mut TcpStream, _: &[u8]) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn send(&mut self, _: &mut TcpStream, _: &[u8]) {
        match *self {}
    }

    pub(super) fn flush(&mut self, _: &mut TcpStream) {
        match *self {}
    }

    pub(super) fn read(&mut self, _: &mut TcpStream, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}
