//! Many parts, one tree: equal paths with equal content count once, all others get names of their own.

use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read};

use exodus_api::Entry;

use super::Twin;
use super::listing::{Container, Member};
use super::names;
use super::promise::Promise;

/// The tree of all parts.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// All entries, sorted by path; the number of each is its index.
    pub(super) entries: Vec<Entry>,
    /// The slot of each entry in its part.
    pub(super) slots: Vec<u32>,
    /// What is there once more, and counts once.
    pub(super) twins: Vec<Twin>,
}

struct Placed {
    part: u32,
    member: Member,
}

/// Makes one tree of the members of each part; `containers` are the parts in their order.
pub(super) fn merge(members: Vec<Vec<Member>>, containers: &[Box<dyn Container>]) -> Tree {
    let mut all: Vec<Placed> = Vec::with_capacity(members.iter().map(Vec::len).sum());
    for (part, members) in (0..).zip(members) {
        all.extend(members.into_iter().map(|member| Placed { part, member }));
    }
    let place = |placed: &Placed| (placed.part, placed.member.order, placed.member.slot);
    all.sort_by(|one, two| one.member.path.cmp(&two.member.path).then_with(|| place(one).cmp(&place(two))));
    let (kept, twins) = settle(all, containers);
    number(kept, twins)
}

/// A member that is there already: where, and as which of the kept ones.
type Same = (Placed, usize);

/// Keeps the first of each path, and each later one that differs under a name of its own.
fn settle(all: Vec<Placed>, containers: &[Box<dyn Container>]) -> (Vec<Placed>, Vec<Same>) {
    let has_clash = all.windows(2).any(|pair| pair[0].member.path == pair[1].member.path);
    if !has_clash {
        return (all, Vec::new());
    }
    let taken: HashSet<String> = all.iter().map(|placed| placed.member.path.clone()).collect();
    let mut kept: Vec<Placed> = Vec::with_capacity(all.len());
    let mut twins = Vec::new();
    let mut run = Run::default();
    for mut placed in all {
        if kept.is_empty() || placed.member.path != run.path {
            run = Run { path: placed.member.path.clone(), start: kept.len(), ..Run::default() };
        } else if let Some(idx) = run.same(&placed, &kept, containers) {
            twins.push((placed, idx));
            continue;
        } else {
            placed.member.path = run.free_name(&taken);
        }
        run.note(&placed, kept.len());
        kept.push(placed);
    }
    (kept, twins)
}

/// The members with one path that are kept.
#[derive(Default)]
struct Run {
    path: String,
    start: usize,
    number: u32,
    /// Those whose CRC-32 is known, by size and CRC-32: a hostile zip can repeat one name a million times.
    by_sum: HashMap<(u64, u32), usize>,
}

impl Run {
    fn note(&mut self, placed: &Placed, idx: usize) {
        if let Some(crc32) = placed.member.crc32 {
            self.by_sum.entry((placed.member.size, crc32)).or_insert(idx);
        }
    }

    /// Which of those kept has the content of this member.
    fn same(&self, placed: &Placed, kept: &[Placed], containers: &[Box<dyn Container>]) -> Option<usize> {
        let sum = placed.member.crc32.map(|crc32| (placed.member.size, crc32));
        if let Some(idx) = sum.and_then(|sum| self.by_sum.get(&sum)) {
            return Some(*idx);
        }
        let n_with_sum = self.by_sum.len();
        if sum.is_some() && n_with_sum == kept.len() - self.start {
            return None;
        }
        let earlier = kept[self.start..].iter();
        let found = earlier.enumerate().find(|(_, earlier)| is_same(earlier, placed, containers));
        found.map(|(idx, _)| self.start + idx)
    }

    fn free_name(&mut self, taken: &HashSet<String>) -> String {
        self.number = self.number.max(1);
        loop {
            self.number = self.number.saturating_add(1);
            let name = names::numbered(&self.path, self.number);
            if !taken.contains(&name) {
                return name;
            }
        }
    }
}

/// True when two members have the same content: by their promises, or else by reading both.
fn is_same(one: &Placed, two: &Placed, containers: &[Box<dyn Container>]) -> bool {
    if one.member.size != two.member.size {
        return false;
    }
    match (one.member.crc32, two.member.crc32) {
        (Some(one), Some(two)) => one == two,
        _ => has_equal_content(one, two, containers).unwrap_or(false),
    }
}

