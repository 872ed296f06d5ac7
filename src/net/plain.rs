//! Replaces `tls` in a build without the feature: bytes pass through unchanged.

use std::io::{self, IoSlice};
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::error::TlsError;
use super::transport::{self, Stream};
use crate::config::{self, Config};
use crate::driver::{Input, Written};
use crate::id::ConnId;
use crate::node::{Metrics, Node};
use crate::time::UnixTime;

/// An acceptor that cannot exist.
#[derive(Clone, Debug)]
pub(super) enum Acceptor {}

impl Acceptor {
    /// # Errors
    /// `tls` names files, and this build has no TLS.
    pub(super) fn load(tls: &config::Tls) -> Result<Option<Self>, TlsError> {
        if tls.is_on() { Err(TlsError::NoFeature) } else { Ok(None) }
    }

    pub(super) fn validity(&self) -> Option<RangeInclusive<UnixTime>> {
        match *self {}
    }
}

/// Passes reads and writes through.
#[derive(Debug)]
pub(super) struct Layer;

impl Layer {
    pub(super) fn new(_: Option<Acceptor>, _: &Config, _: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self
    }

    pub(super) fn end(self) {}

    pub(super) fn take_back(&mut self) -> Vec<ConnId> {
        Vec::new()
    }

    pub(super) fn apply(&mut self, _: &Config) {}

    pub(super) fn replace(&mut self, _: Option<&Acceptor>) {}

    pub(super) fn count(&mut self, _: &mut Metrics) {}

    pub(super) fn open(&mut self, _: ConnId) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn read<'a>(
        &'a mut self,
        _: &Node,
        _: ConnId,
        stream: &Stream,
        buffer: &'a mut [u8],
        most: usize,
    ) -> Input<'a> {
        Input::read(buffer, most, |room| transport::read(stream, room))
    }

    pub(super) fn write(
        &mut self,
        _: ConnId,
        stream: &Stream,
        output: &[IoSlice<'_>],
    ) -> io::Result<Written> {
        Written::of(transport::write(stream, output), output)
    }

    pub(super) fn has_unsent(&self, _: ConnId) -> bool {
        false
    }

    pub(super) fn has_backlog(&self) -> bool {
        false
    }

    pub(super) fn finish(&mut self, _: ConnId, _: &Stream) {}

    pub(super) fn close(&mut self, _: ConnId, _: &Stream) {}
}
