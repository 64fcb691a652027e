//! Containers that want to do harm or are broken: nothing outside the archive changes, nothing panics, and what is
//! innocent in them is taken.

use exodus_fixtures::hostile::{self, Hostile};
use exodus_fixtures::rng::Rng;

use crate::house::{Home, Ran, assert_adds_up, number};
use crate::tree;

/// Imports one hostile container and checks what was made of it.
fn check(case: &Hostile) {
    let home = Home::new();
    let name = case.name;
    home.put("outside/sentinel.txt", b"not yours\n");
    home.put("evil.txt", b"was here before\n");
    let part = home.put(&format!("downloads/{}", case.file_name), &case.bytes);
    let outside = outside(&home);
    let ran = home.import(&part, &[]);
    assert!([0, 3, 5].contains(&ran.code), "{name}: exit {}\n{}", ran.code, ran.err);
    assert!(!ran.err.contains("panicked"), "{name}: {}", ran.err);
    let answer = answer(case, &ran);
    assert!(
        answer.iter().any(|word| case.allows(word)),
        "{name}: {answer:?}, not {}\n{}",
        case.expect,
        ran.err
    );
    tree::assert_same(&self::outside(&home), &outside, name);
    if home.archive().exists() {
        assert_ne!(ran.code, 3, "{name}: refused, but something was written");
        check_archive(&home, case);
    }
}

/// All that is in the home, but not in the archive.
fn outside(home: &Home) -> tree::Tree {
    let tree = tree::of(home.path());
    tree.into_iter().filter(|(path, _)| path != "archive" && !path.starts_with("archive/")).collect()
}

/// What was made of a case, in the words of [`Hostile::expect`].
fn answer(case: &Hostile, ran: &Ran) -> Vec<&'static str> {
    if ran.code == 3 {
        assert!(
            ran.err.starts_with("error: ") || ran.err.contains("\nerror: "),
            "{}: {}",
            case.name,
            ran.err
        );
        // A container in which there is nothing at all has nothing to be taken.
        let is_empty = ran.err.contains("there is no file");
        return if is_empty { vec!["refused-part", "taken"] } else { vec!["refused-part"] };
    }
    let summary = ran.summary();
    assert_adds_up(&summary["entries"]);
    let faults = summary["faults"].as_array().expect("a list");
    assert_eq!(ran.code == 5, !faults.is_empty(), "{}: {summary}", case.name);
    if faults.is_empty() {
        return vec!["taken", "refused-entry"];
    }
    let is_told = |fault: &serde_json::Value| {
        let place = fault["place"].as_str().unwrap_or("");
        place.contains('!') && !fault["what"].as_str().unwrap_or("").is_empty()
    };
    assert!(faults.iter().all(is_told), "{}: {summary}", case.name);
    vec!["fault", "refused-entry"]
}

fn check_archive(home: &Home, case: &Hostile) {
    home.assert_whole(case.name);
    tree::assert_tidy(&home.archive(), case.name);
    for (path, leaf) in tree::of(&home.archive()) {
        let is_plain = leaf.mode & 0o170_000 == 0o100_000 || leaf.mode & 0o170_000 == 0o040_000;
        assert!(is_plain, "{}: {path} is no file and no folder", case.name);
        let wanted = if leaf.mode & 0o040_000 != 0 { 0o700 } else { 0o600 };
        assert_eq!(leaf.mode & 0o7777, wanted, "{}: {path}", case.name);
    }
    let is_known_good = case.allows("taken") || case.allows("refused-entry");
    let has_good = case.bytes.windows(8).any(|bytes| bytes == b"good.txt");
    if is_known_good && has_good {
        let good = std::fs::read(home.archive().join("files/drive/good.txt")).unwrap_or_default();
        assert_eq!(good, hostile::GOOD, "{}: the innocent file", case.name);
    }
}

#[test]
fn hostile_containers_do_no_harm() {
    let cases = hostile::cases();
    assert!(cases.len() >= 80, "only {} cases", cases.len());
    for case in &cases {
        check(case);
    }
}

#[test]
fn a_page_that_asks_to_sign_in_is_called_what_it_is() {
    let page = hostile::cases().into_iter().find(|case| case.name == "HTML page named zip").expect("a case");
    let home = Home::new();
    let part = home.put(&page.file_name, &page.bytes);
    let ran = home.import(&part, &[]).expect(3);
    assert!(ran.err.contains("this is a web page") && ran.err.contains("hint: "), "{}", ran.err);
}

#[test]
fn a_bomb_of_zeros_is_taken_whole_since_exports_shrink_so_too() {
    let bomb = hostile::cases().into_iter().find(|case| case.name == "64 MiB of zeros").expect("a case");
    let home = Home::new();
    let part = home.put(&bomb.file_name, &bomb.bytes);
    home.import(&part, &[]).expect(0);
    let there = home.archive().join("files/drive/zeros.bin").metadata().expect("it was taken");
    assert_eq!(there.len(), 64 << 20);
}

/// Containers with bytes changed by chance: any answer but a panic.
#[test]
fn containers_with_flipped_bytes_never_panic() {
    let mut rng = Rng::new(11);
    let cases: Vec<Hostile> = hostile::cases().into_iter().filter(|case| case.bytes.len() < 40_000).collect();
    for round in 0..60 {
        let case = rng.pick(&cases);
        let n_bits = rng.range(1, 12) as usize;
        let bytes = exodus_fixtures::damage::flip(&case.bytes, n_bits, round);
        let home = Home::new();
        let part = home.put(&format!("downloads/{}", case.file_name), &bytes);
        let outside = outside(&home);
        let ran = home.import(&part, &[]);
        assert!([0, 3, 5].contains(&ran.code), "{} {round}: exit {}\n{}", case.name, ran.code, ran.err);
        tree::assert_same(&self::outside(&home), &outside, case.name);
        if ran.code != 3 {
            assert!(number(&ran.summary()["entries"]["total"]) > 0);
            home.assert_whole(case.name);
        }
    }
}
