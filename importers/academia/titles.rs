//! Titles, found by the words that they have in common, among thousands of them.

use std::collections::{BTreeSet, HashMap};

use super::matching::MIN_TITLE_SIMILARITY;

/// Titles by number, in any order of their words.
#[derive(Debug, Default)]
pub struct Titles {
    words: Vec<BTreeSet<String>>,
    by_word: HashMap<String, Vec<usize>>,
}

impl Titles {
    /// Sets the title of a number, as it is compared; a number that is new is the next one.
    pub fn set(&mut self, number: usize, title: &str) {
        let words = words(title);
        for word in &words {
            let all = self.by_word.entry(word.clone()).or_default();
            if all.last() != Some(&number) {
                all.push(number);
            }
        }
        if number == self.words.len() {
            self.words.push(words);
        } else {
            self.words[number] = words;
        }
    }

    /// The numbers of the titles that have nearly all words in common with this one, in their order.
    pub fn similar(&self, title: &str) -> Vec<usize> {
        let words = words(title);
        // What is similar lacks at most so many of these words, so it has one of any larger number of them: of the rarest.
        let n_lacking = (words.len() as f64 * (1.0 / MIN_TITLE_SIMILARITY - 1.0)).ceil() as usize;
        let mut lists: Vec<&[usize]> =
            words.iter().map(|word| self.by_word.get(word).map_or(&[][..], Vec::as_slice)).collect();
        lists.sort_by_key(|list| list.len());
        let may_be: BTreeSet<usize> = lists.into_iter().take(n_lacking + 1).flatten().copied().collect();
        may_be
            .into_iter()
            .filter(|number| similarity(&words, &self.words[*number]) >= MIN_TITLE_SIMILARITY)
            .collect()
    }
}

fn words(title: &str) -> BTreeSet<String> {
    title.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Words in common, of all words of both: 1 for the same words in any order.
fn similarity(left: &BTreeSet<String>, right: &BTreeSet<String>) -> f64 {
    let n_common = left.intersection(right).count();
    let n_all = left.len() + right.len() - n_common;
    if n_all == 0 { 0.0 } else { n_common as f64 / n_all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_similar_ones_are_found_as_if_each_were_looked_at() {
        // Titles of few words from a small stock, so that many are nearly the same.
        let stock = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let mut seed = 7_u64;
        let mut next = |n: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % n
        };
        let mut title = || (0..1 + next(60)).map(|_| stock[next(12)]).collect::<Vec<_>>().join(" ");
        let mut all: Vec<String> = (0..300).map(|_| title()).collect();
        let mut titles = Titles::default();
        all.iter().enumerate().for_each(|(number, title)| titles.set(number, title));
        all[5] = "l k j i h g f e d c b a".to_owned();
        titles.set(5, &all[5]);
        let mut n_found = 0;
        for _ in 0..300 {
            let wanted = title();
            let is_similar =
                |it: &&usize| similarity(&words(&wanted), &words(&all[**it])) >= MIN_TITLE_SIMILARITY;
            let numbers: Vec<usize> = (0..all.len()).collect();
            let expected: Vec<usize> = numbers.iter().filter(is_similar).copied().collect();
            let found = titles.similar(&wanted);
            n_found += found.len();
            assert_eq!(found, expected, "{wanted}");
        }
        assert!(n_found > 300);
        assert_eq!(titles.similar(""), Vec::<usize>::new());
    }
}
