//! Orders and draws that a stored seed reproduces.

/// A source of order for one attempt: the same seed gives the same draws and orders, today and in a year.
///
/// This is SplitMix64 (Steele, Lea and Flood, 2014), written out because stored seeds must keep their meaning
/// whatever a library changes. It decides orders and nothing secret.
#[derive(Clone, Debug)]
pub struct Shuffle(u64);

impl Shuffle {
    /// The source of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0. The bias is below 2^-50 for the bounds of a quiz.
    fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * (bound as u128);
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Puts the items into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Draws `count` of the items, each equally likely, in their former order.
    pub fn draw<'a, T>(&mut self, items: &'a [T], count: usize) -> Vec<&'a T> {
        let mut places: Vec<usize> = (0..items.len()).collect();
        self.shuffle(&mut places);
        places.truncate(count);
        places.sort_unstable();
        places.into_iter().filter_map(|place| items.get(place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Shuffle;

    #[test]
    fn a_seed_keeps_its_meaning() {
        let mut items = [1, 2, 3, 4, 5, 6, 7, 8];
        Shuffle::new(1).shuffle(&mut items);
        let first = items;
        items.sort_unstable();
        Shuffle::new(1).shuffle(&mut items);
        assert_eq!(items, first);
        // The first number of SplitMix64 with the seed 0, as its authors publish it.
        assert_eq!(Shuffle::new(0).next(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn each_item_is_drawn_equally_often() {
        let mut counts = [0_u32; 6];
        for seed in 0..6_000 {
            for item in Shuffle::new(seed).draw(&[0, 1, 2, 3, 4, 5], 2) {
                counts[*item as usize] += 1;
            }
        }
        assert!(counts.iter().all(|count| (1_850..2_150).contains(count)), "{counts:?}");
    }
}
