//! Chance that can be repeated: the same seed draws the same numbers.

/// SplitMix64, which is small and good enough to choose what happens next.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Chance that any text seeds, such as the name of a commit.
    pub fn from_text(text: &str) -> Self {
        // FNV-1a, which is small and gives another number for each text that anybody would think of.
        let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self::new(text.bytes().fold(0xcbf2_9ce4_8422_2325, add))
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() % u64::try_from(end).unwrap()).unwrap()
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Puts these in any order, each as likely as every other.
    pub fn shuffle<T>(&mut self, cases: &mut [T]) {
        for last in (1..cases.len()).rev() {
            cases.swap(last, self.below(last + 1));
        }
    }

    /// True once in this many times, on average.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_everything_and_is_the_same_for_the_same_text() {
        let shuffled = |seed: &str| {
            let mut cases: Vec<u32> = (0..100).collect();
            Seeded::from_text(seed).shuffle(&mut cases);
            cases
        };
        let (one, other) = (shuffled("one"), shuffled("other"));
        assert_eq!(one, shuffled("one"));
        assert_ne!(one, other);
        let mut sorted = other;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}
