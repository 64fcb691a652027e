//! The receipt as one page to print: plain HTML without scripts, that needs nothing from anywhere.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Value, context};

use super::Receipt;

const TEMPLATE: &str = include_str!("page.html");

/// The page.
pub fn page(receipt: &Receipt) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("number", |n: u64| grouped(n));
    environment.add_filter("size", |n: u64| indicatif::BinaryBytes(n).to_string());
    environment.add_template("receipt", TEMPLATE).expect("the template is ours");
    let template = environment.get_template("receipt").expect("it was just added");
    template
        .render(context! { receipt => Value::from(Serde(receipt)) })
        .expect("the template fits the receipt")
}

/// A number with a thin space between groups of three digits.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let cases = [(0, "0"), (999, "999"), (1000, "1\u{202f}000"), (1234567, "1\u{202f}234\u{202f}567")];
        for (n, text) in cases {
            assert_eq!(grouped(n), text);
        }
    }
}
