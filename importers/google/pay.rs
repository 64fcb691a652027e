//! Google Pay and Wallet: what was paid.
//!
//! `Google transactions/transactions_<number>.csv`: time, number, description, product, how it was paid, status, amount; heads, words and dates in
//! the account's language (public parsers of 2021 to 2026). A table is known by its rows: seven cells, the first a time, the last an amount.
//! How it was paid stays in the table, which is kept as it is. Sent money, passes and cards are kept: no export with them was seen.

use std::collections::HashMap;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};

use super::{faults, head};
use crate::shared::table::{LIMIT_BYTES, Row, Rows};
use crate::shared::{localized_date, names};

const PRODUCT: &str = "pay";

/// Imports all payments of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let is_table = |entry: &&Entry| {
        entry.name().to_lowercase().ends_with(".csv")
            && entry.size <= LIMIT_BYTES
            && !names::is_system_junk(&entry.path)
            && has_payments(&head(source, entry, 8 << 10))
    };
    let (wants_rows, wants_file) =
        (options.wants(Kind::Activity, PRODUCT), options.wants(Kind::File, PRODUCT));
    let mut seen = HashMap::new();
    for entry in source.under(&root).iter().filter(is_table) {
        if !wants_rows && !wants_file {
            sink.skip(entry, Skip::NotAskedFor)?;
            continue;
        }
        if wants_rows && !wants_file && sink.is_done(entry) {
            sink.used(entry)?;
            continue;
        }
        if wants_rows && !payments(source, entry, &mut seen, sink)? {
            continue;
        }
        match wants_file {
            true => sink.item(original(entry))?,
            false => sink.used(entry)?,
        }
    }
    Ok(())
}

fn original(entry: &Entry) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let key = format!("pay-file:{}", names::folded(entry.name()));
    let mut item = Item::new(Kind::File, PRODUCT, key, origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("pay/{}", entry.name());
    item.body = Body::Entry(entry.clone());
    item
}

/// True for heads above a row that is a payment.
pub fn has_payments(beginning: &[u8]) -> bool {
    let mut rows = Rows::new(beginning);
    let mut next = || rows.next_row().ok().flatten();
    next().is_some_and(|heads| !is_payment(&heads)) && next().is_some_and(|first| is_payment(&first))
}

fn is_payment(row: &Row) -> bool {
    let has_digit = |cell: &String| cell.bytes().any(|byte| byte.is_ascii_digit());
    let has_currency =
        |cell: &String| cell.chars().any(|it| it.is_alphabetic() || "$€£¥₩₹₽₺₫₱₪".contains(it));
    let [time, _, _, _, _, _, amount] = &row.cells[..] else { return false };
    localized_date::is_like_one(&with_seconds(time))
        && has_digit(amount)
        && has_currency(amount)
        && amount.len() < 40
}

/// A time of day without seconds (`5:07 PM`), as these tables have it, with them.
fn with_seconds(time: &str) -> String {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = time.as_bytes();
    let clock = time.match_indices(':').map(|(at, _)| at).find(|at| is_digit(bytes.get(at + 2)));
    match clock {
        Some(at) if is_digit(bytes.get(at + 1)) && bytes.get(at + 3) != Some(&b':') => {
            format!("{}:00{}", &time[..at + 3], &time[at + 3..])
        }
        _ => time.to_owned(),
    }
}

/// Sends every payment; tells whether the table could be read to its end.
fn payments(
    source: &dyn Source,
    entry: &Entry,
    seen: &mut HashMap<String, u32>,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(false) };
    let (mut rows, mut record) = (Rows::new(reader), 0);
    loop {
        let row = match rows.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(true),
            Err(err) => {
                sink.fault(faults::breaks_off(source, entry, 0, &err))?;
                return Ok(false);
            }
        };
        let origin = Origin { entry: entry.clone(), at: At::Record(record) };
        record += 1;
        if is_payment(&row) {
            sink.item(item(&row.cells, seen, origin))?;
        } else if record > 1 {
            let (at, what) = (At::Line(row.line), "a payment is not understood".to_owned());
            let hint = "the others are safe, and the table is kept as it is";
            sink.fault(faults::bad_record(source, entry, at, what, hint))?;
        }
    }
}

fn item(cells: &[String], seen: &mut HashMap<String, u32>, origin: Origin) -> Item {
    let cell = |at: usize| cells.get(at).map_or("", String::as_str);
    let name = match cell(1) {
        "" => blake3::hash(cells.join("\n").as_bytes()).to_hex()[..32].to_owned(),
        number => number.to_owned(),
    };
    let key = format!("pay-transaction:{name}");
    let count = seen.entry(key.clone()).or_default();
    *count += 1;
    let key = if *count == 1 { key } else { format!("{key}#{count}") };
    let mut item = Item::new(Kind::Activity, PRODUCT, key, origin);
    item.time = localized_date::seconds(&with_seconds(cell(0)));
    if item.time.is_none() {
        item.extra.insert("time_text".to_owned(), cell(0).into());
    }
    item.title = [cell(2), cell(3)].into_iter().find(|text| !text.is_empty()).map(str::to_owned);
    // An amount may have a no-break space, which nobody types into a search.
    let amount = cell(6).split_whitespace().collect::<Vec<&str>>().join(" ");
    for (fact, text) in [("service", cell(3)), ("status", cell(5)), ("price", &*amount)] {
        if !text.is_empty() {
            item.extra.insert(fact.to_owned(), text.into());
        }
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_have_no_seconds() {
        assert_eq!(with_seconds("Sep 4, 2023, 5:07\u{202f}PM"), "Sep 4, 2023, 5:07:00\u{202f}PM");
        assert_eq!(with_seconds("04.09.2023, 17:07:09"), "04.09.2023, 17:07:09");
        for text in ["", ":", "1:é", "x: 12"] {
            assert_eq!(with_seconds(text), text);
        }
    }

    #[test]
    fn a_table_of_payments_is_known_in_any_language_and_no_other_table_is() {
        for text in [
            "Time,Transaction ID,Description,Product,Payment method,Status,Amount\n\"Sep 4, 2023, 5:07 PM\",1,a,b,c,d,USD 4.99\n",
            "Uhrzeit,x,x,x,x,x,Betrag\n\"04.09.2023, 17:07:00\",1,a,b,c,d,\"4,99\u{a0}€\"\n",
        ] {
            assert!(has_payments(text.as_bytes()), "{text}");
        }
        for text in [
            "Time,ID,Description,Product,Method,Status,Amount\n",
            "Time,ID,Description,Product,Method,Status,Amount\n\"Sep 4, 2023, 5:07 PM\",1,a,b,c,d,5\n",
            "Time,ID,Amount\n\"Sep 4, 2023, 5:07 PM\",1,USD 4.99\n",
            "",
        ] {
            assert!(!has_payments(text.as_bytes()), "{text}");
        }
    }
}
