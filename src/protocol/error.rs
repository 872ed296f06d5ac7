//! The codes of `error` messages, after which the connection stays open.

/// Why one message was not done. The connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The frame is not JSON.
    InvalidJson,
    /// Not an object, or a field is missing or of the wrong form.
    InvalidMessage,
    /// Over the chat messages a minute; neither delivered nor handled.
    RateLimited,
    /// The application could not be reached; the others have seen the message, unless it is asked first.
    BackendUnavailable,
    /// The application did not answer in time; the others have seen the message, unless it is asked
    /// first.
    BackendTimeout,
    /// The application has decided that the others do not see the message.
    NotDelivered,
    /// A fault of the server.
    Internal,
}

impl ErrorCode {
    /// Every code, in the order of the protocol.
    pub const ALL: &[Self] = &[
        Self::InvalidJson,
        Self::InvalidMessage,
        Self::RateLimited,
        Self::BackendUnavailable,
        Self::BackendTimeout,
        Self::NotDelivered,
        Self::Internal,
    ];

    /// The code on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidMessage => "invalid_message",
            Self::RateLimited => "rate_limited",
            Self::BackendUnavailable => "backend_unavailable",
            Self::BackendTimeout => "backend_timeout",
            Self::NotDelivered => "not_delivered",
            Self::Internal => "internal",
        }
    }

    /// The default text for people, used where there is nothing more specific.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::InvalidJson => "The message is not JSON",
            Self::InvalidMessage => "The message has a field that is missing or of the wrong form",
            Self::RateLimited => "Too many messages",
            Self::BackendUnavailable => "The application could not be reached",
            Self::BackendTimeout => "The application did not answer in time",
            Self::NotDelivered => "The message was not delivered",
            Self::Internal => "Internal error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_code_serialises_as_its_name() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.as_str()));
        }
    }
}
