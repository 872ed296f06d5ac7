//! What an end means and what to do about it, in a line each: for operators who ask.

use crate::node::{Ending, Hangup, Refusal, Unanswered};
use crate::protocol::CloseReason;

/// The one table: every way a connection can end.
pub(super) fn of(how: Ending) -> &'static str {
    match how {
        Ending::Closed(reason) => of_close(reason),
        Ending::Refused(refusal) => of_refusal(refusal),
        Ending::ClosedByClient(Some(1001)) => {
            "The client went away, as browsers do when a page is left. Nothing to do"
        }
        Ending::ClosedByClient(_) => "The client closed in order. Nothing to do",
        Ending::HungUp(Hangup::Eof) => {
            "The client's TCP connection ended without a close frame: a process that stopped, or a \
             proxy whose idle timeout is shorter than limits.ping. Look at what is in between"
        }
        Ending::HungUp(Hangup::Reset) => {
            "The TCP connection broke: a network that changed, a device that slept, or a proxy \
             that was restarted. The client connects again; look at the network if there are many"
        }
        Ending::HungUp(Hangup::Tls) => {
            "The TLS session failed, mostly in its handshake: a client that does not trust the \
             certificate, knows no version, or speaks no TLS, or one that found limits.tls_queue \
             full or waited too long in it. The log tells which, at debug"
        }
        Ending::Dropped(why) => of_drop(why),
    }
}

fn of_drop(why: Unanswered) -> &'static str {
    match why {
        Unanswered::NoRequest => {
            "No whole request came within http.header_timeout: a probe that only connects, a \
             client that is very slow, one that speaks TLS to a port that does not, or one whose \
             TLS handshake waited that long: see limits.tls_queue"
        }
        Unanswered::GaveWay => {
            "The server was full, and this connection, which was to be refused, had not sent its \
             request when newer ones came. See limits.connections and limits.pending"
        }
        Unanswered::BadProxyHeader => {
            "A trusted proxy did not begin with the PROXY protocol. Turn it on there, or set \
             http.proxy_protocol to false"
        }
        Unanswered::Address => {
            "Its address holds more pending connections than limits.pending_per_ip and 64 more. An \
             attack, or a proxy that does not tell its clients' addresses"
        }
    }
}

fn of_refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::HeadersTooLarge => {
            "The request head is larger than http.header_bytes. Cookies of the same site are the \
             usual cause: clear them, or raise the limit"
        }
        Refusal::BadRequest(_) => "The request is malformed. Mend the client or what is in between",
        Refusal::UnsupportedSubprotocol => {
            "The client offers subprotocols, and recipe-chat.v2 is not among them. Mend the client"
        }
        Refusal::NotFound => "There is nothing at this path. Mend the client's URL, or ignore it",
        Refusal::MethodNotAllowed => "The path takes another method. Mend the client",
        Refusal::UpgradeRequired => {
            "A plain request where a WebSocket is wanted: a proxy that does not pass Upgrade and \
             Connection on, or somebody who tried the address in a browser"
        }
        Refusal::UnsupportedVersion => "The client speaks an old WebSocket version. Update it",
        Refusal::OriginNotAllowed => {
            "The page's origin is not in http.allowed_origins. Add it there if the page is yours"
        }
        Refusal::AtCapacity => {
            "The server was full or drained, or the request held most of what all may hold. See \
             /readyz, and limits.connections, limits.pending, http.requests, \
             http.refreshes and limits.pending_input_total"
        }
        Refusal::TooManyRequests(_) => {
            "Its address has used up its allowance, or holds too many pending connections. Behind \
             a proxy, set http.trusted_proxies; else see limits.auth_per_minute_per_ip and \
             limits.pending_per_ip"
        }
        Refusal::RequestRate(_) => {
            "Its user, or its address, asks more often than limits.requests_per_minute_per_user or \
             limits.requests_per_minute_per_ip allow. Mend the client, or raise them"
        }
        Refusal::InvalidToken(_) => {
            "The token in the request is missing or not good; the text says why. The client needs \
             a fresh one; if all are refused, look at auth.* and at the clocks"
        }
        Refusal::LengthRequired => "A body came in chunks. The client must send its length",
        Refusal::BodyTooLarge => "The body is larger than http.body_bytes",
        Refusal::BackendTimeout => {
            "The application did not answer within backend.timeout. Look at the application"
        }
        Refusal::BackendUnavailable => {
            "The application had no room for the request. Look at its load, and at \
             limits.worker_queue"
        }
        Refusal::KeysUnavailable => KEYS_UNAVAILABLE,
        Refusal::TokenNotYetValid => NOT_YET_VALID,
        Refusal::Internal => "A fault of the server's or of the application's. Look at the log",
    }
}

/// The same for a token in a message and one in a request.
const KEYS_UNAVAILABLE: &str = "The key of the token could not be fetched from its jwks_url in time. The \
     client tries again. Look at the log for why the fetch fails, and at the issuer";

/// The same for a token in a message and one in a request.
const NOT_YET_VALID: &str = "The token's nbf is to come: the issuer's clock is ahead by more than \
     auth.leeway. The client tries again. Set the clocks";

