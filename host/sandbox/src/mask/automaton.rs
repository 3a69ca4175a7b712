//! Finds every occurrence of many needles in one pass (Aho and Corasick, 1975).
//!
//! A library's automaton would do for texts that mean no harm. Here the needles and the text come from people who may mean
//! it, so two things are different: a state keeps only the longest needle that ends in it, because the union of all
//! occurrences needs no other, and so its size is that of the needles whatever they are; and a byte of text costs a constant
//! number of steps, also where needles begin alike (a leftmost-longest search reads ahead and starts again). And the states,
//! which spell the needles, are overwritten on drop.

use std::{collections::VecDeque, ops::Range};

use zeroize::Zeroize;

/// The state before any byte of a needle.
const ROOT: u32 = 0;

/// An automaton over bytes.
pub(super) struct Automaton {
    states: Vec<State>,
    /// The state after one byte: most bytes of a text are read here.
    first: Box<[u32; 256]>,
    /// The length of the longest needle.
    longest: usize,
}

/// What was read ends in the first bytes of a needle: how many, and which, is where the state stands in the tree.
#[derive(Default, Clone, Copy)]
struct State {
    /// Where its children begin. They stand together, by byte.
    children: u32,
    /// How many children it has.
    count: u16,
    /// The byte that leads to it.
    byte: u8,
    /// The state for the longest end of this state's text that begins a needle.
    fallback: u32,
    /// The length of the longest needle that ends here; 0 if none does.
    ends: u32,
}

impl Zeroize for State {
    fn zeroize(&mut self) {
        self.byte.zeroize();
        self.children.zeroize();
    }
}

impl Drop for Automaton {
    fn drop(&mut self) {
        self.states.zeroize();
        self.first.zeroize();
    }
}

/// A state whose children are to be made: the needles that begin with its text, and how long that is.
struct Grown {
    state: u32,
    needles: Range<usize>,
    depth: usize,
}

impl Automaton {
    /// An automaton for `needles`, none of them empty, whose bytes together are fewer than 2³².
    pub(super) fn new(needles: &[&[u8]]) -> Self {
        let mut needles = needles.to_vec();
        needles.sort_unstable();
        needles.dedup();
        let longest = needles.iter().map(|needle| needle.len()).max().unwrap_or_default();
        let size = needles.iter().map(|needle| needle.len()).sum::<usize>() + 1;
        // With room for all: a vector that grows would leave copies behind.
        let mut this = Self { states: Vec::with_capacity(size), first: Box::new([ROOT; 256]), longest };
        this.states.push(State::default());
        // Breadth first, so that a state's fallback, which is less deep, is there before it.
        let mut queue = VecDeque::from([Grown { state: ROOT, needles: 0..needles.len(), depth: 0 }]);
        while let Some(grown) = queue.pop_front() {
            this.grow(&needles, &grown, &mut queue);
        }
        this
    }

    fn grow(&mut self, needles: &[&[u8]], grown: &Grown, queue: &mut VecDeque<Grown>) {
        let (mut from, to, depth) = (grown.needles.start, grown.needles.end, grown.depth);
        let at = |index: usize| needles.get(index).and_then(|needle| needle.get(depth)).copied();
        // The needle that ends in this state is the first of those that begin with it.
        while from < to && at(from).is_none() {
            from += 1;
        }
        let children = self.next();
        while let Some(byte) = at(from).filter(|_| from < to) {
            let end = (from..to).find(|&index| at(index) != Some(byte)).unwrap_or(to);
            let child = self.next();
            let fallback = if depth == 0 { ROOT } else { self.step(self.state(grown.state).fallback, byte) };
            let is_needle = needles.get(from).is_some_and(|needle| needle.len() == depth + 1);
            let ends = if is_needle { depth + 1 } else { self.ends(fallback) };
            let ends = u32::try_from(ends).unwrap_or(u32::MAX);
            self.states.push(State { children: 0, count: 0, byte, fallback, ends });
            if depth == 0
                && let Some(first) = self.first.get_mut(usize::from(byte))
            {
                *first = child;
            }
            queue.push_back(Grown { state: child, needles: from..end, depth: depth + 1 });
            from = end;
        }
        let count = u16::try_from(self.next() - children).unwrap_or(u16::MAX);
        if let Some(state) = self.states.get_mut(grown.state as usize) {
            (state.children, state.count) = (children, count);
        }
    }

    /// The number of the next state.
    fn next(&self) -> u32 {
        u32::try_from(self.states.len()).unwrap_or(u32::MAX)
    }

    fn state(&self, state: u32) -> State {
        self.states.get(state as usize).copied().unwrap_or_default()
    }

    /// The length of the longest needle that ends in `state`.
    fn ends(&self, state: u32) -> usize {
        self.state(state).ends as usize
    }

