//! Random bits of the operating system: for tokens, salts, and ids that nobody can foretell.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The operating system has no random bits to give, which no request can bring about.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoRandomBits;

/// `N` random bytes.
pub(super) fn bytes<const N: usize>() -> Result<[u8; N], NoRandomBits> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        log::error!("the operating system gives no random bits: {error}");
        NoRandomBits
    })?;
    Ok(bytes)
}

/// 128 random bits in 22 characters of `A-Z a-z 0-9 _ -`: for users, recipes, and tokens' `jti`.
pub(super) fn id() -> Result<String, NoRandomBits> {
    bytes::<16>().map(|bits| URL_SAFE_NO_PAD.encode(bits))
}
