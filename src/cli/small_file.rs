//! Files of the configuration: itself, and the secrets that it names.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The longest file that is read. A configuration or a secret has a few KiB; another file, or a device, would
/// take all memory.
const MOST_BYTES: u64 = 1 << 20;

/// Reads a file of the configuration's.
///
/// # Errors
/// It cannot be read, or is no such file, as it is too long.
pub(super) fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if read as u64 > MOST_BYTES {
        return Err(io::Error::other("it has more than 1 MiB: is it the right file?"));
    }
    Ok(bytes)
}
