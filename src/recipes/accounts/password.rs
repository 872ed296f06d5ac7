//! Passwords and their hashes: Argon2id (RFC 9106).

use std::fmt;
use std::hint::black_box;

use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::common;
use super::random::random_bytes;
use crate::config;
use crate::recipes::storage::users::PasswordHash;

const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// The smallest allocation for a hash, in blocks of 1 KiB: 34 MiB. glibc caches freed allocations
/// below 32 MiB, up to three of them for each thread; larger ones return to the system at once. The
/// pages that the hash does not touch take no memory.
const LENT_BLOCKS: usize = 34 << 10;

/// A password of 8 to 128 characters of any kind. Shorter ones are easily guessed; longer ones only
/// make hashing slower.
///
/// Its `Debug` does not show it.
pub(super) struct Password(String);

impl Password {
    /// Checks the length of a password.
    ///
    /// # Errors
    /// The problem, as a text for people that does not quote the password.
    pub(super) fn new(text: String) -> Result<Self, &'static str> {
        if (8..=128).contains(&text.chars().count()) {
            Ok(Self(text))
        } else {
            Err("must have 8 to 128 characters")
        }
    }

    /// Is it among the first that anybody tries, or made of the account's email?
    pub(super) fn is_easily_guessed(&self, email: &str) -> bool {
        common::is_easily_guessed(&self.0, email)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl PasswordHash {
    /// Whether this is the hash of `password`. Blocks for as long as a hash takes.
    pub(super) fn is_of(&self, password: &Password) -> bool {
        let Ok(output) = hash(password, &self.salt, self.memory_kib, self.iterations) else {
            log::error!("cannot recompute a stored password hash");
            return false;
        };
        // Compares every byte, so that the time does not reveal how many are equal.
        let difference = output.iter().zip(&self.output).fold(0, |all, (a, b)| all | (a ^ b));
        self.output.len() == OUTPUT_BYTES && black_box(difference) == 0
    }
}

/// Hashes passwords with the configured costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct PasswordHasher {
    memory_kib: u32,
    iterations: u32,
}

/// Hashing failed: there were no random bytes, or no memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoHash;

impl PasswordHasher {
    pub(super) fn new(accounts: &config::Accounts) -> Self {
        let memory_kib = u32::try_from(accounts.argon2_memory.get() >> 10).unwrap_or(u32::MAX);
        Self { memory_kib, iterations: accounts.argon2_iterations }
    }

    /// Hashes a new password. Blocks: 20 to 50 ms with the default costs.
    pub(super) fn hash(&self, password: &Password) -> Result<PasswordHash, NoHash> {
        let salt = random_bytes::<SALT_BYTES>().map_err(|_| NoHash)?;
        let output = hash(password, &salt, self.memory_kib, self.iterations)?;
        Ok(PasswordHash {
            salt: salt.to_vec(),
            output: output.to_vec(),
            memory_kib: self.memory_kib,
            iterations: self.iterations,
        })
    }

    /// Takes as long as checking a password, for an account that does not exist.
    pub(super) fn hash_in_vain(&self, password: &Password) {
        let output = hash(password, &[0; SALT_BYTES], self.memory_kib, self.iterations);
        // `black_box` keeps the compiler from removing the computation.
        let _ = black_box(output);
    }
}

/// Computes Argon2id with one lane, as it runs on one thread.
fn hash(
    password: &Password,
    salt: &[u8],
    memory_kib: u32,
    iterations: u32,
) -> Result<[u8; OUTPUT_BYTES], NoHash> {
    let params = Params::new(memory_kib, iterations, 1, Some(OUTPUT_BYTES)).map_err(|_| NoHash)?;
    let mut output = [0; OUTPUT_BYTES];
    let count = params.block_count();
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(count.max(LENT_BLOCKS)).map_err(|_| NoHash)?;
    memory.resize(count, Block::new());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password.0.as_bytes(), salt, &mut output, &mut memory)
        .map_err(|_| NoHash)?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordHasher = PasswordHasher { memory_kib: 64, iterations: 1 };

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let hash = CHEAP.hash(&password("a good one")).unwrap();
        assert!(hash.is_of(&password("a good one")));
        assert!(!hash.is_of(&password("a good onf")));
    }

    #[test]
    fn each_hash_has_its_own_salt() {
        let [one, other] = [(); 2].map(|()| CHEAP.hash(&password("a good one")).unwrap());
        assert_ne!(one.salt, other.salt);
        assert_ne!(one.output, other.output);
    }

    #[test]
    fn hash_is_checked_with_its_stored_costs() {
        let hash = PasswordHasher { memory_kib: 128, iterations: 2 }
            .hash(&password("a good one"))
            .unwrap();
        assert_eq!((hash.memory_kib, hash.iterations), (128, 2));
        assert!(hash.is_of(&password("a good one")));
    }

    #[test]
    fn hash_matches_the_argon2_reference() {
        // Computed with the reference implementation: `echo -n password | argon2 somesalt -id -t 2
        // -k 65536 -p 1 -l 32`.
        let output = hash(&password("password"), b"somesalt", 65_536, 2).unwrap();
        let hex: String = output.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
    }

    #[test]
    fn a_password_has_8_to_128_characters() {
        assert!(Password::new("ä".repeat(7)).is_err() && Password::new("ä".repeat(8)).is_ok());
        assert!(Password::new("ä".repeat(128)).is_ok() && Password::new("ä".repeat(129)).is_err());
    }

    #[test]
    fn password_and_hash_are_not_in_the_debug_form() {
        let password = password("a good one");
        let text = format!("{password:?} {:?}", CHEAP.hash(&password).unwrap());
        assert_eq!(text, "Password(…) PasswordHash(…)");
    }
}
