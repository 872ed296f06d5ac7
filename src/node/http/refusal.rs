//! Refusals in HTTP: what is answered instead of a WebSocket, or of the application's answer.

use crate::auth::TokenError;
use crate::node::http::message::Response;
use crate::protocol::CloseReason;

/// What a refused request is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    HeadersTooLarge,
    BadRequest(&'static str),
    UnsupportedSubprotocol,
    NotFound,
    MethodNotAllowed,
    UpgradeRequired,
    UnsupportedVersion,
    OriginNotAllowed,
    AtCapacity,
    /// With the seconds after which to come again.
    TooManyRequests(u32),
    /// The user, or the address, asks too often; with the same.
    RequestRate(u32),
    /// What is wrong with the token, as a close reason says it.
    InvalidToken(&'static str),
    LengthRequired,
    BodyTooLarge,
    /// The application did not answer in time.
    BackendTimeout,
    /// No worker had room for the question.
    BackendUnavailable,
    /// The keys that tokens are checked with are not loaded yet.
    KeysUnavailable,
    /// The token's `nbf` is to come: the clocks here and at the issuer differ.
    TokenNotYetValid,
    /// The application panicked, or gave the answer to another question.
    Internal,
}

impl Refusal {
    /// Status, code and text.
    pub(crate) fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::HeadersTooLarge => (431, "headers_too_large", "The request head is too large"),
            Self::BadRequest(text) => (400, "bad_request", text),
            Self::UnsupportedSubprotocol => {
                (400, "unsupported_version", "This server speaks the subprotocol recipe-chat.v2")
            }
            Self::NotFound => (404, "not_found", "There is nothing at this path"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "This path takes GET"),
            Self::UpgradeRequired => {
                (426, "upgrade_required", "This path takes a WebSocket upgrade")
            }
            Self::UnsupportedVersion => {
                (426, "unsupported_version", "This server speaks WebSocket version 13")
            }
            Self::OriginNotAllowed => {
                (403, "origin_not_allowed", "This origin is not in the configured list")
            }
            Self::AtCapacity => (503, "at_capacity", "The server is full or draining"),
            Self::TooManyRequests(_) => (
                429,
                "too_many_requests",
                "Too many pending or failed authentications from this address",
            ),
            Self::RequestRate(_) => (429, "too_many_requests", "Too many requests"),
            Self::InvalidToken(text) => (401, "invalid_token", text),
            Self::LengthRequired => {
                (411, "length_required", "A body must come with its Content-Length")
            }
            Self::BodyTooLarge => (413, "body_too_large", "The body is too large"),
            Self::BackendTimeout => {
                (504, "backend_timeout", "The application did not answer in time")
            }
            Self::BackendUnavailable => {
                (503, "backend_unavailable", "The application cannot be asked now")
            }
            Self::KeysUnavailable => {
                (503, "keys_unavailable", "The keys for tokens are not loaded yet")
            }
            Self::TokenNotYetValid => {
                (503, "token_not_yet_valid", CloseReason::TokenNotYetValid.text())
            }
            Self::Internal => (500, "internal", "A fault of the server"),
        }
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> u16 {
        self.parts().0
    }

    /// The whole answer.
    pub(crate) fn response(self) -> Response {
        let (status, code, text) = self.parts();
        let response = Response::error(status, code, text);
        match self {
            Self::MethodNotAllowed => response.with("Allow", "GET"),
            Self::UpgradeRequired => response.with("Upgrade", "websocket"),
            Self::UnsupportedVersion => {
                response.with("Upgrade", "websocket").with("Sec-WebSocket-Version", "13")
            }
            Self::AtCapacity | Self::BackendUnavailable | Self::TokenNotYetValid => {
                response.with("Retry-After", "5")
            }
            // Until there are keys they are fetched every second or two.
            Self::KeysUnavailable => response.with("Retry-After", "2"),
            Self::TooManyRequests(seconds) | Self::RequestRate(seconds) => {
                response.with("Retry-After", seconds.to_string())
            }
            // RFC 6750, section 3.1.
            Self::InvalidToken(_) => {
                response.with("WWW-Authenticate", "Bearer error=\"invalid_token\"")
            }
            _ => response,
        }
    }
}

/// What a client is told of its token in a close frame: one reason stands for several causes, which
/// only the operator is told.
impl From<TokenError> for CloseReason {
    fn from(error: TokenError) -> Self {
        match error {
            // A token that is fetched later is taken: whoever signs in again waits for the leeway.
            TokenError::Expired | TokenError::IssuedTooSoon => Self::TokenExpired,
            TokenError::NotYet => Self::TokenNotYetValid,
            TokenError::Revoked => Self::SessionRevoked,
            TokenError::Replayed => Self::AuthReplayed,
            TokenError::BadClaims | TokenError::Claim { .. } | TokenError::LivesTooLong => {
                Self::InvalidTokenPayload
            }
            TokenError::KeysUnavailable => Self::KeysUnavailable,
            TokenError::Malformed
            | TokenError::BadAlgorithm
            | TokenError::UnknownIssuer
            | TokenError::UnknownKey
            | TokenError::BadSignature => Self::InvalidToken,
        }
    }
}

/// And in HTTP: the same words, so that a client has one table of them.
impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::KeysUnavailable => Self::KeysUnavailable,
            TokenError::NotYet => Self::TokenNotYetValid,
            _ => Self::InvalidToken(CloseReason::from(error).text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Evidence;

    #[test]
    fn token_errors_keep_their_words_and_their_price() {
        let forged = (CloseReason::InvalidToken, Evidence::Forged);
        let told = |reason: CloseReason| (reason, Evidence::Honest);
        for (error, (reason, evidence)) in [
            (TokenError::Malformed, forged),
            (TokenError::BadAlgorithm, forged),
            (TokenError::BadSignature, forged),
            (TokenError::UnknownKey, told(CloseReason::InvalidToken)),
            (TokenError::KeysUnavailable, told(CloseReason::KeysUnavailable)),
            (TokenError::BadClaims, told(CloseReason::InvalidTokenPayload)),
            (TokenError::Claim { which: "aud" }, told(CloseReason::InvalidTokenPayload)),
            (TokenError::LivesTooLong, told(CloseReason::InvalidTokenPayload)),
            (TokenError::Expired, told(CloseReason::TokenExpired)),
            (TokenError::NotYet, told(CloseReason::TokenNotYetValid)),
            (TokenError::Revoked, told(CloseReason::SessionRevoked)),
            (TokenError::IssuedTooSoon, told(CloseReason::TokenExpired)),
            (TokenError::Replayed, told(CloseReason::AuthReplayed)),
        ] {
            assert_eq!(CloseReason::from(error), reason);
            assert_eq!(Evidence::of(Some(error)), evidence, "{error}");
            let (status, code, text) = Refusal::from(error).parts();
            if error == TokenError::NotYet {
                assert_eq!((status, code), (503, "token_not_yet_valid"));
                continue;
            }
            if error == TokenError::KeysUnavailable {
                assert_eq!((status, code), (503, "keys_unavailable"));
            } else {
                assert_eq!((status, code, text), (401, "invalid_token", reason.text()));
            }
        }
    }
}
