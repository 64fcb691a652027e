//! Reads every page, list and document of an export, and puts together what they tell of the same work.
//!
//! All works are held until the end, a few thousand facts: which file is which can only be told when all are known. Texts of
//! PDFs are held up to [`LIMIT_TEXTS_BYTES`] in all.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use exodus_api::{At, Entry, Fault, ImportError, Origin, Scope, Sink, Skip, Source};
use serde_json::{Map, Value};

use super::document::{self, File};
use super::page::Page;
use super::papers_csv::{self, Row};
use super::titles::Titles;
use super::work::{Work, compared};
use super::{json, lists, page, wire};
use crate::shared::table::Rows;
use crate::shared::{faults, names};

/// A larger page or list is kept as it is.
const LIMIT_BYTES: u64 = 128 << 20;
/// So much text of PDFs is held for full-text search.
const LIMIT_TEXTS_BYTES: usize = 96 << 20;

/// What a file that tells of works is, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A saved page.
    Page,
    /// A saved page with all that belongs to it, as MIME.
    Mhtml,
    /// JSON or HAR.
    Json,
    /// BibTeX.
    Bib,
    /// RIS.
    Ris,
    /// A table.
    Table,
    /// `papers.csv` of exodus; told by its heads.
    OwnTable,
}

impl Form {
    /// What it is; `None` if it tells of no works.
    pub fn of(entry: &Entry) -> Option<Form> {
        if document::is_of_page(entry) {
            return None;
        }
        Some(match document::extension(entry).as_str() {
            "html" | "htm" | "xhtml" => Form::Page,
            "mhtml" | "mht" => Form::Mhtml,
            "json" | "har" => Form::Json,
            "bib" => Form::Bib,
            "ris" => Form::Ris,
            "csv" => Form::Table,
            _ => return None,
        })
    }

    /// The layout of an export that has such a file; `None` if that alone does not tell whose it is.
    pub fn layout(self, head: &[u8]) -> Option<&'static str> {
        match self {
            Form::Page if page::is_ours(head) => Some("saved pages"),
            Form::Mhtml if memchr::memmem::find(head, b"academia.edu").is_some() => Some("saved pages"),
            Form::Json if json::is_ours(head) => Some("saved answers"),
            Form::Table => {
                let row = Rows::new(head).next_row().ok().flatten()?;
                papers_csv::is_ours(&row.cells).then_some("papers.csv")
            }
            _ => None,
        }
    }

    /// The folder in which such a file is kept, and the beginning of its key.
    pub fn folder(self) -> &'static str {
        match self {
            Form::Page | Form::Mhtml => "pages",
            Form::Json => "answers",
            Form::Bib | Form::Ris | Form::Table | Form::OwnTable => "lists",
        }
    }
}

/// The account that the pages are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: String,
    /// Its name in links.
    pub name: String,
    /// The family name of its owner, as it is compared.
    pub family: String,
}

/// All that an export tells.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Works, each once.
    pub works: Vec<Work>,
    /// Documents.
    pub files: Vec<File>,
    /// The account.
    pub account: Option<Account>,
    /// Files that told of works, with what they are.
    pub sources: Vec<(Entry, Form)>,
    /// What `papers.csv` says of files that are no work, by BLAKE3.
    pub chosen: BTreeMap<String, Map<String, Value>>,
    viewed: Vec<Value>,
    records: Vec<Work>,
    rows: Vec<Row>,
}

/// Reads the whole export. Tells the sink of what cannot be read.
///
/// # Errors
/// When the run has to end.
pub fn all(source: &dyn Source, sink: &mut dyn Sink) -> Result<Gathered, ImportError> {
    let mut gathered = Gathered::default();
    let mut budget = LIMIT_TEXTS_BYTES;
    let mut entries: Vec<&Entry> = source.entries().iter().collect();
    entries.sort_by_key(|entry| (entry.part, entry.order));
    for entry in entries {
        if names::is_system_junk(&entry.path) {
            sink.skip(entry, Skip::SystemJunk)?;
        } else if document::is_of_page(entry) {
            sink.keep(entry)?;
        } else if document::is_document(entry) {
            match document::read(source, entry, &mut budget) {
                Ok(file) => gathered.files.push(file),
                Err(fault) => sink.fault(*fault)?,
            }
        } else if let Some(form) = Form::of(entry) {
            gathered.read(source, (entry, form), sink)?;
        }
    }
    gathered.put_together();
    Ok(gathered)
}

