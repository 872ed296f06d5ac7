//! HTTP/1.1 as one caller speaks it to the [`ServedCalls`](super::ServedCalls): `POST` requests with a
//! length, one after the other on a connection that is kept open.

use httparse::Header;

use crate::backend::counts::CallKind;

/// The longest head of a request. Those of the nodes have some 400 bytes.
pub(super) const MAX_HEAD: usize = 8 << 10;
/// Header lines of a request, at most.
const MAX_LINES: usize = 32;

/// A request that is whole.
#[derive(Debug)]
pub(super) struct CallRequest<'a> {
    /// Which call it is. `Err`: the status of its refusal.
    pub(super) kind: Result<CallKind, u16>,
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature`, as they were sent. Empty: it has none.
    pub(super) id: &'a [u8],
    pub(super) timestamp: &'a [u8],
    pub(super) signature: &'a [u8],
    pub(super) body: &'a [u8],
    /// The caller closes the connection when it has the answer.
    pub(super) is_last: bool,
    /// All its bytes.
    pub(super) length: usize,
}

/// The request at the start of `bytes`, whose body has at most `max_body` bytes. `None`: it is not whole.
///
/// # Errors
/// The status of its refusal. Nobody knows where the next request begins, so the connection ends with it.
pub(super) fn read(bytes: &[u8], max_body: usize) -> Result<Option<CallRequest<'_>>, u16> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
    let mut head = httparse::Request::new(&mut lines);
    let within = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    // A head that comes a byte at a time is parsed once.
    if !has_head_end(within) {
        return if within.len() < MAX_HEAD { Ok(None) } else { Err(431) };
    }
    let start = match head.parse(within) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if within.len() < MAX_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => return Err(431),
        Err(_) => return Err(400),
    };
    let lines: &[Header<'_>] = head.headers;
    if head.version != Some(1) || value(lines, "expect").is_some_and(|it| !it.is_empty()) {
        return Err(400);
    }
    let length = body_length(lines)?;
    if length > max_body {
        return Err(413);
    }
    let end = start.saturating_add(length);
    let Some(body) = bytes.get(start..end) else { return Ok(None) };
    let path = head.path.unwrap_or_default();
    let kind = CallKind::ALL.iter().find(|kind| path.strip_prefix('/') == Some(kind.path()));
    let kind = match (kind, head.method) {
        // Not 404, which would deny the join for good: a wrong path is a fault of the caller's configuration.
        (None, _) => Err(400),
        (Some(kind), Some("POST")) => Ok(*kind),
        (Some(_), _) => Err(405),
    };
    let once = |name| value(lines, name).unwrap_or_default();
    Ok(Some(CallRequest {
        kind,
        id: once("webhook-id"),
        timestamp: once("webhook-timestamp"),
        signature: once("webhook-signature"),
        body,
        is_last: once("connection").eq_ignore_ascii_case(b"close"),
        length: end,
    }))
}

fn has_head_end(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, b"\n\r\n").is_some()
        || memchr::memmem::find(bytes, b"\n\n").is_some()
}

/// RFC 9112, section 6.3. Chunks are not taken: the nodes send a length.
fn body_length(lines: &[Header<'_>]) -> Result<usize, u16> {
    let is_named = |name: &str| lines.iter().any(|line| line.name.eq_ignore_ascii_case(name));
    if is_named("transfer-encoding") {
        return Err(411);
    }
    if !is_named("content-length") {
        return Ok(0);
    }
    let length = value(lines, "content-length").ok_or(400_u16)?;
    let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(length).ok().filter(|_| is_number).ok_or(400_u16)?;
    // More digits than a number holds are too many bytes, too.
    Ok(text.parse().unwrap_or(usize::MAX))
}

/// The value of a header line that is there once.
fn value<'a>(lines: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    let mut found = lines.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
    let first = found.next()?;
    if found.next().is_some() { None } else { Some(first.value.trim_ascii()) }
}

/// The bytes of an answer. `is_last`: the connection ends behind it.
pub(super) fn write(status: u16, body: &[u8], is_last: bool) -> Vec<u8> {
    let phrase = match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        405 => "Method Not Allowed",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    };
    let mut head = format!("HTTP/1.1 {status} {phrase}\r\n");
    // RFC 9110, section 8.6: 204 has no length.
    if status != 204 {
        head.push_str("Content-Type: application/json\r\n");
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    if status == 405 {
        head.push_str("Allow: POST\r\n");
    }
    if is_last {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
