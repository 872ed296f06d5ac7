//! From when until when a certificate is valid (RFC 5280, section 4.1).

use std::ops::RangeInclusive;

use crate::auth::{Der, SEQUENCE};
use crate::time::{UnixTime, parse_date_time};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, which holds the version. A certificate of version 1 has none.
const VERSION: u8 = 0xa0;

/// `notBefore` to `notAfter` of a certificate; `None`: they cannot be read.
pub(super) fn validity(certificate: &[u8]) -> Option<RangeInclusive<UnixTime>> {
    let mut signed = Der(certificate).enter()?.enter()?;
    if signed.0.first() == Some(&VERSION) {
        signed.take(VERSION)?;
    }
    signed.take(INTEGER)?;
    // The algorithm of the signature, and the issuer.
    signed.take(SEQUENCE)?;
    signed.take(SEQUENCE)?;
    let mut validity = signed.enter()?;
    Some(time(&mut validity)?..=time(&mut validity)?)
}

/// `YYMMDDHHMMSSZ` of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time(validity: &mut Der<'_>) -> Option<UnixTime> {
    let tag = *validity.0.first()?;
    let text = std::str::from_utf8(validity.take(tag)?).ok()?;
    let full = match tag {
        UTC_TIME => {
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize| full.get(from..from + 2);
    let (year, month, day) = (full.get(..4)?, part(4)?, part(6)?);
    let (hour, minute, second) = (part(8)?, part(10)?, part(12)?);
    parse_date_time(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn the_ends_of_a_certificate_are_read() {
        // As `openssl x509 -dates` has them.
        for (name, from, to) in [
            ("p256.pem", "2026-11-23T06:35:21.000Z", "2126-10-30T06:35:21.000Z"),
            ("rsa.pem", "2026-11-23T06:35:22.000Z", "2126-10-30T06:35:22.000Z"),
            ("expired.pem", "2020-01-01T00:00:00.000Z", "2021-01-01T00:00:00.000Z"),
            ("future.pem", "2120-01-01T00:00:00.000Z", "2130-01-01T00:00:00.000Z"),
        ] {
            let path = format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"));
            let certificate = CertificateDer::from_pem_file(path).unwrap();
            let valid = validity(&certificate).unwrap();
            let ends = [valid.start(), valid.end()].map(|end| end.to_rfc3339().to_string());
            assert_eq!(ends, [from, to], "{name}");
            for length in 0..certificate.len() / 2 {
                // What is cut short ends nowhere, and does no harm.
                let _ = validity(&certificate[..length]);
            }
        }
        assert_eq!(validity(b"\x30\x03\x30\x01\x02"), None);
    }
}