/// The account that most pages are of.
pub fn account(source: &dyn Source) -> Option<Account> {
    let mut viewed = Vec::new();
    for entry in source.entries() {
        let form = match Form::of(entry) {
            Some(form @ (Form::Page | Form::Mhtml | Form::Json)) => form,
            _ => continue,
        };
        let Ok(bytes) = content(source, entry) else { continue };
        viewed.extend(read_page(&bytes, entry, form).and_then(|page| page.viewed));
    }
    account_of(&viewed)
}

fn account_of(viewed: &[Value]) -> Option<Account> {
    let of = |value: &Value| {
        let (id, name) = (wire::text(value, "id"), wire::text(value, "page_name"));
        let family = compared(&wire::text(value, "last_name"));
        (!id.is_empty()).then(|| Account {
            name: if name.is_empty() { id.clone() } else { name },
            id,
            family,
        })
    };
    let all: Vec<Account> = viewed.iter().filter_map(of).collect();
    let n_of = |account: &Account| all.iter().filter(|it| it.id == account.id).count();
    all.iter().max_by(|left, right| n_of(left).cmp(&n_of(right)).then(right.id.cmp(&left.id))).cloned()
}

/// What a page or JSON tells; `None` if it is not the platform's.
fn read_page(bytes: &[u8], entry: &Entry, form: Form) -> Option<Page> {
    if form == Form::Json {
        let value: Value = json::is_ours(bytes).then(|| serde_json::from_slice(bytes).ok()).flatten()?;
        return Some(json::read(&value, entry));
    }
    let texts = page::texts(bytes, form == Form::Mhtml);
    let mut all = Page::default();
    let mut is_any = false;
    for text in texts.iter().filter(|text| page::is_ours(text.as_bytes())) {
        is_any = true;
        let found = page::read(text, entry);
        all.viewed = all.viewed.or(found.viewed);
        all.works.extend(found.works);
        all.n_broken += found.n_broken;
    }
    is_any.then_some(all)
}

fn content(source: &dyn Source, entry: &Entry) -> Result<Vec<u8>, Box<Fault>> {
    let mut reader = source.open(entry).map_err(|err| faults::not_opened(source, entry, err))?;
    let mut bytes = Vec::new();
    let read = reader.by_ref().take(LIMIT_BYTES).read_to_end(&mut bytes);
    match read {
        Ok(_) => Ok(bytes),
        Err(err) => Err(Box::new(faults::breaks_off(source, entry, bytes.len() as u64, &err))),
    }
}

/// What the user says, and once more as `chosen` where it is not what is known anyway: a later import without the table does not
/// undo it.
fn with_chosen(mut facts: Map<String, Value>, known: &Map<String, Value>) -> Map<String, Value> {
    let differs = facts.iter().filter(|(name, value)| known.get(*name) != Some(value));
    let chosen: Map<String, Value> = differs.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !chosen.is_empty() {
        facts.insert("chosen".to_owned(), Value::Object(chosen));
    }
    facts
}

