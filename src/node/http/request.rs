//! What the head of a request says. A head is read once: while its body, or the check of its token,
//! is awaited, this is kept of it, and not its bytes.

use std::fmt;

use smol_str::SmolStr;

use crate::node::http::client_details::ClientDetails;
use crate::node::http::message::Method;
use crate::node::observe::metrics::Legacy;

/// A request that waits for its body, or for the check of its token.
#[derive(Debug)]
pub(crate) enum RequestHead {
    /// For a WebSocket.
    Upgrade(Upgrade),
    /// For something of the application's.
    Http(Http),
    /// A call on the admin listener. It is kept as it came, so many bytes with its head.
    Call { whole: usize },
}

impl RequestHead {
    /// How many of the bytes behind what is kept here belong to it.
    pub(crate) fn awaited_bytes(&self) -> usize {
        match self {
            Self::Upgrade(_) => 0,
            Self::Http(http) => http.body_length,
            Self::Call { whole } => *whole,
        }
    }

    /// Bytes that are kept for it.
    pub(crate) fn kept_bytes(&self) -> usize {
        let texts = match self {
            Self::Upgrade(upgrade) => upgrade.kept_bytes(),
            Self::Http(http) => http.kept_bytes(),
            Self::Call { .. } => 0,
        };
        size_of::<Self>() + texts
    }
}

/// A request for a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upgrade {
    /// The recipe's id, percent-decoded.
    pub(crate) room: SmolStr,
    /// The answer to `Sec-WebSocket-Key`.
    pub(crate) accept: [u8; 20],
    /// The client offered our subprotocol.
    pub(crate) subprotocol: bool,
    /// What an old client sends instead of an `auth`.
    pub(crate) credential: Credential,
    /// What is kept for the application.
    pub(crate) details: Option<ClientDetails>,
}

impl Upgrade {
    fn kept_bytes(&self) -> usize {
        let token = match &self.credential {
            Credential::Token { token, .. } => token.len(),
            Credential::None | Credential::Conflict { .. } => 0,
        };
        let details = self.details.as_ref().map_or(0, ClientDetails::kept_bytes);
        self.room.len() + token + details
    }
}

/// A request for something of the application's.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Http {
    pub(crate) method: Method,
    pub(crate) path: Box<str>,
    pub(crate) query: Box<str>,
    /// The token of `Authorization: Bearer` (RFC 6750, section 2.1).
    pub(crate) bearer: Option<Box<str>>,
    /// The entity tags of its condition: `If-None-Match` of a `GET`, `If-Match` of any other method.
    pub(crate) tags: Option<Box<str>>,
    /// By its `Accept-Encoding`.
    pub(crate) accepts_gzip: bool,
    pub(crate) content_type: Option<Box<str>>,
    pub(crate) body_length: usize,
    /// The client waits for a word before it sends the body (RFC 9110, section 10.1.1).
    pub(crate) expects_continue: bool,
}

impl Http {
    fn kept_bytes(&self) -> usize {
        let texts = [Some(&self.path), Some(&self.query)];
        let lines = [&self.bearer, &self.tags, &self.content_type];
        texts.into_iter().chain(lines.map(Option::as_ref)).flatten().map(|text| text.len()).sum()
    }

    /// A look at it is a look at what its sender knows: a token, or a password in its body.
    pub(crate) fn carries_credentials(&self) -> bool {
        self.bearer.is_some() || self.method != Method::Get
    }
}

/// The query and the token are not shown.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("body_length", &self.body_length)
            .finish_non_exhaustive()
    }
}

/// The token in a request.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Credential {
    /// There is none.
    #[default]
    None,
    /// This, and where it was.
    Token { kind: Legacy, token: Box<str> },
    /// Two that differ: nobody knows who is meant.
    Conflict { kind: Legacy },
}

impl Credential {
    /// Where it was; `None`: there is none.
    pub(crate) fn kind(&self) -> Option<Legacy> {
        match self {
            Self::None => None,
            Self::Token { kind, .. } | Self::Conflict { kind } => Some(*kind),
        }
    }
}

/// The token is not shown.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credential").field(&self.kind()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_was_read_takes_96_bytes() {
        assert!(size_of::<RequestHead>() <= 96, "{}", size_of::<RequestHead>());
    }
}