/// Reads both; `None` when one of them cannot be read, so that both are kept and told of.
fn has_equal_content(one: &Placed, two: &Placed, containers: &[Box<dyn Container>]) -> Option<bool> {
    let open = |placed: &Placed| {
        let container = containers.get(placed.part as usize)?;
        let content = container.open(placed.member.slot).ok()?;
        Some(BufReader::with_capacity(
            1 << 16,
            Promise::new(content, placed.member.size, placed.member.crc32),
        ))
    };
    let (mut one, mut two) = (open(one)?, open(two)?);
    let (mut here, mut there) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let len = fill(&mut one, &mut here)?;
        if len != fill(&mut two, &mut there)? || here[..len] != there[..len] {
            return Some(false);
        }
        if len == 0 {
            return Some(true);
        }
    }
}

fn fill(reader: &mut impl Read, buf: &mut [u8]) -> Option<usize> {
    let mut len = 0;
    while len < buf.len() {
        match reader.read(&mut buf[len..]).ok()? {
            0 => break,
            more => len += more,
        }
    }
    Some(len)
}

/// Sorts what was kept, and gives every entry its number.
fn number(kept: Vec<Placed>, same: Vec<Same>) -> Tree {
    let mut order: Vec<usize> = (0..kept.len()).collect();
    order.sort_by(|one, two| kept[*one].member.path.cmp(&kept[*two].member.path));
    let mut ids = vec![0; kept.len()];
    for (id, idx) in (0..).zip(&order) {
        ids[*idx] = id;
    }
    let mut placed: Vec<(u32, Placed)> = ids.iter().copied().zip(kept).collect();
    placed.sort_by_key(|(id, _)| *id);
    let mut tree = Tree::default();
    for (id, Placed { part, member }) in placed {
        let Member { path, size, modified, crc32, order, slot } = member;
        tree.slots.push(slot);
        tree.entries.push(Entry { id, part, path, size, modified, crc32, order });
    }
    let twin = |(placed, idx): Same| Twin {
        part: placed.part,
        path: placed.member.path,
        size: placed.member.size,
        of: ids[idx],
    };
    tree.twins = same.into_iter().map(twin).collect();
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(path: &str, size: u64, crc32: u32) -> Member {
        Member { path: path.to_owned(), size, modified: None, crc32: Some(crc32), order: 0, slot: 0 }
    }

    fn check(parts: Vec<Vec<Member>>, want: &[(&str, u32)], want_twins: &[(&str, u32, u32)]) {
        let tree = merge(parts, &[]);
        let got: Vec<(&str, u32)> =
            tree.entries.iter().map(|entry| (entry.path.as_str(), entry.part)).collect();
        assert_eq!(got, want);
        let twins: Vec<(&str, u32, u32)> =
            tree.twins.iter().map(|twin| (twin.path.as_str(), twin.part, twin.of)).collect();
        assert_eq!(twins, want_twins);
        assert!((0..).zip(&tree.entries).all(|(id, entry)| entry.id == id));
    }

    #[test]
    fn equal_content_under_one_path_counts_once() {
        let parts = vec![vec![member("b", 1, 7), member("a", 1, 7)], vec![member("b", 1, 7)]];
        check(parts, &[("a", 0), ("b", 0)], &[("b", 1, 1)]);
    }

    #[test]
    fn other_content_under_one_path_gets_the_next_free_name() {
        let parts = vec![
            vec![member("x/a.txt", 1, 7), member("x/a (2).txt", 1, 9)],
            vec![member("x/a.txt", 1, 8), member("x/a.txt", 2, 8)],
            vec![member("x/a.txt", 1, 8)],
        ];
        let want = [("x/a (2).txt", 0), ("x/a (3).txt", 1), ("x/a (4).txt", 1), ("x/a.txt", 0)];
        check(parts, &want, &[("x/a.txt", 2, 1)]);
    }

    #[test]
    fn names_that_differ_only_in_case_or_form_are_two() {
        let parts =
            vec![vec![member("a", 1, 7), member("A", 1, 7), member("e\u{301}", 1, 7), member("é", 1, 7)]];
        check(parts, &[("A", 0), ("a", 0), ("e\u{301}", 0), ("é", 0)], &[]);
    }
}
