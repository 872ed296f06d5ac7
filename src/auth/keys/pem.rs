//! Public keys as PEM (RFC 7468): `SubjectPublicKeyInfo` (RFC 5280), and PKCS #1 for RSA.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::curve::Curve;
use super::der::{BIT_STRING, Der, INTEGER, NULL, OBJECT_ID};
use super::material::Material;
use crate::auth::fault::KeyFault;

// Object identifiers, as DER writes them.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Every key of the text. What is outside of the blocks is passed over, as RFC 7468 has it.
pub(super) fn public_keys(text: &str) -> Result<Vec<Material>, KeyFault> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some((_, block)) = rest.split_once("-----BEGIN ") {
        let whole = block.split_once("-----").and_then(|(label, block)| {
            let (body, after) = block.split_once(&format!("-----END {label}-----"))?;
            Some((label, body, after))
        });
        let Some((label, body, after)) = whole else {
            return Err(KeyFault::UnfinishedPem);
        };
        keys.push(public_key(label, body)?);
        rest = after;
    }
    if keys.is_empty() {
        return Err(KeyFault::NoPem);
    }
    Ok(keys)
}

fn public_key(label: &str, body: &str) -> Result<Material, KeyFault> {
    let read = match label {
        "PUBLIC KEY" => subject_public_key_info,
        "RSA PUBLIC KEY" => |der: &[u8]| rsa(der).ok_or(KeyFault::NotWhole),
        "CERTIFICATE" => return Err(KeyFault::Certificate),
        private if private.ends_with("PRIVATE KEY") => return Err(KeyFault::PrivatePem),
        _ => return Err(KeyFault::NoPublicKey),
    };
    let base64: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(base64).map_err(|_| KeyFault::NoBase64)?;
    read(&der)
}

fn subject_public_key_info(bytes: &[u8]) -> Result<Material, KeyFault> {
    let Info { kind, curve, key } = info(bytes).ok_or(KeyFault::NotWhole)?;
    match (kind, curve) {
        (RSA, None) => rsa(key).ok_or(KeyFault::NotWhole),
        (EC, Some(P256)) => Material::point(Curve::P256, key),
        (EC, Some(P384)) => Material::point(Curve::P384, key),
        (EC, Some(P521)) => Material::point(Curve::P521, key),
        (ED25519, None) => Material::ed25519(key),
        _ => Err(KeyFault::UnsupportedKind),
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
