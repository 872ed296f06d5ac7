//! The reasons for which the server closes a connection.
//!
//! Code and reason text on the wire, label in the metrics and advice to clients come from one
//! table, so they cannot drift apart.

/// Whether and when a client should reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reconnect {
    /// Not at all: the client would be refused again.
    No,
    /// At once, or with the usual jitter.
    Yes,
    /// With exponential back-off: the server or its backend is in trouble.
    WithBackOff,
    /// With a fresh token.
    AfterRefresh,
    /// Once with a fresh token, if the refused one came from a cache; else not at all.
    OnceAfterRefresh,
    /// After a minute: the client has reached a limit.
    AfterAMinute,
}

macro_rules! close_reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, $label:literal, $again:ident;)*) => {
        /// Why the server closes a connection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum CloseReason {
            $($(#[$doc])* $name,)*
        }

        impl CloseReason {
            /// Every reason, in the order of the table in `docs/protocol.md`.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The close code (RFC 6455, section 7.4).
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// The reason text of the close frame: at most 123 bytes. Clients may match it, so it
            /// never changes.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The label in the metrics.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// Whether the client should reconnect.
            #[must_use]
            pub const fn reconnect(self) -> Reconnect {
                match self { $(Self::$name => Reconnect::$again,)* }
            }
        }
    };
}

