//! Random bits from the operating system.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use getrandom::Error;

/// Returns `N` random bytes. Fails only when the operating system does, which no request can cause.
pub(super) fn random_bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).inspect_err(|error| {
        log::error!("the operating system returned no random bytes: {error}");
    })?;
    Ok(bytes)
}

/// 128 random bits in 22 characters of `A-Z a-z 0-9 _ -`: for users, recipes, and tokens' `jti`.
pub(crate) fn random_id() -> Result<String, Error> {
    random_bytes::<16>().map(|bits| URL_SAFE_NO_PAD.encode(bits))
}
