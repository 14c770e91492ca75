//! Which partition a key belongs to, as Java Kafka's default partitioner decides it.
//!
//! The same key must land in the same partition whoever writes it, so this is the murmur2 of Kafka's
//! `org.apache.kafka.common.utils.Utils` (seed `0x9747b28c`), bit for bit. What happens with records without a key is
//! the writer's own business.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// Kafka's murmur2 of `data`, as the `int` that Java gives.
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    // Java computes with an `int` length; a key is far below 2 GiB, so the truncation never bites.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "as Java does; keys are bounded far below 4 GiB"
    )]
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        k = (k ^ (k >> SHIFT)).wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ k;
    }
    if !rest.is_empty() {
        for (position, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * position);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MULTIPLIER);
    (hash ^ (hash >> 15)).cast_signed()
}

/// The partition of `key` in a topic of `partitions` (at least 1) partitions.
#[inline]
#[must_use]
pub fn partition_of_key(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn equals_java() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    #[test]
    fn partitions_are_in_range_and_stable() {
        for number in 0..10_000_i32 {
            let key = number.to_be_bytes();
            let partition = partition_of_key(&key, 7);
            assert!((0..7).contains(&partition));
            assert_eq!(partition, partition_of_key(&key, 7));
        }
        // `toPositive(-973932308)` is 1,173,551,340.
        assert_eq!(partition_of_key(b"21", 1_000), 340);
    }
}