impl Gathered {
    fn read(
        &mut self,
        source: &dyn Source,
        (entry, form): (&Entry, Form),
        sink: &mut dyn Sink,
    ) -> Result<(), ImportError> {
        if entry.size > LIMIT_BYTES {
            return Ok(());
        }
        let bytes = match content(source, entry) {
            Ok(bytes) => bytes,
            Err(fault) => return Ok(sink.fault(*fault)?),
        };
        let text = || String::from_utf8_lossy(&bytes);
        match form {
            Form::Page | Form::Mhtml => {
                let Some(page) = read_page(&bytes, entry, form) else { return Ok(()) };
                self.take_page(source, (entry, form), page, sink)?;
            }
            Form::Json => match read_page(&bytes, entry, form) {
                Some(page) => self.take_page(source, (entry, form), page, sink)?,
                None => {
                    let value = serde_json::from_slice::<Value>(&bytes).ok().filter(lists::is_csl);
                    let Some(value) = value else { return Ok(()) };
                    self.records.extend(lists::csl(&value, entry));
                    self.sources.push((entry.clone(), form));
                }
            },
            Form::Bib => {
                let (works, bad) = lists::bibtex(&text(), entry);
                if works.is_empty() {
                    return Ok(());
                }
                for line in bad {
                    let what = "this entry of the bibliography cannot be read".to_owned();
                    let hint = "check its braces, then run the same command; all other entries are taken";
                    sink.fault(faults::bad_record(source, entry, At::Line(line), what, hint))?;
                }
                self.records.extend(works);
                self.sources.push((entry.clone(), form));
            }
            Form::Ris => {
                let works = lists::ris(&text(), entry);
                if !works.is_empty() {
                    self.records.extend(works);
                    self.sources.push((entry.clone(), form));
                }
            }
            Form::Table | Form::OwnTable => self.table(source, entry, &bytes, sink)?,
        }
        Ok(())
    }

    fn take_page(
        &mut self,
        source: &dyn Source,
        (entry, form): (&Entry, Form),
        page: Page,
        sink: &mut dyn Sink,
    ) -> Result<(), ImportError> {
        if page.n_broken > 0 {
            let what = format!("{} of the works in this page cannot be read", page.n_broken);
            let hint = "save the page again, then run the same command";
            sink.fault(faults::bad_record(source, entry, At::Whole, what, hint))?;
        }
        self.viewed.extend(page.viewed);
        for work in page.works {
            match self.works.iter_mut().find(|known| known.id == work.id) {
                Some(known) => known.take(work, false),
                None => self.works.push(work),
            }
        }
        self.sources.push((entry.clone(), form));
        Ok(())
    }

    fn table(
        &mut self,
        source: &dyn Source,
        entry: &Entry,
        bytes: &[u8],
        sink: &mut dyn Sink,
    ) -> Result<(), ImportError> {
        let mut rows = Rows::new(bytes);
        let Ok(Some(heads)) = rows.next_row() else { return Ok(()) };
        let heads = heads.cells;
        let is_own = papers_csv::is_ours(&heads);
        let columns = lists::columns(&heads);
        if !is_own && columns.is_none() {
            return Ok(());
        }
        while let Ok(Some(row)) = rows.next_row() {
            let origin = Origin { entry: entry.clone(), at: At::Line(row.line) };
            if is_own {
                match papers_csv::read(&heads, &row.cells, origin) {
                    Ok(row) => self.rows.push(row),
                    Err(what) => {
                        let (place, scope) = (source.place(entry, At::Line(row.line)), Scope::Item);
                        let hint = Some(
                            "correct the row and import papers.csv again; all other rows are taken"
                                .to_owned(),
                        );
                        sink.fault(Fault { entry: entry.id, place, scope, what, hint })?;
                    }
                }
            } else if let Some(work) =
                columns.as_ref().and_then(|columns| lists::row(columns, &row.cells, origin))
            {
                self.records.push(work);
            }
        }
        self.sources.push((entry.clone(), if is_own { Form::OwnTable } else { Form::Table }));
        Ok(())
    }

    /// Puts what bibliographies tell to the works that they tell of.
    fn put_together(&mut self) {
        self.account = account_of(&self.viewed);
        let mut known = KnownWorks::default();
        self.works.iter().enumerate().for_each(|(number, work)| known.set(number, work));
        for record in std::mem::take(&mut self.records) {
            // A table of visits names works and tells nothing else of them.
            let tells = |name: &String| !["title", "views", "url"].contains(&name.as_str());
            let number = match known.work_of(&record, &self.works) {
                Some(number) => {
                    self.works[number].take(record, true);
                    number
                }
                None if record.facts.keys().any(tells) => {
                    self.works.push(record);
                    self.works.len() - 1
                }
                None => continue,
            };
            known.set(number, &self.works[number]);
        }
        self.works.sort_by_cached_key(Work::key);
        self.works.dedup_by(|later, first| {
            let is_same = later.key() == first.key();
            if is_same {
                first.take(later.clone(), false);
            }
            is_same
        });
    }

