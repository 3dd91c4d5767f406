//! Work of several businesses, given out in turns, so that nobody waits until all of another's work is done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Work that waits, by whose it is. Next comes the work of whoever has the least under way and, among these, was given the
/// least so far; the work of one comes in the order in which it was added. So a business whose work takes long keeps what it
/// has under way and gets no more than others, and one with much work waits for the others' turns.
#[derive(Clone, Debug)]
pub struct Turns<K, T> {
    lines: Vec<Line<K, T>>,
    places: BTreeMap<K, usize>,
    /// The lines with work that waits, the next first: how much is under way, how much was given, and the line's place.
    waiting: BTreeSet<(usize, usize, usize)>,
    len: usize,
}

/// The work of one.
#[derive(Clone, Debug)]
struct Line<K, T> {
    of: K,
    work: VecDeque<T>,
    under_way: usize,
    given: usize,
}

impl<K, T> Default for Turns<K, T> {
    fn default() -> Self {
        Self { lines: Vec::new(), places: BTreeMap::new(), waiting: BTreeSet::new(), len: 0 }
    }
}

impl<K: Ord + Clone, T> Turns<K, T> {
    /// Adds work behind the other work of the same.
    pub fn add(&mut self, of: &K, work: T) {
        let place = match self.places.get(of) {
            Some(place) => *place,
            None => {
                self.places.insert(of.clone(), self.lines.len());
                self.lines.push(Line { of: of.clone(), work: VecDeque::new(), under_way: 0, given: 0 });
                self.lines.len() - 1
            }
        };
        let Some(line) = self.lines.get_mut(place) else { return };
        line.work.push_back(work);
        self.waiting.insert((line.under_way, line.given, place));
        self.len += 1;
    }

    /// Gives out the next work, and whose it is. It is under way until somebody says that it is [done](Self::done).
    pub fn give(&mut self) -> Option<(K, T)> {
        let (_, _, place) = self.waiting.pop_first()?;
        let line = self.lines.get_mut(place)?;
        let work = line.work.pop_front()?;
        line.under_way += 1;
        line.given += 1;
        self.len -= 1;
        if !line.work.is_empty() {
            self.waiting.insert((line.under_way, line.given, place));
        }
        Some((line.of.clone(), work))
    }

    /// Says that work of somebody which was given out is under way no more.
    pub fn done(&mut self, of: &K) {
        let Some((place, line)) = self.places.get(of).and_then(|place| Some((*place, self.lines.get_mut(*place)?)))
        else {
            return;
        };
        let was_waiting = self.waiting.remove(&(line.under_way, line.given, place));
        line.under_way = line.under_way.saturating_sub(1);
        if was_waiting {
            self.waiting.insert((line.under_way, line.given, place));
        }
    }

    /// How many have work that waits.
    pub fn lines(&self) -> usize {
        self.waiting.len()
    }

    /// How much work waits.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<K: Ord + Clone, T> Extend<(K, T)> for Turns<K, T> {
    fn extend<I: IntoIterator<Item = (K, T)>>(&mut self, work: I) {
        work.into_iter().for_each(|(of, work)| self.add(&of, work));
    }
}

impl<K: Ord + Clone, T> FromIterator<(K, T)> for Turns<K, T> {
    fn from_iter<I: IntoIterator<Item = (K, T)>>(work: I) -> Self {
        let mut turns = Self::default();
        turns.extend(work);
        turns
    }
}

