//! Names that were seen, names that must not match, and thousands of random albums.

use exodus_fixtures::photo_names::{self, Album};
use exodus_fixtures::rng::Rng;

use super::*;

/// The sidecar of each photo, `?` after it if doubted, `ambiguous` or nothing.
fn matched(photos: &[&str], cards: &[(&str, &str)]) -> Vec<String> {
    let cards: Vec<Card> = cards.iter().map(|(name, title)| Card { name, title }).collect();
    let words = |found: Match| match found {
        Match::Found { card, doubt: None, .. } => cards[card].name.to_owned(),
        Match::Found { card, doubt: Some(_), .. } => format!("{}?", cards[card].name),
        Match::Ambiguous => "ambiguous".to_owned(),
        Match::None => String::new(),
    };
    match_folder(photos, &cards).photos.into_iter().map(words).collect()
}

#[track_caller]
fn check(photo: &str, card: &str, title: &str, wanted: &str) {
    assert_eq!(matched(&[photo], &[(card, title)]), [wanted], "{photo} and {card}");
}

#[test]
fn names_that_were_seen_find_each_other() {
    let cases = [
        ("IMG_1.jpg", "IMG_1.jpg.json", "IMG_1.jpg"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json", "IMG_1.jpg"),
        ("IMG_1(1).jpg", "IMG_1.jpg(1).json", "IMG_1.jpg"),
        ("IMG_1(1).jpg", "IMG_1.jpg.supplemental-metadata(1).json", "IMG_1.jpg"),
        ("IMG_1(1).jpg", "IMG_1(1).jpg.supplemental-metadata.json", "IMG_1(1).jpg"),
        ("2025-04-28(3516).jpg", "2025-04-28.jpg.supplemental-metadata(3516).json", "2025-04-28.jpg"),
        ("2013-12-23(1).jpg", "2013-12-23.supplemental-metadata(1).json", "2013-12-23"),
        ("Peanut Butter Balls.jpg", "Peanut Butter Balls.supplemental-metadata.json", "Peanut Butter Balls"),
        (
            "Screenshot_20231027_123303_Facebook(1).jpg",
            "Screenshot_20231027_123303_Facebook.jpg.supple(1).json",
            "Screenshot_20231027_123303_Facebook.jpg",
        ),
        (
            "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGINA.jpg",
            "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGIN.json",
            "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGINAL.jpg",
        ),
        ("IMG_1.JPG", "IMG_1.jpg.json", "IMG_1.jpg"),
        ("IMG_1.jpg", "IMG_1.jpg.supplement.json", "IMG_1.jpg"),
        ("Was_ das_.jpg", "Was_ das_.jpg.json", "Was: das?.jpg"),
        ("U\u{308}bung.jpg", "Übung.jpg.json", "Übung.jpg"),
        // Edited.
        ("IMG_1-edited.jpg", "IMG_1.jpg.json", "IMG_1.jpg"),
        ("IMG_1-bearbeitet(1).jpg", "IMG_1.jpg(1).json", "IMG_1.jpg"),
        ("IMG_1(1)-編集済み.jpg", "IMG_1.jpg(1).json", "IMG_1.jpg"),
        ("IMG_1-ha editado.jpg", "IMG_1.HEIC.json", "IMG_1.HEIC"),
        (
            "PXL_20230809_203449253_PORTRAIT_ORIGINAL_OF-ed.jpg",
            "PXL_20230809_203449253_PORTRAIT_ORIGINAL_OF.jp.json",
            "PXL_20230809_203449253_PORTRAIT_ORIGINAL_OF.jpg",
        ),
        // Moving.
        ("PXL_1.MP", "PXL_1.MP.jpg.json", "PXL_1.MP.jpg"),
        ("PXL_1.MP~2", "PXL_1.MP~2.jpg.json", "PXL_1.MP~2.jpg"),
        ("MVIMG_1", "MVIMG_1.jpg.json", "MVIMG_1.jpg"),
        ("IMG_0769(1).mp4", "IMG_0769.HEIC.supplemental-metadata(1).json", "IMG_0769.HEIC"),
        ("IMG_1.MOV", "IMG_1.HEIC.json", "IMG_1.HEIC"),
    ];
    for (photo, card, title) in cases {
        check(photo, card, title, card);
    }
}

#[test]
fn strangers_stay_strangers() {
    let cases = [
        ("IMG_1.jpg", "IMG_10.jpg.json", "IMG_10.jpg"),
        ("IMG_1.png", "IMG_1.jpg.json", "IMG_1.jpg"),
        ("IMG_1.mp4", "IMG_1.mov.json", "IMG_1.mov"),
        ("unedited.jpg", "un.jpg.json", "un.jpg"),
    ];
    for (photo, card, title) in cases {
        check(photo, card, title, "");
    }
}

#[test]
fn what_is_doubtful_is_said_to_be() {
    check("IMG_1.jpg", "IMG_1.jpg.json", "another.jpg", "IMG_1.jpg.json?");
    let stem = "original_1d4caa6f-16c6-4c3d-901b-9387de10e528_";
    let (whole, title) = (format!("{stem}.json"), format!("{stem}PXL_20230809.jpg"));
    let photos = [format!("{stem}P.jpg"), format!("{stem}P(1).jpg")];
    let found = matched(&[&photos[0], &photos[1]], &[(&whole, &title)]);
    assert_eq!(found, [whole.clone(), format!("{whole}?")]);
    // The photo of the one and the sidecar of the other are missing.
    check("IMG_1(1).jpg", "IMG_1.jpg.json", "IMG_1.jpg", "ambiguous");
    check("IMG_1.jpg", "IMG_1.jpg(1).json", "IMG_1.jpg", "ambiguous");
    check("IMG_1-edited(1).jpg", "IMG_1.jpg.json", "IMG_1.jpg", "ambiguous");
    // Which of the two was called `IMG_1(1).jpg` and which is a duplicate?
    let cards = [("IMG_1.jpg(1).json", "IMG_1.jpg"), ("IMG_1(1).jpg.json", "IMG_1(1).jpg")];
    assert_eq!(matched(&["IMG_1(1).jpg"], &cards), ["ambiguous"]);
}

#[test]
fn of_names_that_are_cut_alike_the_title_decides() {
    let stem = "Sommerfest des Hafenvereins am alten Leuchttur";
    let (first, second) = (format!("{stem}a.jpg"), format!("{stem}b.jpg"));
    let (plain, numbered) = (format!("{stem}.json"), format!("{stem}(1).json"));
    let found = matched(&[&first, &second], &[(&plain, &second), (&numbered, &first)]);
    assert_eq!(found, [numbered, plain]);
}

/// How many photos of an album found their sidecar, were told to be ambiguous or doubtful, or none.
fn tally(album: &Album, counts: &mut [u32; 3]) {
    use unicode_normalization::UnicodeNormalization;
    let nfc: Vec<String> = album.photos.iter().map(|photo| photo.name.nfc().collect()).collect();
    let names: Vec<&str> = nfc.iter().map(String::as_str).collect();
    let cards: Vec<Card> =
        album.sidecars.iter().map(|card| Card { name: &card.name, title: &card.title }).collect();
    for (photo, found) in album.photos.iter().zip(match_folder(&names, &cards).photos) {
        match found {
            // Without its own sidecar a video beside a picture of its name cannot be told from a live photo's, nor
            // an edited photo from that of another format.
            Match::Found { role: Role::Moving | Role::Edited, .. }
                if album.has_gaps && photo.sidecar.is_none() => {}
            Match::Found { card, doubt: None, .. } => {
                assert_eq!(Some(card), photo.sidecar, "{} got {:?}\n{album:#?}", photo.name, cards[card]);
                counts[0] += 1;
            }
            Match::Found { .. } | Match::Ambiguous => counts[1] += 1,
            Match::None => {
                assert!(photo.sidecar.is_none() || album.has_gaps, "{} got none\n{album:#?}", photo.name);
                counts[2] += 1;
            }
        }
    }
}

#[test]
fn of_5000_random_albums_every_photo_is_found_or_said_to_be_ambiguous_and_none_is_wrong() {
    let mut rng = Rng::new(5000);
    let mut counts = [0; 3];
    for _ in 0..5000 {
        tally(&photo_names::album(&mut rng), &mut counts);
    }
    let all: u32 = counts.iter().sum();
    assert!(all > 30_000, "{counts:?}");
    assert!(counts[1] * 10 < all, "too many are ambiguous: {counts:?}");
}
