//! Public keys as PEM (RFC 7468): `SubjectPublicKeyInfo` (RFC 5280), and PKCS #1 for RSA.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::der::{BIT_STRING, Der, INTEGER, NULL, OBJECT_ID};
use super::material::{Curve, Material};

// Object identifiers, as DER writes them.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Every key of the text. What is outside of the blocks is passed over, as RFC 7468 has it.
pub(super) fn public_keys(text: &str) -> Result<Vec<Material>, String> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, block)) = rest.split_once("-----BEGIN ") {
        let whole = block.split_once("-----").and_then(|(label, block)| {
            let (body, after) = block.split_once(&format!("-----END {label}-----"))?;
            Some((label, body, after))
        });
        let Some((label, body, after)) = whole else {
            return Err("a PEM block has no end: is the file whole?".to_owned());
        };
        keys.push(public_key(label, body)?);
        rest = after;
    }
    if keys.is_empty() {
        return Err("no PEM block: write a public key, `-----BEGIN PUBLIC KEY-----` …".to_owned());
    }
    Ok(keys)
}

fn public_key(label: &str, body: &str) -> Result<Material, String> {
    let read = match label {
        "PUBLIC KEY" => subject_public_key_info,
        "RSA PUBLIC KEY" => |der: &[u8]| rsa(der).ok_or(NOT_WHOLE.to_owned()),
        "CERTIFICATE" => {
            return Err(
                "a certificate: take the key out of it by `openssl x509 -pubkey -noout`".to_owned()
            );
        }
        private if private.ends_with("PRIVATE KEY") => {
            return Err(
                "a private key: the server needs only the public one, which `openssl pkey \
                        -pubout` takes out of it; keep the private one away from here"
                    .to_owned(),
            );
        }
        _ => return Err("a PEM block that is no public key".to_owned()),
    };
    let base64: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(base64).map_err(|_| "a PEM block that is no base64".to_owned())?;
    read(&der)
}

const NOT_WHOLE: &str = "a PEM block that is no whole public key";

fn subject_public_key_info(bytes: &[u8]) -> Result<Material, String> {
    let Info { kind, curve, key } = info(bytes).ok_or(NOT_WHOLE)?;
    let unsupported = || {
        "a public key of a kind that is not supported; what is: RSA, P-256, P-384, Ed25519"
            .to_owned()
    };
    match (kind, curve) {
        (RSA, None) => rsa(key).ok_or(NOT_WHOLE.to_owned()),
        (EC, Some(P256)) => Material::point(Curve::P256, key),
        (EC, Some(P384)) => Material::point(Curve::P384, key),
        (ED25519, None) => Material::ed25519(key),
        _ => Err(unsupported()),
    }
}

/// A `SubjectPublicKeyInfo`.
#[derive(Debug)]
struct Info<'a> {
    kind: &'a [u8],
    /// Where the kind has several.
    curve: Option<&'a [u8]>,
    key: &'a [u8],
}

fn info(bytes: &[u8]) -> Option<Info<'_>> {
    let mut whole = Der(bytes);
    let mut info = whole.enter()?;
    let mut algorithm = info.enter()?;
    let kind = algorithm.take(OBJECT_ID)?;
    let curve = match kind {
        RSA => algorithm.take(NULL).map(|_| None)?,
        EC => Some(algorithm.take(OBJECT_ID)?),
        _ => None,
    };
    // The first byte says how many bits of the last one are no part of it: none, for a key.
    let key = info.take(BIT_STRING)?.strip_prefix(&[0])?;
    // What is not supported may have parameters, and is told by its kind.
    let is_known = matches!(kind, RSA | EC | ED25519);
    let is_whole = whole.is_at_end() && info.is_at_end() && (!is_known || algorithm.is_at_end());
    is_whole.then_some(Info { kind, curve, key })
}

fn rsa(bytes: &[u8]) -> Option<Material> {
    let mut whole = Der(bytes);
    let mut key = whole.enter()?;
    let (n, e) = (key.take(INTEGER)?, key.take(INTEGER)?);
    (whole.is_at_end() && key.is_at_end()).then(|| Material::rsa(n, e))
}
