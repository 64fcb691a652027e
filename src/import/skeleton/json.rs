//! The structure of JSON: names of fields, types, how long lists are; no value. Read as a stream, and never held.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::words::{class, form, is_field_name};

/// An object with more fields is a map: its names are values.
const FIELDS_LIMIT: usize = 64;

/// What is known of a value by its structure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    types: std::collections::BTreeSet<&'static str>,
    list: Option<(u64, Box<Shape>)>,
    fields: Option<BTreeMap<String, Shape>>,
}

impl Shape {
    /// Adds what a file holds. Returns false when it ends early or is no JSON; then its beginning was added.
    pub fn read(&mut self, reader: impl Read) -> bool {
        let mut json = serde_json::Deserializer::from_reader(std::io::BufReader::new(reader));
        self.deserialize(&mut json).is_ok() && json.end().is_ok()
    }

    /// The structure as JSON: a word for a plain value, `["list of 2-9", of what]`, an object of fields, and where
    /// files differ `{"any of": [...]}`.
    pub fn to_json(&self, is_own: &dyn Fn(&str) -> bool) -> Value {
        let mut forms: Vec<Value> = self.types.iter().map(|word| json!(word)).collect();
        if let Some((longest, of)) = &self.list {
            forms.push(json!([format!("list of {}", class(*longest)), of.to_json(is_own)]));
        }
        if let Some(fields) = &self.fields {
            forms.push(fields_json(fields, is_own));
        }
        match forms.len() {
            0 => json!("nothing"),
            1 => forms.remove(0),
            _ => json!({"any of": forms}),
        }
    }

    fn merge(&mut self, other: &Shape) {
        self.types.extend(&other.types);
        if let Some((n, of)) = &other.list {
            let (longest, mine) = self.list.get_or_insert_default();
            *longest = (*longest).max(*n);
            mine.merge(of);
        }
        if let Some(fields) = &other.fields {
            let mine = self.fields.get_or_insert_default();
            for (name, shape) in fields {
                mine.entry(name.clone()).or_default().merge(shape);
            }
            collapse_if_full(mine);
        }
    }
}

fn collapse_if_full(fields: &mut BTreeMap<String, Shape>) {
    if fields.len() > FIELDS_LIMIT {
        let mut any = Shape::default();
        fields.values().for_each(|shape| any.merge(shape));
        *fields = BTreeMap::from([("*".to_owned(), any)]);
    }
}

/// Fields under their names; names that may be somebody's are shown by their form. Objects that hold only objects or
/// lists of one structure are maps, and their names are values.
fn fields_json(fields: &BTreeMap<String, Shape>, is_own: &dyn Fn(&str) -> bool) -> Value {
    let mut first = fields.values();
    let one = first.next();
    let is_deep = one.is_some_and(|shape| shape.fields.is_some() || shape.list.is_some());
    let is_map = fields.len() > 2 && is_deep && first.all(|other| Some(other) == one);
    let mut shown: BTreeMap<String, Shape> = BTreeMap::new();
    for (name, shape) in fields {
        let name = match () {
            () if name == "*" || is_own(name) || (is_field_name(name) && !is_map) => name.clone(),
            () => form(name),
        };
        shown.entry(name).or_default().merge(shape);
    }
    shown
        .iter()
        .map(|(name, shape)| (name.clone(), shape.to_json(is_own)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// What a text is, as far as it may be told.
fn text_type(text: &str) -> &'static str {
    let bytes = text.as_bytes();
    let is_date = bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    match () {
        () if text.is_empty() => "empty text",
        () if is_date => "text: date",
        () if bytes.iter().all(u8::is_ascii_digit) => "text: digits",
        () if text.starts_with("http://") || text.starts_with("https://") => "text: address",
        () => "text",
    }
}

impl<'de> DeserializeSeed<'de> for &mut Shape {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Shape {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.types.insert("true or false");
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.types.insert("whole number");
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.types.insert("whole number");
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.types.insert("number");
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.types.insert(text_type(text));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.types.insert("null");
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let (longest, of) = self.list.get_or_insert_default();
        let mut n = 0;
        while list.next_element_seed(&mut **of)?.is_some() {
            n += 1;
            *longest = n.max(*longest);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let fields = self.fields.get_or_insert_default();
        while let Some(name) = map.next_key::<String>()? {
            let name = if fields.contains_key("*") { "*".to_owned() } else { name };
            map.next_value_seed(fields.entry(name).or_default())?;
            collapse_if_full(fields);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &str) {
        let mut shape = Shape::default();
        assert!(shape.read(text.as_bytes()), "{text}");
        assert_eq!(shape.to_json(&|_| false).to_string(), wanted, "{text}");
    }

    #[test]
    fn json_is_told_by_names_and_types() {
        check(
            r#"[{"title": "Ada", "n": 1}, {"title": "", "at": "2024-01-02T03:04:05Z"}]"#,
            r#"["list of 2-9",{"at":"text: date","n":"whole number","title":{"any of":["empty text","text"]}}]"#,
        );
        check("null", r#""null""#);
        check("[]", r#"["list of 0","nothing"]"#);
    }

    #[test]
    fn names_that_are_values_are_not_shown() {
        check(
            r#"{"ada@example.org": 1, "Ada Example": true}"#,
            r#"{"Aaa Aaaaaaa":"true or false","aaa@aaaaaaa.aaa":"whole number"}"#,
        );
        check(r#"{"ada": {"n": 1}, "ben": {"n": 2}, "zoe": {"n": 3}}"#, r#"{"aaa":{"n":"whole number"}}"#);
        let many: Vec<String> =
            (0..100).map(|n| format!("\"name{}\": {n}", "x".repeat(n % 30 + n / 30))).collect();
        let mut shape = Shape::default();
        shape.read(format!("{{{}}}", many.join(",")).as_bytes());
        assert!(shape.to_json(&|_| false).as_object().is_some_and(|fields| fields.len() < 66));
    }

    #[test]
    fn what_breaks_off_is_told_as_far_as_it_goes() {
        let mut shape = Shape::default();
        assert!(!shape.read(&br#"{"a": 1, "b": ["#[..]));
        assert_eq!(
            shape.to_json(&|_| false).to_string(),
            r#"{"a":"whole number","b":["list of 0","nothing"]}"#
        );
    }
}
