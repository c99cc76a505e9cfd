//! The only room that makes randomness.
//!
//! A [`Seed`] is written into the plan; every purpose draws from a stream of its own, so that adding one draw never
//! changes another's. Secrets ([`token`]) and fresh seeds come from the operating system.

use rand::{Rng, RngExt, SeedableRng, rand_core::UnwrapErr, rngs::SysRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Where a plan's randomness begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// A seed from the operating system; small enough to be typed again by a person.
    pub fn fresh() -> Self {
        Self(u64::from(UnwrapErr(SysRng).next_u32()))
    }

    /// The stream of numbers for one purpose.
    pub fn stream(self, purpose: &str) -> ChaCha12Rng {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        hash.update(purpose.as_bytes());
        ChaCha12Rng::from_seed(hash.finalize().into())
    }

    /// `count` letters and digits of this seed's stream for `purpose`: a name that says nothing.
    pub fn opaque(self, purpose: &str, count: usize) -> String {
        letters(&mut self.stream(purpose), count)
    }
}

/// A secret with 128 bits from the operating system, as 32 hexadecimal digits.
pub fn token() -> String {
    format!("{:032x}", UnwrapErr(SysRng).random::<u128>())
}

fn letters(rng: &mut impl Rng, count: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    (0..count).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect()
}

/// The SHA-256 of `bytes` in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    let hex = |text: String, byte: &u8| text + format!("{byte:02x}").as_str();
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), hex)
}
