//! Labels that more than one close reason, or none, stands for.

use crate::node::work::questions::QuestionKind;
use crate::protocol::CloseReason;

/// How an attempt to authenticate ended, if not in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthEnd {
    /// Nothing came in time.
    Timeout,
    /// What came was no `auth`, or had no token.
    Malformed,
    /// Form, algorithm, key, signature or claims.
    InvalidToken,
    /// The token's time is over.
    Expired,
    /// The token's time is to come.
    NotYetValid,
    /// The same was accepted before.
    Replayed,
    /// Too many, from an address or on a connection.
    RateLimited,
    /// The user has as many connections as one may.
    ConnectionLimit,
    /// No such room for this user.
    Denied,
    /// An operator ended the user's sessions.
    Revoked,
    /// A re-authentication for somebody else.
    SubjectChanged,
    /// The application could not be asked, or did not answer; or the room was full.
    Unavailable,
}

impl AuthEnd {
    /// Every one, in the order of the documents.
    pub const ALL: [Self; 12] = [
        Self::Timeout,
        Self::Malformed,
        Self::InvalidToken,
        Self::Expired,
        Self::NotYetValid,
        Self::Replayed,
        Self::RateLimited,
        Self::ConnectionLimit,
        Self::Denied,
        Self::Revoked,
        Self::SubjectChanged,
        Self::Unavailable,
    ];

    /// The label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
            Self::InvalidToken => "invalid_token",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Replayed => "replayed",
            Self::RateLimited => "rate_limited",
            Self::ConnectionLimit => "connection_limit",
            Self::Denied => "denied",
            Self::Revoked => "revoked",
            Self::SubjectChanged => "subject_changed",
            Self::Unavailable => "unavailable",
        }
    }

    /// What a close says about authentication; `None`: nothing. Who is in and is thrown out by an
    /// operator did not try to authenticate.
    pub(crate) fn of(reason: CloseReason, is_first: bool) -> Option<Self> {
        Some(match reason {
            CloseReason::AuthTimeout | CloseReason::ReauthTimeout => Self::Timeout,
            CloseReason::FirstMessageNotAuth
            | CloseReason::InvalidAuthMessage
            | CloseReason::MissingToken => Self::Malformed,
            CloseReason::InvalidToken | CloseReason::InvalidTokenPayload => Self::InvalidToken,
            CloseReason::TokenExpired => Self::Expired,
            CloseReason::TokenNotYetValid => Self::NotYetValid,
            CloseReason::AuthReplayed => Self::Replayed,
            CloseReason::TooManyAuthAttempts => Self::RateLimited,
            CloseReason::ConnectionLimit => Self::ConnectionLimit,
            CloseReason::AccessDenied => Self::Denied,
            CloseReason::SessionRevoked if is_first => Self::Revoked,
            CloseReason::SubjectChanged => Self::SubjectChanged,
            CloseReason::BackendUnavailable
            | CloseReason::KeysUnavailable
            | CloseReason::Overloaded
            | CloseReason::RoomFull => Self::Unavailable,
            _ => return None,
        })
    }
}

/// What the application is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// May somebody join?
    Join,
    /// What is the answer to a message?
    Message,
    /// May this be said in a room?
    Publish,
    /// What is the answer to an HTTP request?
    Request,
}

impl Call {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Join, Self::Message, Self::Publish, Self::Request];

    /// The label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Message => "message",
            Self::Publish => "publish",
            Self::Request => "request",
        }
    }

    /// What a question asks the application; `None`: it is not the application's.
    pub(crate) fn of(kind: &QuestionKind) -> Option<Self> {
        match kind {
            QuestionKind::Join | QuestionKind::Return => Some(Self::Join),
            QuestionKind::Message { .. } => Some(Self::Message),
            QuestionKind::Publish { .. } => Some(Self::Publish),
            QuestionKind::Request { .. } => Some(Self::Request),
            QuestionKind::Check { .. }
            | QuestionKind::Collect { .. }
            | QuestionKind::Order { .. } => None,
        }
    }
}

/// How an old client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Legacy {
    /// `Authorization: Bearer`.
    Header,
    /// `?token=`.
    Query,
    /// Its first message was well-formed, and no `auth`.
    FirstMessage,
}

impl Legacy {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Header, Self::Query, Self::FirstMessage];

    /// As metrics write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Query => "query",
            Self::FirstMessage => "first_message",
        }
    }
}
