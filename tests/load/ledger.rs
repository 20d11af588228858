//! Which messages arrived: one bit for each producer's number.

/// The numbers seen so far, by producer.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ledger {
    seen: Vec<Vec<u64>>,
    /// Arrivals whose number had been seen before.
    pub(crate) duplicates: u64,
}

// === impl Ledger ===

impl Ledger {
    /// Notes an arrival; a number that was seen before counts as a duplicate.
    #[inline]
    pub(crate) fn note(&mut self, producer: u16, number: u64) {
        let producer = usize::from(producer);
        if producer >= self.seen.len() {
            self.seen.resize_with(producer + 1, Vec::new);
        }
        let words = &mut self.seen[producer];
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if word >= words.len() {
            words.resize((word + 1).next_power_of_two(), 0);
        }
        self.duplicates += u64::from(words[word] & bit != 0);
        words[word] |= bit;
    }

    /// Takes in what another consumer saw; what both saw is duplicate.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.duplicates += other.duplicates;
        if self.seen.len() < other.seen.len() {
            self.seen.resize_with(other.seen.len(), Vec::new);
        }
        for (ours, theirs) in self.seen.iter_mut().zip(&other.seen) {
            if ours.len() < theirs.len() {
                ours.resize(theirs.len(), 0);
            }
            for (ours, theirs) in ours.iter_mut().zip(theirs) {
                self.duplicates += u64::from((*ours & theirs).count_ones());
                *ours |= theirs;
            }
        }
    }

    /// How many different messages arrived.
    pub(crate) fn distinct(&self) -> u64 {
        self.seen.iter().flatten().map(|word| u64::from(word.count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    #[test]
    fn duplicates_are_found_within_and_between_consumers() {
        let (mut one, mut other) = (Ledger::default(), Ledger::default());
        [0, 1, 2, 64, 2].iter().for_each(|number| one.note(0, *number));
        [3, 64, 200].iter().for_each(|number| other.note(0, *number));
        other.note(7, 0);
        one.merge(&other);
        assert_eq!((one.distinct(), one.duplicates), (7, 2));
    }
}
