//! The one hash of customer keys: it scatters events and orders the rows of every table.
//!
//! xxh3-64 with seed 0, of the 8 little-endian bytes of an integer key (all integer widths unify to
//! i64) or of the UTF-8 bytes of a text key. Changing it changes the row order of every published
//! table: it is part of the contract.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Hash of an integer customer key.
#[inline]
#[must_use]
pub fn of_integer(key: i64) -> u64 {
    xxh3_64(&key.to_le_bytes())
}

/// Hash of a text customer key.
#[inline]
#[must_use]
pub fn of_text(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Identity of an order or transaction id given as an integer: exact, never 0.
#[inline]
#[must_use]
pub fn identity_of_integer(id: i64) -> u128 {
    (1 << 64) | u128::from(id.cast_unsigned())
}

/// Identity of an order or transaction id given as text: xxh3-128 of its bytes, never 0.
///
/// Two different ids of one customer share it with a probability of about n² / 2¹²⁹ for n ids.
#[inline]
#[must_use]
pub fn identity_of_text(id: &[u8]) -> u128 {
    xxh3_128(id).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_xxh3() {
        // Reference values of XXH3_64bits with seed 0.
        assert_eq!(of_text(b""), 0x2D06_8005_38D3_94C2);
        assert_eq!(of_integer(0), 0xC77B_3ABB_6F87_ACD9);
    }

    #[test]
    fn no_identity_is_zero() {
        assert_ne!(identity_of_integer(0), 0);
        assert_ne!(identity_of_integer(-1), identity_of_integer(1));
    }
}