/// Gives work out without regard to what is under way: the first of each, then the second of each.
impl<K: Ord + Clone, T> Iterator for Turns<K, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (of, work) = self.give()?;
        self.done(&of);
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn turns(work: &[(&'static str, usize)]) -> Turns<&'static str, (&'static str, usize)> {
        work.iter().flat_map(|(of, much)| (1..=*much).map(move |number| (*of, (*of, number)))).collect()
    }

    #[test]
    fn everybody_has_their_nth_before_anybody_has_another_one() {
        let mut waiting = turns(&[("large", 100_000), ("small", 2), ("other", 3)]);
        let first: Vec<_> = waiting.by_ref().take(8).collect();
        let (large, small, other) = (|n| ("large", n), |n| ("small", n), |n| ("other", n));
        assert_eq!(first, [large(1), small(1), other(1), large(2), small(2), other(2), large(3), other(3)]);
        assert_eq!(waiting.len(), 100_005 - 8);
        assert!(waiting.all(|(of, _)| of == "large"));
    }

    #[test]
    fn who_comes_late_is_not_behind_who_was_given_much_before() {
        let mut waiting = turns(&[("large", 10)]);
        assert_eq!(waiting.by_ref().take(5).count(), 5);
        waiting.add(&"late", ("late", 1));
        assert_eq!(waiting.next(), Some(("late", 1)));
    }

    #[test]
    fn work_that_takes_long_leaves_its_business_nothing_more_while_others_wait() {
        let mut waiting = turns(&[("hanging", 50), ("quick", 50)]);
        let mut hanging = 0;
        for _ in 0..50 {
            loop {
                let (of, _) = waiting.give().unwrap();
                if of == "quick" {
                    break waiting.done(&of);
                }
                hanging += 1;
            }
        }
        assert_eq!(hanging, 1);
        assert_eq!(waiting.len(), 49);
        let rest = std::iter::from_fn(|| waiting.give()).count();
        assert_eq!(rest, 49, "where nobody else waits, all of it is given out");
        assert!(waiting.is_empty());
    }

    /// What happens to work: some of a business is added, the next is given out, or something of a business is done.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Add(u8),
        Give,
        Done(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![3 => (0..6u8).prop_map(Step::Add), 2 => Just(Step::Give), 2 => (0..6u8).prop_map(Step::Done)]
    }

    proptest! {
        #[test]
        fn no_work_is_lost_or_given_twice_and_that_of_one_comes_in_its_order(steps in prop::collection::vec(step(), 0..400)) {
            let mut waiting = Turns::default();
            let (mut added, mut given) = (vec![0; 6], vec![0; 6]);
            for step in steps {
                match step {
                    Step::Add(of) => {
                        added[usize::from(of)] += 1;
                        waiting.add(&of, added[usize::from(of)]);
                    }
                    Step::Give => match waiting.give() {
                        Some((of, number)) => {
                            given[usize::from(of)] += 1;
                            prop_assert_eq!(number, given[usize::from(of)]);
                        }
                        None => prop_assert_eq!(&added, &given),
                    },
                    Step::Done(of) => waiting.done(&of),
                }
                prop_assert_eq!(waiting.len(), added.iter().sum::<usize>() - given.iter().sum::<usize>());
            }
            while let Some((of, number)) = waiting.give() {
                given[usize::from(of)] += 1;
                prop_assert_eq!(number, given[usize::from(of)]);
            }
            prop_assert_eq!(added, given);
        }

        #[test]
        fn nobody_has_a_201st_before_everybody_else_has_200_or_all_of_theirs(
            work in prop::collection::vec((0..8u8, 1..700usize), 1..20),
        ) {
            let all: Vec<u8> = work.iter().flat_map(|(of, much)| std::iter::repeat_n(*of, *much)).collect();
            let has = |of: u8| all.iter().filter(|one| **one == of).count();
            let mut given = [0; 8];
            for of in all.iter().map(|of| (*of, *of)).collect::<Turns<u8, u8>>() {
                given[usize::from(of)] += 1;
                if given[usize::from(of)] == 201 {
                    prop_assert!((0..8).all(|other| given[usize::from(other)] >= has(other).min(200)));
                }
            }
            prop_assert!((0..8).all(|of| given[usize::from(of)] == has(of)));
        }

        #[test]
        fn whoever_has_the_least_under_way_is_next(
            work in prop::collection::vec((0..5u8, 1..40usize), 1..10), ends in prop::collection::vec(0..5u8, 0..200),
        ) {
            let mut left = [0usize; 5];
            work.iter().for_each(|(of, much)| left[usize::from(*of)] += much);
            let mut waiting: Turns<u8, ()> =
                work.iter().flat_map(|(of, much)| std::iter::repeat_n((*of, ()), *much)).collect();
            let mut under_way = [0usize; 5];
            for ended in ends {
                let Some((of, ())) = waiting.give() else { break };
                let least = (0..5).filter(|other| left[*other] > 0).map(|other| under_way[other]).min();
                prop_assert_eq!(Some(under_way[usize::from(of)]), least);
                left[usize::from(of)] -= 1;
                under_way[usize::from(of)] += 1;
                if under_way[usize::from(ended)] > 0 {
                    under_way[usize::from(ended)] -= 1;
                    waiting.done(&ended);
                }
            }
        }
    }
}