    fn step(&self, mut state: u32, byte: u8) -> u32 {
        while state != ROOT {
            let State { children, count, fallback, .. } = self.state(state);
            let from = children as usize;
            let siblings = self.states.get(from..from + usize::from(count)).unwrap_or_default();
            if let Ok(place) = siblings.binary_search_by_key(&byte, |child| child.byte) {
                return children + u32::try_from(place).unwrap_or_default();
            }
            state = fallback;
        }
        self.first.get(usize::from(byte)).copied().unwrap_or(ROOT)
    }

    /// Calls `found` with each stretch of `text` that needles cover, from the left. Needles that overlap or touch make one
    /// stretch.
    pub(super) fn stretches(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        // Stretches that a needle which ends later may still join.
        let mut open: VecDeque<Range<usize>> = VecDeque::new();
        let (mut state, mut at) = (ROOT, 0);
        while let Some(&byte) = text.get(at) {
            state = self.step(state, byte);
            at += 1;
            if state == ROOT {
                open.drain(..).for_each(&mut found);
                let begins = |byte: &u8| self.first.get(usize::from(*byte)).is_some_and(|first| *first != ROOT);
                let rest = text.get(at..).unwrap_or_default();
                at += rest.iter().position(begins).unwrap_or(rest.len());
                continue;
            }
            let length = self.ends(state);
            if length == 0 {
                continue;
            }
            let mut stretch = at - length..at;
            while let Some(last) = open.pop_back_if(|last| last.end >= stretch.start) {
                stretch.start = stretch.start.min(last.start);
            }
            open.push_back(stretch);
            // A needle that ends later does not begin before this.
            let horizon = at.saturating_sub(self.longest);
            while let Some(stretch) = open.pop_front_if(|stretch| stretch.end < horizon) {
                found(stretch);
            }
        }
        open.drain(..).for_each(&mut found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(needles: &[&str], text: &str) -> Vec<Range<usize>> {
        let needles: Vec<&[u8]> = needles.iter().map(|needle| needle.as_bytes()).collect();
        let mut found = Vec::new();
        Automaton::new(&needles).stretches(text.as_bytes(), |stretch| found.push(stretch));
        found
    }

    /// The same by looking for each needle at each place.
    fn searched(needles: &[&str], text: &str) -> Vec<Range<usize>> {
        let mut covered = vec![false; text.len()];
        for at in 0..text.len() {
            for needle in needles.iter().filter(|needle| text[at..].starts_with(**needle)) {
                covered[at..at + needle.len()].fill(true);
            }
        }
        let mut found: Vec<Range<usize>> = Vec::new();
        for at in (0..text.len()).filter(|at| covered[*at]) {
            match found.last_mut() {
                Some(last) if last.end == at => last.end = at + 1,
                _ => found.push(at..at + 1),
            }
        }
        found
    }

    /// Every text over `ab` of 1 to `most` bytes.
    fn texts(most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        for at in 0.. {
            if all[at].len() == most {
                return all.split_off(1);
            }
            for letter in ['a', 'b'] {
                all.push(format!("{}{letter}", all[at]));
            }
        }
        all
    }

    #[test]
    fn no_byte_of_any_occurrence_is_missed_and_no_other_is_covered() {
        let (all, few) = (texts(9), texts(4));
        for (index, first) in few.iter().enumerate() {
            for second in few.iter().skip(index) {
                let third = &few[(index * 7 + second.len()) % few.len()];
                let needles = [first.as_str(), second.as_str(), third.as_str()];
                for text in &all {
                    assert_eq!(stretches(&needles, text), searched(&needles, text), "{needles:?} in {text}");
                }
            }
        }
    }

    #[test]
    fn needles_of_every_byte_are_found() {
        let all: Vec<Vec<u8>> = (0..=255).flat_map(|first| [vec![first, 7], vec![first, 200, first]]).collect();
        let needles: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let automaton = Automaton::new(&needles);
        for needle in &all {
            let mut found = Vec::new();
            automaton.stretches(needle, |stretch| found.push(stretch));
            assert_eq!(found.last().map(|last| last.end), Some(needle.len()), "{needle:?}");
        }
    }

    #[test]
    fn needles_that_begin_alike_or_nest_cost_no_more_than_their_bytes() {
        // For a search that reads ahead, or that lists all needles which end in a place, these are the worst.
        let nested: Vec<String> = (4..300).map(|length| "a".repeat(length)).collect();
        let long = format!("{}b", "a".repeat(40_000));
        let needles: Vec<&[u8]> = nested.iter().chain([&long]).map(|needle| needle.as_bytes()).collect();
        let automaton = Automaton::new(&needles);
        assert_eq!(automaton.states.len(), long.len() + 1);
        let text = "a".repeat(8 << 20);
        let mut found = Vec::new();
        let begun = std::time::Instant::now();
        automaton.stretches(text.as_bytes(), |stretch| found.push(stretch));
        assert_eq!(found, std::slice::from_ref(&(0..text.len())));
        // About 0.2 s without optimization; the square of it would be hours.
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }
}