fn of_close(reason: CloseReason) -> &'static str {
    use CloseReason as Is;
    match reason {
        Is::Normal => "The client closed in order. Nothing to do",
        Is::ShuttingDown => "The server drained; the client connects again. Nothing to do",
        Is::UnmaskedFrame
        | Is::ReservedBits
        | Is::ReservedOpcode
        | Is::FragmentedControl
        | Is::OversizedControl
        | Is::UnexpectedContinuation
        | Is::ExpectedContinuation
        | Is::InvalidLength
        | Is::InvalidClose => {
            "The client broke the framing of RFC 6455. Mend it, or whatever in between changes \
             frames"
        }
        Is::BinaryFrame => {
            "The client sent a binary message; the protocol is text. Mend the client"
        }
        Is::InvalidUtf8 => "The client sent text that is not valid UTF-8. Fix the client",
        Is::MessageTooLarge => {
            "A message was larger than limits.message_bytes, or than limits.pending_message_bytes \
             before authentication. Mend the client, or raise the limit"
        }
        _ => of_member(reason).unwrap_or_else(|| of_newcomer(reason)),
    }
}

/// Who was in, or may have been.
fn of_member(reason: CloseReason) -> Option<&'static str> {
    use CloseReason as Is;
    Some(match reason {
        Is::PingTimeout => {
            "The client answered neither of two pings, or not one in 2 seconds while a new \
             connection of its user waited: it is gone, asleep, or cut off. It connects again by \
             itself; see limits.ping if there are many"
        }
        Is::ReauthTimeout => {
            "The client was asked for a fresh token and sent none within auth.reauth_grace. Look \
             at whether it handles auth_required, and at where it gets its tokens"
        }
        Is::SubjectChanged => {
            "The fresh token was somebody else's. The client must open a new connection for another user"
        }
        Is::SessionRevoked => {
            "An operator ended this user's sessions, and the token was issued before that, or does \
             not say when (`iat`). One that is issued later is let in"
        }
        Is::TooManyInvalidMessages => {
            "Ten messages in a row made no sense: the fault of the last one names the field. Mend \
             the client"
        }
        Is::RateLimited => {
            "The client sent more than the limits allow and did not heed the warnings. Mend it, or \
             see limits.messages_per_minute and limits.waiting_messages"
        }
        Is::SlowConsumer => {
            "The client read more slowly than its room spoke: limits.outbound_bytes was full, or \
             limits.outbound_total and it was the slowest. A bad network or a client that hangs; it \
             comes back and catches up"
        }
        Is::Internal => "A fault of the server's or of the application's. Look at the log",
        Is::Overloaded => {
            "There was no worker for what the connection needed, or it held most of what all may \
             hold. Look at the load, at limits.workers and limits.worker_queue, and at the totals \
             in vestibule_limit_hits_total"
        }
        Is::MessagesMissed => {
            "The cluster's engine has lost messages of the room, so the client starts again. Look \
             whether the engine was restarted or another one has taken over"
        }
        Is::Disconnected => {
            "An operator closed this connection, or all in its room. The client comes back by itself"
        }
        Is::KeysUnavailable => KEYS_UNAVAILABLE,
        Is::RoomFull => {
            "The room has limits.room_members connections already. The client tries again later; \
             raise the limit if the room may be so large"
        }
        Is::BackendUnavailable => {
            "The application could not say in time whether the room may be joined. Look at the \
             application, and at backend.timeout"
        }
        _ => return None,
    })
}

/// Who was not let in.
fn of_newcomer(reason: CloseReason) -> &'static str {
    use CloseReason as Is;
    match reason {
        Is::AuthTimeout => {
            "No auth message came within auth.timeout of the upgrade. The client waits for its \
             token for too long, or does not know that auth comes first"
        }
        Is::FirstMessageNotAuth => {
            "The first message was not auth: an old client. Update it, or see auth.mode"
        }
        Is::InvalidAuthMessage | Is::MissingToken => {
            "The first message was malformed, as an old client's is, or had no token in it: its \
             fault names the field. Mend the client, or see auth.mode"
        }
        Is::InvalidToken => {
            "Signature, algorithm or key do not fit: a token of another issuer or environment, a \
             key that was changed, or a forgery. Compare auth.* with the issuer"
        }
        Is::TokenExpired => {
            "The token's exp was past. The client must fetch a fresh one before it connects; if \
             all are refused, compare the clocks"
        }
        Is::TokenNotYetValid => NOT_YET_VALID,
        Is::InvalidTokenPayload => {
            "A claim is missing or not ours: sub, exp, iss or aud. Compare auth.issuer and \
             auth.audience with the token; with auth.max_token_life, exp with iat"
        }
        Is::AuthReplayed => {
            "The same auth message was accepted before. A client makes a new one with a new id for \
             each attempt; with auth.single_use_jti, with a new token"
        }
        Is::ConnectionLimit => {
            "The user has limits.connections_per_user connections already, which have all shown \
             that they are there: tabs, or a client that does not close"
        }
        Is::AccessDenied => {
            "There is no such recipe, or it is not this user's. The application decides"
        }
        Is::TooManyAuthAttempts => {
            "Its address has used up its allowance with tokens that were not good, or the \
             connection sent auth too often. See limits.auth_per_minute_per_ip and \
             http.trusted_proxies"
        }
        _ => "See the table of close reasons in the protocol",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_close_reason_has_a_meaning_of_one_line() {
        for &reason in CloseReason::ALL {
            let meaning = of(Ending::Closed(reason));
            assert!(!meaning.starts_with("See the table"), "{reason:?}");
            assert!(meaning.len() < 250 && !meaning.contains('\n'), "{meaning}");
        }
    }
}
