//! Header lines: found by name, and taken apart.

use httparse::Header;

use crate::node::http::refusal::Refusal;

/// The body's length. Without the header there is none (RFC 9112, section 6.3); chunks are not
/// taken, as nobody who fits into the bound needs them.
pub(crate) fn body_length(headers: &[Header<'_>]) -> Result<usize, Refusal> {
    if values(headers, "transfer-encoding").next().is_some() {
        return Err(Refusal::LengthRequired);
    }
    let mut lengths = values(headers, "content-length");
    let Some(length) = lengths.next() else { return Ok(0) };
    const MALFORMED: Refusal = Refusal::BadRequest("Content-Length is malformed");
    if lengths.any(|other| other != length) || !length.iter().all(u8::is_ascii_digit) {
        return Err(MALFORMED);
    }
    let length = std::str::from_utf8(length).ok().filter(|text| !text.is_empty());
    // More digits than a number holds are too many bytes, too.
    Ok(length.ok_or(MALFORMED)?.parse().unwrap_or(usize::MAX))
}

/// The token of `Authorization: Bearer`. Another scheme is no token.
pub(crate) fn bearer_of(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

pub(crate) fn bearer(value: &str) -> Option<&str> {
    bearer_of(value.as_bytes()).and_then(|token| std::str::from_utf8(token).ok())
}

/// The values of the header lines of this name.
pub(crate) fn values<'h, 'a>(
    headers: &'h [Header<'a>],
    name: &'h str,
) -> impl Iterator<Item = &'a [u8]> + use<'h, 'a> {
    let lines = headers.iter().filter(move |line| line.name.eq_ignore_ascii_case(name));
    lines.map(|line| line.value.trim_ascii())
}

/// The value of a header that must be there once.
pub(crate) fn single<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    let mut lines = values(headers, name);
    let first = lines.next();
    if lines.next().is_some() { None } else { first }
}

/// The elements of a comma-separated list (RFC 9110, section 5.6.1): empty ones do not count.
pub(crate) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Is `token` among the elements of this header?
pub(crate) fn has_token(headers: &[Header<'_>], name: &str, token: &str) -> bool {
    let is_it = |element: &[u8]| element.eq_ignore_ascii_case(token.as_bytes());
    // Most lists have one element.
    values(headers, name).any(|value| is_it(value) || elements(value).any(is_it))
}

/// Does `Accept-Encoding` name gzip, or all codings, with a weight above 0 (RFC 9110, section 12.5.3)?
/// A client that sends none may be one that cannot decode any.
pub(crate) fn accepts_gzip(headers: &[Header<'_>]) -> bool {
    let (mut gzip, mut any) = (None, None);
    for element in values(headers, "accept-encoding").flat_map(elements) {
        let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let coding = parts.next().unwrap_or_default();
        let is_accepted = !parts.any(is_zero_weight);
        // The old name means the same (section 8.4.1.3).
        if coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip") {
            gzip = Some(is_accepted);
        } else if coding == b"*" {
            any = Some(is_accepted);
        }
    }
    gzip.or(any).unwrap_or(false)
}

/// Is it `q=0`, however many zeros are behind the point (RFC 9110, section 12.4.2)?
fn is_zero_weight(parameter: &[u8]) -> bool {
    let weight = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="));
    weight.is_some_and(|weight| {
        weight.first() == Some(&b'0') && weight.iter().all(|byte| matches!(byte, b'0' | b'.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_accepted_only_where_it_is_named() {
        let accepts = |values: &[&'static str]| {
            let line =
                |value: &&'static str| Header { name: "Accept-encoding", value: value.as_bytes() };
            accepts_gzip(&values.iter().map(line).collect::<Vec<_>>())
        };
        for yes in [
            &["gzip"][..],
            &["deflate, GZip;q=0.5"],
            &["br", "gzip ; q=1.0"],
            &["x-gzip"],
            &["*"],
            &["identity;q=0, *;q=0.001"],
            &["gzip, *;q=0"],
        ] {
            assert!(accepts(yes), "{yes:?}");
        }
        for no in [
            &[][..],
            &[""],
            &["identity"],
            &["br, deflate"],
            &["gzip;q=0"],
            &["gzip; q=0.000, *"],
            &["*;q=0"],
            &["gzipped"],
        ] {
            assert!(!accepts(no), "{no:?}");
        }
    }
}