    /// Gives works and files what the rows of `papers.csv` say of them; returns the rows of papers that are not in this export.
    pub fn apply_rows(&mut self) -> Vec<Row> {
        let mut rest = Vec::new();
        let mut by_name: HashMap<String, usize> = HashMap::new();
        for (number, work) in self.works.iter().enumerate() {
            by_name.entry(work.key()).or_insert(number);
            work.id.iter().for_each(|id| _ = by_name.entry(id.clone()).or_insert(number));
        }
        for mut row in std::mem::take(&mut self.rows) {
            let hash = row.key.strip_prefix("file#").map(str::to_owned);
            let is_its = |file: &&mut File| {
                let is_named = !row.blake3.is_empty() && file.blake3.starts_with(&row.blake3);
                is_named || hash.as_ref().is_some_and(|hash| file.blake3.starts_with(hash))
            };
            let file = self.files.iter_mut().find(is_its);
            let named = if hash.is_none() { row.key.clone() } else { row.work.clone() };
            let work = by_name.get(&named).map(|number| &mut self.works[*number]);
            let has_file = file.is_some();
            if let Some(file) = file {
                match &work {
                    Some(work) => file.chosen = Some(work.key()),
                    None => {
                        self.chosen.insert(file.blake3.clone(), with_chosen(row.facts.clone(), &Map::new()));
                    }
                }
            }
            match work {
                Some(work) => {
                    work.facts.extend(with_chosen(row.facts, &work.facts));
                    // Only named once more: it is of a paper that is not the user's own if nobody else says so.
                    work.is_listed |= has_file;
                }
                None if has_file => {}
                None => {
                    row.facts = with_chosen(row.facts, &Map::new());
                    if hash.is_some() && !row.work.is_empty() {
                        row.facts.insert("work".to_owned(), row.work.clone().into());
                    }
                    rest.push(row);
                }
            }
        }
        rest.retain(|row| !row.key.is_empty());
        rest
    }

    /// True if a work without a file is worth an item: the platform lists it, or its author is the owner of the account, or nobody
    /// knows whose account it is. A bibliography may hold what others wrote.
    pub fn is_own(&self, work: &Work) -> bool {
        let Some(account) = &self.account else { return true };
        let authors = work.facts.get("authors").and_then(Value::as_array);
        let mut families = authors.into_iter().flatten().filter_map(|it| it.get("family")?.as_str());
        work.is_listed || families.any(|family| compared(family) == account.family)
    }
}

/// What finds the work of a record among thousands.
#[derive(Debug, Default)]
struct KnownWorks {
    by_id: HashMap<String, usize>,
    by_doi: HashMap<String, usize>,
    titles: Titles,
}

impl KnownWorks {
    /// Takes note of a work, or of what it has become.
    fn set(&mut self, number: usize, work: &Work) {
        if let Some(id) = &work.id {
            self.by_id.entry(id.clone()).or_insert(number);
        }
        let doi = work.text("doi").to_ascii_lowercase();
        if !doi.is_empty() {
            self.by_doi.entry(doi).or_insert(number);
        }
        self.titles.set(number, &compared(work.text("title")));
    }

    /// The work of a record: by number, by DOI, else the only one of that title whose year does not differ.
    fn work_of(&self, record: &Work, works: &[Work]) -> Option<usize> {
        let by_id = record.id.as_ref().and_then(|id| self.by_id.get(id));
        let doi = record.text("doi").to_ascii_lowercase();
        if let Some(found) = by_id.or_else(|| self.by_doi.get(&doi)) {
            return Some(*found);
        }
        let may_be = |number: &usize| {
            let work = &works[*number];
            let is_other = !doi.is_empty() && !work.text("doi").is_empty();
            !is_other && record.year().zip(work.year()).is_none_or(|(left, right)| left == right)
        };
        let mut found = self.titles.similar(&compared(record.text("title"))).into_iter().filter(may_be);
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    }
}