close_reasons! {
    /// The client sent a close frame; the server answers it.
    Normal = 1000, "", "normal", No;
    /// The server is draining before it stops.
    ShuttingDown = 1001, "Server shutting down", "server_shutting_down", Yes;
    /// RFC 6455, section 5.1: a client must mask every frame.
    UnmaskedFrame = 1002, "Unmasked frame", "unmasked_frame", No;
    /// RFC 6455, section 5.2: no extension was negotiated that would give the bits a meaning.
    ReservedBits = 1002, "Reserved bits set", "reserved_bits_set", No;
    /// RFC 6455, section 5.2: opcodes 3 to 7 and 11 to 15 are reserved.
    ReservedOpcode = 1002, "Reserved opcode", "reserved_opcode", No;
    /// RFC 6455, section 5.5: a control frame must not be fragmented.
    FragmentedControl = 1002, "Fragmented control frame", "fragmented_control_frame", No;
    /// RFC 6455, section 5.5: a control frame carries 125 bytes at most.
    OversizedControl = 1002, "Control frame too long", "control_frame_too_long", No;
    /// RFC 6455, section 5.4: a continuation with nothing to continue.
    UnexpectedContinuation = 1002, "Unexpected continuation frame", "unexpected_continuation_frame", No;
    /// RFC 6455, section 5.4: a new message inside a fragmented one.
    ExpectedContinuation = 1002, "Expected continuation frame", "expected_continuation_frame", No;
    /// RFC 6455, section 5.2: the minimal number of bytes must be used for the length, and the most
    /// significant bit of a 64-bit one is 0.
    InvalidLength = 1002, "Invalid frame length", "invalid_frame_length", No;
    /// RFC 6455, section 7.4: a close code that must not be on the wire, or a payload of 1 byte.
    InvalidClose = 1002, "Invalid close frame", "invalid_close_frame", No;
    /// A binary message: the protocol allows only text.
    BinaryFrame = 1003, "Binary frames are not supported", "binary_frames_are_not_supported", No;
    /// RFC 6455, section 8.1: a text that is not UTF-8.
    InvalidUtf8 = 1007, "Invalid UTF-8", "invalid_utf_8", No;
    /// No `auth` message within `auth.timeout`.
    AuthTimeout = 1008, "Authentication timeout", "authentication_timeout", Yes;
    /// Two consecutive pings were not answered.
    PingTimeout = 1008, "Ping timeout", "ping_timeout", Yes;
    /// The first message was a valid message, but not `auth`.
    FirstMessageNotAuth = 1008, "First message must be auth", "first_message_must_be_auth", No;
    /// The first message was not a valid envelope.
    InvalidAuthMessage = 1008, "Invalid auth message format", "invalid_auth_message_format", No;
    /// The `token` is missing, empty, or not a string.
    MissingToken = 1008, "Missing auth token", "missing_auth_token", No;
    /// The token's form, algorithm, key or signature is not accepted.
    InvalidToken = 1008, "Invalid token", "invalid_token", OnceAfterRefresh;
    /// The token's `exp` has passed.
    TokenExpired = 1008, "Token expired", "token_expired", AfterRefresh;
    /// A claim is missing or malformed, or `iss` or `aud` does not match the configuration.
    InvalidTokenPayload = 1008, "Invalid token payload", "invalid_token_payload", No;
    /// The same `auth` message was accepted before.
    AuthReplayed = 1008, "Auth message replayed", "auth_message_replayed", No;
    /// The user already has `limits.connections_per_user` connections.
    ConnectionLimit = 1008, "Connection limit exceeded", "connection_limit_exceeded", AfterAMinute;
    /// The recipe does not exist, or is another user's. The client cannot tell which.
    AccessDenied = 1008, "Recipe not found or access denied", "recipe_not_found_or_access_denied", No;
    /// No new `auth` within the grace period after `auth_required`.
    ReauthTimeout = 1008, "Re-authentication timeout", "re_authentication_timeout", AfterRefresh;
    /// The token of a re-authentication names another user.
    SubjectChanged = 1008, "Subject changed", "subject_changed", No;
    /// An operator revoked the user's sessions.
    SessionRevoked = 1008, "Session revoked", "session_revoked", No;
    /// Too many `auth` messages, from an address or on a connection.
    TooManyAuthAttempts = 1008, "Too many auth attempts", "too_many_auth_attempts", AfterAMinute;
    /// Ten consecutive messages were invalid.
    TooManyInvalidMessages = 1008, "Too many invalid messages", "too_many_invalid_messages", No;
    /// The client went on sending after `rate_limited` errors.
    RateLimited = 1008, "Rate limit exceeded", "rate_limit_exceeded", AfterAMinute;
    /// A message is larger than `limits.message_bytes`.
    MessageTooLarge = 1009, "Message too large", "message_too_large", No;
    /// A fault of the server, not of the client.
    Internal = 1011, "Internal error", "internal_error", WithBackOff;
    /// The cluster's engine has lost messages of the room, and the client may not have got them: it
    /// begins anew.
    MessagesMissed = 1012, "Messages missed", "messages_missed", Yes;
    /// The client reads more slowly than its room sends, and its outbox is full.
    SlowConsumer = 1013, "Slow consumer", "slow_consumer", WithBackOff;
    /// The server has no capacity for the work that the connection needs.
    Overloaded = 1013, "Server overloaded", "server_overloaded", WithBackOff;
    /// An operator closed the connection, or all in its room. Its user may come back.
    Disconnected = 1013, "Disconnected by operator", "disconnected_by_operator", WithBackOff;
    /// The keys that tokens are checked with are not loaded yet; the token may be good.
    KeysUnavailable = 1013, "Keys unavailable", "keys_unavailable", WithBackOff;
    /// The token's `nbf` is in the future: the clocks here and at the issuer differ.
    TokenNotYetValid = 1013, "Token not yet valid", "token_not_yet_valid", WithBackOff;
    /// The room already has `limits.room_members` connections.
    RoomFull = 1013, "Room full", "room_full", WithBackOff;
    /// The application did not answer the join in time.
    BackendUnavailable = 1013, "Backend unavailable", "backend_unavailable", WithBackOff;
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn label_is_the_reason_in_snake_case() {
        for &reason in CloseReason::ALL {
            let words: Vec<String> = reason
                .text()
                .to_lowercase()
                .split(|c: char| !c.is_ascii_alphanumeric())
                .map(str::to_owned)
                .collect();
            let label = words.join("_");
            assert_eq!(reason.label(), if label.is_empty() { "normal" } else { &label });
        }
        let labels: HashSet<_> = CloseReason::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(labels.len(), CloseReason::ALL.len());
    }

    #[test]
    fn every_reason_fits_a_close_frame() {
        for reason in CloseReason::ALL {
            assert!(reason.text().len() <= 123);
            assert!((1000..=1013).contains(&reason.code()));
        }
    }
}
