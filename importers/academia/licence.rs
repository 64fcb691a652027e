//! Who may read a file: what can be told from the words on its first pages. Never a legal opinion, and never `public`: that only
//! its author says.

use super::work::compared;

/// Publishers whose name behind a © means that a file is theirs to give; compared.
const PUBLISHERS: &[&str] = &[
    "elsevier",
    "springer",
    "wiley",
    "taylor francis",
    "routledge",
    "sage publications",
    "sage",
    "oxford university press",
    "cambridge university press",
    "brill",
    "de gruyter",
    "walter de gruyter",
    "ieee",
    "peter lang",
    "palgrave",
    "emerald",
    "johns hopkins university press",
    "university of chicago press",
    "harrassowitz",
    "franz steiner",
    "brepols",
    "peeters",
    "tirant lo blanch",
    "marcial pons",
    "vittorio klostermann",
    "mohr siebeck",
    "american chemical society",
    "the royal society",
    "informa uk",
    "macmillan",
    "bloomsbury",
    "edward elgar",
];
/// Words by which all rights are kept; compared.
const RESERVED: &[&str] = &[
    "all rights reserved",
    "todos los derechos reservados",
    "alle rechte vorbehalten",
    "tous droits reserves",
    "tutti i diritti riservati",
];
/// Words by which a work is free; compared.
const FREE: &[&str] = &["creative commons", "cc by", "open access article distributed"];

/// The line of a text that says that a publisher keeps its rights; `None` if none does, or a free licence is named too.
pub fn mark(text: &str) -> Option<String> {
    let whole = compared(text);
    if FREE.iter().any(|words| whole.contains(words)) {
        return None;
    }
    let line = text.lines().find(|line| {
        let has_sign = line.contains('©') || line.to_lowercase().contains("(c)");
        let line = format!(" {} ", compared(line));
        let is_claimed = has_sign || line.contains(" copyright ");
        RESERVED.iter().any(|words| line.contains(words))
            || (is_claimed && PUBLISHERS.iter().any(|name| line.contains(&format!(" {name} "))))
    })?;
    let line: String = line.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(line.chars().take(160).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publishers_mark_is_told_from_a_mention() {
        for (text, wanted) in [
            ("A title\n© 2016 Elsevier Ltd.\nmore", Some("© 2016 Elsevier Ltd.")),
            ("Copyright Springer Nature 2019", Some("Copyright Springer Nature 2019")),
            ("Alle Rechte vorbehalten.", Some("Alle Rechte vorbehalten.")),
            ("as Elsevier and Springer have written", None),
            ("© 2020 Ada Example", None),
            ("© 2020 Springer. This is distributed under a Creative Commons licence", None),
            ("(c) passages from the text", None),
        ] {
            assert_eq!(mark(text).as_deref(), wanted, "{text}");
        }
    }
}
